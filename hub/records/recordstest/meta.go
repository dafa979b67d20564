package recordstest

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

var metaTests = []test{
	{"Transition/compare and set", transitionSets},
	{"Transition/epochs", transitionEpochs},
	{"Transition/many at once", transitionMany},
	{"Transition/history", transitionHistory},
	{"Metas/order", metasOrder},
}

func transitionSets(f *fixture) {
	if _, ok, err := f.Meta(store); ok || err != nil {
		f.Fatalf("a store that nobody made: %v, %v", ok, err)
	}
	m := f.central(store)
	want := records.Meta{Format: records.MetaFormat, Store: store, Version: 1, Owner: sitesync.CentralSite, Phase: sitesync.PhaseActive,
		Epoch: sitesync.NewEpoch(1, 1), Log: m.Log}
	if !reflect.DeepEqual(m, want) || m.Log == [16]byte{} || m.Head().IsZero() {
		f.Errorf("made %+v, want %+v", m, want)
	}
	if other := f.central(store + 1); other.Log == m.Log {
		f.Error("two logs with one name")
	}
	f.restart()
	for _, version := range []uint64{0, m.Version + 1} {
		next := m
		next.Owner = suva
		f.nothing(store, func() {
			if _, err := f.Transition(version, next, []sitesync.Handover{{ID: 1}}); !errors.Is(err, records.ErrConflict) {
				f.Errorf("from version %d: %v", version, err)
			}
		})
	}
	if _, err := f.Transition(1, records.Meta{Store: 1234}, nil); !errors.Is(err, records.ErrConflict) {
		f.Errorf("of a store that is not there: %v", err)
	}
	if _, ok, err := f.Handover(1); ok || err != nil {
		f.Errorf("a transition that failed was filed: %v, %v", ok, err)
	}
	next := m
	next.Owner, next.Replica, next.Phase, next.Intent, next.LoadedTries = nadi, first, sitesync.PhaseLoading, 5, 2
	next.Handover = &sitesync.Handover{ID: 9, Store: store, From: 1, To: nadi, State: sitesync.HandoverLoading, Epoch: m.Epoch, Started: sitesync.At(time.Now()), By: "anna"}
	made, err := f.Transition(m.Version, next, nil)
	next.Version = 2
	if err != nil || !reflect.DeepEqual(made, next) || !reflect.DeepEqual(f.meta(store), made) {
		f.Errorf("made %+v, %v; want %+v", made, err, next)
	}
}

// transitionEpochs follows what a new epoch begins with.
func transitionEpochs(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 5)
	before := f.meta(store)
	if before.Foreign != 0 || before.Pin != 0 {
		f.Errorf("before: %+v", before)
	}
	f.transition(store, func(m *records.Meta) { m.Intent = 3 }) // the same epoch
	want := before
	want.Version, want.Intent = before.Version+1, 3
	if m := f.meta(store); !reflect.DeepEqual(m, want) {
		f.Errorf("in the same epoch: %+v, want %+v", m, want)
	}
	m := f.give(store, suva, second, sitesync.PhaseActive)
	want.Version, want.Owner, want.Replica, want.Epoch = want.Version+1, suva, second, before.Epoch.Next(1)
	want.Settled, want.Chain, want.Foreign, want.Pin = 0, sitesync.Chain{}, before.Seq, before.Seq
	if !reflect.DeepEqual(m, want) || m.PinnedHead() != before.Head() || m.Head() != before.Head() {
		f.Errorf("in the next epoch: %+v, want %+v", m, want)
	}
	if res, err := f.Settled(store, d.Origin, 0); err != nil || res.Settled != 5 || res.Chain != d.Chain(5) {
		f.Errorf("of the past epoch: %+v, %v", res, err)
	}
	next := NewDevice(store, m.Origin())
	next.Put("stock", "a", `{}`)
	f.push(next, 1, 1) // n begins at 1 again
}

// transitionMany lets many take the same arrow: each version is replaced once.
func transitionMany(f *fixture) {
	f.central(store)
	const writers, each = 4, 10
	var mu sync.Mutex
	var versions []uint64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				m, _, err := f.Meta(store)
				if err != nil {
					f.Error(err)
					return
				}
				m.Intent++
				made, err := f.Transition(m.Version, m, nil)
				if errors.Is(err, records.ErrConflict) {
					continue
				}
				if err != nil {
					f.Error(err)
					return
				}
				done++
				mu.Lock()
				versions = append(versions, made.Version)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(versions)
	if m := f.meta(store); m.Intent != writers*each || m.Version != writers*each+1 || len(slices.Compact(versions)) != writers*each {
		f.Errorf("meta %+v, versions %v", m, versions)
	}
}

func transitionHistory(f *fixture) {
	m := f.central(store)
	ended := sitesync.At(time.Date(2025, 3, 4, 5, 6, 7, 8e6, time.UTC))
	h := sitesync.Handover{ID: 4, Store: store, From: 1, To: nadi, State: sitesync.HandoverCancelled, Epoch: m.Epoch, Started: ended, Ended: &ended,
		Sent: sitesync.Volume{Records: 1, Bytes: 2}, Total: sitesync.Volume{Records: 3, Bytes: 4}, By: "anna"}
	if _, err := f.Transition(m.Version, m, []sitesync.Handover{h}); err != nil {
		f.Fatal(err)
	}
	f.restart()
	got, ok, err := f.Handover(4)
	if err != nil || !ok || !reflect.DeepEqual(got, h) {
		f.Errorf("filed %+v, %v, %v; want %+v", got, ok, err, h)
	}
	if _, ok, err := f.Handover(5); ok || err != nil {
		f.Errorf("another: %v, %v", ok, err)
	}
}

// metasOrder lists stores among those of which there is quarantine alone, at
// both ends of the numbers too.
func metasOrder(f *fixture) {
	var want []sitesync.StoreID
	for _, id := range []sitesync.StoreID{1<<64 - 2, 300, 0, 2, 255, 256} {
		f.central(id)
		want = append(want, id)
	}
	for _, id := range []sitesync.StoreID{1, 3, 1 << 40, 1<<64 - 1} {
		d := NewDevice(id, records.Origin{Epoch: 1, Site: nadi, Replica: first})
		d.Put("stock", "a", `{}`)
		if _, err := f.Apply(d.All()); err != nil {
			f.Fatal(err)
		}
	}
	slices.Sort(want)
	list := func() (got []sitesync.StoreID) {
		err := f.Metas(func(m records.Meta) error {
			got = append(got, m.Store)
			return nil
		})
		if err != nil {
			f.Fatal(err)
		}
		return got
	}
	if got := list(); !slices.Equal(got, want) {
		f.Errorf("stores %v, want %v", got, want)
	}
	f.central(1<<64 - 1)
	if got := list(); !slices.Equal(got, append(want, 1<<64-1)) {
		f.Errorf("stores %v, want %v and the highest", got, want)
	}
	stop, calls := errors.New("enough"), 0
	if err := f.Metas(func(records.Meta) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		f.Errorf("after an error: %v, %d calls", err, calls)
	}
}
