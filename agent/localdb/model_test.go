package localdb

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// device is the database beside a model of the hub, with what the application
// was promised.
type device struct {
	t    *rapid.T
	dir  string
	db   *DB
	hub  *modelHub
	made map[sitesync.Epoch][]string // made[epoch][n-1]: every write that was answered
	late []*wire.Receipt             // receipts on their way

	place string
	told  map[string]string // epoch/n -> its last receipt
}

// TestModel lets a device live through everything in any order, and holds it to
// the guarantees: nothing that was answered is lost (G1), each change is taken
// once and in order (G2), what is settled and at the head is equal (G5), and
// every refusal is told (G9).
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		v := &device{t: rt, dir: dir, hub: newModelHub(), made: map[sitesync.Epoch][]string{}, told: map[string]string{}}
		v.open()
		defer func() {
			v.must(v.db.Close())
			v.must(os.RemoveAll(dir)) // many runs, many directories
		}()
		v.assign()
		v.arrive()
		rt.Repeat(map[string]func(*rapid.T){
			"write": v.write, "write on": v.write, "write more": v.write, "push": v.push, "push on": v.push, "late receipt": v.lateReceipt,
			"pull": v.pull, "load": v.load, "load on": v.load, "finish loading": v.finish, "arrive whole": func(*rapid.T) { v.arrive() },
			"edit elsewhere": v.edit, "move away": seldom(v.away), "new epoch": seldom(v.newEpoch), "drain": seldom(v.drain),
			"purge":          v.purge,
			"assigned again": seldom(v.assignedAgain), "poll": v.poll, "reopen": seldom(v.reopen), "": v.check,
		})
		v.rest()
	})
}

// seldom makes one in three of an action.
func seldom(action func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		if rapid.IntRange(0, 2).Draw(t, "seldom") == 0 {
			action(t)
		}
	}
}

func (v *device) must(err error) {
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v *device) open() {
	db, err := Open(Options{Dir: v.dir})
	v.must(err)
	v.db = db
}

func (v *device) reopen(*rapid.T) {
	v.must(v.db.Close())
	v.open()
}

func (v *device) assignedAgain(*rapid.T) { v.assign() }

// assign leaves a purged store listed, so that what was told of it can still be
// asked for.
func (v *device) assign() {
	if s, ok := v.db.Store(storeA); !ok || !s.Purged || v.hub.phase != 0 {
		v.must(v.db.Assign(v.hub.assignment(), someday))
	}
}

func (v *device) store() Store {
	s, ok := v.db.Store(storeA)
	if !ok {
		v.t.Fatal("the store is gone")
	}
	return s
}

func (v *device) write(t *rapid.T) {
	var batch []Write
	for range rapid.IntRange(1, 4).Draw(t, "writes") {
		id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id")
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			batch = append(batch, del(id))
		} else {
			batch = append(batch, put(id, fmt.Sprintf(`{"v":%d}`, rapid.IntRange(0, 3).Draw(t, "v"))))
		}
	}
	before := v.store()
	out, err := v.db.Write(storeA, batch)
	if err != nil {
		if writable := before.Writable() == nil; writable != (sitesync.CodeOf(err) == sitesync.CodeNotFound) {
			t.Fatalf("%v, in a store that is writable: %v", err, writable)
		}
		return
	}
	for i, w := range out {
		if w.N == 0 {
			continue
		}
		v.made[w.Epoch] = append(v.made[w.Epoch], text(batch[i].Op, batch[i].ID, batch[i].Data))
		if int(w.N) != len(v.made[w.Epoch]) {
			t.Fatalf("the change after %d is %d", len(v.made[w.Epoch])-1, w.N)
		}
	}
}

// push sends the next changes of the oldest epoch; its receipt may be late.
func (v *device) push(t *rapid.T) {
	s := v.store()
	o := s.Outbox
	if len(s.Past) > 0 {
		o = s.Past[0]
	}
	q, err := v.db.Read(storeA, o.Epoch, o.Confirmed, o.ConfirmedChain, rapid.IntRange(1, 5).Draw(t, "changes"), 1<<20)
	v.must(err)
	if len(q.Changes) == 0 {
		return
	}
	refuse := rapid.SliceOfN(rapid.IntRange(0, 3), 5, 5).Draw(t, "refused")
	r, err := v.hub.push(q, o.Confirmed, func(n uint64) bool { return refuse[n%5] == 0 })
	v.must(err)
	if rapid.Bool().Draw(t, "late") {
		v.late = append(v.late, r)
		return
	}
	v.take(r)
}

func (v *device) take(r *wire.Receipt) {
	verdict, err := v.db.Settle(storeA, r)
	v.must(err)
	if verdict != Agrees {
		v.t.Fatalf("the hub's own receipt for %s/%d is answered with %d", r.Epoch, r.Settled, verdict)
	}
}

// lateReceipt delivers the receipts that were on their way. Those of a session
// that ended would be lost, so some are.
func (v *device) lateReceipt(t *rapid.T) {
	for _, r := range v.late {
		if s := v.store(); rapid.Bool().Draw(t, "lost") || s.outbox(r.Epoch) == nil {
			continue
		}
		// A receipt speaks of the hub's records at its time; one that comes
		// after newer ones is of no effect.
		if fresh := v.hub.receipt(r.Epoch, r.After, r.Outcome); fresh.Settled == r.Settled {
			r = fresh
		}
		v.take(r)
	}
	v.late = nil
}

func (v *device) pull(t *rapid.T) {
	s := v.store()
	if s.Writable() != nil && (s.Resync == nil || !s.Resync.Scanned) || v.hub.epoch != s.Epoch {
		return
	}
	v.must(v.db.ApplyChanges(storeA, v.hub.changes(s.Cursor, rapid.IntRange(1, 4).Draw(t, "changes"))))
}

func (v *device) load(t *rapid.T) {
	s := v.store()
	if s.Phase != sitesync.PhaseLoading || s.Epoch != v.hub.epoch || s.Resync.Scanned {
		return
	}
	if s.Resync.Head.IsZero() {
		v.must(v.db.BeginResync(storeA, &wire.Manifest{Epoch: v.hub.epoch, Head: cursorAt(v.hub.pin), Records: uint64(len(v.hub.records))}))
		return
	}
	v.must(v.db.ApplyChunk(storeA, v.hub.scan(s.Resync.After, rapid.IntRange(1, 3).Draw(t, "records"))))
}

// finish makes the store active once all of it is here, as the hub does when
// the digests are equal. They have to be.
func (v *device) finish(*rapid.T) {
	s := v.store()
	if s.Phase != sitesync.PhaseLoading || s.Resync == nil || !s.Resync.Scanned || s.Queued() > 0 || s.Cursor != v.hub.head() {
		return
	}
	if s.Digest != v.hub.digest() {
		v.t.Fatalf("loaded with digest %s, the hub has %s", s.Digest, v.hub.digest())
	}
	v.hub.phase = sitesync.PhaseActive
	v.assign()
}

// edit changes records at the hub; not while they are the device's alone.
func (v *device) edit(t *rapid.T) {
	if v.hub.phase == sitesync.PhaseActive || v.hub.phase == sitesync.PhaseDraining {
		return
	}
	id := rapid.SampledFrom([]string{"a", "b", "c", "e"}).Draw(t, "id")
	op := sitesync.OpPut
	if _, ok := v.hub.records[id]; ok && rapid.Bool().Draw(t, "delete") {
		op = sitesync.OpDelete
	}
	v.hub.set(op, id, fmt.Sprintf(`{"hub":%d}`, rapid.IntRange(0, 3).Draw(t, "v")), 0)
}

func (v *device) away(*rapid.T) {
	v.hub.phase, v.hub.epoch = 0, v.hub.epoch+1
	v.assign()
}

// purge removes the copy of a store that is another site's, as far as nothing of
// it waits to be sent.
func (v *device) purge(*rapid.T) {
	if v.hub.phase != 0 {
		return
	}
	s := v.store()
	v.must(v.db.Assign([]wire.AssignedStore{{Store: storeA, Code: s.Code, Epoch: v.hub.epoch, Phase: sitesync.PhaseReleased, OwnerActive: true}}, someday))
	_, err := v.db.PurgeDue(someday, 0)
	v.must(err)
	if s := v.store(); s.Purged != (s.Queued() == 0) || s.Purged && (s.Records != 0 || s.Bytes != 0 || s.Digest != sitesync.Digest{}) {
		v.t.Fatalf("after the purge: %+v", s)
	}
}

func (v *device) newEpoch(*rapid.T) {
	v.hub.phase, v.hub.epoch, v.hub.pin = sitesync.PhaseLoading, v.hub.epoch+1, uint64(len(v.hub.log))
	v.assign()
}

// drain freezes the store, or lets it go on.
func (v *device) drain(*rapid.T) {
	switch v.hub.phase {
	case sitesync.PhaseActive:
		v.hub.phase = sitesync.PhaseDraining
	case sitesync.PhaseDraining:
		v.hub.phase = sitesync.PhaseActive
	}
	v.assign()
}

func (v *device) poll(t *rapid.T) {
	list, next, err := v.db.Receipts(v.place, rapid.IntRange(1, 6).Draw(t, "limit"))
	v.must(err)
	v.place = next
	for _, r := range list {
		id := fmt.Sprintf("%s/%d", r.Epoch, r.N)
		if was := v.told[id]; was != "" && (was != "queued" || r.Receipt == "queued") {
			t.Fatalf("%s was told as %s, then as %s", id, was, r.Receipt)
		}
		v.told[id] = r.Receipt
		if r.Receipt == "queued" {
			continue
		}
		want := "applied"
		if reason := v.hub.track(r.Epoch).refused[r.N]; reason != 0 {
			want = "quarantined " + reason.String()
		}
		if got := r.Receipt + map[bool]string{true: " "}[r.Reason != ""] + r.Reason; got != want {
			t.Fatalf("%s was told as %s, the hub says %s", id, got, want)
		}
	}
}

func (v *device) check(t *rapid.T) {
	v.must(whole(v.db))
	s := v.store()
	waiting := v.waiting()
	for epoch, made := range v.made {
		settled := uint64(len(made))
		if o := s.outbox(epoch); o != nil {
			settled = o.Confirmed
		}
		taken := v.hub.track(epoch).taken
		for i, want := range made {
			n := uint64(i + 1)
			if n <= settled && (n > uint64(len(taken)) || taken[i] != want) {
				t.Fatalf("%s/%d (%s) left the outbox, and the hub does not have it", epoch, n, want)
			}
			if got := waiting[fmt.Sprint(epoch, n)]; n > settled && got != want {
				t.Fatalf("%s/%d (%s) waits as %q", epoch, n, want, got)
			}
		}
	}
	if since := s.QueuedSince(); (since == nil) != (s.Queued() == 0) {
		t.Fatalf("%d changes wait, since %v", s.Queued(), since)
	}
	level := v.hub.phase == sitesync.PhaseActive && s.Queued() == 0 && !v.hub.foreignAfter(s.Cursor)
	if level && s.Digest != v.hub.digest() {
		t.Fatalf("nothing is under way; the digest is %s, the hub's %s", s.Digest, v.hub.digest())
	}
}

// waiting shows what is in the outbox, by epoch and n.
func (v *device) waiting() map[string]string {
	found := map[string]string{}
	v.must(v.db.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: keyOf('o', storeA, 0)}, func(key, value []byte) (bool, error) {
			e, err := parseEntry(value)
			found[fmt.Sprint(epochOf(key), numberOf(key))] = text(e.change.Op, e.change.ID, e.change.Data)
			return true, err
		})
	}))
	return found
}

// arrive sends what waits of former epochs and loads the store, if it is being
// loaded, until it is active.
func (v *device) arrive() {
	if s := v.store(); s.Phase != sitesync.PhaseLoading || s.Epoch != v.hub.epoch {
		return
	}
	for s := v.store(); s.Queued() > 0; s = v.store() {
		q, err := v.db.Read(storeA, s.Past[0].Epoch, s.Past[0].Confirmed, s.Past[0].ConfirmedChain, 100, 1<<20)
		v.must(err)
		r, err := v.hub.push(q, s.Past[0].Confirmed, func(uint64) bool { return false })
		v.must(err)
		v.take(r)
	}
	if v.store().Resync.Head.IsZero() {
		v.must(v.db.BeginResync(storeA, &wire.Manifest{Epoch: v.hub.epoch, Head: cursorAt(v.hub.pin)}))
	}
	for s := v.store(); !s.Resync.Scanned; s = v.store() {
		v.must(v.db.ApplyChunk(storeA, v.hub.scan(s.Resync.After, 2)))
	}
	v.must(v.db.ApplyChanges(storeA, v.hub.changes(v.store().Cursor, 1000)))
	v.finish(nil)
	if s := v.store(); s.Writable() != nil {
		v.t.Fatalf("all has arrived, and the store cannot be written: %v", s.Writable())
	}
}

// rest brings everything to an end in a last epoch. Then both sides are equal,
// and of every change was told what became of it, but for those of epochs long
// over.
func (v *device) rest() {
	v.newEpoch(nil)
	v.arrive()
	for list := []Receipt{{}}; len(list) > 0; {
		var err error
		list, v.place, err = v.db.Receipts(v.place, 100)
		v.must(err)
		for _, r := range list {
			v.told[fmt.Sprintf("%s/%d", r.Epoch, r.N)] = r.Receipt
		}
	}
	for epoch, made := range v.made {
		for n := range uint64(len(made)) {
			id := fmt.Sprintf("%s/%d", epoch, n+1)
			if was := v.told[id]; epoch > v.hub.epoch-mostEnded && (was == "" || was == "queued") {
				v.t.Fatalf("%s is settled, and was told as %q", id, v.told[id])
			}
		}
	}
	v.check(v.t)
}
