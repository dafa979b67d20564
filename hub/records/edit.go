package records

import (
	"encoding/json"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Edit implements State. The change is numbered in the central site's own
// epoch, as a device's would be, and takes its audit entry with it. Errors:
// not_found, not_here (the store is active elsewhere), conflict (IfMatch does
// not hold), not_found for a delete of what is not there.
func (d *DB) Edit(e Edit) (sitesync.Record, error) { return d.EditOnce(e, Replay{}) }

// EditOnce is Edit for a command that may be sent again: its repeat gives the
// same record and changes nothing. The memory of it is durable with the change.
// Error besides: id_reused.
func (d *DB) EditOnce(e Edit, r Replay) (out sitesync.Record, err error) {
	c := &e.Change
	if err := c.Check(); err != nil {
		return out, err
	}
	hasher := sitesync.NewHasher()
	hash := hasher.Record(c.Table, c.ID, c.Data)
	err = d.kv.Update(func(tx *kv.Tx) error {
		var done bool
		if out, done, err = r.recall(tx, &e); err != nil || done {
			return err
		}
		if out, err = edit(tx, &e, hasher, hash); err != nil {
			return err
		}
		a := answered{Changed: out.Changed}
		if c.Op == sitesync.OpDelete {
			a.Data = out.Data
		}
		return r.remember(tx, e.At, a)
	})
	return out, err
}

func edit(tx *kv.Tx, e *Edit, hasher *sitesync.Hasher, hash sitesync.Hash) (out sitesync.Record, err error) {
	c := &e.Change
	m, ok, err := meta(tx, e.Store)
	if err != nil {
		return out, err
	}
	w := newWriter(tx, m, e.Store, e.At)
	w.hasher = hasher
	if err := w.mayEdit(ok); err != nil {
		return out, err
	}
	old, existed, err := w.record(wire.Key{Table: c.Table, ID: c.ID})
	if err != nil {
		return out, err
	}
	existed = existed && old.live()
	if err := checkMatch(*e, old, existed); err != nil {
		return out, err
	}
	if err := w.edit(c, hash); err != nil {
		return out, err
	}
	e.Audit.Store = &e.Store
	if existed {
		e.Audit.Before = json.RawMessage(old.data)
	}
	shown := record{data: c.Data, changed: e.At.UnixMilli()}
	if c.Op == sitesync.OpPut {
		e.Audit.After = json.RawMessage(c.Data)
	} else {
		shown.data = old.data
	}
	if err := putAudit(tx, e.At, e.Store, &e.Audit); err != nil {
		return out, err
	}
	return shown.shape(e.Store, wire.Key{Table: c.Table, ID: c.ID}), nil
}

// edit makes a change at the centre, numbered in its own epoch there as a
// device's would be.
func (w *writer) edit(c *sitesync.Change, hash sitesync.Hash) error {
	if err := w.change(c, hash, 0); err != nil {
		return err
	}
	w.meta.Settled++
	w.meta.Chain = w.hasher.Next(w.meta.Chain, c, hash)
	putMeta(w.tx, &w.meta)
	return nil
}

// atCentre reports whether the store is the centre's to change.
func (w *writer) atCentre() bool {
	return w.meta.Owner == sitesync.CentralSite && w.meta.Phase == sitesync.PhaseActive
}

func (w *writer) mayEdit(exists bool) error {
	switch {
	case !exists:
		return sitesync.Errorf(sitesync.CodeNotFound, "look it up with store.list", "there is no such store").WithField("store")
	case !w.atCentre():
		return sitesync.Errorf(sitesync.CodeNotHere, "change it at that site, or move the store to the central site first",
			"store %d is active on site %d, so its records cannot be changed at the centre", w.meta.Store, w.meta.Owner).WithField("store")
	}
	return nil
}

func checkMatch(e Edit, old record, existed bool) error {
	if e.Change.Op == sitesync.OpDelete && !existed {
		return sitesync.Errorf(sitesync.CodeNotFound, "list the table's records with record.list", "there is no record %q in table %q", e.Change.ID, e.Change.Table).WithField("record")
	}
	if e.IfMatch == "" || existed && (e.IfMatch == "*" || e.IfMatch == sitesync.ETag(old.data)) {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeConflict, "read the record again and decide anew", "the record is not the version that ifMatch names").WithField("ifMatch")
}
