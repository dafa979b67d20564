package engine

import (
	"errors"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// pulling is a stream of changes from the hub.
type pulling struct {
	stream  uint32
	credit  uint64 // allowed so far
	arrived uint64 // bytes so far
	again   bool   // something moved while it ran: pull once more
}

const pullKey = "pull"

// startPull asks for what is new in every store that is here whole.
func (s *session) startPull() error {
	if s.pull != nil {
		s.pull.again = true
		return nil
	}
	s.stream++
	s.pull = &pulling{stream: s.stream}
	return s.pullOn()
}

// pullOn gives the stream more credit.
func (s *session) pullOn() error {
	p := s.pull
	p.credit = p.arrived + s.pace.credit(uint64(s.limits.CreditBytes))
	m := &wire.Pull{Stream: p.stream, Credit: p.credit, Cursors: s.cursors(), Report: s.engine.report()}
	bytes, err := s.send(topic.Topic{Kind: topic.Pull}, 0, m)
	s.expect(pullKey, bytes, s.pullAnew)
	return err
}

// pullAnew begins a new stream where the database stands.
func (s *session) pullAnew() error {
	s.pull = nil
	return s.startPull()
}

func (s *session) cursors() (list []wire.StoreCursor) {
	for _, st := range s.engine.DB.Stores() {
		whole := st.Phase == sitesync.PhaseActive && st.Loaded == st.Epoch || st.Resync != nil && st.Resync.Scanned
		if whole && st.Blocked == nil && !s.held[st.ID] {
			list = append(list, wire.StoreCursor{Store: st.ID, Epoch: st.Epoch, Cursor: st.Cursor})
		}
	}
	return list
}

// changes takes a part of the stream in.
func (s *session) changes(store sitesync.StoreID, m *wire.Changes) error {
	p := s.pull
	if p == nil || p.stream != m.Stream {
		return nil
	}
	s.progress(pullKey)
	if m.Reset {
		if err := s.judge(store, localdb.Differs); err != nil {
			return err
		}
	} else if m.Cursor != m.From || len(m.Changes) > 0 {
		if err := s.engine.DB.ApplyChanges(store, m); errors.Is(err, localdb.ErrStale) {
			return s.pullAnew()
		} else if err != nil {
			return err
		}
	}
	if !m.Last {
		p.arrived = m.Spent + s.lastBytes
		if p.credit-min(p.credit, p.arrived) < s.pace.credit(uint64(s.limits.CreditBytes))/2 {
			return s.pullOn()
		}
		return nil
	}
	s.done(pullKey)
	s.pull = nil
	s.engine.synced()
	if p.again {
		return s.startPull()
	}
	return s.finishLoads()
}
