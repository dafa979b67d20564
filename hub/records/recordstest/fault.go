package recordstest

import (
	"strings"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var faultTests = []test{
	{"Faults/each reason", faultReasons},
	{"Faults/the largest batch", faultLargest},
	{"Faults/counts", faultCounts},
}

// faults are changes that break a rule of records.
var faults = []struct {
	name   string
	change sitesync.Change
	reason sitesync.Reason
}{
	{"data that is no JSON", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x", Data: []byte(`{"a":`)}, sitesync.ReasonSchema},
	{"data that is no object", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x", Data: []byte(`[1]`)}, sitesync.ReasonSchema},
	{"data in blanks", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x", Data: []byte(` {}`)}, sitesync.ReasonSchema},
	{"no data", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x"}, sitesync.ReasonSchema},
	{"a delete with data", sitesync.Change{Op: sitesync.OpDelete, Table: "stock", ID: "x", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"an unknown operation", sitesync.Change{Op: 9, Table: "stock", ID: "x", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"no table", sitesync.Change{Op: sitesync.OpPut, ID: "x", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"a table in capitals", sitesync.Change{Op: sitesync.OpPut, Table: "Stock", ID: "x", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"a reserved table", sitesync.Change{Op: sitesync.OpPut, Table: "_inbox", ID: "x", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"a table with the end of a key in it", sitesync.Change{Op: sitesync.OpPut, Table: "stock\x00x", ID: "y", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"no ID", sitesync.Change{Op: sitesync.OpPut, Table: "stock", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"an ID with a control character", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x\x00", Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"an ID that is too long", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: strings.Repeat("x", 5000), Data: []byte(`{}`)}, sitesync.ReasonSchema},
	{"data that is too large", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x", Data: object(sitesync.MaxRecord + 1)}, sitesync.ReasonSize},
	{"a transfer to nowhere", sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "x", Data: []byte(`{}`), To: "N2"}, sitesync.ReasonTarget},
}

// object makes a JSON object of so many bytes.
func object(bytes int) []byte {
	return []byte(`{"a":"` + strings.Repeat("x", bytes-8) + `"}`)
}

// faultReasons puts every fault between good changes: it goes to quarantine,
// and all the rest is applied.
func faultReasons(f *fixture) {
	d := f.device(store, nadi, first)
	d.Put("stock", "x", `{"good":0}`)
	f.push(d, 1, 1)
	for _, fault := range faults {
		from := d.Last() + 1
		d.Put("stock", "before", `{}`)
		n := d.Add(fault.change)
		d.Put("stock", "after", `{}`)
		d.Delete("stock", "before")
		b := d.Batch(from, n+2)
		b.After = from - 1
		res := f.apply(b, wire.Settled, n+2, 3, 1)
		if res.Chain != d.Chain(n+2) || len(res.Quarantined) != 1 {
			f.Fatalf("%s: %+v", fault.name, res)
		}
		want := wire.Refusal{N: n, Reason: fault.reason, Table: fault.change.Table, ID: fault.change.ID}
		if want.Table == "stock" && want.ID == "x" {
			want.Present, want.Data = true, []byte(`{"good":0}`)
		}
		if got := res.Quarantined[0]; got.N != want.N || got.Reason != want.Reason || got.Table != want.Table || got.ID != want.ID ||
			got.Present != want.Present || string(got.Data) != string(want.Data) {
			f.Errorf("%s: told %.200v, want %.200v", fault.name, got, want)
		}
	}
	f.restart()
	res, err := f.Settled(store, d.Origin, 0)
	if err != nil || len(res.Quarantined) != len(faults) {
		f.Fatalf("%d told again, %v", len(res.Quarantined), err)
	}
	for i, q := range res.Quarantined {
		if q.Reason != faults[i].reason || q.Table != faults[i].change.Table || q.ID != faults[i].change.ID {
			f.Errorf("%s: told %v again", faults[i].name, q)
		}
	}
	if got, want := show(f.scan(store)), "put stock/after {}\nput stock/x {\"good\":0}\n"; got != want {
		f.Errorf("the records are\n%swant\n%s", got, want)
	}
}

// faultLargest applies and refuses the largest batches there can be.
func faultLargest(f *fixture) {
	d := f.device(store, nadi, first)
	stranger := NewDevice(store, d.Origin)
	stranger.Origin.Site = suva
	room := sitesync.MaxBatchBytes
	for _, id := range []string{"a", "b", "c", "d"} {
		c := sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: id}
		c.Data = object(min(sitesync.MaxRecord, room-c.Size()))
		room -= c.Size()
		d.Add(c)
		stranger.Add(c)
	}
	if room != 0 {
		f.Fatalf("%d bytes are left in the batch", room)
	}
	f.apply(stranger.All(), wire.Settled, 4, 0, 4)
	f.apply(d.All(), wire.Settled, 4, 4, 0)

	one := NewDevice(store, d.Origin)
	one.Origin.Replica = second
	c := sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "large"}
	c.Data = object(sitesync.MaxBatchBytes - c.Size())
	one.Add(c)
	f.apply(one.All(), wire.Settled, 1, 0, 1)
}

// faultCounts counts the open items of each site.
func faultCounts(f *fixture) {
	inNadi, inSuva := f.device(store, nadi, first), f.device(store+1, suva, first)
	for i := range 3 {
		inNadi.Put("_reserved", "a", `{}`)
		f.apply(inNadi.Batch(inNadi.Last(), inNadi.Last()), wire.Settled, inNadi.Last(), 0, 1)
		if i > 0 {
			inSuva.Put("_reserved", "a", `{}`)
			f.apply(inSuva.All(), wire.Settled, inSuva.Last(), 0, 1)
		}
	}
	for range 2 {
		for _, c := range []struct {
			site  sitesync.SiteID
			store sitesync.StoreID
			want  uint64
		}{{nadi, 0, 3}, {nadi, store, 3}, {nadi, store + 1, 0}, {suva, 0, 2}, {suva, store + 1, 2}, {9, 0, 0}} {
			if n := f.Undecided(c.site, c.store); n != c.want {
				f.Errorf("%d undecided of site %d in store %d, want %d", n, c.site, c.store, c.want)
			}
		}
		f.restart()
	}
}
