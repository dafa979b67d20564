package localdb

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Write is one change that the application asks for.
type Write struct {
	Op     sitesync.Op
	Table  string
	ID     string
	Data   []byte // without surrounding blanks; the database keeps the slice
	Match  string // ETag the record must have; "*": it must exist; "": no condition
	Absent bool   // the record must not exist
}

// Written tells what became of a Write.
type Written struct {
	Result Result
	Epoch  sitesync.Epoch
	N      uint64 // 0 when nothing changed
	ETag   string // of the data; of a delete, that of the data deleted
}

// Result says how a record changed.
type Result uint8

const (
	Created   Result = 1
	Changed   Result = 2
	Unchanged Result = 3
	Deleted   Result = 4
)

const (
	// storeRoom is kept in every transaction for the store itself, whose JSON
	// has at most some twelve thousand bytes.
	storeRoom = 16 << 10
	// storeKeys is the same of the number of keys, with the last step of a loop
	// that looks at it.
	storeKeys = 8
	// changeCost is what a change costs besides twice its size: it is written
	// as a record and as an outbox entry, each with a key, numbers and hashes.
	changeCost = 88
	// mostWrites trades small changes against large ones in one transaction.
	mostWrites = 600
)

// WriteLimit is how much one call of Write takes at most: bytes of changes (as
// Change.Size counts) and their number. A single record within
// sitesync.MaxRecord always fits, since large values are kept apart and count
// little.
func (d *DB) WriteLimit() (bytes, changes int) {
	limit, _ := d.kv.Limit()
	return (int(limit) - storeRoom - mostWrites*changeCost) / 2, mostWrites
}

// Write makes changes to one store, all or none. When it returns nil they are
// durable here and queued for the hub. A put of the data that is there already
// changes nothing. Errors: no_such_store, store_moving, store_loading,
// store_released, lease_expired, changed (a condition does not hold), not_found (a delete),
// disk_full, and those of Change.Check. An error of one of several changes
// carries its 1-based place as Line.
func (d *DB) Write(store sitesync.StoreID, writes []Write) ([]Written, error) {
	for i := range writes {
		w := &writes[i]
		c := sitesync.Change{Op: w.Op, Table: w.Table, ID: w.ID, Data: w.Data}
		if err := c.Check(); err != nil {
			return nil, atPlace(err, i, len(writes))
		}
	}
	var out []Written
	err := d.change(store, func(tx *kv.Tx, s *Store) ([]Event, error) {
		if err := d.Writable(s); err != nil {
			return nil, err
		}
		b := batch{tx: tx, store: s, hasher: sitesync.NewHasher()}
		out = make([]Written, 0, len(writes))
		for i := range writes {
			written, err := b.write(&writes[i])
			if err != nil {
				return nil, atPlace(err, i, len(writes))
			}
			out = append(out, written)
		}
		if len(b.events) == 0 {
			return nil, errUnchanged
		}
		return b.events, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// atPlace numbers the error of one of several changes.
func atPlace(err error, i, of int) error {
	if e := sitesync.AsError(err); e != nil && of > 1 {
		return e.AtLine(i + 1)
	}
	return err
}

// batch is a run of changes to one store in one transaction.
type batch struct {
	tx     *kv.Tx
	store  *Store
	hasher *sitesync.Hasher
	events []Event
}

func (b *batch) write(w *Write) (Written, error) {
	s := b.store
	key := wire.Key{Table: w.Table, ID: w.ID}
	old, existed, err := b.record(key)
	if err != nil {
		return Written{}, err
	}
	if err := w.check(old, existed); err != nil {
		return Written{}, err
	}
	out := Written{Epoch: s.Epoch, ETag: sitesync.ETag(w.Data)}
	switch {
	case w.Op == sitesync.OpDelete:
		out.Result, out.ETag = Deleted, sitesync.ETag(old.data)
	case !existed:
		out.Result = Created
	case string(old.data) == string(w.Data):
		out.Result = Unchanged
		return out, nil
	default:
		out.Result = Changed
	}
	out.N = b.queue(&sitesync.Change{Op: w.Op, Table: w.Table, ID: w.ID, Data: w.Data}, old, existed)
	return out, nil
}

// queue makes a change here and queues it for the hub. It gives its n.
func (b *batch) queue(c *sitesync.Change, old record, existed bool) uint64 {
	s, o := b.store, &b.store.Outbox
	key, hash := wire.Key{Table: c.Table, ID: c.ID}, b.hasher.Record(c.Table, c.ID, c.Data)
	o.Last++
	o.LastChain = b.hasher.Next(o.LastChain, c, hash)
	s.noteQueued(time.Now())
	b.tx.Set(outboxKey(s.ID, s.Epoch, o.Last), entry{chain: o.LastChain, change: *c}.bytes())
	b.put(key, record{op: c.Op, epoch: s.Epoch, n: o.Last, data: c.Data}, hash, old, existed)
	b.event(c.Op, key, sitesync.ETag(c.Data), true)
	return o.Last
}

func (w *Write) check(old record, existed bool) error {
	if w.Op == sitesync.OpDelete && !existed {
		return sitesync.Errorf(sitesync.CodeNotFound, "list the table to see its records", "there is no record %q in table %q", w.ID, w.Table)
	}
	if w.Absent && existed {
		return sitesync.Errorf(sitesync.CodeChanged, "read it, then write with If-Match", "the record %q exists already", w.ID)
	}
	if w.Match == "" || existed && (w.Match == "*" || w.Match == sitesync.ETag(old.data)) {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeChanged, "read the record again and decide anew", "the record %q is no longer the version you read", w.ID)
}

// record reads a record; existed is false for one that is deleted.
func (b *batch) record(key wire.Key) (r record, existed bool, err error) {
	value, ok, err := b.tx.Get(recordKey(b.store.ID, key))
	if err != nil || !ok {
		return record{}, false, err
	}
	r, err = parseRecord(value)
	return r, r.live(), err
}

// put replaces a record and keeps the store's sums right. hash is that of the
// new data and not used by a delete.
func (b *batch) put(key wire.Key, r record, hash sitesync.Hash, old record, existed bool) {
	s := b.store
	if existed {
		s.Records--
		s.Bytes -= int64(len(old.data))
		s.Digest.Sub(b.hasher.Record(key.Table, key.ID, old.data))
	}
	if r.live() {
		s.Records++
		s.Bytes += int64(len(r.data))
		s.Digest.Add(hash)
	}
	if !r.live() && r.n == 0 {
		b.tx.Delete(recordKey(s.ID, key)) // deleted at the hub: nothing to remember
		return
	}
	r.changed = uint64(time.Now().UnixMilli())
	b.tx.Set(recordKey(s.ID, key), r.bytes())
}

func (b *batch) event(op sitesync.Op, key wire.Key, etag string, local bool) {
	if op == sitesync.OpDelete {
		etag = ""
	}
	b.events = append(b.events, Event{Kind: EventChange, Op: op, Table: key.Table, ID: key.ID, ETag: etag, Local: local})
}
