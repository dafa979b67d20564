package greet

import (
	"math"

	"sitesync/hub/ingest"
	"sitesync/hub/records"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// comparison looks for signs that the device or the hub is not what the other
// remembers. What is found is held back, with an event, and never guessed at.
// It also rebuilds the receipts that the device has not seen.
type comparison struct {
	*Greet
	session  *session.Session
	events   []session.Message
	receipts []session.Message
	size     int // bytes of receipts, and of what was read for them
	held     int // stores
}

// What one hello may cause. The receipts that were left out come when the
// device pushes what it has no receipt of; events of more stores say nothing new.
const (
	mostReceipts = 4 << 20 // bytes, as in comparison.size
	mostHeld     = 100     // that are told to be held
	mostEvents   = 16
)

func (g *Greet) compare(s *session.Session, hello *wire.Hello) (events, receipts []session.Message, err error) {
	c := &comparison{Greet: g, session: s}
	c.generation(hello)
	seen := map[sitesync.StoreID]bool{}
	for i := range hello.Stores {
		state := &hello.Stores[i]
		if seen[state.Store] {
			continue
		}
		seen[state.Store] = true
		m, known, err := c.State.Meta(state.Store)
		if err != nil {
			return nil, nil, err
		}
		if known {
			c.meta(state, &m)
		}
		for _, o := range state.Outbox {
			if err := c.outbox(state.Store, o); err != nil {
				return nil, nil, err
			}
		}
	}
	return c.events, c.receipts, nil
}

// generation looks at the highest generation that the device has seen. One
// that no copy of this hub has given out is no sign of such a copy.
func (c *comparison) generation(hello *wire.Hello) {
	s, id := c.session, c.Registry.Identity()
	if hello.Generation <= id.Generation {
		return
	}
	for _, store := range c.Handover.StoresOf(s.Site) {
		c.hold(store)
	}
	if c.Registry.CheckGenerationProof(hello.Generation, hello.GenerationProof) {
		c.events = append(c.events, s.HubBehind(0, "has seen generation %d of this hub, which is at %d", hello.Generation, id.Generation))
		return
	}
	c.events = append(c.events, session.Event(sitesync.EventDiverged, s.Site, 0,
		"Look whether its data directory belongs to another hub.",
		"the device of site %d names generation %d, which this hub never gave out; nothing of it is taken", s.Site, hello.Generation))
}

// meta looks for what the device can only have from a hub that knows more of
// the store: an epoch, or a place in the log of a store of its own.
func (c *comparison) meta(state *wire.StoreState, m *records.Meta) {
	for _, o := range state.Outbox {
		if o.Epoch > m.Epoch {
			c.hubBehind(m.Store, "writes in epoch %s, this hub has given out %s", o.Epoch, m.Epoch)
		}
	}
	if m.Owner != c.session.Site || state.Cursor.IsZero() {
		return
	}
	if state.Cursor.Log != m.Log || state.Cursor.Seq > m.Seq {
		c.hubBehind(m.Store, "has read further in the store's log than this hub's goes")
	}
}

// outbox looks at what the device has of an epoch.
func (c *comparison) outbox(store sitesync.StoreID, o wire.OutboxState) error {
	s, after := c.session, o.Confirmed
	if c.size >= mostReceipts {
		after = math.MaxUint64 // nothing more is told, so nothing is looked for
	}
	res, err := c.State.Settled(store, records.Origin{Epoch: o.Epoch, Site: s.Site, Replica: s.Replica}, after)
	if err != nil {
		return err
	}
	switch {
	case res.Settled < o.Confirmed:
		c.hubBehind(store, "holds receipts for changes up to %d of epoch %s, this hub has %d", o.Confirmed, o.Epoch, res.Settled)
	case res.Settled > o.Last, res.Settled == o.Confirmed && res.Chain != o.Chain:
		c.hold(store, ingest.Diverged(s, store))
	case res.Settled > o.Confirmed && c.size < mostReceipts:
		m := s.To(topic.Receipt, store, res.Receipt(o.Epoch))
		c.receipts, c.size = append(c.receipts, m), c.size+max(len(m.Payload), res.Size)
	}
	return nil
}

func (c *comparison) hubBehind(store sitesync.StoreID, format string, args ...any) {
	c.hold(store, c.session.HubBehind(store, format, args...))
}

// hold holds a store back, and tells of it once: the device, which would not
// notice otherwise while it has nothing to send, and everybody.
func (c *comparison) hold(store sitesync.StoreID, events ...session.Message) {
	if !c.session.Hold(store, sitesync.ProblemDiverged) {
		return
	}
	if c.held++; c.held <= mostHeld {
		c.receipts = append(c.receipts, c.session.To(topic.Receipt, store, &wire.Receipt{Outcome: wire.Held}))
	}
	if len(c.events) < mostEvents {
		c.events = append(c.events, events...)
	}
}
