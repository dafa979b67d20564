package records

import (
	"encoding/binary"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// sweepBatch bounds one transaction of Sweep.
const sweepBatch = 1000

// Sweep implements State. The floor is raised in the transaction that removes,
// so that no reader can have a cursor above the floor and miss a delete.
func (d *DB) Sweep(store sitesync.StoreID, before time.Time) (removed int, err error) {
	var gone []oldTombstone
	find := func(tx *kv.Tx) (m Meta, err error) {
		m, ok, err := meta(tx, store)
		if err == nil && ok {
			gone, err = oldTombstones(tx, &m, before)
		}
		return m, err
	}
	// Mostly there is nothing to do, which needs no turn among the writers.
	err = d.kv.View(func(tx *kv.Tx) error { _, err := find(tx); return err })
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	err = d.kv.Update(func(tx *kv.Tx) error {
		m, err := find(tx)
		if err != nil || len(gone) == 0 {
			return err
		}
		for _, t := range gone {
			tx.Delete(recordKey(store, t.key))
			tx.Delete(logKey(store, t.seq))
			tx.Delete(tombstoneKey(store, t.seq))
			m.Floor = max(m.Floor, t.seq)
		}
		putMeta(tx, &m)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(gone), nil
}

type oldTombstone struct {
	seq uint64
	key wire.Key
}

// oldTombstones finds the oldest tombstones of a store. They are in the order
// of the log and so nearly in that of time: the first that is young ends the
// search.
func oldTombstones(tx *kv.Tx, m *Meta, before time.Time) (found []oldTombstone, err error) {
	err = tx.Iterate(kv.Range{Prefix: storeKey(m.Store, tombstoneKind, 0)}, func(key, value []byte) (bool, error) {
		seq := binary.BigEndian.Uint64(key[len(key)-8:])
		if m.Phase == sitesync.PhaseLoading && seq > m.Pin {
			return false, nil // the resync under way still has to read it
		}
		t, err := parseTombstone(value)
		if err != nil || t.changed >= before.UnixMilli() {
			return false, err
		}
		found = append(found, oldTombstone{seq: seq, key: t.key})
		return len(found) < sweepBatch, nil
	})
	return found, err
}
