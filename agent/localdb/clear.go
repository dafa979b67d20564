package localdb

import (
	"math"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// clearingKey stands while a Clear is under way, so that a crash in it is
// finished at the next start.
var clearingKey = []byte{'c'}

// Clear forgets everything: all stores, what waits to be sent, and the
// replica, of which there is a new one afterwards. It is for a device that
// changes over to another site; the caller has seen to it that nothing unsent
// is lost. No session may run.
func (d *DB) Clear() error { return d.ClearUnless(math.MaxUint64) }

// ClearUnless does as Clear, unless more than the given number of changes
// waits: one that the application writes while the caller looks is not lost.
// Errors: unsent.
func (d *DB) ClearUnless(unsent uint64) error {
	var place uint64
	err := d.kv.Update(func(tx *kv.Tx) error {
		stores, err := readStores(tx)
		if err != nil {
			return err
		}
		var waits uint64
		for i := range stores {
			waits += stores[i].Queued()
		}
		if waits > unsent {
			return sitesync.Errorf(sitesync.CodeUnsent, "let them be sent, or export them", "%d changes have not been sent", waits)
		}
		tx.Set(clearingKey, []byte{1})
		d.clearing.Store(true) // from here on no store takes changes
		place = d.feed.reserve()
		return nil
	})
	if place != 0 {
		d.feed.take(place, func() { d.forget(err) })
	}
	if err != nil {
		return err
	}
	return d.finishClear()
}

// forget shows that there are no stores any more, or, where the transaction
// failed, takes the Clear back.
func (d *DB) forget(failed error) {
	if failed != nil {
		d.clearing.Store(false)
		return
	}
	d.mu.Lock()
	gone := d.stores
	d.stores = map[sitesync.StoreID]*Store{}
	d.mu.Unlock()
	for id := range gone {
		d.feed.tell(id, []Event{{Kind: EventPhase}})
	}
}

// finishClear removes what is left and ends the Clear.
func (d *DB) finishClear() error {
	var from []byte
	for more := true; more; {
		err := d.kv.Update(func(tx *kv.Tx) (err error) {
			from, more, err = d.clearSome(tx, from)
			return err
		})
		if err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.stores = map[sitesync.StoreID]*Store{} // those of a Clear that the start finishes
	d.mu.Unlock()
	return d.renew()
}

// clearSome deletes the keys from one on, as many as one transaction takes. It
// gives the key to go on from, so that nobody reads over what is deleted.
func (d *DB) clearSome(tx *kv.Tx, from []byte) (next []byte, more bool, err error) {
	bytes, entries := d.kv.Limit()
	err = tx.Iterate(kv.Range{From: from, KeysOnly: true}, func(key, _ []byte) (bool, error) {
		if string(key) == string(clearingKey) || string(key) == string(replicaKey) {
			return true, nil
		}
		key = append([]byte(nil), key...)
		bytes -= d.kv.Cost(len(key), 0)
		if entries--; bytes < 0 || entries < 0 {
			next, more = key, true
			return false, nil
		}
		tx.Delete(key)
		return true, nil
	})
	return next, more, err
}
