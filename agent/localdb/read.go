package localdb

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Record is a record as the application reads it.
type Record struct {
	Key  wire.Key
	Data []byte
	N    uint64 // of its last change made here, 0 when it came from the hub

	Changed time.Time // when this device's copy changed, by its clock
}

func (r record) shown(key wire.Key) Record {
	return Record{Key: key, Data: r.data, N: r.n, Changed: time.UnixMilli(int64(r.changed)).UTC()}
}

// Get reads a record. Errors: not_found.
func (d *DB) Get(store sitesync.StoreID, key wire.Key) (out Record, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		value, ok, err := tx.Get(recordKey(store, key))
		if err != nil {
			return err
		}
		r, err := record{}, error(nil)
		if ok {
			r, err = parseRecord(value)
		}
		if err == nil && !r.live() {
			err = sitesync.Errorf(sitesync.CodeNotFound, "list the table to see its records", "there is no record %q in table %q", key.ID, key.Table)
		}
		out = r.shown(key)
		return err
	})
	return out, err
}

// List calls fn for the records of a table after an ID, in the order of IDs,
// until fn returns false. The record's data is valid during the call alone.
func (d *DB) List(store sitesync.StoreID, table, after string, fn func(Record) bool) error {
	prefix := recordKey(store, wire.Key{Table: table})
	r := kv.Range{Prefix: prefix, Prefetch: 100}
	if after != "" {
		r.From = append(recordKey(store, wire.Key{Table: table, ID: after}), 0) // the next possible key
	}
	return d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, value []byte) (bool, error) {
			rec, err := parseRecord(value)
			if err != nil || !rec.live() {
				return err == nil, err
			}
			k, err := splitRecordKey(key)
			if err != nil {
				return false, err
			}
			return fn(rec.shown(k)), nil
		})
	})
}
