package localdb

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// poll reads receipts and shows them as "store/epoch/n=receipt", … .
func poll(t testing.TB, d *DB, after string, limit int) (shown, next string) {
	t.Helper()
	list, next, err := d.Receipts(after, limit)
	must(t, err)
	if len(list) > limit {
		t.Errorf("%d receipts, the limit was %d", len(list), limit)
	}
	var parts []string
	for _, r := range list {
		part := fmt.Sprintf("%s/%s/%d=%s", r.Store, r.Epoch, r.N, r.Receipt)
		if r.Reason != "" {
			part += ":" + r.Reason
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "), next
}

func wantPoll(t testing.TB, d *DB, after, want string) (next string) {
	t.Helper()
	shown, next := poll(t, d, after, 100)
	if shown != want {
		t.Errorf("receipts %q, want %q", shown, want)
	}
	if next == "" {
		t.Error("there is no next")
	}
	if again, same := poll(t, d, next, 100); again != "" || same != next {
		t.Errorf("then %q, and the place moved: %v", again, same != next)
	}
	return next
}

func TestReceipts(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	at := wantPoll(t, d, "", "")
	activate(t, d, storeA, epoch1)
	at = wantPoll(t, d, at, "")
	write(t, d, put("1", `{}`), put("2", `{}`), put("3", `{}`))
	at = wantPoll(t, d, at, "S3/1.1/1=queued S3/1.1/2=queued S3/1.1/3=queued")
	q := queued(t, d)
	wantSettled(t, d, receiptFor(q, 2, wire.Refusal{N: 2, Reason: sitesync.ReasonSchema, Table: "t", ID: "2"}), Agrees)
	write(t, d, put("4", `{}`))
	d = reopen(t, d, dir)
	at = wantPoll(t, d, at, "S3/1.1/1=applied S3/1.1/2=quarantined:schema S3/1.1/4=queued")
	wantSettled(t, d, receiptFor(queued(t, d), 4), Agrees)
	at = wantPoll(t, d, at, "S3/1.1/3=applied S3/1.1/4=applied")
	all := "S3/1.1/1=applied S3/1.1/2=quarantined:schema S3/1.1/3=applied S3/1.1/4=applied"
	wantPoll(t, d, "", all) // from the beginning

	// One at a time it is the same.
	var one []string
	place := ""
	for range 10 {
		shown, next := poll(t, d, place, 1)
		if shown == "" {
			break
		}
		one, place = append(one, shown), next
	}
	if got := strings.Join(one, " "); got != all {
		t.Errorf("one at a time: %q", got)
	}
	wantPoll(t, d, at, "")
}

// What becomes of the changes of an epoch is told after the epoch is over: this
// is when most of what is refused is refused.
func TestReceiptsOfFormerEpochs(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`))
	q := queued(t, d)
	wantSettled(t, d, receiptFor(q, 1), Agrees)
	at := wantPoll(t, d, "", "S3/1.1/1=applied S3/1.1/2=queued")
	loading(t, d, epoch2)
	wantSettled(t, d, receiptFor(q, 2, wire.Refusal{N: 2, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: "2"}), Agrees)
	at = wantPoll(t, d, at, "S3/1.1/2=quarantined:stale_epoch")
	wantPoll(t, d, "", "S3/1.1/1=applied S3/1.1/2=quarantined:stale_epoch")

	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Last: true}))
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive))
	write(t, d, put("3", `{}`))
	before := at
	at = wantPoll(t, d, at, "S3/1.2/1=queued")
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	loading(t, d, sitesync.NewEpoch(1, 3)) // this one ends with nothing waiting
	wantPoll(t, d, at, "S3/1.2/1=applied")
	wantPoll(t, d, before, "S3/1.2/1=applied")
}

// An epoch that is told stays told beside an older one that still waits.
func TestReceiptsOfOlderEpoch(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`))
	old := queued(t, d)
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Last: true}))
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive))
	write(t, d, put("2", `{}`))
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	loading(t, d, sitesync.NewEpoch(1, 3))
	at := wantPoll(t, d, "", "S3/1.1/1=queued S3/1.2/1=applied")
	wantSettled(t, d, receiptFor(old, 1), Agrees)
	wantPoll(t, d, at, "S3/1.1/1=applied")
}

func TestReceiptsOfStores(t *testing.T) {
	d := open(t, t.TempDir())
	activate(t, d, storeB, epoch1)
	must(t, d.Assign([]wire.AssignedStore{assigned(storeB, epoch1, sitesync.PhaseActive), assigned(storeA, epoch1, sitesync.PhaseLoading)}, someday))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch1, Head: cursorAt(1)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch1, Last: true}))
	must(t, d.Assign([]wire.AssignedStore{assigned(storeB, epoch1, sitesync.PhaseActive), assigned(storeA, epoch1, sitesync.PhaseActive)}, someday))
	write(t, d, put("1", `{}`), put("2", `{}`))
	if _, err := d.Write(storeB, []Write{put("1", `{}`), put("2", `{}`)}); err != nil {
		t.Fatal(err)
	}
	shown, next := poll(t, d, "", 3)
	if shown != "S3/1.1/1=queued S3/1.1/2=queued S4/1.1/1=queued" {
		t.Errorf("%q", shown)
	}
	wantPoll(t, d, next, "S4/1.1/2=queued")
	must(t, d.Assign(nil, someday)) // both go; what was told stays told
	wantPoll(t, d, next, "S4/1.1/2=queued")
}

// wantPollFrom polls at a place beyond what is here, and gives the place where
// things really stand.
func wantPollFrom(t *testing.T, d *DB, ahead string) string {
	t.Helper()
	shown, next := poll(t, d, ahead, 10)
	if shown != "" || next == ahead {
		t.Errorf("from beyond: %q, and the place stayed: %v", shown, next == ahead)
	}
	return next
}

// Of the settled changes the last 100,000 are kept, over the epochs.
func TestReceiptsKept(t *testing.T) {
	queues := []Outbox{{Epoch: 1, Confirmed: 70_000, Last: 70_000}, {Epoch: 2, Confirmed: 30_000, Last: 30_000}, {Epoch: 3, Confirmed: 20_000, Last: 20_001}}
	if got := oldestKept(queues); got[0] != 20_000 || got[1] != 0 || got[2] != 0 {
		t.Errorf("%d", got)
	}
	queues[2].Confirmed = 100_001
	if got := oldestKept(queues); got[0] != 70_000 || got[1] != 30_000 || got[2] != 1 {
		t.Errorf("%d", got)
	}
	var s Store
	for i := range 40 {
		s.end(Outbox{Epoch: sitesync.Epoch(i + 1), Confirmed: 1, Last: 1})
	}
	if len(s.Ended) != mostEnded || s.Ended[0].Epoch != 40-mostEnded+1 {
		t.Errorf("%d epochs are remembered, from %d", len(s.Ended), s.Ended[0].Epoch)
	}
	s.end(Outbox{Epoch: 41, Confirmed: 100_000, Last: 100_000})
	if len(s.Ended) != 1 {
		t.Errorf("%d epochs are remembered", len(s.Ended))
	}
	s.end(Outbox{Epoch: 42})
	if len(s.Ended) != 1 {
		t.Error("an epoch without changes is remembered")
	}
}

func TestReceiptsHostile(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`))
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	replica := d.Replica()
	place := func(values ...uint64) string {
		b := append([]byte{placeVersion}, replica[:placeReplica]...)
		for _, v := range values {
			b = binary.AppendUvarint(b, v)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	for name, after := range map[string]string{
		"not base64":        "!!",
		"too short":         "AQ",
		"no version":        base64.RawURLEncoding.EncodeToString(make([]byte, 20)),
		"half a number":     place(3, 1<<63) + "_w",
		"three numbers":     place(3, uint64(epoch1), 1),
		"twice":             place(3, uint64(epoch1), 1, 1, 3, uint64(epoch1), 2, 2),
		"backwards":         place(4, uint64(epoch1), 1, 1, 3, uint64(epoch1), 2, 2),
		"too long":          strings.Repeat("A", 1<<20),
		"JSON of long ago":  base64.RawURLEncoding.EncodeToString([]byte(`[{"s":3}]`)),
		"padded base64":     place(3, uint64(epoch1), 1, 1) + "==",
		"other base64 (+/)": "++//",
	} {
		_, _, err := d.Receipts(after, 10)
		wantCode(t, err, sitesync.CodeInvalid)
		if e := sitesync.AsError(err); e == nil || e.Field != "after" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Numbers beyond what is here, as after the restore of a backup.
	ahead := place(3, uint64(epoch1), 1<<64-1, 1<<64-1)
	back := wantPollFrom(t, d, ahead)
	write(t, d, put("3", `{}`))
	wantPoll(t, d, back, "S3/1.1/3=queued")
	// The place of another directory is the beginning.
	replica[0]++
	if shown, _ := poll(t, d, place(3, uint64(epoch1), 1, 1), 10); shown != "S3/1.1/1=applied S3/1.1/2=queued S3/1.1/3=queued" {
		t.Errorf("with the place of another directory: %q", shown)
	}
	replica = d.Replica()

	// The longest place there can be.
	var values []uint64
	for i := range uint64(8000) {
		values = append(values, 128+i, 0, 0, 0)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	longest := place(values...)
	_, next := poll(t, d, longest, 10)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 || time.Since(began) > time.Second {
		t.Errorf("%d bytes and %v for a place of %d characters", used, time.Since(began), len(longest))
	}
	if len(longest) > mostPlace || len(longest) < mostPlace/2 {
		t.Errorf("%d characters are not the longest place", len(longest))
	}
	if len(next) > 200 {
		t.Errorf("what is not here stays in the place: %d characters", len(next))
	}
}

// Places come back from their text, in whatever numbers.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replica := sitesync.ReplicaID{1, 2, 3, 4, 5}
		var l places
		p := progress{}
		for range rapid.IntRange(0, 6).Draw(t, "length") {
			if p.epoch += sitesync.Epoch(1 + rapid.Uint64Range(0, 1<<40).Draw(t, "epoch")); rapid.Bool().Draw(t, "other store") {
				p.store, p.epoch = p.store+1, sitesync.Epoch(rapid.Uint64().Draw(t, "epoch"))
			}
			p.settled, p.queued = rapid.Uint64().Draw(t, "settled"), rapid.Uint64().Draw(t, "queued")
			l = append(l, p)
		}
		got, err := parsePlaces(l.text(replica), replica)
		if err != nil && !overflowed(l) {
			t.Fatal(err)
		}
		if err == nil && fmt.Sprint(got) != fmt.Sprint(l) {
			t.Fatalf("%v becomes %v", l, got)
		}
	})
}

// overflowed tells of epochs that wrapped while they were drawn.
func overflowed(l places) bool {
	for i := 1; i < len(l); i++ {
		if l[i-1].compare(l[i]) >= 0 {
			return true
		}
	}
	return false
}

func FuzzPlaces(f *testing.F) {
	replica := sitesync.ReplicaID{1, 2, 3, 4, 5}
	f.Add(places{{3, epoch1, 1, 2}, {3, epoch2, 0, 1}, {4, epoch1, 9, 9}}.text(replica))
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parsePlaces(text, replica)
		if err != nil {
			return
		}
		again, err := parsePlaces(l.text(replica), replica)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(l) {
			t.Errorf("%v becomes %v, %v", l, again, err)
		}
	})
}

// However writes, receipts and polls meet, a reader is told of each change once
// that it waits, at most, and once what became of it, in order of n.
func TestReceiptsOnce(t *testing.T) {
	d := writable(t)
	place, next := "", uint64(0)
	told := map[uint64]string{}
	count := map[string]int{}
	see := func(limit int) int {
		list, to, err := d.Receipts(place, limit)
		must(t, err)
		place = to
		last := map[bool]uint64{}
		for _, r := range list {
			was := told[r.N]
			if was != "" && (was != "queued" || r.Receipt == "queued") {
				t.Fatalf("%d was told as %s, then as %s", r.N, was, r.Receipt)
			}
			if r.N <= last[r.Receipt == "queued"] {
				t.Fatalf("%d comes after %d", r.N, last[r.Receipt == "queued"])
			}
			told[r.N], last[r.Receipt == "queued"] = r.Receipt, r.N
			count[r.Receipt]++
		}
		return len(list)
	}
	for i := range 60 {
		for j := range i % 4 {
			next++
			write(t, d, put(fmt.Sprint(next), fmt.Sprintf(`{"v":%d}`, j)))
		}
		if q := queued(t, d); i%3 == 0 && len(q.Changes) > 0 {
			settled := q.First + uint64(i*7)%uint64(len(q.Changes))
			var refused []wire.Refusal
			if i%2 == 0 {
				refused = append(refused, wire.Refusal{N: settled, Reason: sitesync.ReasonSize, Table: "t", ID: fmt.Sprint(settled)})
			}
			wantSettled(t, d, receiptFor(q, settled, refused...), Agrees)
		}
		see(1 + i%5)
	}
	wantSettled(t, d, receiptFor(queued(t, d), next), Agrees)
	for see(7) > 0 {
	}
	for n := uint64(1); n <= next; n++ {
		if told[n] != "applied" && told[n] != "quarantined" {
			t.Errorf("%d was last told as %q", n, told[n])
		}
	}
	if count["queued"] == 0 || count["quarantined"] == 0 || count["applied"]+count["quarantined"] != int(next) {
		t.Errorf("%v of %d changes", count, next)
	}
}
