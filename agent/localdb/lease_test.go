package localdb

import (
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// bench is a database with clocks that a test moves.
type bench struct {
	*testing.T
	d     *DB
	dir   string
	trust bool
	now   Moment
	told  int // events of phases
}

func newBench(t *testing.T, trust bool) *bench {
	b := &bench{T: t, dir: t.TempDir(), trust: trust, now: Moment{Boot: "one", Since: time.Hour, Wall: someday}}
	b.open()
	activate(t, b.d, storeA, epoch1)
	return b
}

func (b *bench) open() {
	b.Helper()
	d, err := Open(Options{Dir: b.dir, Clock: func() Moment { return b.now }, TrustClock: b.trust})
	must(b.T, err)
	b.d = d
	d.Watch(func(_ sitesync.StoreID, events []Event) {
		for _, e := range events {
			if e.Kind == EventPhase {
				b.told++
			}
		}
	})
	b.Cleanup(func() { must(b.T, d.Close()) })
}

func (b *bench) restart() { b.Helper(); must(b.T, b.d.Close()); b.open() }

func (b *bench) reboot() {
	b.Helper()
	b.now.Boot, b.now.Since = b.now.Boot+"+", 0
	b.restart()
}

// pass lets time go by on all clocks.
func (b *bench) pass(d time.Duration) {
	b.now.Since += d
	b.now.Wall = b.now.Wall.Add(d)
}

func (b *bench) contact() { b.Helper(); must(b.T, b.d.Contact(b.now)) }

// writes checks whether the store can be written.
func (b *bench) writes(want bool) {
	b.Helper()
	_, err := b.d.Write(storeA, []Write{put("a", b.now.Wall.Format(`{"at":"15:04:05.000000000"}`))})
	if want {
		must(b.T, err)
		return
	}
	wantCode(b.T, err, sitesync.CodeLeaseExpired)
	if st := b.d.Lease(); !st.Expired {
		b.Errorf("%+v", st)
	}
}

func TestLease(t *testing.T) {
	b := newBench(t, false)
	b.pass(1000 * time.Hour)
	b.writes(true) // there is none
	b.contact()
	must(t, b.d.SetLease(time.Hour))
	b.pass(time.Hour - time.Nanosecond)
	b.writes(true)
	if st := b.d.Lease(); st.Length != time.Hour || st.Expired || st.Until.IsZero() {
		t.Errorf("%+v", st)
	}
	b.told = 0
	b.pass(time.Nanosecond)
	b.writes(false)
	for range 2 {
		if wait, err := b.d.WatchLease(); err != nil || wait != time.Minute || b.told != 1 {
			t.Errorf("wait %s, told %d times, %v", wait, b.told, err)
		}
	}
	b.contact()
	b.writes(true)
	if b.told != 2 {
		t.Errorf("told %d times", b.told)
	}
	older := b.now
	older.Since -= 30 * time.Minute
	b.pass(45 * time.Minute)
	must(t, b.d.Contact(older)) // an answer that was long on its way
	b.writes(true)
	b.pass(15 * time.Minute)
	b.writes(false)
	must(t, b.d.SetLease(0))
	b.writes(true)
	b.reboot()
	b.writes(true)
}

// TestLeaseWatched says when to look again.
func TestLeaseWatched(t *testing.T) {
	b := newBench(t, false)
	b.contact()
	must(t, b.d.SetLease(90*time.Second))
	for _, c := range []struct{ pass, want time.Duration }{{0, time.Minute}, {40 * time.Second, 50*time.Second + time.Millisecond}, {time.Hour, time.Minute}} {
		b.pass(c.pass)
		if wait, err := b.d.WatchLease(); err != nil || wait != c.want {
			t.Errorf("after %s: %s, want %s, %v", c.pass, wait, c.want, err)
		}
	}
}

// TestLeaseOverRestarts counts on over a restart of the program, from a contact
// that is no later than the last one.
func TestLeaseOverRestarts(t *testing.T) {
	b := newBench(t, false)
	b.contact()
	must(t, b.d.SetLease(time.Hour))
	b.pass(30 * time.Minute)
	b.contact()
	b.pass(time.Minute)
	b.contact() // too soon to be written down
	b.restart()
	b.pass(58 * time.Minute)
	b.writes(true)
	b.pass(time.Minute) // an hour after the contact that was
	b.writes(false)
}

// TestLeaseOverReboots is read-only until contact, whatever the clock says.
func TestLeaseOverReboots(t *testing.T) {
	b := newBench(t, false)
	b.contact()
	must(t, b.d.SetLease(time.Hour))
	b.pass(time.Minute)
	b.reboot()
	b.writes(false)
	if st := b.d.Lease(); !st.Until.IsZero() {
		t.Errorf("%+v", st)
	}
	b.contact()
	b.writes(true)
	b.now.Boot = "" // a system that does not tell
	b.writes(false)
	b.contact()
	b.writes(false)
}

// TestTrustedClock counts on over a reboot, unless the clock was set back.
func TestTrustedClock(t *testing.T) {
	b := newBench(t, true)
	b.contact()
	must(t, b.d.SetLease(time.Hour))
	b.pass(20 * time.Minute)
	if _, err := b.d.WatchLease(); err != nil { // writes the time down
		t.Fatal(err)
	}
	b.reboot()
	b.pass(39 * time.Minute)
	b.writes(true)
	b.pass(time.Minute)
	b.writes(false)

	b.contact()
	b.pass(30 * time.Minute)
	if _, err := b.d.WatchLease(); err != nil {
		t.Fatal(err)
	}
	b.reboot()
	b.now.Wall = b.now.Wall.Add(-time.Second)
	b.writes(false)
	b.now.Wall = b.now.Wall.Add(time.Second)
	b.writes(true)
	b.now.Wall = b.now.Wall.Add(-31 * time.Minute) // in the same boot it does not count
	b.writes(false)
	b.contact()
	b.now.Wall = b.now.Wall.Add(-1000 * time.Hour)
	b.writes(true)
}
