package handover

import (
	"fmt"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/shared/sitesync"
)

// writing is a device that has a store and writes in it.
func (w *world) writing(site sitesync.SiteID, replica sitesync.ReplicaID, changes int) (sitesync.StoreID, *recordstest.Device) {
	w.Helper()
	store := w.active(site, replica)
	m := w.meta(store)
	d := recordstest.NewDevice(store, m.Origin())
	for i := range changes {
		d.Put("stock", fmt.Sprint(i), `{}`)
	}
	return store, d
}

func (w *world) push(d *recordstest.Device, from, through uint64) {
	w.Helper()
	_, err := w.records.Apply(d.Batch(from, through))
	w.must(err)
}

// TestDrain moves a store from one site to another: what the first has written
// is in before the second begins.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	store, d := w.writing(siteA, first, 5)
	w.push(d, 1, 2)
	h := w.move(store, siteB).Handover
	w.is(store, fmt.Sprintf("draining 2 1.2 first, handover %d 2>3", h.ID))
	if h.State != sitesync.HandoverDraining || h.Epoch != sitesync.NewEpoch(1, 3) || h.By != "anna" {
		t.Errorf("handover %+v", h)
	}
	w.settled()
	if got := fmt.Sprint(w.Draining()); got != fmt.Sprint([]sitesync.StoreID{store}) {
		t.Errorf("draining %s", got)
	}
	if v := w.drain(store, siteA, 5); v != Behind {
		t.Errorf("with three changes on their way: verdict %d", v)
	}
	w.push(d, 3, 5) // it writes until it has heard, and sends what it wrote
	if v := w.drain(store, siteB, 5); v != Stale {
		t.Errorf("said by another site: verdict %d", v)
	}
	if v := w.drain(store, siteA, 5); v != Taken {
		t.Errorf("with all settled: verdict %d", v)
	}
	m := w.meta(store)
	w.is(store, fmt.Sprintf("loading 3 1.3 -, handover %d 2>3", h.ID))
	if m.Handover.Drained == nil || m.Handover.Total.Records != 5 || m.Records != 5 || fmt.Sprint(m.Copies) != "[{2 false}]" || len(w.Draining()) > 0 {
		t.Errorf("%+v, handover %+v", m, m.Handover)
	}
	w.settled()
	d.Put("stock", "late", `{}`)
	if res, err := w.records.Apply(d.Batch(6, 6)); err != nil || res.Refused != 1 {
		t.Errorf("written after it was frozen: %+v, %v", res, err)
	}
	w.must(w.Hello(siteB, second, nothing))
	w.load(store, siteB)
	ended, _, err := w.records.Handover(h.ID)
	if err != nil || ended.State != sitesync.HandoverDone || ended.Sent != ended.Total || ended.From != siteA || ended.To != siteB {
		t.Errorf("ended %+v, %v", ended, err)
	}
}

// TestDrainToCentre needs nothing to be delivered.
func TestDrainToCentre(t *testing.T) {
	w := newWorld(t)
	store, d := w.writing(siteA, first, 1)
	w.push(d, 1, 1)
	h := w.move(store, central).Handover
	if v := w.drain(store, siteA, 1); v != Taken {
		t.Errorf("verdict %d", v)
	}
	w.is(store, "active 1 1.3 -")
	ended, ok, err := w.records.Handover(h.ID)
	if err != nil || !ok || ended.State != sitesync.HandoverDone || ended.Ended == nil || ended.Drained == nil {
		t.Errorf("ended %+v, %v", ended, err)
	}
	w.settled()
}

// TestRetargetedDrain does not count what the device said of the former
// handover.
func TestRetargetedDrain(t *testing.T) {
	w := newWorld(t)
	store, _ := w.writing(siteA, first, 0)
	old := w.move(store, siteB).Handover
	said := w.report(store)
	w.move(store, siteC)
	if v, err := w.Drained(store, siteA, said); v != Stale || err != nil {
		t.Errorf("of handover %d: verdict %d, %v", old.ID, v, err)
	}
	if ended, _, err := w.records.Handover(old.ID); err != nil || ended.State != sitesync.HandoverCancelled {
		t.Errorf("ended %+v, %v", ended, err)
	}
	w.move(store, siteA) // back to where it is
	w.is(store, "active 2 1.2 first")
	if m := w.meta(store); len(m.Copies) > 0 {
		t.Errorf("copies %+v", m.Copies)
	}
	w.settled()
}

// TestCancelAndForce end the waiting, unless they come too late.
func TestCancelAndForce(t *testing.T) {
	w := newWorld(t)
	cancel := func(h *sitesync.Handover) error {
		t.Helper()
		res, err := w.registry.CancelHandover(anna, *h)
		w.must(err)
		_, err = w.Take(h.Store, res.Intent.Number)
		return err
	}
	force := func(h *sitesync.Handover) error {
		t.Helper()
		res, err := w.registry.ForceHandover(anna, *h)
		w.must(err)
		_, err = w.Take(h.Store, res.Intent.Number)
		return err
	}
	store, _ := w.writing(siteA, first, 0)
	h := w.move(store, siteB).Handover
	w.must(cancel(h))
	w.is(store, "active 2 1.2 first")
	w.settled()
	w.refusal(cancel(h))
	w.refusal(force(h))
	w.settled()

	h = w.move(store, siteB).Handover
	w.must(force(h))
	w.is(store, fmt.Sprintf("loading 3 1.3 -, handover %d 2>3", h.ID))
	if m := w.meta(store); m.Handover.Forced != "anna" || m.Handover.Drained != nil || m.Handover.State != sitesync.HandoverLoading {
		t.Errorf("handover %+v", m.Handover)
	}
	w.settled()
	w.refusal(cancel(h))
	w.refusal(force(h))
	w.settled()
	w.must(w.Hello(siteB, second, nothing))
	w.load(store, siteB)
	if ended, _, err := w.records.Handover(h.ID); err != nil || ended.State != sitesync.HandoverForced {
		t.Errorf("ended %+v, %v", ended, err)
	}

	// A move that does not wait is one transition, though it is two arrows.
	before := w.meta(store)
	res, err := w.registry.MoveStore(anna, store, siteC, true)
	w.must(err)
	m, err := w.Take(store, res.Intent.Number)
	w.must(err)
	if m.Version != before.Version+1 || m.Handover.Forced != "anna" {
		t.Errorf("%+v, handover %+v", m, m.Handover)
	}
	w.is(store, fmt.Sprintf("loading 4 1.4 -, handover %d 3>4", res.Intent.Handover))
}

// TestLeaseOver takes a store from a device that is read-only for sure.
func TestLeaseOver(t *testing.T) {
	w := newWorld(t)
	store, _ := w.writing(siteA, first, 0)
	h := w.move(store, siteB).Handover
	w.must(w.LeaseOver(store, h.ID+1))
	w.is(store, fmt.Sprintf("draining 2 1.2 first, handover %d 2>3", h.ID))
	for range 2 {
		w.must(w.LeaseOver(store, h.ID))
	}
	w.is(store, fmt.Sprintf("loading 3 1.3 -, handover %d 2>3", h.ID))
	if m := w.meta(store); m.Handover.Forced != sitesync.ForcedByLease {
		t.Errorf("handover %+v", m.Handover)
	}
}

// TestResetWhileDraining has no device left to wait for.
func TestResetWhileDraining(t *testing.T) {
	w := newWorld(t)
	reset, reinstalled := w.active(siteA, first), w.active(siteC, first)
	w.move(reset, siteB)
	w.move(reinstalled, central)
	w.reset(siteA)
	w.must(w.TakeAll())
	w.is(reset, fmt.Sprintf("loading 3 1.3 -, handover %d 2>3", w.meta(reset).Handover.ID))
	w.must(w.Hello(siteC, second, nothing))
	w.is(reinstalled, "active 1 1.3 -")
	w.settled()
}

// TestCopies follows what former sites still have, from the moment they lose a
// store until they have purged it.
func TestCopies(t *testing.T) {
	w := newWorld(t)
	store, d := w.writing(siteA, first, 2)
	w.push(d, 1, 2)
	w.move(store, siteB)
	w.drain(store, siteA, 2)
	w.must(w.Hello(siteB, second, nothing))
	w.move(store, siteC) // Suva never had all of it, but some
	copies := func(want string) {
		t.Helper()
		if m := w.meta(store); fmt.Sprint(m.Copies) != want {
			t.Errorf("copies %v, want %s", m.Copies, want)
		}
		for _, start := range []bool{false, true} {
			if start {
				w.start() // finds the same
			}
			at := ""
			for site := siteA; site <= siteC; site++ {
				at += fmt.Sprint(w.CopiesAt(site))
			}
			listed := ""
			for site := siteA; site <= siteC; site++ {
				has := []sitesync.StoreID{}
				for _, c := range w.meta(store).Copies {
					if c.Site == site {
						has = append(has, store)
					}
				}
				listed += fmt.Sprint(has)
			}
			if at != listed {
				t.Errorf("the driver finds copies %s, they are %s", at, listed)
			}
		}
	}
	copies("[{2 false} {3 false}]")
	w.must(w.Hello(siteB, second, func(id sitesync.StoreID) bool { return id == store }))
	copies("[{2 false} {3 false}]")
	w.must(w.Hello(siteB, second, nothing))
	copies("[{2 false}]")
	w.must(w.Purged(store, siteB))
	w.must(w.Purged(store, siteC))
	copies("[{2 false}]")

	// A change that came too late keeps the store listed until somebody has
	// decided about it.
	d.Put("stock", "late", `{}`)
	w.push(d, 3, 3)
	w.must(w.Purged(store, siteA))
	copies("[{2 true}]")
	before := w.meta(store)
	w.must(w.Purged(store, siteA))
	if m := w.meta(store); m.Version != before.Version {
		t.Errorf("said again, and written: %+v", m)
	}
	_, err := w.records.Discard(records.Decision{Item: 1})
	w.must(err)
	w.must(w.Purged(store, siteA))
	copies("[]")

	// A store that comes back is no copy.
	w.move(store, siteA)
	copies("[{4 false}]")
	w.settled()
}
