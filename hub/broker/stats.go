package broker

import "sync/atomic"

// Stats are counts since New, and what is connected now.
type Stats struct {
	Devices  int // live sessions
	Refused  int // sessions that only hear why
	Persons  int // connections of users and tokens
	HalfOpen int // connections not yet accepted

	BytesIn, BytesOut uint64 // of MQTT, without TLS and WebSocket
	Messages          uint64 // given to the handler

	TurnedAway    uint64 // connections closed before CONNECT: too many, or no TLS
	Crowded       uint64 // connections and logins that came while there were too many
	LoginsRefused uint64 // CONNACKs that refuse
	Forbidden     uint64 // messages and filters that the ACL refused
	Dropped       uint64 // messages to persons whose queue was full
	Defects       uint64 // messages to clients beyond what they allowed, see Send
	Panics        uint64 // connections lost to a packet that mochi could not take
}

type counts struct {
	bytesIn, bytesOut, messages                              atomic.Uint64
	turnedAway, refused, forbidden, dropped, defects, panics atomic.Uint64
	crowded                                                  atomic.Uint64
}

// Stats gives the numbers of now. They are not one consistent moment.
func (b *Broker) Stats() Stats {
	devices, refused := b.sessions.counts()
	return Stats{
		Devices:       devices,
		Refused:       refused,
		Persons:       b.audience.count(),
		HalfOpen:      int(b.gate.open.Load()),
		BytesIn:       b.counts.bytesIn.Load(),
		BytesOut:      b.counts.bytesOut.Load(),
		Messages:      b.counts.messages.Load(),
		TurnedAway:    b.counts.turnedAway.Load(),
		Crowded:       b.counts.crowded.Load(),
		LoginsRefused: b.counts.refused.Load(),
		Forbidden:     b.counts.forbidden.Load(),
		Dropped:       b.counts.dropped.Load(),
		Defects:       b.counts.defects.Load(),
		Panics:        b.counts.panics.Load(),
	}
}

// forbidden counts and logs a message or filter that the ACL refused. A device
// that tries is broken or hostile; a person has mistyped.
func (b *Broker) forbidden(c *Client, what, topicOrFilter string) {
	b.counts.forbidden.Add(1)
	if c.Kind == Person {
		b.log.Debug(what, logUser, c.Name, logTopic, clip(topicOrFilter))
		return
	}
	b.hostile.Do(func() {
		b.log.Warn(what, logSite, c.Site, logClient, c.ClientID, logTopic, clip(topicOrFilter))
	})
}
