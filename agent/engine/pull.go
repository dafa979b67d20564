package engine

import (
	"errors"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// pulling is a stream of changes from the hub.
type pulling struct {
	stream  uint32
	cursors []wire.StoreCursor // where it began
	began   time.Time
	asked   localdb.Moment
	credit  uint64 // allowed so far
	arrived uint64 // bytes so far
	again   bool   // something moved while it ran: pull once more
}

var pullRequest = request{kind: topic.Pull}

// pullInterval is the time until the next pull: a device that holds a lease has
// to be answered well before that is over.
func (s *session) pullInterval() time.Duration {
	interval := s.engine.Timings.PullInterval
	if lease := s.db.Lease().Length; lease > 0 {
		interval = min(interval, lease/4)
	}
	return jitter(interval)
}

// report is what the device says of itself within a session.
func (s *session) report() wire.Report {
	r := s.engine.report()
	r.Assignment = s.assignment.applied
	return r
}

// startPull asks for what is new in every store that is here whole.
func (s *session) startPull() error {
	s.pullDue = time.Now().Add(s.pullInterval())
	if s.pull != nil {
		s.pull.again = true
		return nil
	}
	s.stream++
	s.pull = &pulling{stream: s.stream, cursors: s.cursors(), began: time.Now(), asked: s.db.Moment()}
	return s.pullOn(s.pull.cursors)
}

// pullOn gives the stream more credit. Cursors say where a new one begins.
func (s *session) pullOn(cursors []wire.StoreCursor) error {
	p := s.pull
	p.credit = p.arrived + s.pace.credit(s.limits.CreditBytes)
	s.waits.expect(pullRequest, time.Now().Add(s.downTimeout(p.credit-p.arrived)), s.pullAnew)
	return s.send(topic.Pull, 0, &wire.Pull{Stream: p.stream, Credit: p.credit, Cursors: cursors, Report: s.report()})
}

// pullAnew begins a new stream where the database stands.
func (s *session) pullAnew() error {
	s.pull = nil
	return s.startPull()
}

func (s *session) cursors() (list []wire.StoreCursor) {
	for _, st := range s.db.Stores() {
		if isWhole(&st) && !s.isHeld(st.ID) {
			list = append(list, wire.StoreCursor{Store: st.ID, Epoch: st.Epoch, Cursor: st.Cursor})
		}
	}
	return list
}

// isWhole reports whether all of a store is here, but for what is new.
func isWhole(st *localdb.Store) bool {
	return st.Phase == sitesync.PhaseActive && st.Loaded == st.Epoch || isScanned(st)
}

// isScanned reports whether all of a store that is being loaded has arrived,
// but for what is new since that began.
func isScanned(st *localdb.Store) bool {
	return st.Phase == sitesync.PhaseLoading && st.Resync != nil && st.Resync.Scanned
}

// changes takes a part of the stream in.
func (s *session) changes(store sitesync.StoreID, c *wire.Changes, m *message) error {
	p := s.pull
	if p == nil || p.stream != c.Stream {
		return nil
	}
	s.pace.arrived(p.began, m.at, len(m.payload))
	p.arrived = c.Spent + uint64(len(m.payload))
	if err := s.applyChanges(store, c); err != nil {
		return err
	}
	if s.pull != p {
		return nil // it did not fit, and a new stream has begun
	}
	if c.Last {
		return s.pulledAll()
	}
	s.waits.progress(pullRequest, time.Now().Add(s.downTimeout(p.credit-min(p.credit, p.arrived))))
	if s.runsOut(p.credit, p.arrived) {
		return s.pullOn(nil)
	}
	return nil
}

// runsOut reports whether it is time to give a stream more credit: while there
// is still enough for the way there and back.
func (s *session) runsOut(credit, arrived uint64) bool {
	return credit-min(credit, arrived) <= s.pace.credit(s.limits.CreditBytes)/2
}

func (s *session) applyChanges(store sitesync.StoreID, c *wire.Changes) error {
	st, known := s.db.Store(store)
	if !known || !isWhole(&st) || s.isHeld(store) {
		return nil // no longer, or the stream's end, which is about none
	}
	if c.Reset {
		return s.reset(&st)
	}
	if c.Cursor == c.From && len(c.Changes) == 0 {
		return nil
	}
	err := s.db.ApplyChanges(store, c)
	if errors.Is(err, localdb.ErrStale) {
		s.engine.Log.Debug("changes do not fit", "store", store)
		return s.askAgain(pullRequest)
	}
	return err
}

// reset deals with a cursor that the hub does not know or that is too old. What
// is being loaded is loaded anew. An active store has nobody to load it from:
// what it has may be newer than what the hub has.
func (s *session) reset(st *localdb.Store) error {
	if !isScanned(st) {
		return s.judge(st.ID, localdb.Differs)
	}
	return s.loadAnew(st.ID)
}

// pulledAll ends the stream: the hub has told all that is new.
func (s *session) pulledAll() error {
	p := s.pull
	s.pull, s.inStep = nil, true
	s.waits.done(pullRequest)
	s.engine.synced()
	if err := s.db.Contact(p.asked); err != nil {
		return err
	}
	clear(s.pulled)
	for _, c := range p.cursors {
		if !s.isHeld(c.Store) {
			s.pulled[c.Store] = c.Epoch
		}
	}
	if err := s.letAllGo(); err != nil {
		return err
	}
	if err := s.finishLoads(); err != nil {
		return err
	}
	if p.again {
		return s.startPull()
	}
	return nil
}
