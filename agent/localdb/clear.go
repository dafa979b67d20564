package localdb

import (
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
func (d *DB) Clear() error {
	err := d.kv.Update(func(tx *kv.Tx) error {
		tx.Set(clearingKey, []byte{1})
		return nil
	})
	if err != nil {
		return err
	}
	return d.finishClear()
}

func (d *DB) finishClear() error {
	_, entries := d.kv.Limit()
	for more := true; more; {
		more = false
		err := d.kv.Update(func(tx *kv.Tx) error {
			n := int64(0)
			return tx.Iterate(kv.Range{KeysOnly: true}, func(key, _ []byte) (bool, error) {
				if string(key) == string(clearingKey) || string(key) == string(replicaKey) {
					return true, nil
				}
				if n++; n > entries/2 {
					more = true
					return false, nil
				}
				tx.Delete(append([]byte(nil), key...))
				return true, nil
			})
		})
		if err != nil {
			return err
		}
	}
	replica := sitesync.NewReplicaID()
	err := d.kv.Update(func(tx *kv.Tx) error {
		tx.Set(replicaKey, replica[:])
		tx.Delete(clearingKey)
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.replica, d.stores = replica, map[sitesync.StoreID]*Store{}
	return nil
}
