package recordstest

import (
	"fmt"
	"strings"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var logTests = []test{
	{"Log/one entry per record", logCompacted},
	{"Log/pages", logPages},
	{"Log/own changes", logOwn},
	{"Log/cursors of elsewhere", logCursors},
	{"Log/many writers, no change skipped", logNoSkip},
	{"Records/pages and lists", recordsPaged},
	{"Records/unknown", recordsUnknown},
}

func logCompacted(f *fixture) {
	d := f.device(store, nadi, first)
	for i := range 5 {
		d.Put("stock", "a", fmt.Sprintf(`{"n":%d}`, i))
		d.Put("stock", "b", fmt.Sprintf(`{"n":%d}`, i))
	}
	d.Delete("stock", "a")
	d.Put("stock", "c", `{}`)
	f.push(d, 1, d.Last())
	got, _ := f.log(store, wire.Cursor{}, 0)
	if want := "put stock/b {\"n\":4}\ndelete stock/a \nput stock/c {}\n"; show(got) != want {
		f.Errorf("the log is\n%swant\n%s", show(got), want)
	}
}

// logPages reads in pages of every size while records that a reader has seen
// are written again behind it and ahead of it.
func logPages(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 40)
	for _, l := range []records.Limit{{}, {Records: 1}, {Bytes: 1}, {Records: 1, Bytes: 1 << 20}, {Records: 7, Bytes: 1 << 20}, {Records: 1 << 20, Bytes: 64}} {
		view, pages := map[string]string{}, 0
		for at, more := (wire.Cursor{}), true; more; pages++ {
			page, err := f.Changes(store, at, records.Filter{}, l)
			if err != nil || page.Reset || page.Ahead {
				f.Fatalf("%+v, %v", page, err)
			}
			if page.More && (page.Cursor.Seq <= at.Seq || len(page.Changes) == 0) || l.Records > 0 && len(page.Changes) > l.Records {
				f.Fatalf("limit %+v: %d changes from %d to %d", l, len(page.Changes), at.Seq, page.Cursor.Seq)
			}
			for _, c := range page.Changes {
				view[c.ID] = string(c.Data)
			}
			at, more = page.Cursor, page.More
			if pages < 20 {
				d.Put("stock", fmt.Sprintf("%03d", pages), fmt.Sprintf(`{"again":%d}`, d.Last()))
				f.push(d, d.Last(), d.Last())
				more = true
			}
		}
		for _, c := range f.scan(store) {
			if view[c.ID] != string(c.Data) {
				f.Errorf("limit %+v: the reader has %s of %s, which is %s", l, view[c.ID], c.ID, c.Data)
			}
		}
		if len(view) != 40 || pages < 2 {
			f.Errorf("limit %+v: %d records in %d pages", l, len(view), pages)
		}
	}
}

// logOwn leaves out what the reader wrote itself in its epoch, and nothing
// that it wrote in another, or that others wrote.
func logOwn(f *fixture) {
	old := f.device(store, nadi, first)
	f.fill(old, "old", 3)
	f.central(store)
	if _, err := f.Edit(records.Edit{Store: store, Change: sitesync.Change{Op: sitesync.OpPut, Table: "central", ID: "a", Data: []byte(`{}`)}}); err != nil {
		f.Fatal(err)
	}
	d := f.device(store, nadi, first)
	begin := f.pinned(store)
	f.fill(d, "new", 2)
	d.Delete("old", "001")
	f.push(d, d.Last(), d.Last())
	for _, c := range []struct {
		from wire.Cursor
		own  sitesync.Epoch
		want string
	}{
		{wire.Cursor{}, 0, "old/000 old/002 central/a new/000 new/001 old/001"},
		{wire.Cursor{}, d.Origin.Epoch, "old/000 old/002 central/a"},
		{wire.Cursor{}, old.Origin.Epoch, "central/a new/000 new/001 old/001"},
		{begin, 0, "new/000 new/001 old/001"},
		{begin, d.Origin.Epoch, ""},
	} {
		changes, end := f.log(store, c.from, c.own)
		var got []string
		for _, c := range changes {
			got = append(got, c.Table+"/"+c.ID)
		}
		if strings.Join(got, " ") != c.want || end != f.head(store) {
			f.Errorf("from %d without epoch %s: %v up to %d, want %s", c.from.Seq, c.own, got, end.Seq, c.want)
		}
	}
	f.central(store)
	f.Edit(records.Edit{Store: store, Change: sitesync.Change{Op: sitesync.OpPut, Table: "central", ID: "b", Data: []byte(`{}`)}})
	if changes, _ := f.log(store, begin, d.Origin.Epoch); len(changes) != 1 || changes[0].ID != "b" {
		f.Errorf("what the centre wrote later: %v", changes)
	}
}

func logCursors(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 3)
	other := f.central(store + 1)
	head := f.head(store)
	ahead := head
	ahead.Seq++
	for _, c := range []struct {
		name         string
		from         wire.Cursor
		reset, ahead bool
	}{
		{"the head", head, false, false},
		{"past the head", ahead, false, true},
		{"far past the head", wire.Cursor{Log: head.Log, Seq: 1<<64 - 1}, false, true},
		{"another log", other.Head(), true, false},
		{"another log, far on", wire.Cursor{Log: wire.LogID{9}, Seq: 99}, true, false},
		{"no log", wire.Cursor{Seq: 2}, true, false},
	} {
		for _, own := range []sitesync.Epoch{0, d.Origin.Epoch} {
			page, err := f.Changes(store, c.from, records.Filter{Own: own}, records.Limit{Records: 10, Bytes: 1000})
			if err != nil || page.Reset != c.reset || page.Ahead != c.ahead || page.More || len(page.Changes) > 0 || page.Cursor != c.from {
				f.Errorf("%s: %+v, %v", c.name, page, err)
			}
		}
	}
}

// recordsPaged reads records in the order of their keys, which is that of
// tables first, however one table's name begins another's.
func recordsPaged(f *fixture) {
	d := f.device(store, nadi, first)
	for _, key := range []string{"a/2", "ab/1", "a_b/3", "a/10", "b/1", "a/ä", "a0/x", "a/1"} {
		table, id, _ := strings.Cut(key, "/")
		d.Put(table, id, `{"of":"`+key+`"}`)
	}
	d.Put("a", "15", `{}`)
	d.Delete("a", "15")
	f.push(d, 1, d.Last())
	const want = "a/1 a/10 a/2 a/ä a0/x a_b/3 ab/1 b/1 "
	for limit := range 10 {
		got := ""
		for after, last := (wire.Key{}), false; !last; {
			page, err := f.Scan(store, after, records.Limit{Records: limit, Bytes: 40})
			if err != nil || !page.Last && len(page.Records) == 0 || len(page.Records) > max(limit, 1) {
				f.Fatalf("%+v, %v", page, err)
			}
			for _, c := range page.Records {
				got += c.Table + "/" + c.ID + " "
			}
			if n := len(page.Records); n > 0 && page.Through != (wire.Key{Table: page.Records[n-1].Table, ID: page.Records[n-1].ID}) {
				f.Errorf("through %v", page.Through)
			}
			after, last = page.Through, page.Last
		}
		if got != want {
			f.Errorf("in pages of %d: %s want %s", limit, got, want)
		}
	}
	for _, c := range []struct {
		table string
		after wire.Key
		limit int
		want  string
	}{
		{"", wire.Key{}, 100, want},
		{"", wire.Key{Table: "a", ID: "2"}, 2, "a/ä a0/x "},
		{"", wire.Key{Table: "a", ID: "15"}, 1, "a/2 "},
		{"a", wire.Key{}, 100, "a/1 a/10 a/2 a/ä "},
		{"a", wire.Key{Table: "a", ID: "10"}, 1, "a/2 "},
		{"a", wire.Key{Table: "a", ID: "ä"}, 5, ""},
		{"a", wire.Key{}, 0, ""},
		{"z", wire.Key{}, 5, ""},
	} {
		list, err := f.List(store, c.table, c.after, c.limit)
		got := ""
		for _, r := range list {
			got += r.Table + "/" + r.ID + " "
			one, err := f.Get(store, wire.Key{Table: r.Table, ID: r.ID})
			if err != nil || fmt.Sprint(one) != fmt.Sprint(r) || r.Store != store || string(r.Data) != `{"of":"`+r.Table+"/"+r.ID+`"}` || r.ETag != sitesync.ETag(r.Data) {
				f.Errorf("listed %v, got %v, %v", r, one, err)
			}
		}
		if err != nil || got != c.want {
			f.Errorf("%d of table %q after %v: %s, %v; want %s", c.limit, c.table, c.after, got, err, c.want)
		}
	}
	_, err := f.Get(store, wire.Key{Table: "a", ID: "15"})
	f.fails(err, sitesync.CodeNotFound)
}

func recordsUnknown(f *fixture) {
	const unknown = sitesync.StoreID(1234)
	_, err := f.Changes(unknown, wire.Cursor{}, records.Filter{}, records.Limit{Records: 1, Bytes: 1})
	f.fails(err, sitesync.CodeNotFound)
	_, err = f.Get(unknown, wire.Key{Table: "a", ID: "a"})
	f.fails(err, sitesync.CodeNotFound)
	_, err = f.Edit(records.Edit{Store: unknown, Change: sitesync.Change{Op: sitesync.OpPut, Table: "a", ID: "a", Data: []byte(`{}`)}})
	f.fails(err, sitesync.CodeNotFound)
	if page, err := f.Scan(unknown, wire.Key{}, records.Limit{Records: 1, Bytes: 1}); err != nil || len(page.Records) > 0 || !page.Last {
		f.Errorf("scan: %+v, %v", page, err)
	}
	if list, err := f.List(unknown, "", wire.Key{}, 10); err != nil || len(list) > 0 {
		f.Errorf("list: %v, %v", list, err)
	}
	if n, err := f.Sweep(unknown, long()); err != nil || n != 0 {
		f.Errorf("sweep: %d, %v", n, err)
	}
}
