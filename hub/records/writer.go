package records

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// writer applies changes to one store in one transaction.
type writer struct {
	tx      *kv.Tx
	meta    Meta
	at      time.Time
	hasher  *sitesync.Hasher
	refused int
	applied int
	moves   []move // of quarantined changes, to be counted once they are durable
}

func newWriter(tx *kv.Tx, m Meta, store sitesync.StoreID, at time.Time) *writer {
	m.Store = store // a store that never was has no meta, yet keeps quarantine
	return &writer{tx: tx, meta: m, at: at, hasher: sitesync.NewHasher()}
}

// past is what is settled of an origin that may not write: one that no longer
// may (Owned), or one that never might.
type past struct {
	Format  int            `json:"format"`
	Settled uint64         `json:"settled"`
	Chain   sitesync.Chain `json:"chain"`
	Owned   bool           `json:"owned"`
}

// track is how far an origin's changes are settled.
type track struct {
	past
	current bool // the origin may write: the meta holds it
	ahead   bool // its epoch is one that this hub has not given out yet
}

func (w *writer) track(o Origin, exists bool) (t track, err error) {
	if exists && w.meta.Origin() == o && !o.Replica.IsZero() {
		return track{past: past{Settled: w.meta.Settled, Chain: w.meta.Chain}, current: true}, nil
	}
	t.ahead = exists && o.Epoch > w.meta.Epoch
	_, err = getJSON(w.tx, pastKey(w.meta.Store, o), &t.past)
	return t, err
}

// keep writes how far an origin's changes are settled now.
func (w *writer) keep(o Origin, t track) {
	if t.current {
		w.meta.Settled, w.meta.Chain = t.Settled, t.Chain
		putMeta(w.tx, &w.meta)
		return
	}
	t.Format = MetaFormat
	putJSON(w.tx, pastKey(w.meta.Store, o), t.past)
}

// fence is the reason for which an origin may not write, or 0. A store that is
// still being loaded is written by nobody.
func (w *writer) fence(o Origin, t track) sitesync.Reason {
	switch {
	case t.current && w.meta.Phase != sitesync.PhaseLoading:
		return 0
	case w.owns(o) || t.Owned:
		return sitesync.ReasonStaleEpoch
	default:
		return sitesync.ReasonNotOwner
	}
}

// owns reports whether the store belongs to the origin's site. Only then is
// the site told anything of what is in the store.
func (w *writer) owns(o Origin) bool { return o.Site == w.meta.Owner }

// change applies one change as the newest entry of the log. A delete of what
// is not there is no news to anybody.
func (w *writer) change(c *sitesync.Change, hash sitesync.Hash, writtenIn sitesync.Epoch) error {
	key := wire.Key{Table: c.Table, ID: c.ID}
	old, existed, err := w.record(key)
	if err != nil {
		return err
	}
	w.applied++
	if c.Op == sitesync.OpDelete && !(existed && old.live()) {
		return nil
	}
	if existed {
		w.supersede(key, old)
	}
	m := &w.meta
	m.Seq++
	if writtenIn == 0 {
		m.Foreign = m.Seq
	}
	changed := w.at.UnixMilli()
	if c.Op == sitesync.OpPut {
		m.Records++
		m.Bytes += int64(len(c.Data))
		m.Digest.Add(hash)
	} else {
		w.tx.Set(tombstoneKey(m.Store, m.Seq), tombstone{changed: changed, key: key}.bytes())
	}
	w.tx.Set(recordKey(m.Store, key), record{op: c.Op, seq: m.Seq, changed: changed, data: c.Data}.bytes())
	w.tx.Set(logKey(m.Store, m.Seq), entry{op: c.Op, epoch: writtenIn, key: key}.bytes())
	return nil
}

// supersede takes out what a record's former version left behind.
func (w *writer) supersede(key wire.Key, old record) {
	m := &w.meta
	w.tx.Delete(logKey(m.Store, old.seq))
	if !old.live() {
		w.tx.Delete(tombstoneKey(m.Store, old.seq))
		return
	}
	m.Records--
	m.Bytes -= int64(len(old.data))
	m.Digest.Sub(w.hasher.Record(key.Table, key.ID, old.data))
}

// record reads a record or tombstone.
func (w *writer) record(key wire.Key) (record, bool, error) {
	value, ok, err := w.tx.Get(recordKey(w.meta.Store, key))
	if err != nil || !ok {
		return record{}, false, err
	}
	r, err := parseRecord(value)
	return r, true, err
}
