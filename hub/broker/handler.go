package broker

import (
	"cmp"
	"context"
	"fmt"
	"net"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// Handler is the hub behind the broker. Its methods are called from many
// goroutines at once.
type Handler interface {
	// Connect decides about a CONNECT; a Refusal of 0 accepts it as the
	// Principal. It may take time, but not longer than ctx. It must not keep
	// the password, whose bytes are wiped when it returns.
	Connect(ctx context.Context, login Login) (*Principal, Refusal)

	// Message takes what a client published, in the order it was sent. The
	// next packet of that client is read when Message returns: to block is the
	// back-pressure. It may keep the payload. ctx ends with the connection.
	Message(ctx context.Context, c *Client, m Message)

	// Closed is called exactly once for each principal that Connect accepted,
	// when its connection has ended, with the reason: nil when the client said
	// DISCONNECT, a Reason when the hub ended it, a Refusal when the broker
	// itself had to refuse, and otherwise what went wrong. A newer session of
	// the site may have been accepted already: compare Session.
	Closed(c *Client, why error)
}

// Kind says what a client is.
type Kind uint8

const (
	Device Kind = 1 // an agent, user name site/<site name>
	Person Kind = 2 // a user or a token, user name user/<name> or token/<name>
)

func (k Kind) String() string {
	switch k {
	case Device:
		return "device"
	case Person:
		return "person"
	}
	return "kind?"
}

// Principal is who a connection is. Connect sets it once; it never changes.
type Principal struct {
	Kind    Kind
	Site    sitesync.SiteID // of a Device
	Name    string          // of a Person the bare user or token name, of a Device the site name
	Role    string          // of a Person; the broker does not look at it
	Session uint64          // of an accepted Device: greater than every earlier one of the site
	Refused bool            // of a Device: it may hear its welcome and say hello, nothing else
	Data    any             // the handler's own
}

// Login is what a client says about itself in CONNECT.
type Login struct {
	ClientID  string
	Username  string // with its site/, user/ or token/
	Password  []byte // only while Connect runs
	Remote    net.Addr
	Transport string // "tcp", "tls", "ws" or "wss"
	Version   byte   // of MQTT: 4 (3.1.1) or 5
}

// Message is what a client published. The broker has checked that the client
// may speak on the topic; it has not looked at the payload.
type Message struct {
	Topic           topic.Topic
	TopicName       string
	Payload         []byte
	QoS             byte
	ResponseTopic   string // MQTT 5, as the client gave it: to be checked
	CorrelationData []byte // MQTT 5
}

// Refusal says why CONNACK refuses. The numbers are those of MQTT 3.1.1.
type Refusal byte

const (
	refuseVersion        Refusal = 1
	RefuseIdentifier     Refusal = 2
	RefuseUnavailable    Refusal = 3
	RefuseBadCredentials Refusal = 4
	RefuseNotAuthorized  Refusal = 5
	refuseProtocol       Refusal = 0xFF // closes a connection of 3.1.1, which has no number for it
)

func (r Refusal) Error() string {
	switch r {
	case refuseVersion:
		return "neither MQTT 3.1.1 nor 5"
	case RefuseIdentifier:
		return "client identifier refused"
	case RefuseUnavailable:
		return "hub is busy, come back later"
	case RefuseBadCredentials:
		return "bad user name or password"
	case RefuseNotAuthorized:
		return "not authorized"
	case refuseProtocol:
		return "CONNECT against the rules of MQTT"
	}
	return fmt.Sprintf("refused with code %d", byte(r))
}

// codes5 are the numbers of MQTT 5.
var codes5 = map[Refusal]byte{
	refuseVersion: 0x84, RefuseIdentifier: 0x85, RefuseUnavailable: 0x89, RefuseBadCredentials: 0x86,
	RefuseNotAuthorized: 0x87, refuseProtocol: 0x82,
}

// connack is the packet that refuses.
func (r Refusal) connack(version byte) []byte {
	if version == 5 {
		return []byte{packetConnack, 3, 0, cmp.Or(codes5[r], 0x80), 0}
	}
	if r == refuseProtocol {
		return nil
	}
	return []byte{packetConnack, 2, 0, byte(r)}
}

// Reason says why the hub ends a connection. It is the error that Closed gets,
// and its number is what DISCONNECT tells an MQTT 5 client; one of 3.1.1 sees
// the connection close.
type Reason byte

const (
	NotAuthorized  Reason = 0x87 // published where it must not
	ShuttingDown   Reason = 0x8B // the hub stops
	TakenOver      Reason = 0x8E // a newer session has taken its place
	PacketTooLarge Reason = 0x95 // a packet beyond the limit
	ByHub          Reason = 0x98 // an administrator's action: disabled, renamed, deleted, …
)

func (r Reason) Error() string {
	switch r {
	case NotAuthorized:
		return "published on a topic that is not its own"
	case ShuttingDown:
		return "hub is shutting down"
	case TakenOver:
		return "taken over by a newer session"
	case PacketTooLarge:
		return "packet too large"
	case ByHub:
		return "closed by the hub"
	}
	return fmt.Sprintf("closed with code %#x", byte(r))
}
