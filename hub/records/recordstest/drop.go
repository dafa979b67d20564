package recordstest

import (
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var dropTests = []test{
	{"Drop/only at the centre", dropElsewhere},
	{"Drop/all of it", dropAll},
}

func dropElsewhere(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 3)
	m := f.meta(store)
	f.nothing(store, func() {
		f.fails(f.Drop(store, m.Version, time.Now()), sitesync.CodeInUse)
		f.fails(f.Drop(store, m.Version+1, time.Now()), sitesync.CodeConflict)
		f.fails(f.Drop(store+1, 1, time.Now()), sitesync.CodeConflict)
		if n, err := f.Reclaim(10); n != 0 || err != nil {
			f.Errorf("reclaimed %d, %v", n, err)
		}
	})
}

// dropAll takes a store away, and keeps what others still rely on: its
// neighbour's data, what was settled of its former writer, and quarantine.
func dropAll(f *fixture) {
	neighbour := store + 1
	other := f.device(neighbour, suva, second)
	f.fill(other, "stock", 4)
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 5)
	d.Delete("stock", "001")
	f.push(d, 6, 6)
	m := f.central(store)
	late := d.Put("stock", "late", `{"n":9}`)
	f.apply(d.Batch(late, late), wire.Settled, late, 0, 1)
	m = f.meta(store)

	if err := f.Drop(store, m.Version, time.Now()); err != nil {
		f.Fatal(err)
	}
	f.fails(f.Drop(store, m.Version, time.Now()), sitesync.CodeConflict)
	if _, ok, err := f.Meta(store); ok || err != nil {
		f.Errorf("the meta is there, %v", err)
	}
	_, err := f.Edit(records.Edit{Store: store, Change: put("a", `{}`), At: time.Now()})
	f.fails(err, sitesync.CodeNotFound)
	f.restart() // in the middle of it
	for n := 1; n > 0; {
		if n, err = f.Reclaim(4); err != nil || n > 4 {
			f.Fatalf("reclaimed %d, %v", n, err)
		}
	}
	if left := f.scan(store); len(left) != 0 {
		f.Errorf("left are %s", show(left))
	}
	if left := f.scan(neighbour); len(left) != 4 {
		f.Errorf("of the neighbour are left %s", show(left))
	}
	f.apply(d.All(), wire.Settled, late, 0, 0) // what was settled stays known
	later := d.Put("stock", "later", `{"n":10}`)
	f.apply(d.Batch(later, later), wire.Settled, later, 0, 1)
	if n := f.Undecided(nadi, store); n != 2 {
		f.Errorf("%d changes wait in quarantine, want 2", n)
	}
}
