package handover

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// world is a driver on a real registry and real records, in one database as at
// the hub.
type world struct {
	*testing.T
	*Driver
	registry *registry.Registry
	records  *records.DB
	made     int // stores

	mu    sync.Mutex
	moved []Moved
}

var anna = registry.Actor{Kind: registry.ActorUser, Name: "anna", From: "192.0.2.7", Command: "test"}

// newWorld makes the sites 2 to 4 and no store.
func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1, Small: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{T: t}
	w.registry, err = registry.Open(registry.NewKV(db), registry.Options{Argon2: registry.Argon2{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.registry.Close)
	if w.records, err = records.Open(db); err != nil {
		t.Fatal(err)
	}
	for site := siteA; site <= siteC; site++ {
		if _, err := w.registry.CreateSite(anna, registry.NewSite{Name: fmt.Sprint("site ", site), Password: "correct horse"}); err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	return w
}

// Sites of a world.
const (
	siteA = sitesync.SiteID(2)
	siteB = sitesync.SiteID(3)
	siteC = sitesync.SiteID(4)
)

// start makes a driver as a start of the hub does, but for TakeAll.
func (w *world) start() { w.drive(w.records, w.registry) }

func (w *world) drive(state records.State, reg Registry) {
	w.Helper()
	d, err := New(state, reg, slog.New(slog.DiscardHandler), func(m Moved) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.moved = append(w.moved, m)
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Driver = d
}

// nothing is a device without any store.
func nothing(sitesync.StoreID) bool { return false }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// store makes a store at the centre.
func (w *world) store() sitesync.StoreID {
	w.Helper()
	in := w.wishStore()
	_, err := w.Take(in.Store, in.Number)
	w.must(err)
	return in.Store
}

func (w *world) wishStore() registry.Intent {
	w.Helper()
	w.made++
	res, err := w.registry.CreateStore(anna, registry.NewStore{Code: fmt.Sprint("S", w.made)})
	w.must(err)
	return *res.Intent
}

// wish commits the edit of a move, as an administrator's command does before
// it takes the intent.
func (w *world) wish(store sitesync.StoreID, to sitesync.SiteID) registry.Intent {
	w.Helper()
	res, err := w.registry.MoveStore(anna, store, to, false)
	w.must(err)
	if res.Intent == nil {
		w.Fatalf("store %d is wanted at site %d already", store, to)
	}
	return *res.Intent
}

// wishStay commits the edit of a cancel, which is refused when the handover is
// over.
func (w *world) wishStay(store sitesync.StoreID, handover uint64) registry.Intent {
	w.Helper()
	res, err := w.registry.CancelHandover(anna, sitesync.Handover{ID: handover, Store: store, From: siteB})
	w.must(err)
	return *res.Intent
}

// reset commits the edit of a hardware reset.
func (w *world) reset(site sitesync.SiteID) []registry.Intent {
	w.Helper()
	res, err := w.registry.ResetHardware(anna, registry.SiteRemoval{Site: site, Stores: w.StoresOf(site)})
	w.must(err)
	return res.Intents
}

// move moves a store and gives its meta.
func (w *world) move(store sitesync.StoreID, to sitesync.SiteID) records.Meta {
	w.Helper()
	in := w.wish(store, to)
	m, err := w.Take(store, in.Number)
	w.must(err)
	return m
}

func (w *world) meta(store sitesync.StoreID) records.Meta {
	w.Helper()
	m, ok, err := w.records.Meta(store)
	if err != nil || !ok {
		w.Fatalf("meta of store %d: %v, %v", store, ok, err)
	}
	return m
}

// is checks a store's state as text.
func (w *world) is(store sitesync.StoreID, want string) {
	w.Helper()
	m := w.meta(store)
	if got := text(StateOf(&m)); got != want {
		w.Errorf("store %d is %s; want %s", store, got, want)
	}
}

// settled checks that nothing waits, and that the registry shows what is so.
func (w *world) settled() {
	w.Helper()
	if waiting := w.registry.StoresWithIntents(); len(waiting) > 0 {
		w.Errorf("intents of stores %v wait", waiting)
	}
	owned := map[sitesync.SiteID][]sitesync.StoreID{}
	err := w.records.Metas(func(m records.Meta) error {
		owned[m.Owner] = append(owned[m.Owner], m.Store)
		if s, err := w.registry.Store(m.Store); err != nil || s.Site != wanted(&m) {
			w.Errorf("store %d is at site %d, wanted at %d, %v", m.Store, m.Owner, s.Site, err)
		}
		if (m.Phase == sitesync.PhaseActive) != (m.Handover == nil) || m.Handover != nil && m.Handover.Store != m.Store {
			w.Errorf("store %d is %s with handover %+v", m.Store, m.Phase, m.Handover)
		}
		return nil
	})
	w.must(err)
	for site := central; site <= siteC; site++ {
		if got := w.StoresOf(site); fmt.Sprint(got) != fmt.Sprint(owned[site]) {
			w.Errorf("the driver finds stores %v at site %d, they are %v", got, site, owned[site])
		}
	}
}

// refusal checks that err says why a wish was not carried out.
func (w *world) refusal(err error) {
	w.Helper()
	if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeHandoverState || e.Next == "" {
		w.Errorf("refused with %v", err)
	}
}

// active makes a store that is active at a site's replica.
func (w *world) active(site sitesync.SiteID, replica sitesync.ReplicaID) sitesync.StoreID {
	w.Helper()
	store := w.store()
	w.move(store, site)
	w.must(w.Hello(site, replica, nothing))
	w.load(store, site)
	return store
}

// load has a device report that it has everything.
func (w *world) load(store sitesync.StoreID, site sitesync.SiteID) {
	w.Helper()
	if v, _, err := w.Loaded(store, site, w.report(store)); v != Taken || err != nil {
		w.Fatalf("verdict %d, %v", v, err)
	}
}

// drain has a device report that it has frozen a store, with so many changes.
func (w *world) drain(store sitesync.StoreID, site sitesync.SiteID, n uint64) Verdict {
	w.Helper()
	r := w.report(store)
	r.Step, r.N = wire.Drained, n
	v, err := w.Drained(store, site, r)
	w.must(err)
	return v
}

// dying is a registry and records of a hub that loses its power after some
// steps: each later call fails, and the last one was done or was not.
type dying struct {
	records.State
	Registry
	steps int  // left
	lost  bool // the last step was done, and nobody heard
}

var errDead = errors.New("the power is gone")

func (d *dying) step(do func() error) error {
	d.steps--
	if d.steps > 0 {
		return do()
	}
	if d.steps == 0 && d.lost {
		_ = do()
	}
	return errDead
}

func (d *dying) Meta(store sitesync.StoreID) (m records.Meta, ok bool, err error) {
	err = d.step(func() error { m, ok, err = d.State.Meta(store); return err })
	return m, ok, err
}

func (d *dying) Transition(from uint64, next records.Meta, ended []sitesync.Handover) (m records.Meta, err error) {
	err = d.step(func() error { m, err = d.State.Transition(from, next, ended); return err })
	return m, err
}

func (d *dying) IntentDone(store sitesync.StoreID, number uint64, outcome string) error {
	return d.step(func() error { return d.Registry.IntentDone(store, number, outcome) })
}

func (d *dying) SetDesired(a registry.Actor, store sitesync.StoreID, site sitesync.SiteID) error {
	return d.step(func() error { return d.Registry.SetDesired(a, store, site) })
}
