package lease

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// memory is a registry that can fail.
type memory struct {
	leases map[sitesync.SiteID]registry.Lease
	saved  int
	full   bool
}

var errFull = errors.New("the disk is full")

func (m *memory) Leases() (map[sitesync.SiteID]registry.Lease, error) {
	return maps.Clone(m.leases), nil
}

func (m *memory) SaveLease(site sitesync.SiteID, l registry.Lease) error {
	if m.full {
		return errFull
	}
	m.saved++
	m.leases[site] = l
	return nil
}

const (
	site   = sitesync.SiteID(6)
	margin = time.Minute
	hour   = time.Hour
)

var first, second = sitesync.ReplicaID{1}, sitesync.ReplicaID{2}

type world struct {
	*testing.T
	*Keeper
	memory *memory
	number uint64
	s      *session.Session
}

func in(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, memory: &memory{leases: map[sitesync.SiteID]registry.Lease{}}}
		w.restart()
		test(w)
	})
}

func (w *world) restart() {
	k, err := New(w.memory, margin)
	w.must(err)
	w.Keeper = k
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// connect begins a session of a device that holds a lease.
func (w *world) connect(replica sitesync.ReplicaID, held time.Duration) {
	w.Helper()
	w.number++
	w.s = session.New(site, w.number, "client", registry.Decision{})
	w.s.Replica = replica
	w.must(w.Hello(w.s, held))
	w.Answered(site)
}

// tell grants a lease with an assignment; hear confirms one.
func (w *world) tell(version uint64, d time.Duration) { w.Helper(); w.must(w.Grant(w.s, version, d)) }
func (w *world) hear(version uint64, d time.Duration) {
	w.Helper()
	w.must(w.Confirm(w.s, version, d))
	w.Answered(site)
}

// overAfter lets time pass and checks when the lease is over.
func (w *world) overAfter(d time.Duration) {
	w.Helper()
	time.Sleep(d)
	if w.Over(site, first) {
		w.Errorf("over after %s", d)
	}
	time.Sleep(time.Nanosecond)
	if !w.Over(site, first) {
		w.Errorf("not over after %s", d)
	}
}

func (w *world) never(what string) {
	w.Helper()
	time.Sleep(1000 * hour)
	if w.Over(site, first) {
		w.Errorf("%s: over", what)
	}
}

func TestConfirmed(t *testing.T) {
	in(t, func(w *world) {
		w.never("a site nobody knows")
		w.connect(first, 0)
		w.tell(1, 0)
		w.hear(1, 0)
		w.never("without a lease")
		if w.memory.saved > 0 {
			w.Error("a site without a lease has a record")
		}
		w.tell(2, hour)
		w.never("told and not confirmed")
		w.hear(1, 0)
		w.never("another assignment confirmed")
		w.hear(2, hour)
		if w.Over(site, second) {
			w.Error("over for another replica")
		}
		w.overAfter(hour + margin)
		w.Answered(site)
		w.overAfter(hour + margin)
	})
}

// TestShorter counts by the longer lease until the shorter one is confirmed,
// and a longer one from the moment it is told.
func TestShorter(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		w.tell(2, 2*hour)
		w.Answered(site)
		w.overAfter(2*hour + margin)
		w.connect(first, 2*hour)
		w.tell(1, 2*hour)
		w.tell(2, hour)
		w.hear(1, 2*hour) // the other may be on its way
		w.overAfter(2*hour + margin)
		w.connect(first, 2*hour)
		w.tell(1, hour)
		w.hear(1, hour)
		w.overAfter(hour + margin)
	})
}

// TestThereAndBack has three assignments on their way, of which the first and
// the last say the same.
func TestThereAndBack(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.tell(2, 0)
		w.tell(3, hour)
		w.hear(1, hour)
		w.never("the first one confirmed")
		w.hear(3, hour)
		w.overAfter(hour + margin)
	})
}

func TestTurnedOff(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		w.tell(2, 0)
		w.never("turned off")
		w.connect(first, hour) // it never heard so
		w.overAfter(hour + margin)
		w.connect(first, 0)
		w.never("turned off, and heard")
	})
}

// TestRestart counts from the start of the hub, by what was written down.
func TestRestart(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		time.Sleep(50 * time.Minute)
		w.restart()
		w.overAfter(hour + margin)
		w.connect(first, hour)
		w.tell(1, 2*hour)
		w.restart()
		w.overAfter(2*hour + margin)
		w.connect(first, hour)
		w.tell(1, 0)
		w.restart()
		w.never("turned off before the start")
	})
}

// TestOtherReplica holds a lease of its own.
func TestOtherReplica(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		w.connect(second, 0)
		w.tell(1, hour)
		time.Sleep(10 * hour)
		if w.Over(site, first) || w.Over(site, second) {
			w.Error("over for a device that has not confirmed, or is not the site's")
		}
		w.hear(1, hour)
		time.Sleep(10 * hour)
		if w.Over(site, first) || !w.Over(site, second) {
			w.Error("over for the wrong one")
		}
	})
}

// TestNotWrittenDown grants nothing that is not durable.
func TestNotWrittenDown(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		w.memory.full = true
		if err := w.Grant(w.s, 2, 2*hour); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
		w.memory.full = false
		w.tell(2, 2*hour)
		if l := w.memory.leases[site]; l.Longest != 7200 {
			t.Errorf("%+v", l)
		}
	})
}

func TestExpiring(t *testing.T) {
	in(t, func(w *world) {
		w.connect(first, 0)
		w.tell(1, hour)
		w.hear(1, hour)
		began := time.Now()
		told := func(after time.Duration) string {
			time.Sleep(after - time.Since(began))
			var at []time.Duration
			for _, e := range w.Expiring() {
				at = append(at, e.At.Sub(began))
			}
			return fmt.Sprint(at)
		}
		for _, c := range []struct {
			after time.Duration
			want  string
		}{{30 * time.Minute, "[]"}, {46 * time.Minute, "[1h0m0s]"}, {50 * time.Minute, "[]"}} {
			if got := told(c.after); got != c.want {
				w.Errorf("after %s: %s, want %s", c.after, got, c.want)
			}
		}
		w.Answered(site)
		if got := told(100 * time.Minute); got != "[1h50m0s]" {
			w.Errorf("heard from, and silent again: %s", got)
		}
		if w.Over(99, first) || len(w.Expiring()) > 0 {
			w.Error("a site nobody knows")
		}
	})
}
