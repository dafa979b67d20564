package main

// mutation is a rule of the real code that is taken out.
type mutation struct {
	rule  string // what is not so any more
	edits []edit
}

// edit replaces a text that is exactly once in a file.
type edit struct{ file, old, new string }

// mutations are what the simulation must find.
var mutations = []mutation{
	{"the fence: only the meta's origin may write", []edit{
		{"hub/records/writer.go", "case t.current && w.meta.Phase != sitesync.PhaseLoading:", "case true:"},
		{"hub/records/writer.go", "\tt.Format = MetaFormat\n", "\tputMeta(w.tx, &w.meta)\n\tt.Format = MetaFormat\n"},
	}},
	{"the drain guard: every change before drained(n) is settled", []edit{
		{"hub/handover/machine.go", "byOwner(s, e) && s.Settled >= e.N", "byOwner(s, e)"},
	}},
	{"the dedupe: what is settled is not applied again", []edit{
		{"hub/records/apply.go", "case p.last() == t.Settled:", "case len(p.Changes) == 0:"},
		{"hub/records/apply.go", "for n := t.Settled + 1; n <= p.last(); n++ {", "for n := p.First; n <= p.last(); n++ {"},
	}},
	{"what past epochs settled is kept", []edit{
		{"hub/records/badger.go", "putJSON(tx, pastKey(m.Store, m.Origin()), past{Format: MetaFormat, Settled: m.Settled, Chain: m.Chain, Owned: true})",
			"putJSON(tx, pastKey(m.Store, m.Origin()), past{Format: MetaFormat, Owned: true})"},
	}},
	{"the seq order: numbers are given out in the transaction that commits them", []edit{
		{"hub/records/apply.go", "\tp := prepare(b)\n", `	p := prepare(b)
	if err := d.kv.Update(func(tx *kv.Tx) error {
		m, ok, err := meta(tx, b.Store)
		if ok {
			m.Seq += uint64(len(b.Changes))
			putMeta(tx, &m)
		}
		return err
	}); err != nil {
		return Result{}, err
	}
`},
		{"hub/records/apply.go", "\tfence := w.fence(p.Origin, t)\n", "\tfence, reserved := w.fence(p.Origin, t), w.meta.Seq\n\tw.meta.Seq -= uint64(len(p.Changes))\n"},
		{"hub/records/apply.go", "\tt.Settled, t.Chain = p.last(), p.chainAt(p.last())\n", "\tt.Settled, t.Chain = p.last(), p.chainAt(p.last())\n\tw.meta.Seq = reserved\n"},
	}},
	{"a new replica takes a new epoch", []edit{
		{"hub/handover/machine.go", "next := s.with(s.Owner, e.Replica, s.Epoch.Next(generation))", "next := s.with(s.Owner, e.Replica, s.Epoch)"},
	}},
	{"durable before told", []edit{
		{"shared/kv/turn.go", "\t\t<-g.done\n\t\tif g.err != nil {", "\t\tif false {"},
	}},
	{"a draining store is frozen", []edit{
		{"agent/localdb/store.go", "case s.Phase == sitesync.PhaseActive && s.Loaded == s.Epoch:", "case (s.Phase == sitesync.PhaseActive || s.Phase == sitesync.PhaseDraining) && s.Loaded == s.Epoch:"},
	}},
	{"a device writes only once the hub has confirmed that it has all", []edit{
		{"agent/localdb/store.go", "case s.Phase == sitesync.PhaseActive && s.Loaded == s.Epoch:", "case s.Phase == sitesync.PhaseActive && s.Loaded == s.Epoch, s.Resync != nil && s.Resync.Scanned:"},
	}},
	{"a device is read-only when its lease is over", []edit{
		{"agent/localdb/lease.go", "\treturn d.leases.check()\n", "\treturn nil\n"},
	}},
	{"a receipt trims no more than it settles", []edit{
		{"agent/localdb/outbox.go", "if n > t.receipt.Settled || t.room < 0", "if n > t.receipt.Settled+1 || t.room < 0"},
	}},
	{"what comes from the hub overwrites nothing that is not settled", []edit{
		{"agent/localdb/store.go", "n != 0 && o != nil && n > o.Confirmed", "n != 0 && o == nil"},
	}},
}
