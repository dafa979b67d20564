package engine

import (
	"errors"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// loading is the full-data delivery of a store in this session. There is one at
// a time, so that the first stores can be worked with soon.
type loading struct {
	store   sitesync.StoreID
	epoch   sitesync.Epoch
	stream  uint32
	began   time.Time
	credit  uint64 // allowed so far
	arrived uint64 // bytes so far
}

// isLoading reports whether a store is being delivered and not all is here.
func isLoading(st *localdb.Store) bool {
	return st.Phase == sitesync.PhaseLoading && st.Resync != nil && !st.Resync.Scanned
}

// startLoads follows an assignment: it ends what is over, and begins or goes on
// with what is not.
func (s *session) startLoads() error {
	scanned := false
	for _, st := range s.db.Stores() {
		if l := s.load; l != nil && l.store == st.ID && !(isLoading(&st) && l.epoch == st.Epoch) {
			s.load = nil
		}
		if s.load == nil || s.load.store != st.ID {
			s.waits.done(request{topic.ResyncRequest, st.ID}) // what was gone may be there now
		}
		if isScanned(&st) {
			scanned = true
		} else {
			s.waits.done(request{topic.Handover, st.ID})
		}
	}
	if scanned {
		if err := s.startPull(); err != nil {
			return err
		}
	}
	return s.loadNext()
}

// loadNext begins the delivery of the next store, if none is under way: one
// that is half here before the others, and small ones before large ones. One
// that the hub could not deliver has a time of its own.
func (s *session) loadNext() error {
	if s.load != nil {
		return nil
	}
	var next *localdb.Store
	for _, st := range s.db.Stores() {
		if !isLoading(&st) || s.isHeld(st.ID) || s.waits[request{topic.ResyncRequest, st.ID}] != nil {
			continue
		}
		if next == nil || goesBefore(st.Resync, next.Resync) {
			next = &st
		}
	}
	if next == nil {
		return nil
	}
	return s.beginLoad(next)
}

func goesBefore(a, b *localdb.Resync) bool {
	if begun := !a.After.IsZero(); begun != !b.After.IsZero() {
		return begun
	}
	return a.Total < b.Total
}

// beginLoad begins a stream where the database stands.
func (s *session) beginLoad(st *localdb.Store) error {
	s.stream++
	s.load = &loading{store: st.ID, epoch: st.Epoch, stream: s.stream, began: time.Now()}
	return s.loadOn(st)
}

// loadOn gives the stream more credit.
func (s *session) loadOn(st *localdb.Store) error {
	l := s.load
	l.credit = l.arrived + s.pace.credit(s.limits.CreditBytes)
	s.waits.expect(request{topic.ResyncRequest, st.ID}, time.Now().Add(s.downTimeout(l.credit-l.arrived)),
		func() error { return s.loadAgain(st.ID) })
	return s.send(topic.ResyncRequest, st.ID, &wire.ResyncRequest{Epoch: l.epoch, Stream: l.stream, Credit: l.credit,
		After: st.Resync.After, Head: st.Resync.Head, Records: st.Resync.Records})
}

// loadAgain begins another stream in place of the one that does not go on.
func (s *session) loadAgain(store sitesync.StoreID) error {
	if st, _ := s.db.Store(store); isLoading(&st) {
		return s.beginLoad(&st)
	}
	return s.endLoad(store)
}

// loadAnew begins the delivery from the beginning: what has arrived is not what
// the hub has.
func (s *session) loadAnew(store sitesync.StoreID) error {
	delete(s.pulled, store)
	s.waits.done(request{topic.Handover, store})
	if err := s.db.RestartResync(store); err != nil {
		return err
	}
	return s.endLoad(store)
}

// endLoad ends a delivery, and begins the next.
func (s *session) endLoad(store sitesync.StoreID) error {
	s.waits.done(request{topic.ResyncRequest, store})
	if s.load != nil && s.load.store == store {
		s.load = nil
	}
	return s.loadNext()
}

// resync takes a message of a delivery.
func (s *session) resync(m *message) error {
	h, err := wire.ParseHeader(m.payload)
	if err == nil && wire.IsManifest(h) {
		return take(s, m, func(store sitesync.StoreID, manifest *wire.Manifest) error { return s.manifest(store, manifest, m) })
	}
	return take(s, m, func(store sitesync.StoreID, chunk *wire.Chunk) error { return s.chunk(store, chunk, m) })
}

// loads finds the delivery that a message is a part of, nil when that is over,
// and takes note of the message.
func (s *session) loads(store sitesync.StoreID, stream uint32, spent uint64, m *message) *loading {
	l := s.load
	if l == nil || l.store != store || l.stream != stream {
		return nil
	}
	s.pace.arrived(l.began, m.at, len(m.payload))
	l.arrived = spent + uint64(len(m.payload))
	return l
}

func (s *session) manifest(store sitesync.StoreID, c *wire.Manifest, m *message) error {
	l := s.loads(store, c.Stream, c.Spent, m)
	if l == nil {
		return nil
	}
	switch err := s.db.BeginResync(store, c); {
	case errors.Is(err, localdb.ErrStale):
		return nil // the epoch is over; an assignment says what comes next
	case err != nil:
		return err
	}
	return s.loadMore(l)
}

// loadMore gives more credit when it is time to.
func (s *session) loadMore(l *loading) error {
	st, _ := s.db.Store(l.store)
	if !isLoading(&st) || !s.runsOut(l.credit, l.arrived) {
		return nil
	}
	return s.loadOn(&st)
}

// chunk takes a part of the store in. More credit goes out first, so that the
// hub sends on while the chunk is written.
func (s *session) chunk(store sitesync.StoreID, c *wire.Chunk, m *message) error {
	if c.Gone {
		return s.gone(store, c)
	}
	l := s.loads(store, c.Stream, c.Spent, m)
	if l == nil {
		return nil
	}
	r := request{topic.ResyncRequest, store}
	if !c.Last {
		if err := s.loadMore(l); err != nil {
			return err
		}
	}
	switch err := s.db.ApplyChunk(store, c); {
	case errors.Is(err, localdb.ErrStale):
		s.engine.Log.Debug("a chunk does not fit", "store", store)
		return s.askAgain(r)
	case err != nil:
		return err
	}
	s.engine.loadedSome(store, l.began, uint64(len(c.Records)))
	if !c.Last {
		s.waits.progress(r, time.Now().Add(s.downTimeout(l.credit-min(l.credit, l.arrived))))
		return nil
	}
	return errors.Join(s.startPull(), s.endLoad(store)) // the log from the manifest's head is still to come
}

// gone deals with a delivery that the hub does not go on with. Without a stream
// it says that what arrived is not what it has. Else it is over, and the next
// assignment says so; or its beginning is no longer known, and another try gets
// a new one.
func (s *session) gone(store sitesync.StoreID, c *wire.Chunk) error {
	st, _ := s.db.Store(store)
	if c.Stream == 0 && isScanned(&st) && st.Epoch == c.Epoch {
		return s.loadAnew(store)
	}
	if l := s.load; l == nil || l.store != store || l.stream != c.Stream {
		return nil
	}
	s.load = nil
	r := request{topic.ResyncRequest, store}
	if w := s.waits[r]; w != nil && w.tries+1 >= maxTries {
		return errors.Join(s.heldByHub(store), s.loadNext())
	}
	s.waits.expect(r, time.Now().Add(s.engine.Timings.RequestTimeout), func() error {
		if err := s.db.RestartResync(store); err != nil {
			return err
		}
		return s.loadAgain(store)
	})
	return s.loadNext()
}

// finishLoads reports every store that has arrived whole.
func (s *session) finishLoads() error {
	for _, st := range s.db.Stores() {
		if err := s.finishLoad(&st); err != nil {
			return err
		}
	}
	return nil
}

// finishLoad reports a store as loaded once all of it is here, a pull has shown
// so, and nothing of it waits to be sent: then its digest must be the hub's.
func (s *session) finishLoad(st *localdb.Store) error {
	if !isScanned(st) || s.pulled[st.ID] != st.Epoch || st.Queued() > 0 || s.isHeld(st.ID) {
		return nil
	}
	// Where the hub does not say that the store is active, its log may have
	// moved on: pull, and report again.
	s.waits.expect(request{topic.Handover, st.ID}, time.Now().Add(s.upTimeout(0)), s.startPull)
	return s.send(topic.Handover, st.ID, &wire.Handover{Step: wire.Loaded, Handover: st.Handover, Epoch: st.Epoch,
		Replica: s.db.Replica(), Digest: st.Digest, Cursor: st.Cursor})
}
