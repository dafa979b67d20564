package localdb

import (
	"errors"
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
// that is new here, or in a new epoch, is loaded afresh; one that is listed as
// draining takes no more changes from this moment on; one that is no longer
// listed, or listed as released, becomes read-only and is kept, until it is
// purged and then not listed. at is the time by this device's clock. Each
// store's change stands for itself: after a crash some may be made and others
// not, until the hub assigns again.
func (d *DB) Assign(stores []wire.AssignedStore, at time.Time) error {
	listed := map[sitesync.StoreID]*wire.AssignedStore{}
	var ids []sitesync.StoreID
	for i := range stores {
		if listed[stores[i].Store] == nil {
			ids = append(ids, stores[i].Store)
		}
		listed[stores[i].Store] = &stores[i]
	}
	for _, s := range d.Stores() {
		if listed[s.ID] == nil {
			ids = append(ids, s.ID)
		}
	}
	err := d.edit(ids, func(s *Store) {
		if a := listed[s.ID]; a != nil {
			s.assign(a, at)
		} else {
			s.Quarantined = 0 // else it would be listed
			s.release("", at)
		}
	})
	for _, s := range d.Stores() {
		if err == nil && s.Purged && listed[s.ID] == nil {
			err = d.drop(s.ID)
		}
	}
	return err
}

// edit changes stores, or makes them, in as many transactions as it takes. fn
// leaves a store as it is to have it not written.
func (d *DB) edit(ids []sitesync.StoreID, fn func(*Store)) error {
	for len(ids) > 0 {
		var place uint64
		var changed []*Store
		done := 0
		err := d.kv.Update(func(tx *kv.Tx) (err error) {
			if changed, done, err = d.editSome(tx, ids, fn); err == nil && len(changed) > 0 {
				place = d.feed.reserve()
			}
			return err
		})
		if d.publish(place, err, changed, []Event{{Kind: EventPhase}}); err != nil {
			return err
		}
		ids = ids[done:]
	}
	return nil
}

// editSome changes as many of the stores as one transaction takes.
func (d *DB) editSome(tx *kv.Tx, ids []sitesync.StoreID, fn func(*Store)) (changed []*Store, done int, err error) {
	if d.clearing.Load() {
		return nil, 0, errors.New("localdb: stores cannot be assigned while everything is cleared")
	}
	room, _ := d.kv.Limit()
	for _, id := range ids {
		s, ok, err := readStore(tx, id)
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			s = &Store{ID: id}
		}
		before := s.clone()
		if fn(s); !reflect.DeepEqual(before, s.clone()) {
			key, value := storeKey(id), s.bytes()
			if room -= d.kv.Cost(len(key), len(value)); room < 0 && len(changed) > 0 {
				break
			}
			tx.Set(key, value)
			changed = append(changed, s)
		}
		done++
	}
	return changed, done, nil
}

// assign brings a store to what the hub says of it.
func (s *Store) assign(a *wire.AssignedStore, at time.Time) {
	s.Quarantined = a.Quarantined
	if a.Phase == sitesync.PhaseReleased {
		s.release(a.To, at)
		if a.OwnerActive && s.OwnerActive == nil && s.Epoch != 0 {
			since := sitesync.At(at)
			s.OwnerActive = &since
		}
		return
	}
	s.Code, s.Name, s.Tags, s.To = a.Code, a.Name, a.Tags, a.To
	if a.Epoch != s.Epoch {
		s.begin(a)
	}
	switch {
	case a.Phase != sitesync.PhaseLoading && s.Loaded != s.Epoch:
		s.confirm() // perhaps it is drained before it heard that it is active
	case a.Phase == sitesync.PhaseLoading && s.Loaded != s.Epoch && s.Resync == nil:
		s.Resync = &Resync{Epoch: s.Epoch, Total: a.Records}
	}
	if a.Phase != s.Phase {
		s.Phase, s.Since = a.Phase, sitesync.At(at)
	}
	s.Handover = a.Handover
}

// begin starts a new epoch. What waits of the former one stays queued, to be
// pushed first.
func (s *Store) begin(a *wire.AssignedStore) {
	if s.Outbox.Queued() > 0 {
		s.Past = append(s.Past, s.Outbox)
	} else {
		s.end(s.Outbox)
	}
	s.Epoch, s.Phase = a.Epoch, 0
	s.Outbox = Outbox{Epoch: a.Epoch}
	s.Resync = &Resync{Epoch: a.Epoch, Total: a.Records, Blank: s.Records == 0 && len(s.Past) == 0}
	s.Blocked, s.OwnerActive, s.Purged = nil, nil, false
}

// confirm takes the hub's word that the store is active here for its
// confirmation of the copy, if there is a complete one of this epoch. Without
// one the store stays read-only, since Loaded is another epoch.
func (s *Store) confirm() {
	if s.Resync != nil && s.Resync.Epoch == s.Epoch && s.Resync.Scanned {
		s.Loaded, s.Resync = s.Epoch, nil
	} else if s.Blocked == nil {
		s.Blocked = diverged(s.Code)
	}
}

// release makes a store read-only because another site has it. One that this
// device never had stays unknown.
func (s *Store) release(to string, at time.Time) {
	if s.Epoch == 0 {
		s.Quarantined = 0
		return
	}
	if s.Phase != sitesync.PhaseReleased {
		s.Phase, s.Since, s.Resync, s.Handover = sitesync.PhaseReleased, sitesync.At(at), nil, 0
	}
	if to != "" {
		s.To = to
	}
}
