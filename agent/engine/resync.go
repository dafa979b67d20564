package engine

import (
	"errors"
	"fmt"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// loading is the full-data delivery of a store in this session.
type loading struct {
	epoch   sitesync.Epoch
	stream  uint32
	credit  uint64 // allowed so far
	arrived uint64 // bytes so far
}

// startLoads begins, or goes on with, the delivery of every store that is
// being loaded.
func (s *session) startLoads() error {
	for _, st := range s.engine.DB.Stores() {
		if st.Phase != sitesync.PhaseLoading || st.Resync == nil {
			delete(s.loads, st.ID)
			s.done(waitKey("resync", st.ID))
			s.done(waitKey("loaded", st.ID))
			continue
		}
		if l := s.loads[st.ID]; l != nil && l.epoch == st.Epoch {
			continue
		}
		if st.Resync.Scanned {
			s.loads[st.ID] = &loading{epoch: st.Epoch}
			if err := s.startPull(); err != nil {
				return err
			}
			continue
		}
		if err := s.load(&st); err != nil {
			return err
		}
	}
	return nil
}

// load begins a stream where the database stands.
func (s *session) load(st *localdb.Store) error {
	s.stream++
	s.loads[st.ID] = &loading{epoch: st.Epoch, stream: s.stream}
	return s.loadOn(st)
}

// loadOn gives the stream more credit.
func (s *session) loadOn(st *localdb.Store) error {
	l := s.loads[st.ID]
	l.credit = l.arrived + s.pace.credit(uint64(s.limits.CreditBytes))
	m := &wire.ResyncRequest{Epoch: l.epoch, Stream: l.stream, Credit: l.credit, After: st.Resync.After, Head: st.Resync.Head}
	bytes, err := s.send(topic.Topic{Kind: topic.ResyncRequest}, st.ID, m)
	s.expect(waitKey("resync", st.ID), bytes, func() error { return s.loadAnew(st.ID) })
	return err
}

// loadAnew begins a new stream, for instance after a gap.
func (s *session) loadAnew(store sitesync.StoreID) error {
	st, ok := s.engine.DB.Store(store)
	if !ok || st.Resync == nil || st.Resync.Scanned {
		return nil
	}
	return s.load(&st)
}

func (s *session) handleResync(h wire.Header, m *message) error {
	switch {
	case wire.IsManifest(h):
		return handle(m, s.manifest)
	case wire.IsChunk(h):
		return handle(m, s.chunk)
	}
	return fmt.Errorf("a message of the hub: a %v on a resync topic", h.Kind)
}

func (s *session) manifest(store sitesync.StoreID, m *wire.Manifest) error {
	l := s.loads[store]
	if l == nil || l.stream != m.Stream {
		return nil
	}
	s.progress(waitKey("resync", store))
	l.arrived = m.Spent + s.lastBytes
	err := s.engine.DB.BeginResync(store, m)
	if errors.Is(err, localdb.ErrStale) {
		return nil // the epoch is over; an assignment says what comes next
	}
	return err
}

// chunk takes a part of the store in. More credit goes out first, so that the
// hub sends on while the chunk is written.
func (s *session) chunk(store sitesync.StoreID, m *wire.Chunk) error {
	l := s.loads[store]
	if l == nil || l.epoch != m.Epoch {
		return nil
	}
	if m.Gone {
		return s.gone(store, l, m)
	}
	if l.stream != m.Stream {
		return nil
	}
	key := waitKey("resync", store)
	s.progress(key)
	l.arrived = m.Spent + s.lastBytes
	st, _ := s.engine.DB.Store(store)
	if !m.Last && st.Resync != nil && l.credit-min(l.credit, l.arrived) < s.pace.credit(uint64(s.limits.CreditBytes))/2 {
		if err := s.loadOn(&st); err != nil {
			return err
		}
	}
	err := s.engine.DB.ApplyChunk(store, m)
	if errors.Is(err, localdb.ErrStale) {
		return s.loadAnew(store)
	}
	if err != nil || !m.Last {
		return err
	}
	s.done(key)
	return s.startPull() // then the log from the manifest's head
}

// gone deals with a delivery that the hub does not go on with. Without a
// stream it says that what arrived is not what it has.
func (s *session) gone(store sitesync.StoreID, l *loading, m *wire.Chunk) error {
	s.done(waitKey("loaded", store))
	if m.Stream == 0 {
		if err := s.engine.DB.RestartResync(store); err != nil {
			return err
		}
		return s.loadAnew(store)
	}
	if l.stream == m.Stream { // wait for the next assignment, or ask once more later
		s.expect(waitKey("resync", store), 0, func() error { return s.restart(store) })
	}
	return nil
}

func (s *session) restart(store sitesync.StoreID) error {
	if err := s.engine.DB.RestartResync(store); err != nil {
		return err
	}
	return s.loadAnew(store)
}

// finishLoads reports every store that has arrived whole.
func (s *session) finishLoads() error {
	for store := range s.loads {
		if err := s.finishLoad(store); err != nil {
			return err
		}
	}
	return nil
}

// finishLoad reports a store as loaded once all of it is here and nothing of
// it waits to be sent: then its digest must be the hub's.
func (s *session) finishLoad(store sitesync.StoreID) error {
	l := s.loads[store]
	st, ok := s.engine.DB.Store(store)
	if l == nil || !ok || st.Phase != sitesync.PhaseLoading || st.Resync == nil || !st.Resync.Scanned ||
		st.Queued() > 0 || s.pull != nil {
		return nil
	}
	m := &wire.Handover{Step: wire.Loaded, Handover: st.Handover, Epoch: st.Epoch, Replica: s.engine.DB.Replica(),
		Digest: st.Digest, Cursor: st.Cursor}
	bytes, err := s.send(topic.Topic{Kind: topic.Handover}, store, m)
	s.expect(waitKey("loaded", store), bytes, s.startPull) // not at the head perhaps: pull, then report again
	return err
}
