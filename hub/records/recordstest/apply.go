package recordstest

import (
	"sync"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var applyTests = []test{
	{"Apply/exactly once", applyOnce},
	{"Apply/gap", applyGap},
	{"Apply/diverged", applyDiverged},
	{"Apply/the same batch from many", applyMany},
	{"Apply/no batch", applyNoBatch},
	{"Apply/effects", applyEffects},
}

// applyOnce sends batches again, whole and in part, and with more.
func applyOnce(f *fixture) {
	d := f.device(store, nadi, first)
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		d.Put("stock", id, `{"id":"`+id+`"}`)
	}
	f.push(d, 1, 3)
	f.nothing(store, func() {
		f.apply(d.Batch(1, 3), wire.Settled, 3, 0, 0)
		f.restart()
		f.apply(d.Batch(1, 3), wire.Settled, 3, 0, 0)
		f.apply(d.Batch(2, 3), wire.Settled, 3, 0, 0)
		f.apply(d.Batch(1, 1), wire.Settled, 3, 0, 0)
	})
	f.apply(d.Batch(2, 5), wire.Settled, 5, 2, 0) // overlapping
	f.restart()
	res := f.apply(d.Batch(1, 6), wire.Settled, 6, 1, 0) // partly settled
	if res.Chain != d.Chain(6) || res.Told != 6 || res.ToldChain != d.Chain(6) || len(res.Quarantined) != 0 {
		f.Errorf("answered %+v", res)
	}
	if m := f.meta(store); m.Seq != 6 || m.Settled != 6 || m.Chain != d.Chain(6) || m.Records != 6 || res.Head != m.Head() {
		f.Errorf("meta %+v, head %v", m, res.Head)
	}
	f.nothing(store, func() {
		if res := f.apply(d.Batch(1, 2), wire.Settled, 6, 0, 0); res.Chain != d.Chain(6) {
			f.Errorf("chain %s, not that at 6", res.Chain) // by it the device compares
		}
	})
}

func applyGap(f *fixture) {
	d := f.device(store, nadi, first)
	for _, id := range []string{"a", "b", "c", "d"} {
		d.Put("stock", id, `{}`)
	}
	f.nothing(store, func() { f.apply(d.Batch(2, 4), wire.Gap, 0, 0, 0) })
	f.push(d, 1, 2)
	f.nothing(store, func() {
		if res := f.apply(d.Batch(4, 4), wire.Gap, 2, 0, 0); res.Chain != d.Chain(2) {
			f.Errorf("chain %s, not that at 2", res.Chain)
		}
	})
	f.push(d, 3, 4)
}

// applyDiverged sends what a rewound or cloned device would, and what a hub
// that was itself rewound would meet.
func applyDiverged(f *fixture) {
	d := f.device(store, nadi, first)
	clone := NewDevice(store, d.Origin)
	for i := range 6 {
		d.Put("stock", "a", `{"by":"d"}`)
		if i < 2 {
			clone.Put("stock", "a", `{"by":"d"}`)
		} else {
			clone.Put("stock", "a", `{"by":"clone"}`)
		}
	}
	f.push(d, 1, 4)
	later := d.Batch(5, 6)
	later.Origin.Epoch = later.Origin.Epoch.Next(1)
	forgotten := d.Batch(5, 6)
	forgotten.After = 5
	for name, b := range map[string]records.Batch{
		"a wrong chain before":                    clone.Batch(5, 6),
		"another change in the overlap":           clone.Batch(3, 6),
		"another change at the end":               clone.Batch(3, 4),
		"another change before the overlap":       clone.Batch(4, 6),
		"an epoch that was not given out":         later,
		"a receipt of more than is settled":       forgotten,
		"a receipt of more, from before the last": {Store: store, Origin: d.Origin, First: 1, Changes: d.Batch(1, 1).Changes, After: 5},
	} {
		f.nothing(store, func() {
			res, err := f.Apply(b)
			if err != nil || res.Outcome != wire.Diverged || res.Applied+res.Refused != 0 || len(res.Quarantined) != 0 {
				f.Errorf("%s: %+v, %v", name, res, err)
			}
		})
	}
	f.apply(d.Batch(3, 6), wire.Settled, 6, 2, 0) // the true one goes on
}

// applyMany lets several send the same and overlapping batches at once, as old
// and new connections of one device may.
func applyMany(f *fixture) {
	d := f.device(store, nadi, first)
	const changes, batch, senders = 60, 4, 4
	for range changes {
		d.Put("stock", "a", `{"n":`+string(rune('0'+d.Last()%10))+`}`)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	applied := 0
	for sender := range senders {
		wg.Go(func() {
			for from := uint64(1); from <= changes; {
				b := d.Batch(from-min(from-1, uint64(sender)), min(from+batch, changes))
				res, err := f.Apply(b)
				if err != nil || res.Outcome != wire.Settled {
					f.Errorf("changes from %d: %+v, %v", b.First, res, err)
					return
				}
				mu.Lock()
				applied += res.Applied
				mu.Unlock()
				from = res.Settled + 1
			}
		})
	}
	wg.Wait()
	if m := f.meta(store); applied != changes || m.Settled != changes || m.Seq != changes || m.Records != 1 {
		f.Errorf("%d applied, meta %+v", applied, m)
	}
}

func applyNoBatch(f *fixture) {
	d := f.device(store, nadi, first)
	for range sitesync.MaxBatchChanges + 1 {
		d.Put("stock", "a", `{}`)
	}
	large := NewDevice(store, d.Origin)
	for range 5 {
		large.Put("stock", "a", `{"a":"`+string(make([]byte, sitesync.MaxBatchBytes/5))+`"}`)
	}
	whole, endless := d.Batch(1, 1), d.Batch(1, 2)
	whole.First, endless.First = 0, 1<<64-2
	for name, b := range map[string]records.Batch{
		"empty":         {Store: store, Origin: d.Origin, First: 1},
		"from 0":        whole,
		"past the last": endless,
		"too many":      d.All(),
		"too large":     large.All(),
	} {
		f.nothing(store, func() {
			_, err := f.Apply(b)
			if sitesync.CodeOf(err) != sitesync.CodeInvalid {
				f.Errorf("%s: %v", name, err)
			}
		})
	}
	f.push(d, 1, sitesync.MaxBatchChanges)
}

// applyEffects follows records, bytes and the digest through every kind of
// change. What they must be is computed anew by check.
func applyEffects(f *fixture) {
	d := f.device(store, nadi, first)
	empty := f.meta(store).Digest
	for _, step := range []struct {
		op                  sitesync.Op
		id, data            string
		records, bytes, seq int64
	}{
		{sitesync.OpPut, "a", `{"n":1}`, 1, 7, 1},
		{sitesync.OpPut, "b", `{"n":22}`, 2, 15, 2},
		{sitesync.OpPut, "a", `{"n":333}`, 2, 17, 3},
		{sitesync.OpPut, "a", `{"n":333}`, 2, 17, 4},
		{sitesync.OpDelete, "a", ``, 1, 8, 5},
		{sitesync.OpDelete, "a", ``, 1, 8, 5}, // no news
		{sitesync.OpDelete, "c", ``, 1, 8, 5}, // no news
		{sitesync.OpPut, "a", `{"n":1}`, 2, 15, 6},
		{sitesync.OpDelete, "b", ``, 1, 7, 7},
		{sitesync.OpDelete, "a", ``, 0, 0, 8},
	} {
		n := d.Add(sitesync.Change{Op: step.op, Table: "stock", ID: step.id, Data: []byte(step.data)})
		f.push(d, n, n)
		m := f.meta(store)
		if m.Records != step.records || m.Bytes != step.bytes || m.Seq != uint64(step.seq) {
			f.Errorf("after change %d: %d records, %d bytes, seq %d; want %d, %d, %d", n, m.Records, m.Bytes, m.Seq, step.records, step.bytes, step.seq)
		}
		f.check(store)
	}
	if m := f.meta(store); m.Digest != empty {
		f.Errorf("digest %s of nothing, it was %s", m.Digest, empty)
	}
}
