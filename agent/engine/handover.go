package engine

import (
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// reportDrained says of every frozen store which change is its last, as soon as
// all of them are on their way: the hub waits until they have arrived. It is
// said again, once nothing waits any more, until an assignment tells what comes
// of it.
func (s *session) reportDrained() error {
	for id := range s.draining {
		st, _ := s.db.Store(id)
		if !s.isDrained(&st) {
			continue
		}
		if st.Queued() == 0 {
			r := request{topic.Handover, id}
			if s.waits[r] == nil {
				s.waits.expect(r, time.Now().Add(s.upTimeout(0)), func() error { return s.sendDrained(id) })
			}
		}
		if s.draining[id] != st.Handover {
			s.draining[id] = st.Handover
			if err := s.sendDrained(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// isDrained reports whether a store takes no more changes and all that it took
// have at least been sent.
func (s *session) isDrained(st *localdb.Store) bool {
	if st.Phase != sitesync.PhaseDraining || st.Loaded != st.Epoch || s.isHeld(st.ID) {
		return false
	}
	p := s.pushOf(st.ID)
	return st.Queued() == 0 || len(st.Past) == 0 && p.epoch == st.Epoch && p.sent == st.Outbox.Last && len(p.flight) > 0
}

func (s *session) sendDrained(id sitesync.StoreID) error {
	st, _ := s.db.Store(id)
	if !s.isDrained(&st) {
		s.waits.done(request{topic.Handover, id})
		return nil
	}
	return s.send(topic.Handover, id, &wire.Handover{Step: wire.Drained, Handover: st.Handover, Epoch: st.Epoch,
		Replica: s.db.Replica(), N: st.Outbox.Last})
}

// watchDrains follows an assignment.
func (s *session) watchDrains() {
	now := map[sitesync.StoreID]uint64{}
	for _, st := range s.db.Stores() {
		if st.Phase == sitesync.PhaseDraining {
			now[st.ID] = s.draining[st.ID] // what was said already
		}
	}
	s.draining = now
}

// reportPurged says of every copy that is gone that it is, once a session: a
// store may come back and go again meanwhile, in a later epoch.
func (s *session) reportPurged() error {
	if !s.engine.purged.Swap(false) {
		return nil
	}
	for _, st := range s.db.Stores() {
		if !st.Purged || s.purged[st.ID] == st.Epoch {
			continue
		}
		s.purged[st.ID] = st.Epoch
		if err := s.send(topic.Handover, st.ID, &wire.Handover{Step: wire.Purged, Epoch: st.Epoch, Replica: s.db.Replica()}); err != nil {
			return err
		}
	}
	return nil
}
