package records

import (
	"encoding/json"
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// verdict is what a person decides about a quarantined change.
type verdict uint8

const (
	applyIt   verdict = 1
	discardIt verdict = 2
)

// ApplyQuarantined implements State.
func (d *DB) ApplyQuarantined(dec Decision) (sitesync.Quarantined, error) {
	return d.decide(dec, applyIt)
}

// Discard implements State.
func (d *DB) Discard(dec Decision) (sitesync.Quarantined, error) { return d.decide(dec, discardIt) }

// decide carries a decision out, once for each command: the memory of that, the
// audit entry and what it does are one transaction.
func (d *DB) decide(dec Decision, v verdict) (sitesync.Quarantined, error) {
	var moves []move
	err := d.kv.Update(func(tx *kv.Tx) error {
		moves = nil
		_, again, err := dec.Replay.find(tx, dec.At)
		if err != nil || again {
			return err
		}
		place, ok, err := tx.Get(quarantineIndexKey(dec.Item))
		switch {
		case err != nil:
			return err
		case !ok:
			return noItem(dec.Item)
		case place[0] != storesPrefix[0]:
			err = discardFrame(tx, place, &dec, v)
		default:
			moves, err = decideChange(tx, place, &dec, v)
		}
		if err != nil {
			return err
		}
		return dec.Replay.remember(tx, dec.At, answered{})
	})
	if err != nil {
		return sitesync.Quarantined{}, err
	}
	d.count(moves)
	return d.Quarantined(dec.Item)
}

func decideChange(tx *kv.Tx, place []byte, dec *Decision, v verdict) ([]move, error) {
	it := new(item)
	if ok, err := getJSON(tx, place, it); err != nil || !ok {
		return nil, fmt.Errorf("records: quarantined change %d is not in its place: %w", dec.Item, err)
	}
	if it.State.Decided() {
		return nil, decidedBefore(it.ID, it.State)
	}
	m, exists, err := meta(tx, it.Store)
	if err != nil {
		return nil, err
	}
	d := &deciding{Decision: dec, w: newWriter(tx, m, it.Store, dec.At), item: it}
	if v == applyIt {
		err = d.apply(exists)
	} else {
		err = d.discard()
	}
	if err != nil || len(d.w.moves) == 0 {
		return nil, err
	}
	return d.w.moves, putAudit(tx, dec.At, it.Store, &dec.Audit)
}

func decidedBefore(id uint64, state sitesync.QuarantineState) error {
	return sitesync.Errorf(sitesync.CodeConflict, "look at it with quarantine.get", "the quarantined change %d was %s before", id, state).WithField("item")
}

// deciding is a decision about a change, in its transaction.
type deciding struct {
	*Decision
	w    *writer
	item *item
}

// apply makes the item a change of its store, or proposes it to the site where
// the store is. A proposal that waits already goes on waiting.
func (d *deciding) apply(exists bool) error {
	change := d.item.change()
	switch reason := fault(&change); {
	case !exists:
		return sitesync.Errorf(sitesync.CodeNotFound, "discard the change", "the store of the change is not there any more").WithField("item")
	case reason != 0:
		return sitesync.Errorf(sitesync.CodeInvalid, "discard it, and enter by hand what it was meant to say",
			"the change breaks a rule of records (%s), so it cannot be applied", reason).WithField("item")
	case d.item.State == sitesync.QuarantineProposed && !d.w.atCentre():
		return nil
	}
	present, err := presentOf(d.w.tx, d.item.Store, wire.Key{Table: change.Table, ID: change.ID})
	if err != nil {
		return err
	}
	now := etagOf(present)
	if d.IfMatch != "" && (now == "" || d.IfMatch != "*" && d.IfMatch != now) {
		return sitesync.Errorf(sitesync.CodeConflict, "look at the change with quarantine.get and decide anew", "the record is not the version that ifMatch names").WithField("ifMatch")
	}
	to := sitesync.QuarantineProposed
	if d.w.atCentre() {
		to = sitesync.QuarantineApplied
		if err := d.w.edit(&change, d.w.hasher.Record(change.Table, change.ID, change.Data)); err != nil {
			return err
		}
	}
	d.item.Expect, d.item.By = now, d.Audit.By
	d.audit(to, present)
	d.w.decide(d.item, to)
	return nil
}

// discard closes the item. One that is proposed may be a change of the store's
// site by now.
func (d *deciding) discard() error {
	if d.item.State == sitesync.QuarantineProposed {
		return sitesync.Errorf(sitesync.CodeConflict, "wait until the site has answered, or move the store to the central site first",
			"the change was proposed to the site of its store, which may have taken it over").WithField("item")
	}
	d.item.By = d.Audit.By
	d.audit(sitesync.QuarantineDiscarded, nil)
	d.w.decide(d.item, sitesync.QuarantineDiscarded)
	return nil
}

// audit says what was decided: before, the record as it was, and after, the
// whole change, so that nothing of it is lost.
func (d *deciding) audit(to sitesync.QuarantineState, present json.RawMessage) {
	whole := d.item.shape()
	whole.State = to
	d.Audit.Store, d.Audit.Site = &d.item.Store, &d.item.Origin.Site
	if len(present) > 0 {
		d.Audit.Before = present
	}
	d.Audit.After = mustJSON(whole)
}

// discardFrame closes a message that could not be read: its bytes go to the
// audit log. Nothing else can be done with one.
func discardFrame(tx *kv.Tx, place []byte, dec *Decision, v verdict) error {
	var f badFrame
	if ok, err := getJSON(tx, place, &f); err != nil || !ok {
		return fmt.Errorf("records: frame %d is not in its place: %w", dec.Item, err)
	}
	switch {
	case f.State != "":
		return decidedBefore(dec.Item, f.State)
	case v == applyIt:
		return sitesync.Errorf(sitesync.CodeInvalid, "discard it; the device keeps its changes and sends them again",
			"a message that could not be read cannot be applied").WithField("item")
	}
	at := sitesync.At(dec.At)
	f.State, f.Decided, f.By = sitesync.QuarantineDiscarded, &at, dec.Audit.By
	whole := f.shape(dec.Item, place)
	dec.Audit.Site, dec.Audit.Store, dec.Audit.After = &whole.Site, &whole.Store, mustJSON(whole)
	f.Frame = nil
	putJSON(tx, place, f)
	return putAudit(tx, dec.At, f.Store, &dec.Audit)
}

// etagOf is the ETag of a record, "" where there is none.
func etagOf(data json.RawMessage) string {
	if len(data) == 0 {
		return ""
	}
	return sitesync.ETag(data)
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("records: %T cannot be written: %v", v, err)) // our own types always can
	}
	return b
}
