package records

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Apply implements State. In this order: duplicates are recognised, the chain
// is compared, then the fence decides. What the origin may not write, or what
// breaks a rule of records, goes to quarantine and counts as settled; the rest
// is applied. The outcome is
//
//	Settled   all of the batch is settled, now or before
//	Gap       changes before the batch are missing; nothing was done
//	Diverged  the batch is not the continuation of what is settled; nothing was done
//
// Hashing and checking need no transaction and are done before it.
func (d *DB) Apply(b Batch) (Result, error) {
	if len(b.Changes) == 0 || len(b.Changes) > sitesync.MaxBatchChanges || b.First == 0 {
		return Result{}, sitesync.Errorf(sitesync.CodeInvalid, "send 1 to 500 changes", "a batch of %d changes from n %d", len(b.Changes), b.First)
	}
	p := prepare(b)
	var res Result
	var w *writer
	err := d.kv.Update(func(tx *kv.Tx) error {
		m, exists, err := meta(tx, b.Store)
		if err != nil {
			return err
		}
		w = newWriter(tx, m, b.Store, b.At)
		res, err = w.apply(p, exists)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	d.addQuarantined(b.Origin.Site, w.refused)
	return res, nil
}

// prepared is a batch with what can be known of it without the store.
type prepared struct {
	Batch
	hashes []sitesync.Hash
	chains []sitesync.Chain  // chains[i] is c(First+i)
	faults []sitesync.Reason // 0 where the change keeps the rules
}

func prepare(b Batch) *prepared {
	n := len(b.Changes)
	p := &prepared{Batch: b, hashes: make([]sitesync.Hash, n), chains: make([]sitesync.Chain, n), faults: make([]sitesync.Reason, n)}
	hasher, chain := sitesync.NewHasher(), b.Chain
	for i := range b.Changes {
		c := &b.Changes[i]
		p.hashes[i] = hasher.Record(c.Table, c.ID, c.Data)
		chain = hasher.Next(chain, c, p.hashes[i])
		p.chains[i] = chain
		p.faults[i] = fault(c)
	}
	return p
}

// fault tells which rule of records a change breaks.
func fault(c *sitesync.Change) sitesync.Reason {
	err := c.Check()
	switch {
	case err == nil && c.To != "":
		return sitesync.ReasonTarget // no store takes transfers yet
	case err == nil:
		return 0
	case sitesync.CodeOf(err) == sitesync.CodeTooLarge:
		return sitesync.ReasonSize
	default:
		return sitesync.ReasonSchema
	}
}

func (p *prepared) last() uint64 { return p.First + uint64(len(p.Changes)) - 1 }

// chainAt is c(n) as the device has it, for n in [First-1, last].
func (p *prepared) chainAt(n uint64) sitesync.Chain {
	if n == p.First-1 {
		return p.Chain
	}
	return p.chains[n-p.First]
}

// writer applies changes to one store in one transaction.
type writer struct {
	tx      *kv.Tx
	meta    Meta
	at      time.Time
	hasher  *sitesync.Hasher
	refused uint64
	applied int
}

func newWriter(tx *kv.Tx, m Meta, store sitesync.StoreID, at time.Time) *writer {
	m.Store = store // a store that never was has no meta, yet keeps quarantine
	return &writer{tx: tx, meta: m, at: at, hasher: sitesync.NewHasher()}
}

func (w *writer) apply(p *prepared, exists bool) (Result, error) {
	t, err := w.track(p.Store, p.Origin, exists)
	if err != nil {
		return Result{}, err
	}
	settled, chain := t.Settled, t.Chain
	answer := func(outcome wire.Outcome) (Result, error) {
		r := Result{Outcome: outcome, Settled: settled, Chain: chain, After: p.After, Head: w.meta.Head(),
			Applied: w.applied, Refused: int(w.refused)}
		var err error
		r.Quarantined, err = refusals(w.tx, p.Store, p.Origin, p.After, settled)
		return r, err
	}
	switch {
	case p.First > settled+1:
		return answer(wire.Gap)
	case p.last() < settled:
		return answer(wire.Settled) // too old to compare: the device compares the receipt's chain
	case p.chainAt(settled) != chain:
		return answer(wire.Diverged)
	case p.last() == settled:
		return answer(wire.Settled)
	}
	fence := w.fence(p.Origin, t)
	var fresh []wire.Refusal
	for n := settled + 1; n <= p.last(); n++ {
		i := n - p.First
		reason := fence
		if reason == 0 {
			reason = p.faults[i]
		}
		if reason == 0 {
			if err := w.change(&p.Changes[i], p.hashes[i], p.Origin.Epoch); err != nil {
				return Result{}, err
			}
			continue
		}
		refusal, err := w.quarantine(p, n, reason)
		if err != nil {
			return Result{}, err
		}
		fresh = append(fresh, refusal)
	}
	before := settled
	settled, chain = p.last(), p.chains[len(p.chains)-1]
	if t.current {
		w.meta.Settled, w.meta.Chain = settled, chain
		putMeta(w.tx, &w.meta)
	} else {
		t.Format, t.Settled, t.Chain = MetaFormat, settled, chain
		putJSON(w.tx, pastKey(p.Store, p.Origin), t.past)
	}
	// The transaction does not see its own quarantine entries in a range read,
	// so those of this batch are added to those of before.
	r := Result{Outcome: wire.Settled, Settled: settled, Chain: chain, After: p.After, Head: w.meta.Head(),
		Applied: w.applied, Refused: int(w.refused)}
	old, err := refusals(w.tx, p.Store, p.Origin, p.After, before)
	r.Quarantined = append(old, fresh...)
	return r, err
}

// track is how far an origin's changes are settled.
type track struct {
	past
	current bool // the origin may write: the meta holds it
}

func (w *writer) track(store sitesync.StoreID, o Origin, exists bool) (t track, err error) {
	if exists && w.meta.Origin() == o && !o.Replica.IsZero() {
		return track{past: past{Settled: w.meta.Settled, Chain: w.meta.Chain}, current: true}, nil
	}
	_, err = getJSON(w.tx, pastKey(store, o), &t.past)
	return t, err
}

// fence is the reason for which an origin may not write, or 0. A store that is
// still being loaded is written by nobody.
func (w *writer) fence(o Origin, t track) sitesync.Reason {
	switch {
	case t.current && w.meta.Phase != sitesync.PhaseLoading:
		return 0
	case o.Site == w.meta.Owner || t.Owned:
		return sitesync.ReasonStaleEpoch
	default:
		return sitesync.ReasonNotOwner
	}
}

// change applies one change as the newest entry of the log.
func (w *writer) change(c *sitesync.Change, hash sitesync.Hash, writtenIn sitesync.Epoch) error {
	key := wire.Key{Table: c.Table, ID: c.ID}
	old, existed, err := w.record(key)
	if err != nil {
		return err
	}
	w.applied++
	if !existed && c.Op == sitesync.OpDelete {
		return nil // nothing was there, nothing to tell readers
	}
	m := &w.meta
	if existed {
		w.tx.Delete(logKey(m.Store, old.seq))
		if old.live() {
			m.Records--
			m.Bytes -= int64(len(old.data))
			m.Digest.Sub(w.hasher.Record(c.Table, c.ID, old.data))
		}
	}
	m.Seq++
	if writtenIn == 0 {
		m.Foreign = m.Seq
	}
	if c.Op == sitesync.OpPut {
		m.Records++
		m.Bytes += int64(len(c.Data))
		m.Digest.Add(hash)
	}
	w.tx.Set(recordKey(m.Store, key), record{op: c.Op, seq: m.Seq, changed: w.at.UnixMilli(), data: c.Data}.bytes())
	w.tx.Set(logKey(m.Store, m.Seq), entry{op: c.Op, epoch: writtenIn, key: key}.bytes())
	return nil
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
