package recordstest

import (
	"fmt"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var sweepTests = []test{
	{"Sweep/tombstones", sweepTombstones},
	{"Sweep/many", sweepMany},
	{"Sweep/while loading", sweepLoading},
	{"Sweep/own deletes", sweepOwn},
}

// at makes the next change and pushes it as of a time.
func (f *fixture) at(d *Device, when time.Time, c sitesync.Change) {
	f.Helper()
	n := d.Add(c)
	b := d.Batch(n, n)
	b.At = when
	f.apply(b, wire.Settled, n, 1, 0)
}

func (f *fixture) sweep(store sitesync.StoreID, before time.Time, want int) {
	f.Helper()
	if n, err := f.Sweep(store, before); err != nil || n != want {
		f.Fatalf("swept %d, %v; want %d", n, err, want)
	}
}

func (f *fixture) resets(store sitesync.StoreID, seq uint64, want bool) {
	f.Helper()
	m := f.meta(store)
	from := []wire.Cursor{{Log: m.Log, Seq: seq}}
	if seq == 0 {
		from = append(from, wire.Cursor{})
	}
	for _, from := range from {
		page, err := f.Changes(store, from, records.Filter{}, records.Limit{Records: 100, Bytes: 1 << 20})
		if err != nil || page.Reset != want || page.Ahead {
			f.Errorf("a reader at %v with the floor at %d: %+v, %v", from, m.Floor, page, err)
		}
	}
}

// sweepTombstones removes them in the order of the log, and answers a cursor
// that may have missed one with a reset.
func sweepTombstones(f *fixture) {
	d := f.device(store, nadi, first)
	put := func(id string) sitesync.Change {
		return sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: id, Data: []byte(`{}`)}
	}
	gone := func(id string) sitesync.Change {
		return sitesync.Change{Op: sitesync.OpDelete, Table: "stock", ID: id}
	}
	day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, id := range []string{"a", "b", "c", "d"} { // seq 1 to 4
		f.at(d, day.AddDate(0, 0, i), put(id))
	}
	f.at(d, day.AddDate(0, 0, 10), gone("a")) // 5
	f.at(d, day.AddDate(0, 0, 11), gone("b")) // 6
	f.at(d, day.AddDate(0, 0, 12), put("e"))  // 7
	f.at(d, day.AddDate(0, 0, 13), gone("c")) // 8
	f.at(d, day.AddDate(0, 0, 14), put("a"))  // 9: there again, so no tombstone any more
	f.give(store, suva, second, sitesync.PhaseActive)

	f.nothing(store, func() { f.sweep(store, day.AddDate(0, 0, 11), 0) }) // b is as old, not older
	f.sweep(store, day.AddDate(0, 0, 12), 1)
	if m := f.meta(store); m.Floor != 6 {
		f.Errorf("floor %d", m.Floor)
	}
	f.restart()
	for seq, want := range map[uint64]bool{0: true, 1: true, 5: true, 6: false, 7: false, 9: false} {
		f.resets(store, seq, want)
	}
	m := f.meta(store)
	got, _ := f.log(store, wire.Cursor{Log: m.Log, Seq: m.Floor}, 0)
	if want := "put stock/e {}\ndelete stock/c \nput stock/a {}\n"; show(got) != want {
		f.Errorf("the log is\n%swant\n%s", show(got), want)
	}
	f.check(store)
	f.sweep(store, long(), 1)
	f.sweep(store, long(), 0)
	if m := f.meta(store); m.Floor != 8 {
		f.Errorf("floor %d", m.Floor)
	}
	d = f.device(store, nadi, second)
	f.at(d, day, put("b")) // what was swept can come again
	f.at(d, day, gone("b"))
	f.sweep(store, long(), 1)
}

// sweepMany removes more than one call does.
func sweepMany(f *fixture) {
	d := f.device(store, nadi, first)
	const all = 2300
	for _, op := range []sitesync.Op{sitesync.OpPut, sitesync.OpDelete} {
		for i := range all {
			c := sitesync.Change{Op: op, Table: "stock", ID: fmt.Sprintf("%04d", i)}
			if op == sitesync.OpPut {
				c.Data = []byte(`{}`)
			}
			d.Add(c)
		}
	}
	for n := uint64(1); n < 2*all; n += 460 {
		f.push(d, n, n+459)
	}
	total := 0
	for {
		n, err := f.Sweep(store, long())
		if err != nil {
			f.Fatal(err)
		}
		if n == 0 {
			break
		}
		total += n
		f.check(store)
	}
	if m := f.meta(store); total != all || m.Floor != 2*all {
		f.Errorf("swept %d, floor %d", total, m.Floor)
	}
}

// sweepLoading keeps what the resync under way has still to read: what came
// after its manifest's head.
func sweepLoading(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 3)
	d.Delete("stock", "000")
	f.push(d, 4, 4)
	m := f.give(store, suva, first, sitesync.PhaseActive)
	d = NewDevice(store, m.Origin())
	d.Delete("stock", "001")
	f.push(d, 1, 1)
	f.transition(store, func(m *records.Meta) { m.Phase = sitesync.PhaseLoading })
	f.sweep(store, long(), 1)
	if m := f.meta(store); m.Floor != 4 || m.Pin != 4 {
		f.Errorf("floor %d, pin %d", m.Floor, m.Pin)
	}
	f.resets(store, 4, false)
	f.sweep(store, long(), 0)
	f.transition(store, func(m *records.Meta) { m.Phase = sitesync.PhaseActive })
	f.sweep(store, long(), 1)
	f.resets(store, 4, true)
}

// sweepOwn holds that a device which was away for long is not sent into a
// resync by the sweep of its own deletes.
func sweepOwn(f *fixture) {
	d := f.device(store, nadi, first)
	begin := f.pinned(store)
	f.fill(d, "stock", 2)
	d.Delete("stock", "000")
	f.push(d, 3, 3)
	f.sweep(store, long(), 1)
	if changes, end := f.log(store, begin, d.Origin.Epoch); len(changes) > 0 || end != f.head(store) {
		f.Errorf("read %v up to %v", changes, end)
	}
	f.resets(store, begin.Seq, true)
	f.resets(store, 1, true)
}
