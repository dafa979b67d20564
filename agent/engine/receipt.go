package engine

import (
	"math"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// badFramesHold is how many frames in a row the hub may find unreadable before
// the store is held back.
const badFramesHold = 3

// receipt takes in what the hub says of a push. Answers come in the order of
// the batches. So behind one that was not taken come those to the others that
// were on their way, of which nothing could be taken either; they tell nothing
// new and must not have anything sent again.
func (s *session) receipt(store sitesync.StoreID, r *wire.Receipt, at time.Time) error {
	st, known := s.db.Store(store)
	if !known || s.isHeld(store) {
		return nil
	}
	p := s.pushOf(store)
	switch r.Outcome {
	case wire.BadFrame:
		return s.badFrame(&st, p)
	case wire.Overload:
		p.back()
		p.resume = at.Add(s.engine.Timings.RequestTimeout)
		s.waits.done(request{topic.Push, store})
		return nil
	case wire.Held:
		return s.heldByHub(store)
	case wire.Diverged:
		return s.judgeDiverged(store, r)
	}
	verdict, err := s.db.Settle(store, r)
	if err != nil || verdict != localdb.Agrees {
		if err == nil {
			err = s.judge(store, verdict)
		}
		return err
	}
	return s.settled(&st, p, r, at)
}

// judgeDiverged finds out which of the two has lost something.
func (s *session) judgeDiverged(store sitesync.StoreID, r *wire.Receipt) error {
	verdict, err := s.db.Compare(store, r.Epoch, r.Settled, r.Chain)
	if err != nil {
		return err
	}
	if verdict == localdb.Agrees {
		verdict = localdb.Differs
	}
	return s.judge(store, verdict)
}

// settled follows a receipt that the database has taken in. before is the store
// as it was.
func (s *session) settled(before *localdb.Store, p *pushing, r *wire.Receipt, at time.Time) error {
	st, _ := s.db.Store(before.ID)
	if now, then := confirmed(&st, r.Epoch), confirmed(before, r.Epoch); now > then {
		p.badFrames, p.alone = 0, false
		s.engine.synced()
		s.engine.sentSome(p.began(at), before.Queued()-min(before.Queued(), st.Queued()), s.db.Backlog() > 0)
		if err := s.letGo(&st); err != nil {
			return err
		}
	}
	s.landed(p, confirmed(&st, p.epoch), at)
	if st.Queued() == 0 {
		return s.finishLoad(&st)
	}
	return nil
}

// landed takes what is settled out of flight.
func (s *session) landed(p *pushing, settled uint64, at time.Time) {
	before := len(p.flight)
	for len(p.flight) > 0 && p.flight[0].last <= settled {
		s.pace.sent(p.flight[0].at, at, p.flight[0].bytes)
		p.flight = p.flight[1:]
	}
	// What is missing may be on its way already. If not, the hub never got it,
	// or had no room to tell all that became of a batch.
	if len(p.flight) > 0 && p.flight[0].first != settled+1 {
		p.back()
	}
	switch r := (request{topic.Push, p.store}); {
	case len(p.flight) == 0:
		s.waits.done(r)
	case len(p.flight) < before:
		s.waits.progress(r, time.Now().Add(s.upTimeout(p.bytes())))
	}
}

// confirmed is through which change the hub has settled an epoch: all of it,
// when it is over.
func confirmed(st *localdb.Store, epoch sitesync.Epoch) uint64 {
	for _, o := range queues(st) {
		if o.Epoch == epoch {
			return o.Confirmed
		}
	}
	return math.MaxUint64
}

// badFrame sends again what the hub could not read, and holds the store back
// when that does not help.
func (s *session) badFrame(st *localdb.Store, p *pushing) error {
	p.back()
	s.waits.done(request{topic.Push, st.ID})
	if p.badFrames++; p.badFrames < badFramesHold || isBlocked(st, sitesync.ProblemDiverged) {
		return nil
	}
	return s.block(st.ID, sitesync.Problem{Code: sitesync.ProblemBadFrame,
		Message: "The hub cannot read what this device sends of the store " + st.Code + ".",
		Next:    "Look whether this program's version fits the hub's. Everything stays on this device, and is tried again every hour."})
}
