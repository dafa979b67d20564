package localdb

import (
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// BeginResync takes a manifest over. Errors: ErrStale, also when chunks of
// another manifest have arrived: what they hold does not go with this head.
func (d *DB) BeginResync(store sitesync.StoreID, m *wire.Manifest) error {
	return d.change(store, func(_ *kv.Tx, s *Store) ([]Event, error) {
		r := s.Resync
		if r == nil || r.Epoch != m.Epoch || s.Epoch != m.Epoch || r.Scanned || !r.After.IsZero() && r.Head != m.Head {
			return nil, ErrStale
		}
		r.Head, r.Total = m.Head, m.Records
		return []Event{{Kind: EventPhase}}, nil
	})
}

// RestartResync forgets how far a resync had come, so that it begins anew.
func (d *DB) RestartResync(store sitesync.StoreID) error {
	return d.change(store, func(_ *kv.Tx, s *Store) ([]Event, error) {
		if s.Phase != sitesync.PhaseLoading {
			return nil, errUnchanged
		}
		s.Resync = &Resync{Epoch: s.Epoch, Total: uint64(max(s.Records, 0))}
		return []Event{{Kind: EventPhase}}, nil
	})
}

// ApplyChunk takes a chunk of a resync over, in as many transactions as it
// needs; each remembers the key it came to, so that a crash costs nothing that
// was applied. What the hub does not have in the chunk's range of keys is
// removed, unless it is a change of this device that is not settled. Errors:
// ErrStale.
func (d *DB) ApplyChunk(store sitesync.StoreID, m *wire.Chunk) error {
	if err := checkChunk(m); err != nil {
		return err
	}
	after, rest := m.After, m.Records
	for done := false; !done; {
		var c chunk
		err := d.change(store, func(tx *kv.Tx, s *Store) ([]Event, error) {
			r := s.Resync
			if r == nil || r.Epoch != m.Epoch || s.Epoch != m.Epoch || r.Scanned || r.After != after || r.Head.IsZero() {
				return nil, ErrStale
			}
			c = chunk{batch: batch{tx: tx, store: s, hasher: sitesync.NewHasher()}, after: after, through: m.Through, last: m.Last}
			if err := c.apply(d, rest); err != nil {
				return nil, err
			}
			done = !c.cut
			r.After, r.Records = c.through, r.Records+uint64(len(c.records))
			if c.last {
				r.Scanned, s.Cursor = true, r.Head
				return []Event{{Kind: EventReset}}, nil
			}
			return nil, nil
		})
		if err != nil {
			return err
		}
		after, rest = c.through, rest[len(c.records):]
	}
	return nil
}

// checkChunk holds a chunk against what it is to be: records in the order of
// keys, all in its range. Otherwise a record could be counted twice, or taken
// for one that the hub has not.
func checkChunk(m *wire.Chunk) error {
	at := m.After
	for i := range m.Records {
		key := wire.Key{Table: m.Records[i].Table, ID: m.Records[i].ID}
		if key.Compare(at) <= 0 || m.Records[i].Op != sitesync.OpPut {
			return fmt.Errorf("localdb: record %d of a chunk is out of order", i)
		}
		at = key
	}
	if !m.Last && (m.Through.Compare(at) < 0 || m.Through.Compare(m.After) <= 0) {
		return fmt.Errorf("localdb: a chunk with records beyond its end, or with no end")
	}
	return nil
}

// chunk is everything the hub has in a range of keys, as far as one
// transaction takes it: apply cuts it where that is full.
type chunk struct {
	batch
	after, through wire.Key
	last           bool // through the end of the store
	cut            bool // more of the range is left
	records        []sitesync.Change
}

// end makes the range end after a key.
func (c *chunk) end(key wire.Key) { c.through, c.last, c.cut = key, false, true }

func (c *chunk) apply(d *DB, records []sitesync.Change) error {
	if c.store.Resync.Blank {
		// Nothing was here when the resync began and nothing may be written
		// before it ends, so there is nothing to look up or to remove.
		c.fit(d.fitting(records, 1), records)
		for i := range c.records {
			r := &c.records[i]
			c.put(wire.Key{Table: r.Table, ID: r.ID}, record{op: sitesync.OpPut, data: r.Data},
				c.hasher.Record(r.Table, r.ID, r.Data), record{}, false)
		}
		return nil
	}
	c.fit(d.fitting(records, 2), records)
	bytes, entries := d.kv.Limit()
	others, err := c.others(int(bytes/4), int(entries/4))
	if err != nil {
		return err
	}
	for _, k := range others {
		if err := c.take(&sitesync.Change{Op: sitesync.OpDelete, Table: k.Table, ID: k.ID}); err != nil {
			return err
		}
	}
	for i := range c.records {
		if err := c.take(&c.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// fit takes the first of all records.
func (c *chunk) fit(first, all []sitesync.Change) {
	c.records = first
	if len(first) < len(all) {
		c.end(wire.Key{Table: first[len(first)-1].Table, ID: first[len(first)-1].ID})
	}
}

// others lists what the store has in the range and the hub has not, without
// what waits in the outbox. When that is more than the given bytes or number
// of keys, the range ends there.
func (c *chunk) others(bytes, most int) (others []wire.Key, err error) {
	r := kv.Range{Prefix: keyOf('r', c.store.ID, 0), Prefetch: 100}
	if !c.after.IsZero() {
		r.From = append(recordKey(c.store.ID, c.after), 0) // the next possible key
	}
	i := 0 // the records before it have keys below
	err = c.tx.Iterate(r, func(key, value []byte) (bool, error) {
		k, err := splitRecordKey(key)
		if err != nil || !c.last && k.Compare(c.through) > 0 {
			return false, err
		}
		for i < len(c.records) && k.Compare(wire.Key{Table: c.records[i].Table, ID: c.records[i].ID}) > 0 {
			i++
		}
		if i < len(c.records) && k == (wire.Key{Table: c.records[i].Table, ID: c.records[i].ID}) {
			return true, nil
		}
		rec, err := parseRecord(value)
		if err != nil || !rec.live() || c.store.waits(rec.epoch, rec.n) {
			return err == nil, err
		}
		if others = append(others, k); len(others) == most || bytes < len(key) {
			c.end(k)
			c.records = c.records[:i]
			return false, nil
		}
		bytes -= len(key) + 32
		return true, nil
	})
	return others, err
}
