package localdb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func TestWrite(t *testing.T) {
	d := writable(t)
	out := write(t, d, put("1", `{"a":1}`), put("2", `{"b":1}`))
	for i, w := range out {
		if w.Result != Created || w.N != uint64(i+1) || w.Epoch != epoch1 {
			t.Errorf("%+v", w)
		}
	}
	if out[0].ETag != sitesync.ETag([]byte(`{"a":1}`)) {
		t.Errorf("etag %s", out[0].ETag)
	}
	commits := d.kv.Stats().Commits
	if w := write(t, d, put("1", `{"a":1}`))[0]; w.Result != Unchanged || w.N != 0 || w.ETag != out[0].ETag {
		t.Errorf("an identical put: %+v", w)
	}
	if d.kv.Stats().Commits != commits {
		t.Error("an identical put was written")
	}
	if w := write(t, d, put("1", `{"a": 1}`))[0]; w.Result != Changed || w.N != 3 {
		t.Errorf("the same with a blank: %+v", w)
	}
	if w := write(t, d, del("1"))[0]; w.Result != Deleted || w.N != 4 || w.ETag != sitesync.ETag([]byte(`{"a": 1}`)) {
		t.Errorf("delete: %+v", w)
	}
	wantData(t, d, "1", "")
	if w := write(t, d, put("1", `{}`))[0]; w.Result != Created || w.N != 5 {
		t.Errorf("a put after a delete: %+v", w)
	}
	q := queued(t, d)
	if len(q.Changes) != 5 || q.First != 1 || q.Last != stateOf(t, d, storeA).Outbox.LastChain {
		t.Errorf("queue from %d of %d", q.First, len(q.Changes))
	}
	if c := q.Changes[3]; c.Op != sitesync.OpDelete || c.Data != nil || c.ID != "1" {
		t.Errorf("the delete waits as %+v", c)
	}
	if got := d.Backlog(); got != 5 {
		t.Errorf("backlog %d", got)
	}
}

// Within one batch a write sees those before it.
func TestWriteSameRecord(t *testing.T) {
	d := writable(t)
	out := write(t, d, put("1", `{"a":1}`), put("1", `{"a":2}`), put("1", `{"a":2}`), del("1"), put("1", `{"a":3}`))
	want := []Result{Created, Changed, Unchanged, Deleted, Created}
	for i, w := range out {
		if w.Result != want[i] {
			t.Errorf("write %d: %+v, want %d", i, w, want[i])
		}
	}
	wantData(t, d, "1", `{"a":3}`)
	if n := len(queued(t, d).Changes); n != 4 {
		t.Errorf("%d changes wait", n)
	}
}

func TestWriteConditions(t *testing.T) {
	d := writable(t)
	etag := write(t, d, put("1", `{"a":1}`))[0].ETag
	other := sitesync.ETag([]byte(`{}`))
	with := func(w Write, match string, absent bool) Write { w.Match, w.Absent = match, absent; return w }
	for _, c := range []struct {
		name  string
		write Write
		code  sitesync.Code
	}{
		{"put of another version", with(put("1", `{"a":2}`), other, false), sitesync.CodeChanged},
		{"put of any version, where none is", with(put("2", `{}`), "*", false), sitesync.CodeChanged},
		{"put of this version, where none is", with(put("2", `{}`), etag, false), sitesync.CodeChanged},
		{"put of what must not be", with(put("1", `{"a":2}`), "", true), sitesync.CodeChanged},
		{"identical put of another version", with(put("1", `{"a":1}`), other, false), sitesync.CodeChanged},
		{"delete of another version", with(del("1"), other, false), sitesync.CodeChanged},
		{"delete of nothing", del("2"), sitesync.CodeNotFound},
		{"put of this version", with(put("1", `{"a":2}`), etag, false), ""},
		{"put of any version", with(put("1", `{"a":3}`), "*", false), ""},
		{"put of what is not there", with(put("2", `{}`), "", true), ""},
		{"delete of this version", with(del("2"), other, false), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := d.Backlog()
			_, err := d.Write(storeA, []Write{c.write})
			if c.code == "" {
				must(t, err)
				return
			}
			wantCode(t, err, c.code)
			if d.Backlog() != before {
				t.Error("something was queued")
			}
		})
	}
}

// A batch is made whole or not at all, and its error says which one was wrong.
func TestWriteAllOrNone(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{"a":1}`))
	before := stateOf(t, d, storeA)
	for _, c := range []struct {
		name  string
		third Write
		code  sitesync.Code
	}{
		{"not JSON", put("3", `{`), sitesync.CodeInvalid},
		{"no ID", put("", `{}`), sitesync.CodeInvalid},
		{"reserved table", Write{Op: sitesync.OpPut, Table: "_inbox", ID: "1", Data: []byte(`{}`)}, sitesync.CodeInvalid},
		{"too large", put("3", `{"a":"`+strings.Repeat("x", sitesync.MaxRecord)+`"}`), sitesync.CodeTooLarge},
		{"not there", del("77"), sitesync.CodeNotFound},
		{"changed", Write{Op: sitesync.OpPut, Table: "t", ID: "1", Data: []byte(`{}`), Match: "x"}, sitesync.CodeChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.Write(storeA, []Write{put("1", `{"a":2}`), put("2", `{}`), c.third})
			wantCode(t, err, c.code)
			if e := sitesync.AsError(err); e != nil && e.Line != 3 {
				t.Errorf("line %d, want 3", e.Line)
			}
			wantData(t, d, "1", `{"a":1}`)
			wantData(t, d, "2", "")
			if _, err := d.Write(storeA, []Write{c.third}); sitesync.AsError(err).Line != 0 {
				t.Error("the error of a single write has a line")
			}
		})
	}
	if after := stateOf(t, d, storeA); after.Outbox != before.Outbox || after.Digest != before.Digest {
		t.Errorf("%+v became %+v", before, after)
	}
	_, err := d.Write(99, []Write{put("1", `{}`)})
	wantCode(t, err, sitesync.CodeNoSuchStore)
}

// n and the chain begin anew with each epoch, and go on over a new start.
func TestWriteNumbers(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	for i := range 5 {
		w := write(t, d, put(fmt.Sprint(i), `{}`))[0]
		if w.N != uint64(i+1) {
			t.Errorf("n %d, want %d", w.N, i+1)
		}
		d = reopen(t, d, dir)
	}
	q := queued(t, d)
	chains := chainsOf(q)
	if q.Chain != (sitesync.Chain{}) || chains[4] != q.Last {
		t.Errorf("chain %s, want %s", q.Last, chains[4])
	}
	must(t, d.Assign([]wire.AssignedStore{assigned(storeA, epoch2, sitesync.PhaseLoading)}, someday))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(1)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Last: true}))
	must(t, d.Assign([]wire.AssignedStore{assigned(storeA, epoch2, sitesync.PhaseActive)}, someday))
	if w := write(t, d, put("0", `{"new":1}`))[0]; w.N != 1 || w.Epoch != epoch2 {
		t.Errorf("the first change of an epoch is %+v", w)
	}
	if s := stateOf(t, d, storeA); len(s.Past) != 1 || s.Past[0].Queued() != 5 || s.Queued() != 6 {
		t.Errorf("%+v", s)
	}
	wantWhole(t, d)
}

// Whatever fits WriteLimit fits a transaction, with the longest names and with
// the shortest, and so does a single record of any size.
func TestWriteLimit(t *testing.T) {
	d := open(t, t.TempDir())
	a := assigned(storeA, 1<<64-1, sitesync.PhaseLoading)
	a.Name, a.To = strings.Repeat("<", sitesync.MaxStoreName), strings.Repeat("<", sitesync.MaxSiteName)
	for i := range sitesync.MaxTags {
		a.Tags = append(a.Tags, strings.Repeat("k", 40)+":"+strings.Repeat("v", 38)+fmt.Sprintf("%02d", i))
	}
	must(t, d.Assign([]wire.AssignedStore{a}, someday))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: a.Epoch, Head: cursorAt(1)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: a.Epoch, Last: true}))
	a.Phase = sitesync.PhaseActive
	must(t, d.Assign([]wire.AssignedStore{a}, someday))

	most, changes := d.WriteLimit()
	if most < 100<<10 || changes < 500 {
		t.Errorf("the limit is %d bytes, %d changes", most, changes)
	}
	fill := func(table string, id func(int) string, data int) (batch []Write) {
		size := 0
		for i := range changes {
			w := Write{Op: sitesync.OpPut, Table: table, ID: id(i), Data: append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), max(data-8, 0))...), `"}`...)}
			c := sitesync.Change{Table: w.Table, ID: w.ID, Data: w.Data}
			if size += c.Size(); size > most {
				break
			}
			batch = append(batch, w)
		}
		return batch
	}
	short := func(i int) string { return fmt.Sprint(i) }
	long := func(i int) string { return fmt.Sprintf("%0200d", i) }
	for _, data := range []int{2, 100, 200, 300, 100_000} {
		write(t, d, fill("a", short, data)...)
		write(t, d, fill(strings.Repeat("t", sitesync.MaxTable), long, data)...)
	}
	for _, size := range []int{100_000, 128<<10 - 30, 128<<10 - 12, 128 << 10, sitesync.MaxRecord} {
		data := `{"a":"` + strings.Repeat("x", size-8) + `"}`
		write(t, d, Write{Op: sitesync.OpPut, Table: strings.Repeat("t", sitesync.MaxTable), ID: long(size), Data: []byte(data)})
	}
	wantWhole(t, d)
}

func TestWriteRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		phase sitesync.Phase
		code  sitesync.Code
		text  string
	}{
		{"draining", sitesync.PhaseDraining, sitesync.CodeStoreMoving, "is moving to Suva"},
		{"loading", sitesync.PhaseLoading, sitesync.CodeStoreLoading, "still arriving"},
		{"released", sitesync.PhaseReleased, sitesync.CodeStoreReleased, "moved to Suva"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := writable(t)
			write(t, d, put("1", `{}`))
			a := assigned(storeA, epoch1, c.phase)
			a.To = "Suva"
			if c.phase == sitesync.PhaseLoading {
				a.Epoch = epoch2
			}
			must(t, d.Assign([]wire.AssignedStore{a}, someday))
			_, err := d.Write(storeA, []Write{put("2", `{}`)})
			wantCode(t, err, c.code)
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v does not say %q", err, c.text)
			}
			wantData(t, d, "1", `{}`) // it stays readable
			if d.Backlog() != 1 {
				t.Error("what waits is lost")
			}
		})
	}
}

func TestList(t *testing.T) {
	d := writable(t)
	other := func(table, id string) Write {
		return Write{Op: sitesync.OpPut, Table: table, ID: id, Data: []byte(`{}`)}
	}
	write(t, d, put("b", `{}`), put("a", `{}`), put("a\u0020", `{}`), put("ä", `{}`), put("c", `{}`), other("ta", "0"), other("s", "z"))
	write(t, d, del("c"))
	list := func(after string, most int) string {
		var ids []string
		must(t, d.List(storeA, "t", after, func(r Record) bool {
			ids = append(ids, r.Key.ID)
			return len(ids) < most
		}))
		return strings.Join(ids, ",")
	}
	for _, c := range []struct {
		after string
		most  int
		want  string
	}{{"", 9, "a,a ,b,ä"}, {"a", 9, "a ,b,ä"}, {"a", 1, "a "}, {"aa", 9, "b,ä"}, {"ä", 9, ""}, {"", 1, "a"}} {
		if got := list(c.after, c.most); got != c.want {
			t.Errorf("after %q: %q, want %q", c.after, got, c.want)
		}
	}
}
