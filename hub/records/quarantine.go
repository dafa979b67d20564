package records

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// item is a quarantined change on disk, whole: nothing of what the device sent
// is left out, so that a person can decide about it at any later time.
type item struct {
	Format   int              `json:"format"`
	ID       uint64           `json:"id"`
	Store    sitesync.StoreID `json:"store"`
	Origin   Origin           `json:"origin"`
	N        uint64           `json:"n"`
	Chain    sitesync.Chain   `json:"chain"`  // c(N): a receipt can end at this change
	Reason   uint8            `json:"reason"` // sitesync.Reason by its number
	Op       sitesync.Op      `json:"op"`
	Table    string           `json:"table"`
	Record   string           `json:"record"`
	To       string           `json:"to,omitempty"`
	Data     []byte           `json:"data"` // byte for byte
	Received sitesync.Time    `json:"received"`

	State   sitesync.QuarantineState `json:"state"`
	Expect  string                   `json:"expect,omitempty"` // of a proposal: ETag that the record must have; "": it must not exist
	Decided *sitesync.Time           `json:"decided,omitempty"`
	By      string                   `json:"by,omitempty"`
}

func (it *item) key() []byte { return quarantineKey(it.Store, it.Origin, it.N) }

func (it *item) change() sitesync.Change {
	return sitesync.Change{Op: it.Op, Table: it.Table, ID: it.Record, Data: it.Data, To: it.To}
}

// is reports whether c is the quarantined change again.
func (it *item) is(c *sitesync.Change) bool {
	return it.Op == c.Op && it.Table == c.Table && it.Record == c.ID && it.To == c.To && bytes.Equal(it.Data, c.Data)
}

// shape is Q without Present.
func (it *item) shape() sitesync.Quarantined {
	q := sitesync.Quarantined{ID: it.ID, Store: it.Store, Table: it.Table, Record: it.Record, Op: it.Op.String(), To: it.To,
		Reason: sitesync.Reason(it.Reason), Site: it.Origin.Site, Epoch: it.Origin.Epoch, N: it.N, Received: it.Received,
		State: it.State, Decided: it.Decided, By: it.By}
	if it.Op == sitesync.OpPut {
		q.Data, q.Raw = shown(it.Data)
	}
	return q
}

// shown is data as a person is shown it: as JSON if it is some, else the bytes.
func shown(data []byte) (json.RawMessage, []byte) {
	if json.Valid(data) {
		return data, nil
	}
	return nil, data
}

// quarantine keeps change n of the batch, unless it is one that the hub had
// proposed: that is in quarantine already. The key (store, origin, n) makes a
// repeat harmless.
func (w *writer) quarantine(p *prepared, n uint64, reason sitesync.Reason, tell *telling) error {
	c := &p.Changes[n-p.First]
	known, ok, err := w.item(p.Store, c.Quarantine)
	if err != nil || ok && known.is(c) {
		return err
	}
	id, err := nextQuarantineID(w.tx)
	if err != nil {
		return err
	}
	it := &item{Format: MetaFormat, ID: id, Store: p.Store, Origin: p.Origin, N: n, Chain: p.chainAt(n), Reason: uint8(reason), Op: c.Op,
		Table: c.Table, Record: c.ID, To: c.To, Data: c.Data, Received: sitesync.At(w.at), State: sitesync.QuarantineOpen}
	putJSON(w.tx, it.key(), it)
	w.tx.Set(quarantineIndexKey(id), it.key())
	w.refused++
	w.moves = append(w.moves, move{it, "", it.State})
	return tell.add(it)
}

func nextQuarantineID(tx *kv.Tx) (uint64, error) {
	value, _, err := tx.Get(quarantineLast)
	if err != nil {
		return 0, err
	}
	var last uint64
	if len(value) == 8 {
		last = binary.BigEndian.Uint64(value)
	}
	tx.Set(quarantineLast, binary.BigEndian.AppendUint64(nil, last+1))
	return last + 1, nil
}

// item finds a quarantined change of a store; there is none with the ID 0.
func (w *writer) item(store sitesync.StoreID, id uint64) (*item, bool, error) {
	if id == 0 {
		return nil, false, nil
	}
	place, ok, err := w.tx.Get(quarantineIndexKey(id))
	if err != nil || !ok || place[0] != storesPrefix[0] {
		return nil, false, err
	}
	it := new(item)
	ok, err = getJSON(w.tx, place, it)
	return it, ok && it.Store == store, err
}

// takeOver closes the item that an applied change says it takes over, if it is
// that change and was proposed.
func (w *writer) takeOver(c *sitesync.Change) error {
	it, ok, err := w.item(w.meta.Store, c.Quarantine)
	if err != nil || !ok || it.State != sitesync.QuarantineProposed || !it.is(c) {
		return err
	}
	w.decide(it, sitesync.QuarantineApplied)
	return nil
}

// move is a change of an item's state, to be counted once it is durable.
type move struct {
	item     *item
	from, to sitesync.QuarantineState
}

// decide moves an item to another state.
func (w *writer) decide(it *item, to sitesync.QuarantineState) {
	from, at := it.State, sitesync.At(w.at)
	it.State, it.Decided = to, &at
	putJSON(w.tx, it.key(), it)
	switch sitesync.QuarantineProposed {
	case to:
		w.tx.Set(proposalKey(it.Store, it.ID), it.key())
	case from:
		w.tx.Delete(proposalKey(it.Store, it.ID))
	}
	w.moves = append(w.moves, move{it, from, to})
}

// count follows what a commit did to items, and tells who watches, once for
// each site and store.
func (d *DB) count(moves []move) {
	type place struct {
		site  sitesync.SiteID
		store sitesync.StoreID
	}
	told := map[place]bool{}
	for _, m := range moves {
		d.undecided.move(m.item, m.from, m.to)
	}
	for _, m := range moves {
		if at := (place{m.item.Origin.Site, m.item.Store}); !told[at] {
			told[at] = true
			d.watch(at.site, at.store)
		}
	}
}

// Watch implements State.
func (d *DB) Watch(fn func(site sitesync.SiteID, store sitesync.StoreID)) { d.watch = fn }

// Quarantined implements State.
func (d *DB) Quarantined(id uint64) (q sitesync.Quarantined, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		place, ok, err := tx.Get(quarantineIndexKey(id))
		if err != nil {
			return err
		}
		if !ok {
			return noItem(id)
		}
		if q, ok, err = itemAt(tx, id, place); err == nil && !ok {
			err = noItem(id)
		}
		if err != nil || q.Reason == sitesync.ReasonBadFrame {
			return err
		}
		q.Present, err = presentOf(tx, q.Store, wire.Key{Table: q.Table, ID: q.Record})
		return err
	})
	return q, err
}

// itemAt reads what the index names.
func itemAt(tx *kv.Tx, id uint64, place []byte) (q sitesync.Quarantined, ok bool, err error) {
	if place[0] != storesPrefix[0] {
		var f badFrame
		ok, err = getJSON(tx, place, &f)
		return f.shape(id, place), ok, err
	}
	var it item
	ok, err = getJSON(tx, place, &it)
	return it.shape(), ok, err
}

// presentOf is a record as it is now, nil for none.
func presentOf(tx *kv.Tx, store sitesync.StoreID, key wire.Key) (json.RawMessage, error) {
	r, ok, err := newWriter(tx, Meta{}, store, time.Time{}).record(key)
	if err != nil || !ok || !r.live() {
		return nil, err
	}
	return r.data, nil
}

// QuarantinedAfter implements State.
func (d *DB) QuarantinedAfter(after uint64, fn func(sitesync.Quarantined) (bool, error)) error {
	r := kv.Range{Prefix: quarantineIndex, From: quarantineIndexKey(after + 1), Prefetch: 100}
	return d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, place []byte) (bool, error) {
			q, ok, err := itemAt(tx, binary.BigEndian.Uint64(key[1:]), place)
			if err != nil || !ok {
				return err == nil, err
			}
			return fn(q)
		})
	})
}

func noItem(id uint64) error {
	return sitesync.Errorf(sitesync.CodeNotFound, "list them with quarantine.list", "there is no quarantined change %d", id).WithField("item")
}
