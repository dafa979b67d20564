package broker

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// longestClientID bounds what is kept and logged of a client, in bytes.
const longestClientID = 256

// handshake takes CONNECT and answers it. A refusal goes out from here, since
// mochi has wrong numbers for 3.1.1.
//
//go:noinline
func (b *Broker) handshake(c *conn, cl *mqtt.Client) error {
	var header packets.FixedHeader
	if err := cl.ReadFixedHeader(&header); err != nil {
		return err
	}
	if header.Type != packets.Connect {
		return packets.ErrProtocolViolationRequireFirstConnect
	}
	pk, err := cl.ReadPacket(&header)
	if err != nil {
		return err
	}
	cl.ParseConnect(c.transport, pk)
	if refusal := b.login(c, cl, pk); refusal != 0 {
		b.counts.refused.Add(1)
		b.log.Debug("login refused", logClient, clip(cl.ID), logReason, refusal)
		if _, err := c.Write(refusal.connack(pk.ProtocolVersion)); err == nil {
			c.linger()
		}
		return refusal
	}
	b.settle(c, pk)
	return b.server.SendConnack(cl, packets.CodeSuccess, false, c.client.offer())
}

// login screens a CONNECT, asks the handler, and gives the session its place. A
// Refusal of 0 accepts.
func (b *Broker) login(c *conn, cl *mqtt.Client, pk packets.Packet) Refusal {
	login := Login{
		ClientID:  cl.ID,
		Username:  string(pk.Connect.Username),
		Password:  pk.Connect.Password,
		Remote:    c.RemoteAddr(),
		Transport: c.transport,
		Version:   pk.ProtocolVersion,
	}
	if refusal := understood(pk); refusal != 0 {
		return refusal
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
	return b.enter(client)
}

// understood refuses what is no CONNECT of 3.1.1 or 5.
func understood(pk packets.Packet) Refusal {
	switch {
	case string(pk.Connect.ProtocolName) != "MQTT" || pk.ProtocolVersion != 4 && pk.ProtocolVersion != 5:
		return refuseVersion
	case pk.Connect.ClientIdentifier == "" && !pk.Connect.Clean && pk.ProtocolVersion == 4:
		return RefuseIdentifier
	case len(pk.Connect.Password) == 0: // which MQTT allows, and mochi does not
		return RefuseBadCredentials
	case pk.ConnectValidate() != packets.CodeSuccess:
		return refuseProtocol
	}
	return 0
}

// screen refuses what needs no look at the password.
func (b *Broker) screen(login *Login, pk packets.Packet) (Kind, Refusal) {
	if b.sessions.full(b.limits.Connections) {
		b.counts.crowded.Add(1)
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

// settle sets limits and times for the client that the connection now has.
func (b *Broker) settle(c *conn, pk packets.Packet) {
	c.keepAlive = time.Duration(pk.Connect.Keepalive) * time.Second * 3 / 2
	limit := b.limits.Packet
	if c.client.Refused {
		limit, c.notAfter = b.limits.RefusedPacket, time.Now().Add(b.limits.Refused)
	}
	c.accept(limit)
}

// offer tells an MQTT 5 client what there is and is not.
func (c *Client) offer() *packets.Properties {
	properties := &packets.Properties{
		MaximumPacketSize:      uint32(c.conn.limit),
		SharedSubAvailableFlag: true, // and the value 0: not available
		SubIDAvailableFlag:     true,
	}
	if c.Kind == Person {
		properties.ResponseInfo = strings.TrimSuffix(topic.Replies(c.Name), "#")
	}
	return properties
}

// clip keeps a hostile name from filling the log.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
