package records

import (
	"encoding/binary"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// endedHandover is a handover that has ended, on disk.
type endedHandover struct {
	Format int `json:"format"`
	sitesync.Handover
}

// file keeps the handovers that ended with a transition, and makes the one that
// is under way from now on known by its ID.
func file(tx *kv.Tx, m, next *Meta, ended []sitesync.Handover) {
	for _, h := range ended {
		putJSON(tx, handoverKey(next.Store, h.ID), endedHandover{Format: MetaFormat, Handover: h})
		tx.Set(handoverIndexKey(h.ID), storeValue(next.Store))
	}
	if h := next.Handover; h != nil && (m.Handover == nil || m.Handover.ID != h.ID) {
		tx.Set(handoverIndexKey(h.ID), storeValue(next.Store))
	}
}

func storeValue(store sitesync.StoreID) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(store))
}

// Handover implements State.
func (d *DB) Handover(id uint64) (h sitesync.Handover, ok bool, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		value, known, err := tx.Get(handoverIndexKey(id))
		if err != nil || !known {
			return err
		}
		h, ok, err = handoverOf(tx, value, id)
		return err
	})
	return h, ok, err
}

// handoverOf finds a handover of the store that the index names.
func handoverOf(tx *kv.Tx, place []byte, id uint64) (h sitesync.Handover, ok bool, err error) {
	store := sitesync.StoreID(binary.BigEndian.Uint64(place))
	var kept endedHandover
	if ok, err = getJSON(tx, handoverKey(store, id), &kept); ok || err != nil {
		return kept.Handover, ok, err
	}
	m, _, err := meta(tx, store)
	if err != nil || m.Handover == nil || m.Handover.ID != id {
		return h, false, err
	}
	return *m.Handover, true, nil
}

// Handovers implements State. Those of one store are found among all: a store
// has few, and nobody asks for them often.
func (d *DB) Handovers(store sitesync.StoreID, before uint64, fn func(sitesync.Handover) (bool, error)) error {
	if before == 0 {
		before = 1<<64 - 1
	}
	r := kv.Range{Prefix: handoverIndex, From: handoverIndexKey(before - 1), Reverse: true}
	return d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, place []byte) (bool, error) {
			if store != 0 && sitesync.StoreID(binary.BigEndian.Uint64(place)) != store {
				return true, nil
			}
			h, ok, err := handoverOf(tx, place, binary.BigEndian.Uint64(key[1:]))
			if err != nil || !ok {
				return err == nil, err // a cancelled retarget may leave an ID that never began
			}
			return fn(h)
		})
	})
}
