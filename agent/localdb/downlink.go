package localdb

import (
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// ErrStale says that what came from the hub does not continue what is here: it
// belongs to another epoch, or to another place. It is dropped and asked for
// again.
var ErrStale = sitesync.Errorf(sitesync.CodeConflict, "", "not the continuation of what is here")

// ApplyChanges takes a part of the hub's log over, with the cursor, in as many
// transactions as it needs; the cursor moves with the last. A record whose
// local change is not settled is left alone. Errors: ErrStale.
func (d *DB) ApplyChanges(store sitesync.StoreID, m *wire.Changes) error {
	rest := m.Changes
	for {
		part, after := d.take(rest)
		err := d.change(store, func(tx *kv.Tx, s *Store) ([]Event, error) {
			if s.Cursor != m.From {
				return nil, ErrStale
			}
			b := batch{tx: tx, store: s, hasher: sitesync.NewHasher()}
			for i := range part {
				if err := b.take(&part[i]); err != nil {
					return nil, err
				}
			}
			if len(after) == 0 {
				s.Cursor = m.Cursor
			}
			return b.events, nil
		})
		if err != nil || len(after) == 0 {
			return err
		}
		rest = after
	}
}

// take cuts off what fits one transaction.
func (d *DB) take(changes []sitesync.Change) (part, rest []sitesync.Change) {
	limit, entries := d.kv.Limit()
	room := int(limit) - 64<<10
	for i := range changes {
		if room -= changes[i].Size() + 64; i > 0 && (room < 0 || i >= int(entries)/2) {
			return changes[:i], changes[i:]
		}
	}
	return changes, nil
}

// take applies one change that came from the hub.
func (b *batch) take(c *sitesync.Change) error {
	key := wire.Key{Table: c.Table, ID: c.ID}
	old, existed, err := b.record(key)
	if err != nil || b.store.waits(old.epoch, old.n) {
		return err
	}
	if c.Op == sitesync.OpDelete {
		if existed {
			b.put(key, record{op: sitesync.OpDelete}, sitesync.Hash{}, old, existed)
			b.event(c.Op, key, "", false)
		}
		return nil
	}
	if existed && string(old.data) == string(c.Data) {
		return nil
	}
	b.put(key, record{op: sitesync.OpPut, data: c.Data}, b.hasher.Record(c.Table, c.ID, c.Data), old, existed)
	b.event(c.Op, key, sitesync.ETag(c.Data), false)
	return nil
}

// BeginResync takes a manifest over.
func (d *DB) BeginResync(store sitesync.StoreID, m *wire.Manifest) error {
	return d.change(store, func(_ *kv.Tx, s *Store) ([]Event, error) {
		if s.Resync == nil || s.Resync.Epoch != m.Epoch || s.Epoch != m.Epoch {
			return nil, ErrStale
		}
		s.Resync.Head, s.Resync.Total = m.Head, m.Records
		return []Event{{Kind: EventPhase}}, nil
	})
}

// RestartResync forgets how far a resync had come, so that it begins anew.
func (d *DB) RestartResync(store sitesync.StoreID) error {
	return d.change(store, func(_ *kv.Tx, s *Store) ([]Event, error) {
		if s.Phase == sitesync.PhaseLoading {
			s.Resync = &Resync{Epoch: s.Epoch, Total: uint64(max(s.Records, 0))}
		}
		return []Event{{Kind: EventPhase}}, nil
	})
}

// ApplyChunk takes a chunk of a resync over, in as many transactions as it
// needs; each remembers the key it came to, so that a crash costs nothing that
// was applied. What the hub does not have in the chunk's range of keys is
// removed, unless it is a change of this device that is not settled. Errors:
// ErrStale.
func (d *DB) ApplyChunk(store sitesync.StoreID, m *wire.Chunk) error {
	after, rest := m.After, m.Records
	for {
		part, remaining := d.take(rest)
		through, last := m.Through, m.Last
		if len(remaining) > 0 {
			through, last = wire.Key{Table: part[len(part)-1].Table, ID: part[len(part)-1].ID}, false
		}
		done := false
		err := d.change(store, func(tx *kv.Tx, s *Store) (events []Event, err error) {
			r := s.Resync
			if r == nil || r.Epoch != m.Epoch || s.Epoch != m.Epoch || r.Scanned || r.After != after || r.Head.IsZero() {
				return nil, ErrStale
			}
			c := chunk{batch: batch{tx: tx, store: s, hasher: sitesync.NewHasher()}, after: after, through: through, last: last}
			if done, err = c.apply(part, d.removals()); err != nil || !done {
				return nil, err
			}
			r.After = through
			r.Records += uint64(len(part))
			if last {
				r.Scanned, s.Cursor = true, r.Head
				return []Event{{Kind: EventReset}}, nil
			}
			return nil, nil
		})
		switch {
		case err != nil:
			return err
		case !done:
			continue // some of what has to go is gone; the same range again
		case len(remaining) == 0:
			return nil
		}
		after, rest = through, remaining
	}
}

// chunk is a run of records that is everything the hub has in a range of keys.
type chunk struct {
	batch
	after, through wire.Key
	last           bool
}

// removals is how many records one transaction removes at most.
func (d *DB) removals() int {
	_, entries := d.kv.Limit()
	return int(entries) / 4
}

// apply takes the records over. done is false when there was more to remove
// than fits the transaction; then only that has begun.
func (c *chunk) apply(records []sitesync.Change, removals int) (done bool, err error) {
	if c.store.Resync.Blank {
		// Nothing was here when the resync began and nothing may be written
		// before it ends, so there is nothing to look up or to remove.
		for i := range records {
			r := &records[i]
			c.put(wire.Key{Table: r.Table, ID: r.ID}, record{op: sitesync.OpPut, data: r.Data},
				c.hasher.Record(r.Table, r.ID, r.Data), record{}, false)
		}
		return true, nil
	}
	others, err := c.others(records)
	if err != nil {
		return false, err
	}
	for i, k := range others {
		if i == removals {
			return false, nil
		}
		if err := c.take(&sitesync.Change{Op: sitesync.OpDelete, Table: k.Table, ID: k.ID}); err != nil {
			return false, err
		}
	}
	for i := range records {
		if err := c.take(&records[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// others lists what the store has in the range and the hub has not, without
// what waits in the outbox.
func (c *chunk) others(records []sitesync.Change) ([]wire.Key, error) {
	keep := make(map[wire.Key]bool, len(records))
	for i := range records {
		keep[wire.Key{Table: records[i].Table, ID: records[i].ID}] = true
	}
	var others []wire.Key
	r := kv.Range{Prefix: keyOf('r', c.store.ID, 0), Prefetch: 100}
	if !c.after.IsZero() {
		r.From = append(recordKey(c.store.ID, c.after), 0)
	}
	end := string(recordKey(c.store.ID, c.through))
	err := c.tx.Iterate(r, func(key, value []byte) (bool, error) {
		if !c.last && string(key) > end {
			return false, nil
		}
		k, err := splitRecordKey(key)
		if err != nil {
			return false, err
		}
		rec, err := parseRecord(value)
		if err == nil && rec.live() && !keep[k] && !c.store.waits(rec.epoch, rec.n) {
			others = append(others, k)
		}
		return true, err
	})
	return others, err
}
