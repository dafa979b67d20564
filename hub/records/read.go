package records

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func newLogID() (id wire.LogID) {
	rand.Read(id[:])
	return id
}

// scanned bounds how many log entries one call of Changes looks at, so that a
// reader whose filter leaves everything out does not hold a snapshot for long.
const scanned = 20_000

// Changes implements State.
func (d *DB) Changes(store sitesync.StoreID, from wire.Cursor, f Filter, l Limit) (p Page, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		m, ok, err := meta(tx, store)
		switch {
		case err != nil:
			return err
		case !ok:
			return noStore(store)
		case !from.IsZero() && from.Log != m.Log:
			p = Page{Reset: true, Cursor: from}
			return nil
		case from.Seq > m.Seq:
			p = Page{Ahead: true, Cursor: from}
			return nil
		case f.Own == m.Epoch && from.Seq >= m.Foreign:
			// All that is new is the reader's own, its own deletes too: those
			// it knows, wherever the floor is by now.
			p = Page{Cursor: m.Head()}
			return nil
		case from.Seq < m.Floor:
			// The beginning too: of a reader who pages on from there nobody
			// knows any more what it has seen of the records since deleted.
			p = Page{Reset: true, Cursor: from}
			return nil
		}
		p, err = changes(tx, &m, from.Seq, f, l)
		return err
	})
	return p, err
}

func changes(tx *kv.Tx, m *Meta, after uint64, f Filter, l Limit) (Page, error) {
	p := Page{Cursor: wire.Cursor{Log: m.Log, Seq: after}}
	seen, size := 0, 0
	r := kv.Range{Prefix: storeKey(m.Store, logKind, 0), From: logKey(m.Store, after+1), Prefetch: 100}
	err := tx.Iterate(r, func(key, value []byte) (bool, error) {
		e, err := parseEntry(value)
		if err != nil {
			return false, err
		}
		if seen++; seen > scanned || len(p.Changes) > 0 && (len(p.Changes) >= l.Records || size >= l.Bytes) {
			p.More = true
			return false, nil
		}
		p.Cursor.Seq = binary.BigEndian.Uint64(key[len(key)-8:])
		if e.epoch != 0 && e.epoch == f.Own {
			return true, nil
		}
		c := sitesync.Change{Op: e.op, Table: e.key.Table, ID: e.key.ID}
		if e.op == sitesync.OpPut {
			value, _, err := tx.Get(recordKey(m.Store, e.key))
			if err != nil {
				return false, err
			}
			rec, err := parseRecord(value)
			if err != nil {
				return false, err
			}
			c.Data = rec.data
		}
		p.Changes = append(p.Changes, c)
		size += c.Size()
		return true, nil
	})
	if !p.More {
		p.Cursor = m.Head()
	}
	return p, err
}

// Scan implements State.
func (d *DB) Scan(store sitesync.StoreID, after wire.Key, l Limit) (p ScanPage, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		size := 0
		p.Last = true
		return scan(tx, store, "", after, func(k wire.Key, r record) (bool, error) {
			if len(p.Records) > 0 && (len(p.Records) >= l.Records || size+len(r.data) > l.Bytes) {
				p.Last = false
				return false, nil
			}
			c := sitesync.Change{Op: sitesync.OpPut, Table: k.Table, ID: k.ID, Data: append([]byte(nil), r.data...)}
			p.Records, p.Through = append(p.Records, c), k
			size += c.Size()
			return true, nil
		})
	})
	return p, err
}

// scan calls fn for the live records after a key, of one table or of all. The
// record's data is valid during the call alone.
func scan(tx *kv.Tx, store sitesync.StoreID, table string, after wire.Key, fn func(wire.Key, record) (bool, error)) error {
	r := kv.Range{Prefix: storeKey(store, recordKind, 0), Prefetch: 100}
	if table != "" {
		r.Prefix = append(append(r.Prefix, table...), 0)
	}
	if !after.IsZero() {
		r.From = append(recordKey(store, after), 0) // the next possible key
	}
	return tx.Iterate(r, func(key, value []byte) (bool, error) {
		rec, err := parseRecord(value)
		if err != nil || !rec.live() {
			return err == nil, err
		}
		k, err := splitRecordKey(key)
		if err != nil {
			return false, err
		}
		return fn(k, rec)
	})
}

// Get implements State.
func (d *DB) Get(store sitesync.StoreID, key wire.Key) (out sitesync.Record, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		w := newWriter(tx, Meta{}, store, time.Time{})
		r, ok, err := w.record(key)
		if err != nil {
			return err
		}
		if !ok || !r.live() {
			return sitesync.Errorf(sitesync.CodeNotFound, "list the table's records with record.list", "there is no record %q in table %q", key.ID, key.Table).WithField("record")
		}
		out = r.shape(store, key)
		return nil
	})
	return out, err
}

// List implements State.
func (d *DB) List(store sitesync.StoreID, table string, after wire.Key, limit int) (out []sitesync.Record, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		return scan(tx, store, table, after, func(k wire.Key, r record) (bool, error) {
			if len(out) == limit {
				return false, nil
			}
			r.data = append([]byte(nil), r.data...)
			out = append(out, r.shape(store, k))
			return true, nil
		})
	})
	return out, err
}

func noStore(store sitesync.StoreID) error {
	return sitesync.Errorf(sitesync.CodeNotFound, "look it up with store.list", "there is no store %d", store).WithField("store")
}
