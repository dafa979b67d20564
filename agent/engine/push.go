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
	store     sitesync.StoreID
	epoch     sitesync.Epoch // whose changes are being sent
	sent      uint64         // the last n sent
	chain     sitesync.Chain // at sent
	flight    []flight       // sent and not settled, oldest first
	alone     bool           // one batch at a time, until one is settled
	probing   bool           // one batch may go out although the store is held back for bad frames
	badFrames int            // in a row
	resume    time.Time      // the hub has too much to do until then; zero: it has not
}

// flight is a batch on its way.
type flight struct {
	first, last uint64
	bytes       int
	at          time.Time
}

// back begins again at what is settled, with care.
func (p *pushing) back() { p.flight, p.alone = nil, true }

// began is when the oldest batch that is on its way was sent; at, when none is.
func (p *pushing) began(at time.Time) time.Time {
	if len(p.flight) == 0 {
		return at
	}
	return p.flight[0].at
}

// bytes is the size of what is on its way.
func (p *pushing) bytes() (n int) {
	for i := range p.flight {
		n += p.flight[i].bytes
	}
	return n
}

func (s *session) pushOf(store sitesync.StoreID) *pushing {
	p := s.pushes[store]
	if p == nil {
		p = &pushing{store: store}
		s.pushes[store] = p
	}
	return p
}

// pushSome sends what waits, as far as the window goes. Stores take turns, and
// a store with little to send does not wait behind one with much.
func (s *session) pushSome() error {
	stores := s.db.Stores()
	for {
		batches, bytes := s.inFlight()
		if !s.pace.room(&s.limits, batches, bytes) {
			return nil
		}
		st := s.nextToPush(stores)
		if st == nil {
			return nil
		}
		if sent, err := s.pushOne(st, bytes); err != nil || !sent {
			return err
		}
	}
}

func (s *session) inFlight() (batches, bytes int) {
	for _, p := range s.pushes {
		batches, bytes = batches+len(p.flight), bytes+p.bytes()
	}
	return batches, bytes
}

// nextToPush finds the store whose turn it is: with the fewest batches on their
// way and then with the least to send.
func (s *session) nextToPush(stores []localdb.Store) (next *localdb.Store) {
	flying := func(st *localdb.Store) int { return len(s.pushOf(st.ID).flight) }
	for i := range stores {
		st := &stores[i]
		if st.Queued() == 0 || !s.mayPush(st) {
			continue
		}
		if next == nil || flying(st) < flying(next) || flying(st) == flying(next) && st.Queued() < next.Queued() {
			next = st
		}
	}
	return next
}

// mayPush reports whether a store has a batch that may go out.
func (s *session) mayPush(st *localdb.Store) bool {
	p := s.pushOf(st.ID)
	switch {
	case s.isHeld(st.ID), !p.resume.IsZero(), isBlocked(st, sitesync.ProblemBadFrame) && !p.probing:
		return false
	case len(p.flight) == 0:
		return true
	default:
		o := oldest(st)
		return !p.alone && p.epoch == o.Epoch && p.sent < o.Last
	}
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

// pushOne sends the next batch of a store, unless it turns out too large to go
// beside so many bytes on their way.
func (s *session) pushOne(st *localdb.Store, flying int) (sent bool, err error) {
	p, o := s.pushOf(st.ID), oldest(st)
	if len(p.flight) == 0 {
		p.epoch, p.sent, p.chain = o.Epoch, o.Confirmed, o.ConfirmedChain
	}
	q, err := s.db.Read(st.ID, p.epoch, p.sent, p.chain, int(s.limits.BatchChanges), min(s.pace.raw(), int(s.limits.BatchBytes)))
	if err != nil || len(q.Changes) == 0 {
		return false, err
	}
	last := q.First + uint64(len(q.Changes)) - 1
	backlog := s.db.Backlog()
	m := &wire.Push{Epoch: q.Epoch, First: q.First, Chain: q.Chain, Changes: q.Changes, Confirmed: o.Confirmed,
		Backlog: backlog - min(backlog, last-o.Confirmed)}
	frame := wire.Encode(s.number, st.ID, m)
	s.pace.packed(size(q.Changes), len(frame))
	if flying > 0 && flying+len(frame) > int(s.limits.WindowBytes) {
		return false, nil
	}
	if err := s.publish(topic.Push, frame); err != nil {
		return false, err
	}
	p.probing = false
	p.sent, p.chain = last, q.Last
	p.flight = append(p.flight, flight{first: q.First, last: last, bytes: len(frame), at: time.Now()})
	s.waits.expect(request{topic.Push, st.ID}, time.Now().Add(s.upTimeout(p.bytes())), func() error { return s.pushAgain(st.ID) })
	return true, nil
}

func size(changes []sitesync.Change) (bytes int) {
	for i := range changes {
		bytes += changes[i].Size()
	}
	return bytes
}

// pushAgain sends once more what nobody has answered.
func (s *session) pushAgain(store sitesync.StoreID) error {
	s.pushOf(store).back()
	if st, known := s.db.Store(store); !known || st.Queued() == 0 {
		s.waits.done(request{topic.Push, store})
	}
	return s.pushSome()
}
