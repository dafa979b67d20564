package records

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// testDB is a DB whose keys a test can look at.
type testDB struct{ *DB }

func openTest(t *testing.T) testDB {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return testDB{d}
}

func (d testDB) write(t *testing.T, key, value []byte) {
	t.Helper()
	err := d.kv.Update(func(tx *kv.Tx) error { tx.Set(key, value); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// values reads everything under a prefix.
func (d testDB) values(t *testing.T, prefix []byte) (values [][]byte) {
	t.Helper()
	err := d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: prefix}, func(_, value []byte) (bool, error) {
			values = append(values, append([]byte(nil), value...))
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestNothingIsLeftBehind counts what is on disk of a store: a log entry for
// each record and tombstone, a place for each tombstone, and nothing else.
func TestNothingIsLeftBehind(t *testing.T) {
	d := openTest(t)
	const store = sitesync.StoreID(3)
	if _, err := d.Transition(0, Meta{Store: store, Owner: sitesync.CentralSite, Phase: sitesync.PhaseActive, Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	change := func(id int, op sitesync.Op) {
		t.Helper()
		c := sitesync.Change{Op: op, Table: "stock", ID: fmt.Sprint(id)}
		if op == sitesync.OpPut {
			c.Data = []byte(`{}`)
		}
		if _, err := d.Edit(Edit{Store: store, Change: c, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		for id := range 6 {
			change(id, sitesync.OpPut)
			change(id, sitesync.OpPut)
			if id%2 == 0 {
				change(id, sitesync.OpDelete)
			}
			if id%4 == 0 {
				change(id, sitesync.OpPut)
			}
		}
		for kind, want := range map[byte]int{recordKind: 6, logKind: 6, tombstoneKind: 1, metaKind: 1} {
			if n := len(d.values(t, storeKey(store, kind, 0))); n != want {
				t.Errorf("round %d: %d of kind %c, want %d", round, n, kind, want)
			}
		}
	}
	if n, err := d.Sweep(store, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for kind, want := range map[byte]int{recordKind: 5, logKind: 5, tombstoneKind: 0} {
		if n := len(d.values(t, storeKey(store, kind, 0))); n != want {
			t.Errorf("after the sweep: %d of kind %c, want %d", n, kind, want)
		}
	}
}

// TestBadFrames keeps the newest of each site, in the order they came,
// whatever the clock says.
func TestBadFrames(t *testing.T) {
	d := openTest(t)
	noon := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	frame := func(site sitesync.SiteID, n int, at time.Time) {
		t.Helper()
		if err := d.BadFrame(site, 7, fmt.Append(nil, n), at); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(site sitesync.SiteID) (list []badFrame) {
		t.Helper()
		for _, value := range d.values(t, badFramePrefix(site)) {
			var f badFrame
			if err := json.Unmarshal(value, &f); err != nil {
				t.Fatal(err)
			}
			list = append(list, f)
		}
		return list
	}
	frame(5, 99, noon)
	for n := range 40 {
		frame(6, n, noon.Add(-time.Duration(n/2)*time.Second)) // two at a time, and the clock goes backwards
		list := kept(6)
		if len(list) != min(n+1, badFramesKept) {
			t.Fatalf("%d frames after %d", len(list), n+1)
		}
		for i, f := range list {
			if want := fmt.Sprint(n + 1 - len(list) + i); string(f.Frame) != want || f.Store != 7 || f.Length != len(want) {
				t.Fatalf("frame %d after %d: %+v", i, n+1, f)
			}
		}
	}
	if list := kept(5); len(list) != 1 || string(list[0].Frame) != "99" || !list[0].Received.Equal(noon) {
		t.Errorf("of the other site: %+v", list)
	}
	large := make([]byte, 3<<20)
	if err := d.BadFrame(8, 0, large, noon); err != nil {
		t.Fatal(err)
	}
	if list := kept(8); list[0].Length != len(large) || len(list[0].Frame) != 1<<20 {
		t.Errorf("a frame of %d bytes, %d kept", list[0].Length, len(list[0].Frame))
	}
}

// TestFilteredPages follows a reader to whom nearly everything is its own: it
// gets on without ever being shown more of the log than one call looks at.
func TestFilteredPages(t *testing.T) {
	d := openTest(t)
	const store, epoch = sitesync.StoreID(3), sitesync.Epoch(5)
	m := Meta{Store: store, Format: MetaFormat, Version: 1, Log: newLogID(), Phase: sitesync.PhaseActive, Epoch: 6, Seq: 2*scanned + 10}
	for seq := uint64(1); seq <= m.Seq; seq += 2000 {
		err := d.kv.Update(func(tx *kv.Tx) error {
			putMeta(tx, &m)
			for s := seq; s < min(seq+2000, m.Seq+1); s++ {
				e := entry{op: sitesync.OpDelete, epoch: epoch, key: wire.Key{Table: "stock", ID: fmt.Sprint(s)}}
				if s == m.Seq-5 {
					e.epoch = 0
				}
				tx.Set(logKey(store, s), e.bytes())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var from wire.Cursor
	for calls := 1; ; calls++ {
		page, err := d.Changes(store, from, Filter{Own: epoch}, Limit{Records: 10, Bytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if page.More {
			if len(page.Changes) > 0 || page.Cursor.Seq != from.Seq+scanned {
				t.Fatalf("call %d: %+v", calls, page)
			}
			from = page.Cursor
			continue
		}
		if calls != 3 || len(page.Changes) != 1 || page.Cursor != m.Head() {
			t.Fatalf("after %d calls: %+v", calls, page)
		}
		return
	}
}
