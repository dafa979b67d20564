package records

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// dropped marks a store whose records are still to be taken off the disk.
type dropped struct {
	Format int           `json:"format"`
	At     sitesync.Time `json:"at"`
}

// Drop implements State. With its meta the store is gone for everybody; what it
// held, which may take long, goes by and by, see Reclaim.
func (d *DB) Drop(store sitesync.StoreID, from uint64, at time.Time) error {
	return d.kv.Update(func(tx *kv.Tx) error {
		m, ok, err := meta(tx, store)
		switch {
		case err != nil:
			return err
		case !ok || m.Version != from:
			return ErrConflict
		case m.Owner != sitesync.CentralSite || m.Phase != sitesync.PhaseActive:
			return sitesync.Errorf(sitesync.CodeInUse, "move it to the central site first", "store %d is not active at the central site", store).WithField("store")
		}
		tx.Delete(metaKey(store))
		putJSON(tx, droppedKey(store), dropped{Format: MetaFormat, At: sitesync.At(at)})
		return nil
	})
}

// Reclaim implements State.
func (d *DB) Reclaim(limit int) (removed int, err error) {
	var store sitesync.StoreID
	var keys [][]byte
	err = d.kv.View(func(tx *kv.Tx) error {
		var ok bool
		if store, ok, err = firstDropped(tx); err != nil || !ok {
			return err
		}
		keys, err = contents(tx, store, limit)
		return err
	})
	if err != nil || store == 0 {
		return 0, err
	}
	err = d.kv.Update(func(tx *kv.Tx) error {
		for _, key := range keys {
			tx.Delete(key)
		}
		if len(keys) < limit { // nothing writes in a store without a meta
			tx.Delete(droppedKey(store))
		}
		return nil
	})
	return max(len(keys), 1), err
}

func firstDropped(tx *kv.Tx) (store sitesync.StoreID, ok bool, err error) {
	err = tx.Iterate(kv.Range{Prefix: droppedPrefix, KeysOnly: true}, func(key, _ []byte) (bool, error) {
		for _, b := range key[1:] {
			store = store<<8 | sitesync.StoreID(b)
		}
		ok = true
		return false, nil
	})
	return store, ok, err
}

// contents lists keys of what a store holds: records, log and tombstones. What
// origins settled stays, so that a late batch is still recognised; so do
// quarantine, on which somebody has to decide, and the history of handovers.
func contents(tx *kv.Tx, store sitesync.StoreID, limit int) (keys [][]byte, err error) {
	for _, kind := range []byte{recordKind, logKind, tombstoneKind} {
		r := kv.Range{Prefix: storeKey(store, kind, 0), KeysOnly: true}
		err := tx.Iterate(r, func(key, _ []byte) (bool, error) {
			if len(keys) == limit {
				return false, nil
			}
			keys = append(keys, append([]byte(nil), key...))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
