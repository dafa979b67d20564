package engine

import (
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// pushing is how far the outbox of a store has been sent in this session.
type pushing struct {
	epoch    sitesync.Epoch // whose changes are being sent
	sent     uint64         // the last n sent
	chain    sitesync.Chain // at sent
	flight   []flight       // sent and not settled, oldest first
	badFrame int            // in a row
	probing  bool           // one batch of a store that is held back may go out
	resumeAt time.Time      // not before: the hub is overloaded
}

// flight is a batch on its way.
type flight struct {
	last  uint64
	bytes int
	at    time.Time
}

// badFramesHold is how many frames in a row the hub may refuse before the
// store is held back.
const badFramesHold = 3

func (s *session) pushOf(store sitesync.StoreID) *pushing {
	p := s.pushes[store]
	if p == nil {
		p = &pushing{}
		s.pushes[store] = p
	}
	return p
}

// pushSome sends what waits, one batch of each store in turn, as far as the
// window goes.
func (s *session) pushSome() error {
	for {
		sent := false
		for _, st := range s.engine.DB.Stores() {
			if st.Queued() == 0 || s.held[st.ID] || s.inFlight() >= s.pace.window(int(max(s.limits.WindowBatches, 1))) {
				continue
			}
			one, err := s.pushOne(&st)
			if err != nil {
				return err
			}
			sent = sent || one
		}
		if !sent {
			return nil
		}
	}
}

func (s *session) inFlight() (n int) {
	for _, p := range s.pushes {
		n += len(p.flight)
	}
	return n
}

// pushOne sends the next batch of a store, if there is one to send. Changes of
// former epochs go first.
func (s *session) pushOne(st *localdb.Store) (sent bool, err error) {
	p := s.pushOf(st.ID)
	if st.Blocked != nil && !(p.probing && len(p.flight) == 0) || time.Now().Before(p.resumeAt) {
		return false, nil
	}
	o := oldest(st)
	if p.epoch != o.Epoch || len(p.flight) == 0 {
		p.epoch, p.sent, p.chain = o.Epoch, o.Confirmed, o.ConfirmedChain
		p.flight = p.flight[:0]
	}
	if p.sent >= o.Last {
		return false, nil
	}
	q, err := s.engine.DB.Read(st.ID, o.Epoch, p.sent, p.chain, int(s.limits.BatchChanges), min(s.pace.raw(), int(s.limits.BatchBytes)))
	if err != nil || len(q.Changes) == 0 {
		return false, err
	}
	last := q.First + uint64(len(q.Changes)) - 1
	m := &wire.Push{Epoch: q.Epoch, First: q.First, Chain: q.Chain, Changes: q.Changes, Confirmed: o.Confirmed,
		Backlog: s.engine.DB.Backlog() - min(s.engine.DB.Backlog(), last-o.Confirmed)}
	bytes, err := s.send(topic.Topic{Kind: topic.Push}, st.ID, m)
	if err != nil {
		return false, err
	}
	raw := 0
	for i := range q.Changes {
		raw += q.Changes[i].Size()
	}
	s.pace.packed(raw, bytes)
	p.probing = false
	p.sent, p.chain = last, q.Last
	p.flight = append(p.flight, flight{last: last, bytes: bytes, at: time.Now()})
	s.expect(waitKey("push", st.ID), bytes, func() error { return s.pushAgain(st.ID) })
	return true, nil
}

// oldest finds the queue to send from: that of the oldest epoch with something
// in it.
func oldest(st *localdb.Store) localdb.Outbox {
	for _, o := range st.Past {
		if o.Queued() > 0 {
			return o
		}
	}
	return st.Outbox
}

// pushAgain sends what was not settled once more.
func (s *session) pushAgain(store sitesync.StoreID) error {
	s.pushOf(store).flight = nil
	return s.pushSome()
}

// receipt takes in what the hub says of a push.
func (s *session) receipt(store sitesync.StoreID, r *wire.Receipt) error {
	p := s.pushOf(store)
	s.progress(waitKey("push", store))
	switch r.Outcome {
	case wire.BadFrame:
		return s.badFrame(store, p)
	case wire.Overload:
		p.flight, p.resumeAt = nil, time.Now().Add(s.engine.Timings.RequestTimeout)
		s.waits[waitKey("push", store)] = &wait{until: p.resumeAt, again: func() error { return s.pushAgain(store) }}
		return nil
	case wire.Held:
		s.held[store], p.flight = true, nil
		s.done(waitKey("push", store))
		return s.judge(store, localdb.Differs)
	case wire.Diverged:
		return s.judge(store, localdb.Differs)
	}
	verdict, err := s.engine.DB.Settle(store, r)
	if err != nil || verdict != localdb.Agrees {
		if err == nil {
			err = s.judge(store, verdict)
		}
		return err
	}
	p.badFrame = 0
	s.landed(p, r)
	if r.Outcome == wire.Gap {
		p.flight = nil // the hub misses what came before: begin again where it stands
	}
	if len(p.flight) == 0 {
		s.done(waitKey("push", store))
	}
	s.engine.synced()
	return s.finishLoad(store)
}

// landed takes what is settled out of flight.
func (s *session) landed(p *pushing, r *wire.Receipt) {
	if r.Epoch != p.epoch {
		return
	}
	for len(p.flight) > 0 && p.flight[0].last <= r.Settled {
		s.pace.answered(p.flight[0].at, p.flight[0].bytes)
		p.flight = p.flight[1:]
	}
}

// badFrame sends again what the hub could not read, and holds the store back
// when that does not help.
func (s *session) badFrame(store sitesync.StoreID, p *pushing) error {
	p.flight = nil
	s.done(waitKey("push", store))
	if p.badFrame++; p.badFrame < badFramesHold {
		return nil
	}
	st, _ := s.engine.DB.Store(store)
	return s.block(store, sitesync.Problem{Code: sitesync.ProblemBadFrame,
		Message: "The hub cannot read what this device sends of the store " + st.Code + ".",
		Next:    "Look whether this program's version fits the hub's. Everything stays on this device, and is tried again every hour."})
}
