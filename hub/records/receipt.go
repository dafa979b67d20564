package records

import (
	"fmt"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// mostTold bounds what a result tells of quarantined changes, in bytes, and
// what is read for that; one record may pass it. A receipt so stays far below
// wire.MaxBody, and a device that asks for the same again and again costs
// little, whatever it has in quarantine.
const mostTold = 2 << 20

// Receipt is what the device is told of a result. Where there is more in
// quarantine than one receipt holds, it tells less than is settled; the device
// then sends again what it has no receipt of, and is told the rest.
func (r *Result) Receipt(epoch sitesync.Epoch) *wire.Receipt {
	return &wire.Receipt{Epoch: epoch, Outcome: r.Outcome, Settled: r.Told, Chain: r.ToldChain, After: r.After,
		Quarantined: r.Quarantined, Head: r.Head}
}

// Settled implements State.
func (d *DB) Settled(store sitesync.StoreID, o Origin, after uint64) (res Result, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		m, exists, err := meta(tx, store)
		if err != nil {
			return err
		}
		w := newWriter(tx, m, store, time.Time{})
		t, err := w.track(o, exists)
		if err != nil {
			return err
		}
		res, err = w.answer(o, t, after, wire.Settled)
		return err
	})
	return res, err
}

// answer tells what is settled without anything new.
func (w *writer) answer(o Origin, t track, after uint64, outcome wire.Outcome) (Result, error) {
	tell := w.telling(o, after)
	if outcome == wire.Diverged {
		return w.result(t, tell, outcome), nil // it trims nothing, so there is nothing to tell
	}
	err := tell.past(t.Settled)
	return w.result(t, tell, outcome), err
}

func (w *writer) result(t track, tell *telling, outcome wire.Outcome) Result {
	r := Result{Outcome: outcome, Settled: t.Settled, Chain: t.Chain, Told: t.Settled, ToldChain: t.Chain,
		After: tell.after, Quarantined: tell.refusals, Size: tell.size, Applied: w.applied, Refused: w.refused}
	if tell.full {
		last := tell.refusals[len(tell.refusals)-1]
		r.Told, r.ToldChain = last.N, tell.chain
	}
	if w.owns(tell.origin) {
		r.Head = w.meta.Head()
	}
	return r
}

// telling collects what a device is told of its quarantined changes, in the
// order of n, until it is full.
type telling struct {
	w        *writer
	origin   Origin
	after    uint64
	refusals []wire.Refusal
	chain    sitesync.Chain // at the last of refusals
	size     int
	full     bool // something had to be left out
}

func (w *writer) telling(o Origin, after uint64) *telling {
	return &telling{w: w, origin: o, after: after}
}

// past adds what went into quarantine before, through n.
func (t *telling) past(through uint64) error {
	if through <= t.after {
		return nil
	}
	store := t.w.meta.Store
	r := kv.Range{Prefix: quarantinePrefix(store, t.origin), From: quarantineKey(store, t.origin, t.after+1)}
	return t.w.tx.Iterate(r, func(_, value []byte) (bool, error) {
		var it item
		if err := parseJSON(value, &it); err != nil {
			return false, fmt.Errorf("records: quarantined change: %w", err)
		}
		if it.N > through {
			return false, nil
		}
		err := t.add(&it)
		t.size += len(value)
		return !t.full, err
	})
}

// add tells of an item, with the record as the hub has it now where it belongs
// to the device's site.
func (t *telling) add(it *item) error {
	if t.full || it.N <= t.after {
		return nil
	}
	r := wire.Refusal{N: it.N, Reason: sitesync.Reason(it.Reason), Table: it.Table, ID: it.Record}
	if t.w.owns(t.origin) {
		present, ok, err := t.w.record(wire.Key{Table: it.Table, ID: it.Record})
		if err != nil {
			return err
		}
		if ok && present.live() {
			r.Present, r.Data = true, present.data
		}
	}
	size := len(r.Table) + len(r.ID) + len(r.Data) + 32
	if t.full = len(t.refusals) > 0 && t.size+size > mostTold; t.full {
		return nil
	}
	t.refusals, t.size, t.chain = append(t.refusals, r), t.size+size, it.Chain
	return nil
}
