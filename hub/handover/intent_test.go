package handover

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// TestIntents carries wishes out one after another.
func TestIntents(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	w.is(store, "active 1 1.1 -")
	if m := w.meta(store); m.Intent != 1 {
		t.Errorf("intent %d", m.Intent)
	}
	in := w.wish(store, siteA)
	m, err := w.Take(store, in.Number)
	w.must(err)
	h := m.Handover
	if h == nil || h.ID != in.Handover || h.Store != store || h.By != "anna" || h.From != central || h.To != siteA || h.Epoch != m.Epoch || time.Since(h.Started.Time) > time.Minute {
		t.Errorf("handover %+v", h)
	}
	w.is(store, fmt.Sprintf("loading 2 1.2 -, handover %d 1>2", in.Handover))
	w.settled()

	again := w.wish(store, siteB)
	_, err = w.Take(store, again.Number)
	w.must(err)
	w.is(store, fmt.Sprintf("loading 3 1.3 -, handover %d 1>3", again.Handover))
	ended, ok, err := w.records.Handover(in.Handover)
	if err != nil || !ok || ended.State != sitesync.HandoverCancelled || ended.Ended == nil || ended.Store != store {
		t.Errorf("retargeted: %+v, %v, %v", ended, ok, err)
	}
	w.move(store, central)
	w.is(store, "active 1 1.4 -")
	w.settled()

	// Each arrow was told of, in order.
	var told []string
	for _, m := range w.moved {
		ended := uint64(0)
		for _, h := range m.Ended {
			ended = h.ID
		}
		told = append(told, fmt.Sprintf("%d>%d %s %d", m.Before.Owner, m.After.Owner, m.After.Epoch, ended))
	}
	want := []string{"1>2 1.2 0", fmt.Sprintf("2>3 1.3 %d", in.Handover), fmt.Sprintf("3>1 1.4 %d", again.Handover)}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if m, err := w.Take(store, in.Number); err != nil || m.Version != w.meta(store).Version {
		t.Errorf("an old intent taken again: %+v, %v", m, err)
	}
}

// TestRefusedIntent refuses to cancel a handover that is over: so is the wish,
// and the registry shows the store where it is.
func TestRefusedIntent(t *testing.T) {
	w := newWorld(t)
	store := w.active(siteA, first)
	before := w.meta(store)
	in := w.wishStay(store, 99)
	_, err := w.Take(store, in.Number)
	w.refusal(err)
	after := w.meta(store)
	if after.Intent != in.Number || after.Epoch != before.Epoch || after.Owner != siteA || after.Phase != sitesync.PhaseActive {
		t.Errorf("the meta is %+v", after)
	}
	w.settled()
	if _, err := w.Take(store, in.Number); err != nil {
		t.Errorf("told twice: %v", err)
	}
	entries, _, err := w.registry.AuditList(registry.AuditFilter{Store: &store}, 10, "")
	w.must(err)
	if !slices.ContainsFunc(entries, func(a sitesync.AuditEntry) bool { return a.Command == "store.cancel" && a.By != "anna" }) {
		t.Errorf("the refusal is not in the audit log: %+v", entries)
	}
}

// TestRefusedAmongOthers takes wishes that were made at the same time: the one
// that is refused does not undo what the registry shows of the others.
func TestRefusedAmongOthers(t *testing.T) {
	w := newWorld(t)
	store := w.active(siteA, first)
	refused := w.wishStay(store, 99)
	reset := w.reset(siteA)
	last := w.wish(store, siteC)
	_, err := w.Take(store, last.Number) // loading again since the reset, so it may move
	w.must(err)
	m := w.meta(store)
	w.is(store, fmt.Sprintf("loading 4 %s -, handover %d 2>4", m.Epoch, last.Handover))
	if m.Intent != last.Number {
		t.Errorf("intent %d", m.Intent)
	}
	_, err = w.Take(store, refused.Number)
	w.refusal(err)
	if _, err = w.Take(store, reset[0].Number); err != nil {
		t.Errorf("the reset: %v", err)
	}
	w.settled()
}

// TestReset gives a site a new replica, whichever store it has by then.
func TestReset(t *testing.T) {
	w := newWorld(t)
	loading, active, away := w.store(), w.active(siteA, first), w.store()
	w.move(loading, siteA)
	w.move(away, siteA)
	begun := w.meta(loading)
	intents := w.reset(siteA)
	if len(intents) != 3 {
		t.Fatalf("%d intents", len(intents))
	}
	w.move(away, siteB) // takes the reset too, which comes before
	w.must(w.TakeAll())
	w.is(loading, fmt.Sprintf("loading 2 1.3 -, handover %d 1>2", begun.Handover.ID))
	w.is(active, fmt.Sprintf("loading 2 1.3 -, handover %d 2>2", w.meta(active).Handover.ID))
	if m := w.meta(away); m.Owner != siteB || m.Epoch != sitesync.NewEpoch(1, 4) {
		t.Errorf("%+v", m)
	}
	w.settled()

	// A reset that finds the store elsewhere has nothing to do.
	store := w.store()
	w.move(store, siteA)
	intent := slices.IndexFunc(w.reset(siteA), func(in registry.Intent) bool { return in.Store == store })
	if intent < 0 {
		t.Fatal("no intent of the store")
	}
	m := w.meta(store)
	m.Owner, m.Epoch = siteC, m.Epoch.Next(1)
	made, err := w.records.Transition(m.Version, m, nil)
	w.must(err)
	w.must(w.TakeAll())
	if now := w.meta(store); now.Owner != siteC || now.Epoch != made.Epoch || now.Intent == m.Intent {
		t.Errorf("%+v", now)
	}
}

// wishes is a story of intents that are all committed before one is taken: how
// the hub finds them after a crash.
func wishes(w *world) (store sitesync.StoreID) {
	in := w.wishStore()
	w.wish(in.Store, siteA)
	w.wish(in.Store, siteB)
	w.wish(in.Store, central)
	return in.Store
}

// TestCrashAnywhere lets the power go after every step of taking intents, the
// last step done or not. The next start brings each to its end, once.
func TestCrashAnywhere(t *testing.T) {
	survived := false
	for steps := 1; !survived; steps++ {
		for _, lost := range []bool{false, true} {
			w := newWorld(t)
			store := wishes(w)
			intents := w.registry.PendingIntents(store, 0)
			d := &dying{State: w.records, Registry: w.registry, steps: steps + 1, lost: lost} // New has one of its own
			w.drive(w.records, d)
			w.Driver.state = d
			err := w.TakeAll()
			survived = d.steps > 0
			if !survived && err == nil && len(w.registry.StoresWithIntents()) == 0 && steps < 5 {
				t.Fatalf("after %d steps nothing is left to do", steps)
			}

			w.start()
			w.must(w.TakeAll())
			w.is(store, "active 1 1.4 -")
			m := w.meta(store)
			if m.Version != uint64(len(intents)) || m.Intent != intents[3].Number {
				t.Errorf("power lost after %d steps (done: %v): meta %+v", steps, lost, m)
			}
			for _, in := range intents[1:3] {
				h, ok, err := w.records.Handover(in.Handover)
				if err != nil || !ok || h.State != sitesync.HandoverCancelled {
					t.Errorf("power lost after %d steps (done: %v): handover %d: %+v, %v, %v", steps, lost, in.Handover, h, ok, err)
				}
			}
			w.settled()
		}
		if steps > 100 {
			t.Fatal("the driver never comes to an end")
		}
	}
}

// TestCrashAfterRefusal loses the power before a refused intent is dropped:
// what the registry shows is repaired by the next start.
func TestCrashAfterRefusal(t *testing.T) {
	for steps := 1; steps < 8; steps++ {
		w := newWorld(t)
		store := w.active(siteA, first)
		w.wishStay(store, 99)
		d := &dying{State: w.records, Registry: w.registry, steps: steps}
		w.Driver.state, w.Driver.registry = d, d
		_ = w.TakeAll()
		w.start()
		w.must(w.TakeAll())
		if m := w.meta(store); m.Owner != siteA || m.Phase != sitesync.PhaseActive || m.Intent != 3 {
			t.Errorf("power lost after %d steps: %+v", steps, m)
		}
		w.settled()
	}
}

// meddling is a State in which somebody else changes the meta just before a
// Transition.
type meddling struct {
	records.State
	before func()
	times  int
}

func (m *meddling) Transition(from uint64, next records.Meta, ended []sitesync.Handover) (records.Meta, error) {
	if m.times > 0 {
		m.times--
		m.before()
	}
	return m.State.Transition(from, next, ended)
}

// TestConflict changes the meta between reading and writing it: the driver
// decides anew, and takes the arrow on what it finds then.
func TestConflict(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	edits := 0
	edit := func() {
		edits++
		_, err := w.records.Edit(records.Edit{Store: store, At: time.Now(),
			Change: sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprint(edits), Data: []byte(`{}`)}})
		w.must(err)
	}
	m := &meddling{State: w.records, before: edit, times: 3}
	w.drive(m, w.registry)
	in := w.wish(store, siteA)
	got, err := w.Take(store, in.Number)
	w.must(err)
	if got.Records != 3 || got.Pin != got.Seq || got.Handover.Total.Records != 3 || got.Epoch != sitesync.NewEpoch(1, 2) || len(w.moved) != 1 {
		t.Errorf("%+v, told %d times", got, len(w.moved))
	}
	w.settled()

	// A hello meets a retarget: the store is another site's by then.
	m.times, m.before = 1, func() {
		w.Driver.state = w.records
		defer func() { w.Driver.state = m }()
		w.move(store, siteB)
	}
	w.must(w.Hello(siteA, first, nothing))
	if now := w.meta(store); now.Owner != siteB || !now.Replica.IsZero() {
		t.Errorf("%+v", now)
	}
	w.settled()
}

// TestManyTakeAtOnce lets many move one store at once: each wish is taken
// once, in order, and each hears of its own.
func TestManyTakeAtOnce(t *testing.T) {
	w := newWorld(t)
	store, remote := w.store(), w.active(siteA, first)
	sites := []sitesync.SiteID{siteA, siteB, siteC, central}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for round := range 6 {
				to := sites[(i+round)%len(sites)]
				res, err := w.registry.MoveStore(anna, store, to, false)
				if err != nil {
					t.Error(err)
					return
				}
				if res.Intent == nil {
					continue // it is wanted there already
				}
				m, err := w.Take(store, res.Intent.Number)
				if err != nil || m.Intent < res.Intent.Number {
					t.Errorf("intent %d: %+v, %v", res.Intent.Number, m, err)
				}
			}
		})
		wg.Go(func() {
			res, err := w.registry.CancelHandover(anna, sitesync.Handover{ID: 99, Store: remote, From: sites[1+i%2]})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := w.Take(remote, res.Intent.Number); sitesync.CodeOf(err) != sitesync.CodeHandoverState {
				t.Errorf("a wish that must be refused: %v", err)
			}
		})
	}
	wg.Wait()
	w.must(w.TakeAll())
	w.settled()
	if m := w.meta(remote); m.Owner != siteA || m.Phase != sitesync.PhaseActive {
		t.Errorf("%+v", m)
	}
	if len(w.refused) > 0 {
		t.Errorf("refusals that nobody took: %v", w.refused)
	}
	seen := map[uint64]bool{}
	for _, m := range w.moved {
		if m.Store == store && m.After.Epoch != m.Before.Epoch.Next(1) {
			t.Errorf("epoch %s after %s", m.After.Epoch, m.Before.Epoch)
		}
		for _, h := range m.Ended {
			if seen[h.ID] {
				t.Errorf("handover %d ended twice", h.ID)
			}
			seen[h.ID] = true
		}
	}
}

// TestWishWhileTaking makes a wish while an earlier one is taken: what the
// registry shows of it is not undone.
func TestWishWhileTaking(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	in := w.wish(store, siteA)
	var late registry.Intent
	w.drive(w.records, &interrupted{Registry: w.registry, then: func() { late = w.wish(store, siteB) }})
	m, err := w.Take(store, in.Number)
	w.must(err)
	if s, err := w.registry.Store(store); m.Owner != siteA || err != nil || s.Site != siteB {
		t.Errorf("at site %d, wanted at %d, %v", m.Owner, s.Site, err)
	}
	if m, err = w.Take(store, late.Number); err != nil || m.Owner != siteB {
		t.Errorf("%+v, %v", m, err)
	}
	w.settled()
}

// interrupted is a registry in which something happens once the pending
// intents were read.
type interrupted struct {
	Registry
	then func()
}

func (i *interrupted) PendingIntents(store sitesync.StoreID, after uint64) []registry.Intent {
	pending := i.Registry.PendingIntents(store, after)
	if then := i.then; then != nil {
		i.then = nil
		then()
	}
	return pending
}

// TestWishesThatCannotBe takes intents that no hub should find: they are over,
// and nothing hangs on them.
func TestWishesThatCannotBe(t *testing.T) {
	w := newWorld(t)
	reg := &strange{Registry: w.registry}
	store := w.store()
	before := w.meta(store)
	for _, in := range []registry.Intent{
		{Store: 77, Number: 1, Kind: registry.IntentMove, To: siteA, Handover: 500},
		{Store: store, Number: 3, Kind: "new_kind", To: siteA},
		{Store: store, Number: 4, Kind: registry.IntentCreate, To: central},
	} {
		reg.in = &in
		w.drive(w.records, reg)
		_, err := w.Take(in.Store, in.Number)
		if in.Kind != registry.IntentCreate {
			w.refusal(err)
		} else if err != nil {
			t.Errorf("made again: %v", err)
		}
		if reg.in != nil {
			t.Errorf("%+v waits on", in)
		}
	}
	for _, id := range []sitesync.StoreID{0, 77} {
		if m, ok, _ := w.records.Meta(id); ok {
			t.Errorf("store %d was made: %+v", id, m)
		}
	}
	if m := w.meta(store); m.Owner != before.Owner || m.Epoch != before.Epoch || m.Phase != before.Phase {
		t.Errorf("%+v", m)
	}
}

// TestDelete drops the data of a store that was deleted, also where the hub
// ended in between.
func TestDelete(t *testing.T) {
	w := newWorld(t)
	store, kept := w.store(), w.store()
	_, err := w.registry.DeleteStore(anna, registry.StoreRemoval{Store: store})
	w.must(err)
	for range 2 {
		w.start()
		w.must(w.TakeAll())
	}
	if m, ok, err := w.records.Meta(store); ok || err != nil {
		t.Errorf("the meta of a deleted store: %+v, %v", m, err)
	}
	if of := w.StoresOf(central); len(of) != 1 || of[0] != kept {
		t.Errorf("the central site has %v", of)
	}
	w.settled()
}

// strange is a registry with one intent that it would not have.
type strange struct {
	Registry
	in *registry.Intent
}

func (s *strange) PendingIntents(_ sitesync.StoreID, after uint64) []registry.Intent {
	if s.in == nil || s.in.Number <= after {
		return nil
	}
	return []registry.Intent{*s.in}
}

func (s *strange) IntentDone(sitesync.StoreID, uint64, string) error { s.in = nil; return nil }

// TestFullDisk holds that a wish which the disk had no room for is not taken
// for a refused one.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	in := w.wish(store, siteA)
	w.drive(fullDisk{w.records}, w.registry)
	if _, err := w.Take(store, in.Number); sitesync.CodeOf(err) != sitesync.CodeDiskFull {
		t.Errorf("%v", err)
	}
	w.start()
	w.must(w.TakeAll())
	w.is(store, fmt.Sprintf("loading 2 1.2 -, handover %d 1>2", in.Handover))
	w.settled()
}

type fullDisk struct{ records.State }

func (fullDisk) Transition(uint64, records.Meta, []sitesync.Handover) (records.Meta, error) {
	return records.Meta{}, sitesync.Errorf(sitesync.CodeDiskFull, "free some space", "the disk is full")
}
