package localdb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func key(id string) wire.Key { return wire.Key{Table: "t", ID: id} }

// hubRecord makes the version of a record that the hub has.
func hubRecord(id, data string) sitesync.Change {
	return sitesync.Change{Op: sitesync.OpPut, Table: "t", ID: id, Data: []byte(data)}
}

func hubRecords(from, to int) (list []sitesync.Change) {
	for i := from; i < to; i++ {
		list = append(list, hubRecord(fmt.Sprintf("%05d", i), fmt.Sprintf(`{"hub":%d}`, i)))
	}
	return list
}

// chunksOf cuts a store into chunks of a size, the last of which ends it.
func chunksOf(epoch sitesync.Epoch, records []sitesync.Change, size int) (chunks []*wire.Chunk) {
	var after wire.Key
	for {
		n := min(size, len(records))
		c := &wire.Chunk{Epoch: epoch, After: after, Records: records[:n], Last: n == len(records)}
		if n > 0 {
			c.Through = key(records[n-1].ID)
		}
		chunks, records, after = append(chunks, c), records[n:], c.Through
		if c.Last {
			return chunks
		}
	}
}

// loading brings a database with store A to the beginning of a resync.
func loading(t *testing.T, d *DB, epoch sitesync.Epoch) {
	t.Helper()
	assign(t, d, assigned(storeA, epoch, sitesync.PhaseLoading))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch, Head: cursorAt(9), Records: 5}))
}

func digestOf(records []sitesync.Change) (digest sitesync.Digest) {
	h := sitesync.NewHasher()
	for i := range records {
		digest.Add(h.Record(records[i].Table, records[i].ID, records[i].Data))
	}
	return digest
}

func wantLoaded(t *testing.T, d *DB, records []sitesync.Change) {
	t.Helper()
	s := stateOf(t, d, storeA)
	if s.Digest != digestOf(records) || s.Records != int64(len(records)) {
		t.Errorf("%d records, digest %s, want %d, %s", s.Records, s.Digest, len(records), digestOf(records))
	}
	if s.Resync == nil || !s.Resync.Scanned || s.Cursor != cursorAt(9) {
		t.Errorf("the resync has not ended: %+v at %v", s.Resync, s.Cursor)
	}
	wantWhole(t, d)
}

// However small the chunks, and with a new start before each, the whole store
// arrives; in an empty store and in one with other things in it.
func TestResync(t *testing.T) {
	records := hubRecords(0, 23)
	for _, size := range []int{1, 7, 100} {
		for _, blank := range []bool{true, false} {
			t.Run(fmt.Sprintf("chunks of %d, blank %v", size, blank), func(t *testing.T) {
				dir := t.TempDir()
				d := open(t, dir)
				if !blank {
					activate(t, d, storeA, epoch1)
					write(t, d, put("0", `{}`), put("00003", `{}`), put("00005x", `{}`), put("00022x", `{}`), put("00004", `{"hub":4}`), del("0"))
					wantSettled(t, d, receiptFor(queued(t, d), 6), Agrees)
				}
				loading(t, d, epoch2)
				if s := stateOf(t, d, storeA); s.Resync.Blank != blank {
					t.Fatalf("%+v", s.Resync)
				}
				for i, c := range chunksOf(epoch2, records, size) {
					if i%3 == 1 {
						d = reopen(t, d, dir)
					}
					must(t, d.ApplyChunk(storeA, c))
					if err := d.ApplyChunk(storeA, c); !errors.Is(err, ErrStale) {
						t.Errorf("the same chunk again: %v", err)
					}
				}
				wantLoaded(t, d, records)
			})
		}
	}
}

// What is not settled here is neither overwritten nor removed by a resync, and
// what is settled is.
func TestResyncUnsettled(t *testing.T) {
	d := writable(t)
	write(t, d, put("settled", `{"v":1}`), put("both", `{"v":1}`), put("gone", `{"v":1}`))
	wantSettled(t, d, receiptFor(queued(t, d), 3), Agrees)
	write(t, d, put("mine", `{"v":1}`), put("both", `{"v":2}`), del("gone"))
	mine := queued(t, d)
	loading(t, d, epoch2)
	records := []sitesync.Change{hubRecord("both", `{"hub":1}`), hubRecord("gone", `{"hub":1}`), hubRecord("hub", `{"hub":1}`)}
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: records, Last: true}))
	for id, data := range map[string]string{"settled": "", "both": `{"v":2}`, "gone": "", "mine": `{"v":1}`, "hub": `{"hub":1}`} {
		wantData(t, d, id, data)
	}
	if s := stateOf(t, d, storeA); s.Queued() != 3 {
		t.Errorf("%d wait", s.Queued())
	}
	// The hub refuses them, of an epoch that is over; then all is as it has it.
	refusal := func(n uint64, id, present string) wire.Refusal {
		return wire.Refusal{N: n, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: id, Present: present != "", Data: []byte(present)}
	}
	wantSettled(t, d, receiptFor(mine, 6, refusal(4, "mine", ""), refusal(5, "both", `{"hub":1}`), refusal(6, "gone", `{"hub":1}`)), Agrees)
	wantLoaded(t, d, records)
}

// A chunk of more than one transaction takes, and a range with more to remove
// than one takes.
func TestResyncLarge(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	loading(t, d, epoch1)
	pad := strings.Repeat("x", 500)
	var first []sitesync.Change
	for i := range 3000 {
		first = append(first, hubRecord(fmt.Sprintf("%05d", i), fmt.Sprintf(`{"hub":%d,"pad":%q}`, i, pad)))
	}
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch1, Records: first, Last: true}))
	wantLoaded(t, d, first)

	loading(t, d, epoch2)
	second := append(hubRecords(100, 1700), hubRecord("01700", `{"large":"`+strings.Repeat("y", 127<<10)+`"}`))
	for i := range 8 {
		second = append(second, hubRecord(fmt.Sprintf("0170%d", i+1), `{"large":"`+strings.Repeat("y", 200<<10)+`"}`))
	}
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: second, Last: true}))
	wantLoaded(t, d, second)

	loading(t, d, sitesync.NewEpoch(1, 3))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: sitesync.NewEpoch(1, 3), Last: true})) // the hub has nothing
	wantLoaded(t, d, nil)
}

// Keys as long as they come have to go too.
func TestResyncRemovesLongKeys(t *testing.T) {
	d := open(t, t.TempDir())
	loading(t, d, epoch1)
	table := strings.Repeat("t", sitesync.MaxTable)
	var records []sitesync.Change
	for i := range 2500 {
		records = append(records, sitesync.Change{Op: sitesync.OpPut, Table: table, ID: fmt.Sprintf("%0200d", i), Data: []byte(`{}`)})
	}
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch1, Records: records, Last: true}))
	loading(t, d, epoch2)
	keep := []sitesync.Change{records[7], records[1500], records[2499]}
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: keep, Last: true}))
	wantLoaded(t, d, keep)
}

func TestResyncStale(t *testing.T) {
	d := writable(t)
	chunk := func(change func(*wire.Chunk)) *wire.Chunk {
		c := &wire.Chunk{Epoch: epoch2, Records: hubRecords(5, 7), Through: key("00006")}
		change(c)
		return c
	}
	good := chunk(func(*wire.Chunk) {})
	wantStale := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantStale("a manifest for a store that is active", d.BeginResync(storeA, &wire.Manifest{Epoch: epoch1, Head: cursorAt(9)}))
	wantStale("a chunk for a store that is active", d.ApplyChunk(storeA, good))
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseLoading))
	wantStale("a chunk before the manifest", d.ApplyChunk(storeA, good))
	wantStale("a manifest of another epoch", d.BeginResync(storeA, &wire.Manifest{Epoch: epoch1, Head: cursorAt(9)}))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(8)}))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(9)})) // asked for twice
	wantStale("a chunk of another epoch", d.ApplyChunk(storeA, chunk(func(c *wire.Chunk) { c.Epoch = epoch1 })))
	wantStale("a chunk from further on", d.ApplyChunk(storeA, chunk(func(c *wire.Chunk) { c.After = key("00004") })))
	must(t, d.ApplyChunk(storeA, good))
	wantStale("the same chunk", d.ApplyChunk(storeA, good))
	wantStale("a manifest with another head", d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(10)}))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(9)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, After: key("00006"), Last: true}))
	wantStale("a chunk behind the last", d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, After: key("00006"), Last: true}))
	wantStale("a manifest behind the last", d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(9)}))
	wantLoaded(t, d, hubRecords(5, 7))
	wantCode(t, d.ApplyChunk(99, good), sitesync.CodeNoSuchStore)
}

// A chunk that is not what a chunk has to be is refused before anything of it
// is applied.
func TestResyncOutOfOrder(t *testing.T) {
	d := writable(t)
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: hubRecords(0, 2), Through: key("00001")}))
	r := hubRecords(0, 9)
	gone := r[4]
	gone.Op = sitesync.OpDelete
	for name, c := range map[string]*wire.Chunk{
		"a record twice":           {Records: []sitesync.Change{r[3], r[3]}, Last: true},
		"backwards":                {Records: []sitesync.Change{r[4], r[3]}, Last: true},
		"from before":              {Records: []sitesync.Change{r[1]}, Last: true},
		"beyond its end":           {Records: []sitesync.Change{r[3], r[5]}, Through: key("00004")},
		"no end":                   {Records: []sitesync.Change{}},
		"an end at its beginning":  {Through: key("00001")},
		"a delete among the lives": {Records: []sitesync.Change{gone}, Last: true},
	} {
		c.Epoch, c.After = epoch2, key("00001")
		if err := d.ApplyChunk(storeA, c); err == nil || errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := stateOf(t, d, storeA); s.Records != 2 || s.Resync.After != key("00001") {
		t.Errorf("%+v, %+v", s, s.Resync)
	}
}

// A store in which nothing lives is not blank while a delete waits: the record
// that the hub still has must not come back.
func TestResyncNotBlank(t *testing.T) {
	d := writable(t)
	write(t, d, put("00001", `{}`))
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	write(t, d, del("00001"))
	q := queued(t, d)
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: hubRecords(0, 3), Last: true}))
	wantData(t, d, "00001", "")
	wantWhole(t, d)
	wantSettled(t, d, receiptFor(q, 2, wire.Refusal{N: 2, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: "00001", Present: true, Data: []byte(`{"hub":1}`)}), Agrees)
	wantLoaded(t, d, hubRecords(0, 3))
}

func TestRestartResync(t *testing.T) {
	d := writable(t)
	must(t, d.RestartResync(storeA)) // nothing to restart
	if s := stateOf(t, d, storeA); s.Resync != nil {
		t.Errorf("%+v", s.Resync)
	}
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: hubRecords(0, 5), Through: key("00004")}))
	must(t, d.RestartResync(storeA))
	if s := stateOf(t, d, storeA); s.Resync == nil || s.Resync.Blank || !s.Resync.After.IsZero() || !s.Resync.Head.IsZero() || s.Resync.Records != 0 {
		t.Errorf("%+v", s.Resync)
	}
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(9)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Records: hubRecords(3, 8), Last: true}))
	wantLoaded(t, d, hubRecords(3, 8))
}

func TestApplyChanges(t *testing.T) {
	d := writable(t)
	write(t, d, put("mine", `{"v":1}`), put("deleted", `{"v":1}`))
	wantSettled(t, d, receiptFor(queued(t, d), 2), Agrees)
	write(t, d, put("mine", `{"v":2}`), del("deleted"))
	changes := []sitesync.Change{
		hubRecord("new", `{"hub":1}`), hubRecord("mine", `{"hub":1}`), hubRecord("deleted", `{"hub":1}`),
		{Op: sitesync.OpDelete, Table: "t", ID: "nothing"}, hubRecord("twice", `{"hub":1}`), hubRecord("twice", `{"hub":2}`),
		{Op: sitesync.OpPut, Table: "_inbox", ID: "1", Data: []byte(`{}`)},
	}
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(1), Cursor: cursorAt(4), Changes: changes}))
	for id, data := range map[string]string{"new": `{"hub":1}`, "mine": `{"v":2}`, "deleted": "", "twice": `{"hub":2}`} {
		wantData(t, d, id, data)
	}
	if s := stateOf(t, d, storeA); s.Cursor != cursorAt(4) || s.Queued() != 2 {
		t.Errorf("%+v", s)
	}
	if r, err := d.Get(storeA, key("new")); err != nil || r.N != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(4), Cursor: cursorAt(5), Changes: []sitesync.Change{{Op: sitesync.OpDelete, Table: "t", ID: "new"}}}))
	wantData(t, d, "new", "")
	for name, from := range map[string]wire.Cursor{"of before": cursorAt(4), "of another log": {Log: wire.LogID{8}, Seq: 5}, "of the beginning": {}} {
		if err := d.ApplyChanges(storeA, &wire.Changes{From: from, Cursor: cursorAt(9)}); !errors.Is(err, ErrStale) {
			t.Errorf("a cursor %s: %v", name, err)
		}
	}
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(5), Cursor: cursorAt(6)})) // the cursor alone
	if s := stateOf(t, d, storeA); s.Cursor != cursorAt(6) {
		t.Errorf("cursor %v", s.Cursor)
	}
	loading(t, d, epoch2)
	if err := d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(6), Cursor: cursorAt(7)}); !errors.Is(err, ErrStale) {
		t.Errorf("while the store is loaded: %v", err)
	}
}

// The cursor moves with the last of several transactions, so that a crash
// between them skips nothing.
func TestApplyChangesLarge(t *testing.T) {
	d := writable(t)
	var changes []sitesync.Change
	for i := range 4000 {
		changes = append(changes, hubRecord(fmt.Sprint(i), fmt.Sprintf(`{"hub":%d,"pad":%q}`, i, strings.Repeat("x", i%700))))
	}
	changes = append(changes, hubRecord("large", `{"a":"`+strings.Repeat("x", sitesync.MaxRecord-8)+`"}`))
	seen := map[wire.Cursor]int64{}
	watch := d.Watch(func(id sitesync.StoreID, _ []Event) { s, _ := d.Store(id); seen[s.Cursor] = s.Records })
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(1), Cursor: cursorAt(4), Changes: changes}))
	watch.Stop()
	if s := stateOf(t, d, storeA); s.Records != 4001 || s.Cursor != cursorAt(4) {
		t.Errorf("%+v", s)
	}
	if n := seen[cursorAt(1)]; n == 0 || n == 4001 {
		t.Errorf("with the former cursor %d records were seen", n)
	}
}
