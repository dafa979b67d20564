package localdb

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// PurgeDue removes the copies of stores that went to another site, once that
// has had them whole for the given time, and gives the earliest time at which
// another will be due, zero for none. What waits to be sent is never touched:
// such a store is not due.
func (d *DB) PurgeDue(now time.Time, after time.Duration) (next time.Time, err error) {
	for _, s := range d.Stores() {
		if !s.mayPurge() {
			continue
		}
		if due := s.OwnerActive.Add(after); now.Before(due) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		if err := d.purge(s.ID); err != nil {
			return next, err
		}
	}
	return next, nil
}

func (s *Store) mayPurge() bool {
	return s.Phase == sitesync.PhaseReleased && s.OwnerActive != nil && !s.Purged && s.Queued() == 0
}

// purge removes a store's records, in as many transactions as it takes. After
// each the store's sums are right, so that it can be given back in between.
func (d *DB) purge(id sitesync.StoreID) error {
	for done := false; !done; {
		err := d.change(id, func(tx *kv.Tx, s *Store) ([]Event, error) {
			if done = !s.mayPurge(); done {
				return nil, errUnchanged
			}
			more, err := d.purgeSome(tx, s)
			if err != nil || more {
				return nil, err
			}
			s.Purged, s.Cursor, done = true, wire.Cursor{}, true
			return []Event{{Kind: EventReset}, {Kind: EventPhase}}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purgeSome removes as many records as one transaction takes.
func (d *DB) purgeSome(tx *kv.Tx, s *Store) (more bool, err error) {
	bytes, entries := d.kv.Limit()
	bytes -= storeRoom
	entries -= storeKeys
	b := batch{tx: tx, store: s, hasher: sitesync.NewHasher()}
	err = tx.Iterate(kv.Range{Prefix: keyOf('r', s.ID, 0), Prefetch: 100}, func(key, value []byte) (bool, error) {
		k, err := splitRecordKey(key)
		if err != nil {
			return false, err
		}
		r, err := parseRecord(value)
		if err != nil {
			return false, err
		}
		bytes -= d.kv.Cost(len(key), 0)
		if entries--; bytes < 0 || entries < 0 {
			more = true
			return false, nil
		}
		b.put(k, record{op: sitesync.OpDelete}, sitesync.Hash{}, r, r.live())
		return true, nil
	})
	return more, err
}

// drop forgets a store that is purged and that the hub does not list any more:
// nothing of what came from here waits for anybody.
func (d *DB) drop(id sitesync.StoreID) error {
	for gone := false; !gone; {
		var place uint64
		var after *Store
		err := d.kv.Update(func(tx *kv.Tx) error {
			s, ok, err := d.storeIn(tx, id)
			if gone = err != nil || !ok || !s.Purged; gone {
				return err
			}
			more, err := d.dropSome(tx, id)
			if err != nil || more {
				return err
			}
			tx.Delete(storeKey(id))
			s.dropped, gone = true, true
			after, place = s, d.feed.reserve()
			return nil
		})
		d.publish(place, err, []*Store{after}, []Event{{Kind: EventPhase}})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropSome removes what is remembered of refused and proposed changes, as much
// as one transaction takes.
func (d *DB) dropSome(tx *kv.Tx, id sitesync.StoreID) (more bool, err error) {
	bytes, entries := d.kv.Limit()
	for _, kind := range []byte{'x', 'p'} {
		err := tx.Iterate(kv.Range{Prefix: keyOf(kind, id, 0), KeysOnly: true}, func(key, _ []byte) (bool, error) {
			bytes -= d.kv.Cost(len(key), 0)
			if entries--; bytes < 0 || entries < storeKeys {
				more = true
				return false, nil
			}
			tx.Delete(append([]byte(nil), key...))
			return true, nil
		})
		if err != nil || more {
			return more, err
		}
	}
	return false, nil
}
