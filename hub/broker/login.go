package broker

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"sitesync/shared/sitesync"
)

const (
	// longestClientID bounds what is kept and logged of a client, in bytes.
	longestClientID = 256
	// longestKeepAlive in seconds: mochi takes one and a half of it in 16 bits.
	// Longer ones count as none; TCP's own keep-alive finds a dead peer.
	longestKeepAlive = 43690
)

// login answers CONNECT: it screens it, asks the handler, and gives the session
// its place. A Refusal of 0 accepts.
func (b *Broker) login(c *conn, cl *mqtt.Client, pk packets.Packet) Refusal {
	login := Login{
		ClientID:  cl.ID,
		Username:  string(pk.Connect.Username),
		Password:  pk.Connect.Password,
		Remote:    c.RemoteAddr(),
		Transport: c.transport,
		Version:   pk.ProtocolVersion,
	}
	kind, refusal := b.screen(&login, pk)
	if refusal != 0 {
		return refusal
	}
	principal, refusal := b.ask(c, login)
	if refusal != 0 {
		return refusal
	}
	login.Password = nil
	client := b.newClient(c, login, *principal)
	client.largest = int(cl.Properties.Props.MaximumPacketSize)
	c.client = client // from here on the handler is owed a Closed
	if !principal.valid(kind) {
		b.log.Error("handler accepted a login as somebody else", logClient, login.ClientID, logUser, login.Username)
		return RefuseUnavailable
	}
	if refusal := b.enter(client); refusal != 0 {
		return refusal
	}
	b.adopt(c, cl)
	return 0
}

// screen refuses what needs no look at the password.
func (b *Broker) screen(login *Login, pk packets.Packet) (Kind, Refusal) {
	if b.sessions.full(b.limits.Connections) {
		return 0, RefuseUnavailable
	}
	kind := kindOf(login.Username)
	_, _, deviceForm := sitesync.ParseClientID(login.ClientID)
	switch {
	case kind == 0:
		return 0, RefuseBadCredentials
	case pk.Connect.WillFlag:
		// A will would pass by the ACL and OnPublish; presence is the hub's to tell.
		b.hostile.Do(func() {
			b.log.Warn("login with a will refused", logClient, clip(login.ClientID), logUser, clip(login.Username), logRemote, login.Remote)
		})
		return 0, RefuseNotAuthorized
	case deviceForm != (kind == Device), len(login.ClientID) > longestClientID:
		return 0, RefuseIdentifier
	}
	return kind, 0
}

// kindOf reads the part of a user name before the slash; 0 is neither kind.
func kindOf(username string) Kind {
	group, name, _ := strings.Cut(username, "/")
	switch {
	case name == "" || !utf8.ValidString(name):
		return 0
	case group == "site":
		return Device
	case group == "user", group == "token":
		return Person
	}
	return 0
}

// ask lets the handler decide.
func (b *Broker) ask(c *conn, login Login) (*Principal, Refusal) {
	ctx, cancel := context.WithTimeout(b.ctx, b.limits.Handshake)
	defer cancel()
	c.calling = true
	principal, refusal := b.handler.Connect(ctx, login)
	c.calling = false
	clear(login.Password)
	if refusal == 0 && principal == nil {
		b.log.Error("handler accepted a login as nobody", logClient, login.ClientID, logUser, login.Username)
		return nil, RefuseUnavailable
	}
	return principal, refusal
}

// valid holds what the ACL builds on.
func (p *Principal) valid(kind Kind) bool {
	if p.Kind == Device {
		return kind == Device && (p.Refused || p.Site > 0 && p.Session > 0)
	}
	return kind == Person && p.Kind == Person && !p.Refused && sitesync.CheckCommandID(p.Name) == nil
}

func (b *Broker) newClient(c *conn, login Login, principal Principal) *Client {
	client := &Client{Principal: principal, Login: login, broker: b, conn: c}
	client.ctx, client.end = context.WithCancelCause(b.ctx)
	client.key = login.ClientID + "#" + strconv.FormatUint(b.serial.Add(1), 36)
	return client
}

// enter gives the client its place and closes the session that had it.
func (b *Broker) enter(client *Client) Refusal {
	if client.Kind == Person {
		if refusal := b.audience.join(client, b.limits.PerPerson); refusal != 0 {
			return refusal
		}
	}
	older, refusal := b.sessions.enter(client)
	if older != nil {
		older.Close(TakenOver)
	}
	return refusal
}

// adopt sets the connection up for the client it now is.
func (b *Broker) adopt(c *conn, cl *mqtt.Client) {
	cl.ID = c.client.key
	cl.Properties.Clean = true
	cl.Properties.Props.TopicAliasMaximum = 0 // mochi loses track of aliases when it drops a message
	if cl.State.Keepalive > longestKeepAlive {
		cl.State.Keepalive = 0
	}
	if c.client.Refused {
		c.accept(b.limits.RefusedPacket, time.Now().Add(b.limits.Refused))
		return
	}
	c.accept(b.limits.Packet, time.Time{})
}

// clip keeps a hostile name from filling the log.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
