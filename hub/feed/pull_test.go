package feed

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sitesync/hub/records/recordstest"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// reader is the device's end of pulls.
type reader struct {
	*rig
	spent   uint64 // bytes of the stream that have arrived
	cursors map[sitesync.StoreID]wire.Cursor
	seen    map[sitesync.StoreID][]string // IDs, in the order they came
	last    bool
	reset   []sitesync.StoreID
	largest int
}

func newReader(r *rig) *reader {
	return &reader{rig: r, cursors: map[sitesync.StoreID]wire.Cursor{}, seen: map[sitesync.StoreID][]string{}}
}

// pull sends a pull and takes the answers in, as an agent does. It gives the
// kinds of the events.
func (d *reader) pull(stream uint32, credit uint64, cursors ...wire.StoreCursor) string {
	d.Helper()
	out, err := d.Pull(d.Context(), d.session, wire.Encode(number, 0, &wire.Pull{Stream: stream, Credit: credit, Cursors: cursors,
		Report: wire.Report{Backlog: 3, Clock: time.Now().Add(time.Hour), DiskFree: 99, Problem: "clock"}}))
	d.must(err)
	return d.take(stream, out)
}

func (d *reader) take(stream uint32, out []session.Message) string {
	d.Helper()
	events, rest := d.events(out)
	for _, m := range rest {
		store, c := decode[wire.Changes](d.rig, m, topic.Changes)
		if d.last {
			d.Fatal("a message after the last")
		}
		if c.Stream != stream || c.Spent != d.spent {
			d.Fatalf("stream %d, spent %d; want %d, %d", c.Stream, c.Spent, stream, d.spent)
		}
		if at, begun := d.cursors[store]; begun && c.From != at {
			d.Fatalf("store %d goes on from %v, the device is at %v", store, c.From, at)
		}
		d.spent += uint64(len(m.Payload))
		d.largest = max(d.largest, len(m.Payload))
		for _, change := range c.Changes {
			d.seen[store] = append(d.seen[store], change.ID)
		}
		if c.Reset {
			d.reset = append(d.reset, store)
		}
		d.cursors[store], d.last = c.Cursor, c.Last
	}
	return events
}

// TestPullOnce names a store many times in one pull: its log is read once.
func TestPullOnce(t *testing.T) {
	r := newRig(t)
	r.central(store, 60, 1000)
	r.give(store, site, sitesync.PhaseActive)
	d := newReader(r)
	if events := d.pull(1, 1<<20, slices.Repeat([]wire.StoreCursor{r.cursor(store, 0)}, 100)...); events != "" || !d.last || len(d.seen[store]) != 60 {
		t.Errorf("events %s, last %v, seen %d", events, d.last, len(d.seen[store]))
	}
}

func TestPullWhole(t *testing.T) {
	r := newRig(t)
	r.central(store, 60, 1000)
	r.give(store, site, sitesync.PhaseActive)
	d := newReader(r)
	if events := d.pull(1, 1<<20, r.cursor(store, 0)); events != "" || !d.last {
		t.Errorf("events %s, last %v", events, d.last)
	}
	m := r.meta(store)
	if len(d.seen[store]) != 60 || d.seen[store][59] != "0059" || d.cursors[store] != m.Head() {
		t.Errorf("seen %v, at %v", d.seen[store], d.cursors[store])
	}
	l := r.live.Get(site)
	if l.Backlog != 3 || l.DiskFree != 99 || l.Reported != "clock" || l.ClockSkew < time.Minute || l.LastSync.IsZero() {
		t.Errorf("live %+v", l)
	}
	// The next stream has nothing to tell but that.
	d = newReader(r)
	d.pull(2, 1<<20, r.cursor(store, m.Seq))
	if !d.last || len(d.seen[store]) > 0 || d.cursors[store] != m.Head() {
		t.Errorf("%+v", d)
	}
}

// TestPullOwn leaves out what the device wrote itself.
func TestPullOwn(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	m := r.give(store, site, sitesync.PhaseActive)
	own := recordstest.NewDevice(store, m.Origin())
	own.Put("stock", "0001", `{}`)
	own.Put("stock", "new", `{}`)
	if _, err := r.state.Apply(own.All()); err != nil {
		t.Fatal(err)
	}
	m = r.meta(store)
	for seq, want := range map[uint64]string{0: "[0000 0002]", 2: "[0002]", 3: "[]"} {
		r.connect()
		d := newReader(r)
		d.pull(1, 1<<20, r.cursor(store, seq))
		if got := fmt.Sprint(d.seen[store]); got != want || d.cursors[store] != m.Head() {
			t.Errorf("from %d: seen %s, at %v; want %s", seq, got, d.cursors[store], want)
		}
	}
}

// TestPullCredit gives little credit at a time: the hub keeps to it, and goes
// on where it stood.
func TestPullCredit(t *testing.T) {
	r := newRig(t)
	r.central(store, 300, 1000)
	r.give(store, site, sitesync.PhaseActive)
	d := newReader(r)
	from := r.cursor(store, 0)
	const window = 40 << 10
	for rounds := 0; !d.last; rounds++ {
		before, credit := d.spent, d.spent+window
		d.pull(1, credit, from)
		if d.spent == before || d.spent > credit+leastMessage+2000 || rounds > 30 {
			t.Fatalf("round %d: %d bytes for a credit of %d", rounds, d.spent-before, window)
		}
		if !d.last && d.spent < credit-window/2 {
			t.Errorf("round %d: only %d bytes for a credit of %d", rounds, d.spent-before, window)
		}
		before = d.spent
		if d.pull(1, credit, from); d.spent > credit && d.spent != before {
			t.Fatalf("%d bytes for no more credit", d.spent-before)
		}
	}
	if len(d.seen[store]) != 300 || d.largest > window+2000 {
		t.Errorf("%d records, the largest message %d", len(d.seen[store]), d.largest)
	}
}

// TestPullCreditBound allows more than a device may: no more than that is sent.
func TestPullCreditBound(t *testing.T) {
	r := newRig(t)
	r.central(store, 10, 600_000)
	r.give(store, site, sitesync.PhaseActive)
	d := newReader(r)
	d.pull(1, 1<<62, r.cursor(store, 0))
	if d.last || d.spent < MaxCredit || d.spent > MaxCredit+mostMessage+600_000 {
		t.Errorf("%d bytes at once, last %v", d.spent, d.last)
	}
	d.pull(1, 1<<62, r.cursor(store, 0))
	if !d.last || len(d.seen[store]) != 10 {
		t.Errorf("last %v, %d records", d.last, len(d.seen[store]))
	}
}

// TestPullAnew begins a stream where the device stands, whatever the former
// one has sent.
func TestPullAnew(t *testing.T) {
	r := newRig(t)
	r.central(store, 100, 1000)
	r.give(store, site, sitesync.PhaseActive)
	d := newReader(r)
	d.pull(1, 20<<10, r.cursor(store, 0))
	if d.last || len(d.seen[store]) == 0 {
		t.Fatalf("%d records, last %v", len(d.seen[store]), d.last)
	}
	again := newReader(r) // the device lost all of it
	again.pull(2, 1<<20, r.cursor(store, 10))
	if !again.last || len(again.seen[store]) != 90 || again.seen[store][0] != "0010" {
		t.Errorf("last %v, %v", again.last, again.seen[store])
	}
	d = newReader(r)
	d.pull(1, 1<<20, r.cursor(store, 99)) // a number that was used before
	if !d.last || len(d.seen[store]) != 1 {
		t.Errorf("last %v, %v", d.last, d.seen[store])
	}
}

// TestPullManyStores reads several stores in one stream, some with news.
func TestPullManyStores(t *testing.T) {
	r := newRig(t)
	var cursors []wire.StoreCursor
	for i, n := range []int{3, 0, 40, 0, 2, 0} {
		id := store + sitesync.StoreID(i)
		r.central(id, n, 1000)
		r.give(id, site, sitesync.PhaseActive)
		cursors = append(cursors, r.cursor(id, 0))
	}
	d := newReader(r)
	for credit := uint64(10 << 10); !d.last; credit += 10 << 10 {
		d.pull(1, credit, cursors...)
		if credit > 1<<20 {
			t.Fatal("no end")
		}
	}
	for i, n := range []int{3, 0, 40, 0, 2, 0} {
		if id := store + sitesync.StoreID(i); len(d.seen[id]) != n {
			t.Errorf("store %d: %v", id, d.seen[id])
		}
	}
	if _, told := d.cursors[store+1]; told {
		t.Error("a message about a store without news in the middle of the stream")
	}
}

// TestPullOfNothing asks for no store: that is the end at once. But a stream
// that runs is not ended by a pull that only gives credit.
func TestPullOfNothing(t *testing.T) {
	r := newRig(t)
	d := newReader(r)
	if d.pull(1, 1000); !d.last {
		t.Error("no end")
	}
	r.central(store, 100, 1000)
	r.give(store, site, sitesync.PhaseActive)
	d = newReader(r)
	d.pull(2, 20<<10, r.cursor(store, 0))
	for credit := uint64(40 << 10); !d.last && credit < 1<<20; credit += 20 << 10 {
		d.pull(2, credit)
	}
	if !d.last || len(d.seen[store]) != 100 {
		t.Errorf("last %v, %d records", d.last, len(d.seen[store]))
	}
}

// TestPullOfOthers asks for what is not the session's to read: it looks as if
// there were no news.
func TestPullOfOthers(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	for _, c := range []struct {
		name    string
		prepare func() wire.StoreCursor
	}{
		{"the centre's", func() wire.StoreCursor { return r.cursor(store, 0) }},
		{"another site's", func() wire.StoreCursor {
			r.give(store, site+1, sitesync.PhaseActive)
			return r.cursor(store, 0)
		}},
		{"of another epoch", func() wire.StoreCursor {
			r.give(store, site, sitesync.PhaseActive)
			c := r.cursor(store, 0)
			c.Epoch--
			return c
		}},
		{"another replica's", func() wire.StoreCursor {
			r.give(store, site, sitesync.PhaseActive)
			r.session.Replica[0]++
			return r.cursor(store, 0)
		}},
		{"held", func() wire.StoreCursor {
			r.give(store, site, sitesync.PhaseActive)
			r.session.Hold(store, sitesync.ProblemDiverged)
			return r.cursor(store, 0)
		}},
		{"of no store", func() wire.StoreCursor { return wire.StoreCursor{Store: 99, Epoch: 1, Cursor: wire.Cursor{Seq: 1}} }},
	} {
		r.connect()
		from := c.prepare()
		d := newReader(r)
		events := d.pull(1, 1<<20, from)
		if !d.last || len(d.seen) > 0 || d.reset != nil || d.cursors[from.Store] != from.Cursor || events != "" {
			t.Errorf("%s: last %v, seen %v, reset %v, at %v, events %s", c.name, d.last, d.seen, d.reset, d.cursors, events)
		}
	}
}

// TestPullResetAndAhead asks from where this log has no answer.
func TestPullResetAndAhead(t *testing.T) {
	r := newRig(t)
	r.central(store, 3, 100)
	r.central(store+1, 2, 100)
	r.give(store, site, sitesync.PhaseActive)
	r.give(store+1, site, sitesync.PhaseActive)
	other := r.cursor(store, 1)
	other.Cursor.Log[0]++
	d := newReader(r)
	if events := d.pull(1, 1<<20, other, r.cursor(store+1, 0)); events != "" || !d.last {
		t.Errorf("events %s", events)
	}
	if fmt.Sprint(d.reset) != "[7]" || len(d.seen[store]) > 0 || len(d.seen[store+1]) != 2 || r.session.Held(store) != "" {
		t.Errorf("reset %v, seen %v", d.reset, d.seen)
	}
	d = newReader(r)
	if events := d.pull(2, 1<<20, r.cursor(store, 4), r.cursor(store+1, 0)); events != "hub.restored " || !d.last {
		t.Errorf("events %s", events)
	}
	if len(d.reset) > 0 || len(d.seen[store]) > 0 || len(d.seen[store+1]) != 2 || r.session.Held(store) != sitesync.ProblemDiverged {
		t.Errorf("reset %v, seen %v", d.reset, d.seen)
	}
	d = newReader(r)
	if events := d.pull(3, 1<<20, r.cursor(store, 4)); events != "" || !d.last {
		t.Errorf("told again: %s", events)
	}
}

// TestPullFault loses nothing to a fault in the middle of a stream.
func TestPullFault(t *testing.T) {
	r := newRig(t)
	r.central(store, 60, 1000)
	r.give(store, site, sitesync.PhaseActive)
	f := &faulty{State: r.state}
	r.Feed = New(f, r.live, r)
	d := newReader(r)
	d.pull(1, 20<<10, r.cursor(store, 0))
	f.fail = true
	out, err := r.Pull(t.Context(), r.session, wire.Encode(number, 0, &wire.Pull{Stream: 1, Credit: 40 << 10}))
	if !errors.Is(err, errFault) || len(out) > 0 {
		t.Errorf("%v, %v", out, err)
	}
	f.fail = false
	d.pull(1, 1<<20)
	if !d.last || len(d.seen[store]) != 60 {
		t.Errorf("last %v, %d records", d.last, len(d.seen[store]))
	}
}

func TestPullNotTaken(t *testing.T) {
	r := newRig(t)
	ignored := func(name string, s *session.Session, frame []byte) {
		t.Helper()
		if out, err := r.Pull(t.Context(), s, frame); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	m := &wire.Pull{Stream: 1, Credit: 1000}
	ignored("another session", r.session, wire.Encode(number-1, 0, m))
	ignored("before the welcome", session.New(site, number, "client", registry.Decision{}), wire.Encode(number, 0, m))
	if _, err := r.Pull(t.Context(), r.session, []byte{1, 2, 3}); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("a bad frame: %v", err)
	}
	if l := r.live.Get(site); !l.LastSeen.IsZero() {
		t.Errorf("live %+v", l)
	}
}
