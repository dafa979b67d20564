package records

import (
	"cmp"

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
//	Diverged  the batch is not the continuation of what is settled, or its
//	          device has seen more than this hub knows; nothing was done
//
// Errors: invalid, when the batch as such is none; nothing was done.
//
// Hashing and checking need no transaction and are done before it.
func (d *DB) Apply(b Batch) (Result, error) {
	if err := b.check(); err != nil {
		return Result{}, err
	}
	p := prepare(b)
	var res Result
	var moves []move
	err := d.kv.Update(func(tx *kv.Tx) error {
		m, exists, err := meta(tx, b.Store)
		if err != nil {
			return err
		}
		w := newWriter(tx, m, b.Store, b.At)
		if res, err = w.once(p, exists); err != nil {
			return err
		}
		moves = w.moves
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	d.count(moves)
	return res, nil
}

// check holds a batch against the limits that the welcome tells every device.
func (b *Batch) check() error {
	size := 0
	for i := range b.Changes {
		size += b.Changes[i].Size()
	}
	switch n := len(b.Changes); {
	case n == 0 || n > sitesync.MaxBatchChanges || b.First == 0 || b.First+uint64(n) < b.First:
		return sitesync.Errorf(sitesync.CodeInvalid, "send 1 to 500 changes", "a batch of %d changes from n %d", n, b.First)
	case size > sitesync.MaxBatchBytes:
		return sitesync.Errorf(sitesync.CodeInvalid, "send at most 4 MiB", "a batch of %d bytes", size)
	}
	return nil
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

// compare holds a batch against what is settled: the outcome when nothing in
// it is new or can be taken, else 0.
func (p *prepared) compare(t track) wire.Outcome {
	switch {
	case t.ahead || p.After > t.Settled:
		return wire.Diverged // this hub has forgotten what it told the device
	case p.First > t.Settled+1:
		return wire.Gap
	case p.last() < t.Settled:
		return wire.Settled // too old to compare: the device compares the receipt's chain
	case p.chainAt(t.Settled) != t.Chain:
		return wire.Diverged
	case p.last() == t.Settled:
		return wire.Settled
	}
	return 0
}

// once applies a batch, unless it is the repeat of an import that a command
// made: that is answered as the first time. Error: id_reused.
func (w *writer) once(p *prepared, exists bool) (Result, error) {
	before, again, err := p.Replay.find(w.tx, p.At)
	if err != nil {
		return Result{}, err
	}
	res, err := w.apply(p, exists)
	switch {
	case err != nil || res.Outcome != wire.Settled:
		return res, err
	case again:
		res.Refused = before.Refused
		return res, nil
	}
	return res, p.Replay.remember(w.tx, p.At, answered{Refused: res.Refused})
}

func (w *writer) apply(p *prepared, exists bool) (Result, error) {
	t, err := w.track(p.Origin, exists)
	if err != nil {
		return Result{}, err
	}
	if outcome := p.compare(t); outcome != 0 {
		return w.answer(p.Origin, t, p.After, outcome)
	}
	if err := w.mayImport(p, t); err != nil {
		return Result{}, err
	}
	tell := w.telling(p.Origin, p.After)
	if err := tell.past(t.Settled); err != nil {
		return Result{}, err
	}
	fence := w.fence(p.Origin, t)
	for n := t.Settled + 1; n <= p.last(); n++ {
		if err := w.settle(p, n, fence, tell); err != nil {
			return Result{}, err
		}
	}
	t.Settled, t.Chain = p.last(), p.chainAt(p.last())
	w.keep(p.Origin, t)
	return w.result(t, tell, wire.Settled), w.auditImport(p)
}

// settle applies change n, or keeps it in quarantine: all of a batch that the
// fence refuses, else what breaks a rule.
func (w *writer) settle(p *prepared, n uint64, fence sitesync.Reason, tell *telling) error {
	i := n - p.First
	c := &p.Changes[i]
	if reason := cmp.Or(fence, p.faults[i]); reason != 0 {
		return w.quarantine(p, n, reason, tell)
	}
	if err := w.change(c, p.hashes[i], p.Origin.Epoch); err != nil {
		return err
	}
	return w.takeOver(c)
}

// mayImport refuses the outbox of the store's writer: it sends that itself, and
// would then find it refused.
func (w *writer) mayImport(p *prepared, t track) error {
	if p.Import == nil || !t.current {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeInUse, "let it connect and send its changes itself; import is for a device that was replaced",
		"the device that made these changes is still the one that writes in store %d", w.meta.Store).WithField("changes")
}

func (w *writer) auditImport(p *prepared) error {
	if p.Import == nil {
		return nil
	}
	a := *p.Import
	a.Store, a.Site = &p.Store, &p.Origin.Site
	a.After = mustJSON(map[string]any{"imported": w.refused, "epoch": p.Origin.Epoch, "replica": p.Origin.Replica, "through": p.last()})
	return putAudit(w.tx, p.At, p.Store, &a)
}
