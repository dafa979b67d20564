package records

import (
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// DB is State on the embedded database.
type DB struct {
	kv *kv.DB

	undecided undecided
	watch     func(sitesync.SiteID, sitesync.StoreID)
}

var _ State = (*DB)(nil)

// Open makes a State of an open database.
func Open(db *kv.DB) (*DB, error) {
	d := &DB{kv: db, undecided: newUndecided(), watch: func(sitesync.SiteID, sitesync.StoreID) {}}
	return d, db.View(d.undecided.count)
}

// Meta implements State.
func (d *DB) Meta(store sitesync.StoreID) (m Meta, ok bool, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		m, ok, err = meta(tx, store)
		return err
	})
	return m, ok, err
}

func meta(tx *kv.Tx, store sitesync.StoreID) (m Meta, ok bool, err error) {
	ok, err = getJSON(tx, metaKey(store), &m)
	return m, ok, err
}

func putMeta(tx *kv.Tx, m *Meta) {
	m.Format = MetaFormat
	m.Version++
	putJSON(tx, metaKey(m.Store), m)
}

// Metas implements State. It skips from store to store, whatever they hold.
func (d *DB) Metas(fn func(Meta) error) error {
	for next := sitesync.StoreID(0); ; {
		m, ok, err := d.metaFrom(next)
		if err != nil || !ok {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
		if next = m.Store + 1; next == 0 {
			return nil
		}
	}
}

// metaFrom finds the first meta of a store at or after store.
func (d *DB) metaFrom(store sitesync.StoreID) (m Meta, found bool, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		for {
			next, ok, err := firstStore(tx, store)
			if err != nil || !ok {
				return err
			}
			if m, found, err = meta(tx, next); err != nil || found {
				return err
			}
			if store = next + 1; store == 0 { // quarantine alone, of a store that never was
				return nil
			}
		}
	})
	return m, found, err
}

func firstStore(tx *kv.Tx, from sitesync.StoreID) (store sitesync.StoreID, ok bool, err error) {
	key := storeKey(from, 0, 0)
	err = tx.Iterate(kv.Range{Prefix: storesPrefix, From: key[:9], KeysOnly: true}, func(key, _ []byte) (bool, error) {
		for _, b := range key[1:9] {
			store = store<<8 | sitesync.StoreID(b)
		}
		ok = true
		return false, nil
	})
	return store, ok, err
}

// Transition implements State.
func (d *DB) Transition(from uint64, next Meta, ended []sitesync.Handover) (Meta, error) {
	err := d.kv.Update(func(tx *kv.Tx) error {
		m, _, err := meta(tx, next.Store)
		if err != nil {
			return err
		}
		if m.Version != from {
			return ErrConflict
		}
		if from == 0 {
			next.Log = newLogID()
		} else if next.Epoch != m.Epoch {
			putJSON(tx, pastKey(m.Store, m.Origin()), past{Format: MetaFormat, Settled: m.Settled, Chain: m.Chain, Owned: true})
			next.Settled, next.Chain, next.Foreign, next.Pin = 0, sitesync.Chain{}, m.Seq, m.Seq
		}
		if err := letIn(tx, &m, &next); err != nil {
			return err
		}
		next.Version = from
		putMeta(tx, &next)
		file(tx, &m, &next, ended)
		return nil
	})
	return next, err
}

// letIn begins a new writer. What it sent too early is settled already, in
// quarantine, and its numbers are not used twice.
func letIn(tx *kv.Tx, m, next *Meta) error {
	o := next.Origin()
	if o == m.Origin() || o.Replica.IsZero() {
		return nil
	}
	var p past
	known, err := getJSON(tx, pastKey(next.Store, o), &p)
	if known {
		next.Settled, next.Chain = p.Settled, p.Chain
	}
	return err
}
