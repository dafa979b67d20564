package recordstest

import (
	"fmt"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var receiptTests = []test{
	{"Receipts/rebuilt", receiptsRebuilt},
	{"Receipts/in parts", receiptsInParts},
	{"Receipts/of much that is not told", receiptsOfStranger},
	{"Receipts/of nobody", receiptsOfNobody},
}

// receiptsRebuilt asks for receipts again, from different places, with the
// record as it is by then.
func receiptsRebuilt(f *fixture) {
	d := f.device(store, nadi, first)
	d.Put("stock", "a", `{"n":1}`)
	d.Put("stock", "a", `bad`) // 2
	d.Put("stock", "b", `bad`) // 3
	d.Put("stock", "c", `{}`)
	d.Put("stock", "c", `bad`) // 5
	told := func(quarantined []wire.Refusal) (text string) {
		for _, q := range quarantined {
			text += fmt.Sprintf("%d %v %s %v %s; ", q.N, q.Reason, q.ID, q.Present, q.Data)
		}
		return text
	}
	res := f.apply(d.All(), wire.Settled, 5, 2, 3)
	if got, want := told(res.Quarantined), `2 schema a true {"n":1}; 3 schema b false ; 5 schema c true {}; `; got != want {
		f.Errorf("told %s want %s", got, want)
	}
	d.Put("stock", "b", `{"late":1}`)
	d.Delete("stock", "c")
	f.push(d, 6, 7)
	f.restart()
	for after, want := range map[uint64]string{
		0: `2 schema a true {"n":1}; 3 schema b true {"late":1}; 5 schema c false ; `,
		2: `3 schema b true {"late":1}; 5 schema c false ; `,
		4: `5 schema c false ; `,
		5: ``, 7: ``,
	} {
		res, err := f.Settled(store, d.Origin, after)
		if err != nil || res.Outcome != wire.Settled || res.Settled != 7 || res.Chain != d.Chain(7) || res.Told != 7 ||
			res.After != after || res.Head != f.head(store) {
			f.Errorf("after %d: %+v, %v", after, res, err)
		}
		if got := told(res.Quarantined); got != want {
			f.Errorf("after %d: told %s want %s", after, got, want)
		}
		again := d.Batch(7, 7)
		again.After = after
		if got := told(f.apply(again, wire.Settled, 7, 0, 0).Quarantined); got != want {
			f.Errorf("pushed after %d: told %s want %s", after, got, want)
		}
	}
	r := res.Receipt(d.Origin.Epoch)
	if r.Epoch != d.Origin.Epoch || r.Outcome != wire.Settled || r.Settled != 5 || r.Chain != d.Chain(5) || r.After != 0 || len(r.Quarantined) != 3 {
		f.Errorf("receipt %+v", r)
	}
	// What the new owner's device is told of its own is not told of the former's.
	f.device(store, nadi, second)
	if res, err := f.Settled(store, d.Origin, 0); err != nil || res.Settled != 7 || res.Chain != d.Chain(7) || len(res.Quarantined) != 3 {
		f.Errorf("of the past epoch: %+v, %v", res, err)
	}
}

// receiptsInParts refuses more than one receipt can tell of: the device comes
// to the end in several, each of which ends at a place of its own chain.
func receiptsInParts(f *fixture) {
	d := f.device(store, nadi, first)
	const changes, size = 12, 500_000
	for i := range changes {
		d.Add(sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprintf("%02d", i), Data: object(size)})
	}
	f.push(d, 1, 6)
	f.push(d, 7, changes)
	for i := range changes {
		d.Add(sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprintf("%02d", i), To: "N2", Data: []byte(`{}`)})
	}
	res := f.apply(d.Batch(changes+1, 2*changes), wire.Settled, 2*changes, 0, changes)
	parts := 0
	for next := uint64(changes + 1); ; parts++ {
		r, bytes := res.Receipt(d.Origin.Epoch), 0
		for _, q := range r.Quarantined {
			if q.N != next || len(q.Data) != size {
				f.Errorf("told of %d with %d bytes, want %d", q.N, len(q.Data), next)
			}
			bytes += len(q.Data)
			next++
		}
		if bytes > 3<<20 || len(wire.Encode(1, store, r)) > wire.MaxBody || len(r.Quarantined) == 0 {
			f.Errorf("a receipt of %d records, %d bytes", len(r.Quarantined), bytes)
		}
		if r.Chain != d.Chain(r.Settled) || r.Settled >= next {
			f.Fatalf("told of %d, settled %d", next-1, r.Settled)
		}
		if r.Settled == 2*changes {
			break
		}
		again := d.Batch(r.Settled+1, 2*changes)
		again.After = r.Settled
		res = f.apply(again, wire.Settled, 2*changes, 0, 0)
	}
	if parts == 0 {
		f.Error("all of it fitted one receipt")
	}
}

// receiptsOfStranger asks for what became of large changes to a store that
// belongs to another site. Little is told of them, and yet no answer reads all.
func receiptsOfStranger(f *fixture) {
	const changes = 6
	large := make([]sitesync.Change, changes)
	for i := range large {
		large[i] = sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprint(i), Data: object(600_000)}
	}
	d := f.late(suva, second, large...)
	answers := 0
	for after := uint64(1); after < d.Last(); answers++ {
		res, err := f.Settled(store, d.Origin, after)
		if err != nil || res.Settled != d.Last() || res.Told <= after || res.ToldChain != d.Chain(res.Told) || uint64(len(res.Quarantined)) != res.Told-after {
			f.Fatalf("after %d: %+v, %v", after, res, err)
		}
		after = res.Told
	}
	if answers < 2 {
		f.Errorf("%d answers told of it all", answers)
	}
}

func receiptsOfNobody(f *fixture) {
	d := f.device(store, nadi, first)
	stranger := NewDevice(store, d.Origin)
	stranger.Origin.Site = suva
	for _, o := range []*Device{stranger, NewDevice(1234, d.Origin)} {
		res, err := f.Settled(o.Store, o.Origin, 0)
		if err != nil || res.Outcome != wire.Settled || res.Settled != 0 || res.Chain != (sitesync.Chain{}) || len(res.Quarantined) != 0 || !res.Head.IsZero() {
			f.Errorf("%+v, %v", res, err)
		}
	}
}
