package engine

import (
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// assignment is one that is arriving, or the last that arrived.
type assignment struct {
	version uint64
	pages   uint32 // so far
	stores  []wire.AssignedStore
	applied uint64 // version of the last one that was taken over whole
}

// assign takes a page of an assignment; the last one puts it into effect. Only
// what the welcome says of a store's history is sure to be no older than what
// this device knows: what follows may cross with receipts.
func (s *session) assign(a *wire.Assignment, welcome bool) error {
	known := &s.assignment
	switch {
	case a.Version < known.version:
		return nil // a newer one has overtaken it
	case a.Page == 0:
		*known = assignment{version: a.Version, applied: known.applied}
	case a.Version != known.version || a.Page != known.pages:
		return nil
	}
	known.stores, known.pages = append(known.stores, a.Stores...), known.pages+1
	if known.pages < a.Pages {
		return nil
	}
	stores := known.stores
	known.stores = nil
	if err := s.takeOver(stores, a.Lease, welcome); err != nil {
		return err
	}
	known.applied = a.Version
	s.watchDrains()
	for i := range stores {
		a := &stores[i]
		if epoch, held := s.held[a.Store]; held && epoch != a.Epoch {
			return errAgain // a hold is for a session, and this one may be over
		}
		if err := s.compare(a, welcome); err != nil {
			return err
		}
	}
	if s.inStep {
		if err := s.letAllGo(); err != nil {
			return err
		}
	}
	return s.startLoads()
}

// takeOver makes an assignment durable: first what this device may not write
// any more, and only then for how long it may write the rest. A lease that is
// over keeps it from writing in a store that was taken from it; were it renewed
// first, a crash in between would let it.
func (s *session) takeOver(stores []wire.AssignedStore, lease time.Duration, welcome bool) error {
	if err := s.db.Assign(stores, time.Now()); err != nil {
		return err
	}
	if err := s.db.SetLease(lease); err != nil || !welcome {
		return err
	}
	return s.db.Contact(s.asked)
}

// compare holds what the hub has settled against the own history.
func (s *session) compare(a *wire.AssignedStore, welcome bool) error {
	if a.Phase == sitesync.PhaseReleased {
		return nil
	}
	verdict, err := s.db.Compare(a.Store, a.Epoch, a.Settled, a.Chain)
	if err != nil || verdict == localdb.HubBehind && !welcome {
		return err
	}
	return s.judge(a.Store, verdict)
}
