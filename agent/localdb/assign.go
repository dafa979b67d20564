package localdb

import (
	"reflect"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// diverged is the problem of a store that the hub holds for active here while
// this data directory was never confirmed to have it whole.
func diverged(code string) *sitesync.Problem {
	return &sitesync.Problem{Code: sitesync.ProblemDiverged,
		Message: "The hub takes this device for the writer of store " + code + ", but this data directory has no confirmed copy of it; perhaps it was restored from a backup.",
		Next:    "Ask the hub's operator to reset this site's device."}
}

// Assign takes over the whole list of the site's stores from the hub. A store
// that is new here, or in a new epoch, is loaded afresh; one that is no longer
// listed becomes read-only and is kept. at is the time by this device's clock.
func (d *DB) Assign(stores []wire.AssignedStore, at time.Time) error {
	var place uint64
	var changed []*Store
	err := d.kv.Update(func(tx *kv.Tx) error {
		changed = nil
		listed := map[sitesync.StoreID]bool{}
		for i := range stores {
			a := &stores[i]
			listed[a.Store] = true
			s, ok, err := readStore(tx, a.Store)
			if err != nil {
				return err
			}
			if !ok {
				s = &Store{ID: a.Store}
			}
			before := s.clone()
			if s.assign(a, at); !reflect.DeepEqual(before, s.clone()) {
				writeStore(tx, s)
				changed = append(changed, s)
			}
		}
		for _, known := range d.Stores() {
			if listed[known.ID] || known.Phase == sitesync.PhaseReleased {
				continue
			}
			s, _, err := readStore(tx, known.ID)
			if err != nil {
				return err
			}
			s.release("", at)
			writeStore(tx, s)
			changed = append(changed, s)
		}
		if len(changed) > 0 {
			place = d.feed.reserve()
		}
		return nil
	})
	d.publish(place, err, changed, []Event{{Kind: EventPhase}})
	return err
}

// assign brings a store to what the hub says of it.
func (s *Store) assign(a *wire.AssignedStore, at time.Time) {
	s.Code, s.Name, s.Tags, s.To = a.Code, a.Name, a.Tags, a.To
	if a.Epoch != s.Epoch {
		s.begin(a)
	}
	phase := a.Phase
	if phase == sitesync.PhaseActive && s.Loaded != s.Epoch {
		phase = s.confirm()
	}
	if phase != s.Phase {
		s.Phase, s.Since = phase, sitesync.At(at)
	}
	s.Handover = a.Handover
}

// begin starts a new epoch. What waits of the former one stays queued, to be
// pushed first.
func (s *Store) begin(a *wire.AssignedStore) {
	if s.Outbox.Queued() > 0 {
		s.Past = append(s.Past, s.Outbox)
	}
	s.Epoch, s.Phase = a.Epoch, 0
	s.Outbox = Outbox{Epoch: a.Epoch}
	s.Resync = &Resync{Epoch: a.Epoch, Total: a.Records, Blank: s.Records == 0 && len(s.Past) == 0}
	s.Blocked = nil
}

// confirm takes the hub's word that the store is active here for its
// confirmation of the copy, if there is a complete one of this epoch.
func (s *Store) confirm() sitesync.Phase {
	if s.Resync != nil && s.Resync.Epoch == s.Epoch && s.Resync.Scanned {
		s.Loaded, s.Resync = s.Epoch, nil
		return sitesync.PhaseActive
	}
	if s.Blocked == nil {
		s.Blocked = diverged(s.Code)
	}
	return sitesync.PhaseActive // and not writable: Loaded is another epoch
}

// release makes a store read-only because another site has it.
func (s *Store) release(to string, at time.Time) {
	s.Phase, s.Since, s.To, s.Resync, s.Handover = sitesync.PhaseReleased, sitesync.At(at), to, nil, 0
}
