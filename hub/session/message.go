package session

import (
	"encoding/json"
	"fmt"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Message is what a handler wants published. One to a site goes to the session
// that asked; an event goes to all who listen.
type Message struct {
	Topic   topic.Topic
	Payload []byte
	Event   *sitesync.EventMessage // set instead of Payload
	Ask     string                 // ID of the command that it is, if it is one: see Session.Ask
}

// To makes a message to a session's site.
func (s *Session) To(kind topic.Kind, store sitesync.StoreID, m wire.Message) Message {
	t := topic.Topic{Kind: kind, Site: s.Site}
	if kind == topic.Welcome {
		t = topic.Topic{Kind: kind, Client: s.ClientID}
	}
	if kind == topic.Resync {
		t.Store = store
	}
	number := s.Number
	if kind == topic.Welcome {
		number = 0
	}
	return Message{Topic: t, Payload: wire.Encode(number, store, m)}
}

// Event makes an event about a site, and a store where store is not 0.
func Event(kind sitesync.EventKind, site sitesync.SiteID, store sitesync.StoreID, next, format string, args ...any) Message {
	e := &sitesync.EventMessage{At: sitesync.At(time.Now()), Kind: kind, Message: fmt.Sprintf(format, args...), Next: next}
	if site != 0 {
		e.Site = &site
	}
	if store != 0 {
		e.Store = &store
	}
	return Message{Topic: topic.Topic{Kind: topic.Event, Name: string(kind)}, Event: e}
}

// HubBehind makes the event of a device that has seen more than this hub has.
// What it has seen completes "the device of site N …".
func (s *Session) HubBehind(store sitesync.StoreID, format string, args ...any) Message {
	return Event(sitesync.EventHubRestored, s.Site, store,
		"This hub was probably restored from an older backup. Nothing is lost: the device keeps its changes. Ask for help before going on.",
		"the device of site %d "+format, append([]any{s.Site}, args...)...)
}

// Bytes is the payload on the wire.
func (m Message) Bytes() []byte {
	if m.Event == nil {
		return m.Payload
	}
	b, err := json.Marshal(m.Event)
	if err != nil {
		panic(err) // times, numbers and strings alone
	}
	return b
}
