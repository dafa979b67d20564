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
	for done := false; !done; {
		part := d.fitting(rest, 1)
		err := d.change(store, func(tx *kv.Tx, s *Store) ([]Event, error) {
			if s.Cursor != m.From || s.Resync != nil && !s.Resync.Scanned {
				return nil, ErrStale
			}
			b := batch{tx: tx, store: s, hasher: sitesync.NewHasher()}
			for i := range part {
				if err := b.take(&part[i]); err != nil {
					return nil, err
				}
			}
			if done = len(part) == len(rest); done {
				s.Cursor = m.Cursor
			}
			return b.events, nil
		})
		if err != nil {
			return err
		}
		rest = rest[len(part):]
	}
	return nil
}

// fitting gives as many of the changes, at least one, as fit a share of one
// transaction: the whole of it, or one half, …
func (d *DB) fitting(changes []sitesync.Change, share int) []sitesync.Change {
	const each = 64 // what a record takes beside Change.Size
	limit, entries := d.kv.Limit()
	room, most := (int(limit)-storeRoom)/share, (int(entries)-storeKeys)/share
	for i := range changes {
		if room -= changes[i].Size() + each; i > 0 && (room < 0 || i == most) {
			return changes[:i]
		}
	}
	return changes
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
