package recordstest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var fenceTests = []test{
	{"Fence/reasons", fenceReasons},
	{"Fence/duplicates before the fence", fenceAfterDuplicates},
	{"Fence/sent too early", fenceTooEarly},
	{"Fence/Apply against Transition", fenceRace},
	{"Fence/present record for the owner alone", fenceSecrets},
}

// refused checks that a batch goes to quarantine as a whole, for one reason,
// and touches nothing else.
func (f *fixture) refused(b records.Batch, reason sitesync.Reason) {
	f.Helper()
	before, exists, err := f.Meta(b.Store)
	if err != nil {
		f.Fatal(err)
	}
	counts := f.Undecided(b.Origin.Site, 0)
	b.After = b.First - 1
	res := f.apply(b, wire.Settled, b.First+uint64(len(b.Changes))-1, 0, len(b.Changes))
	f.reasons(res, b.First, reason, len(b.Changes))
	f.restart()
	f.apply(b, wire.Settled, res.Settled, 0, 0)
	again, err := f.Settled(b.Store, b.Origin, b.After)
	if err != nil {
		f.Fatal(err)
	}
	f.reasons(again, b.First, reason, len(b.Changes))
	if now := f.Undecided(b.Origin.Site, 0); now != counts+uint64(len(b.Changes)) {
		f.Errorf("%d open items of site %d, there were %d", now, b.Origin.Site, counts)
	}
	after, still, err := f.Meta(b.Store)
	if err != nil || exists != still {
		f.Fatalf("the store is there: %v, before: %v; %v", still, exists, err)
	}
	// Where the origin owns the epoch, its settled n moves on, as it must.
	after.Version, after.Settled, after.Chain = before.Version, before.Settled, before.Chain
	if fmt.Sprint(after) != fmt.Sprint(before) {
		f.Errorf("the meta was\n%+v and is\n%+v", before, after)
	}
}

// reasons checks that a result tells of changes from n on, all with a reason.
func (f *fixture) reasons(res records.Result, n uint64, reason sitesync.Reason, changes int) {
	f.Helper()
	if len(res.Quarantined) != changes || res.Told != res.Settled {
		f.Fatalf("told of %d quarantined changes through %d, want %d through %d", len(res.Quarantined), res.Told, changes, res.Settled)
	}
	for i, q := range res.Quarantined {
		if q.N != n+uint64(i) || q.Reason != reason {
			f.Errorf("change %d is refused with %v; want %d with %v", q.N, q.Reason, n+uint64(i), reason)
		}
	}
}

func fenceReasons(f *fixture) {
	// The store was Nadi's, then Suva's, and is Nadi's again, with a new device.
	inNadi := f.device(store, nadi, first)
	inSuva := f.device(store, suva, first)
	d := f.device(store, nadi, second)
	d.Put("stock", "a", `{"n":1}`)
	f.push(d, 1, 1)
	now := d.Origin
	const elsewhere = sitesync.SiteID(99)
	for _, o := range []struct {
		name   string
		origin records.Origin
		store  sitesync.StoreID
		reason sitesync.Reason
	}{
		{"its own old epoch", inNadi.Origin, store, sitesync.ReasonStaleEpoch},
		{"a former owner's epoch", inSuva.Origin, store, sitesync.ReasonStaleEpoch},
		{"another replica of the owner", records.Origin{Epoch: now.Epoch, Site: nadi, Replica: first}, store, sitesync.ReasonStaleEpoch},
		{"another site in the present epoch", records.Origin{Epoch: now.Epoch, Site: elsewhere, Replica: second}, store, sitesync.ReasonNotOwner},
		{"another site in an old epoch", records.Origin{Epoch: inNadi.Origin.Epoch, Site: elsewhere, Replica: first}, store, sitesync.ReasonNotOwner},
		{"a former owner in an epoch that was not its own", records.Origin{Epoch: inNadi.Origin.Epoch, Site: suva, Replica: first}, store, sitesync.ReasonNotOwner},
		{"the replica of another site", records.Origin{Epoch: now.Epoch, Site: suva, Replica: second}, store, sitesync.ReasonNotOwner},
		{"a store that never was", now, 1234, sitesync.ReasonNotOwner},
		{"the highest store there can be", now, 1<<64 - 1, sitesync.ReasonNotOwner},
	} {
		f.Run(o.name, func(t2 *testing.T) {
			f := &fixture{T: t2, State: f.State}
			stranger := NewDevice(o.store, o.origin)
			stranger.Put("stock", "a", `{"n":2}`)
			stranger.Delete("stock", "a")
			stranger.Put("stock", "b", `{}`)
			f.refused(stranger.Batch(1, 2), o.reason)
			f.refused(stranger.Batch(3, 3), o.reason)
		})
	}
	f.Run("the owner while its store is loading", func(t2 *testing.T) {
		f := &fixture{T: t2, State: f.State}
		m := f.give(store, nadi, second, sitesync.PhaseLoading)
		d := NewDevice(store, m.Origin())
		d.Put("stock", "a", `{"n":3}`)
		f.refused(d.All(), sitesync.ReasonStaleEpoch)
		f.transition(store, func(m *records.Meta) { m.Phase = sitesync.PhaseActive })
		d.Put("stock", "a", `{"n":4}`)
		f.push(d, 2, 2) // its numbers go on
	})
}

// fenceAfterDuplicates sends what was settled again after the store has moved
// on: it is recognised, and only what is new is refused.
func fenceAfterDuplicates(f *fixture) {
	d := f.device(store, nadi, first)
	clone := NewDevice(store, d.Origin)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		d.Put("stock", id, `{}`)
		clone.Delete("stock", id)
	}
	f.push(d, 1, 3)
	f.give(store, suva, first, sitesync.PhaseActive)
	f.give(store, nadi, second, sitesync.PhaseActive)
	f.nothing(store, func() {
		f.apply(d.Batch(1, 3), wire.Settled, 3, 0, 0)
		f.apply(d.Batch(5, 5), wire.Gap, 3, 0, 0)
		f.apply(clone.Batch(3, 4), wire.Diverged, 3, 0, 0)
		f.apply(clone.Batch(4, 4), wire.Diverged, 3, 0, 0)
	})
	res := f.apply(d.Batch(2, 5), wire.Settled, 5, 0, 2)
	f.reasons(res, 4, sitesync.ReasonStaleEpoch, 2)
	f.restart()
	res = f.apply(d.Batch(1, 5), wire.Settled, 5, 0, 0)
	f.reasons(res, 4, sitesync.ReasonStaleEpoch, 2)
}

// fenceTooEarly sends changes of a replica before it is let in: they stay in
// quarantine, and their numbers are not used again.
func fenceTooEarly(f *fixture) {
	m := f.give(store, nadi, sitesync.ReplicaID{}, sitesync.PhaseLoading)
	d := NewDevice(store, records.Origin{Epoch: m.Epoch, Site: nadi, Replica: first})
	for range 3 {
		d.Put("stock", "a", `{}`)
	}
	f.refused(d.Batch(1, 2), sitesync.ReasonStaleEpoch)
	f.transition(store, func(m *records.Meta) { m.Replica = first })
	if m := f.meta(store); m.Settled != 2 || m.Chain != d.Chain(2) {
		f.Errorf("meta %+v", m)
	}
	f.transition(store, func(m *records.Meta) { m.Phase = sitesync.PhaseActive })
	f.apply(d.Batch(1, 2), wire.Settled, 2, 0, 0)
	f.push(d, 3, 3)
	if n := f.Undecided(nadi, 0); n != 2 {
		f.Errorf("%d open items", n)
	}
}

// fenceRace lets a device push while its store moves away: what was applied is
// what came before the move, and nothing is both applied and refused.
func fenceRace(f *fixture) {
	for round := range 8 {
		store := store + sitesync.StoreID(round)
		d := f.device(store, nadi, first)
		const changes = 40
		for i := range changes {
			d.Put("stock", fmt.Sprintf("%02d", i), `{}`)
		}
		var wg sync.WaitGroup
		var pushed records.Result
		applied := 0
		wg.Go(func() {
			for n := uint64(1); n <= changes; n += 2 {
				res, err := f.Apply(d.Batch(n, n+1))
				if err != nil || res.Outcome != wire.Settled || res.Settled != n+1 {
					f.Errorf("changes from %d: %+v, %v", n, res, err)
					return
				}
				applied += res.Applied
				pushed = res
			}
		})
		conflicts := 0
		wg.Go(func() {
			for n := uint64(0); ; {
				m, _, err := f.Meta(store)
				if err != nil {
					f.Error(err)
					return
				}
				if n++; m.Settled < uint64(round) {
					continue // the device has not come that far
				}
				from := m.Version
				m.Owner, m.Epoch = suva, m.Epoch.Next(1)
				switch _, err = f.Transition(from, m, nil); {
				case errors.Is(err, records.ErrConflict):
					conflicts++
				case err != nil:
					f.Error(err)
					return
				default:
					return
				}
			}
		})
		wg.Wait()
		m := f.meta(store)
		if m.Owner != suva || m.Settled != 0 || m.Records != int64(applied) || m.Seq != uint64(applied) || m.Pin != m.Seq || m.Foreign != m.Seq {
			f.Errorf("%d applied, meta %+v", applied, m)
		}
		f.reasons(pushed, uint64(applied)+1, sitesync.ReasonStaleEpoch, changes-applied)
		f.check(store)
	}
}

// fenceSecrets holds that a site learns nothing of a store that is not its own
// by writing into it.
func fenceSecrets(f *fixture) {
	d := f.device(store, nadi, first)
	d.Put("stock", "a", `{"secret":true}`)
	f.push(d, 1, 1)
	stranger := NewDevice(store, records.Origin{Epoch: d.Origin.Epoch, Site: suva, Replica: first})
	stranger.Put("stock", "a", `{}`)
	res := f.apply(stranger.All(), wire.Settled, 1, 0, 1)
	again, err := f.Settled(store, stranger.Origin, 0)
	if err != nil {
		f.Fatal(err)
	}
	for _, res := range []records.Result{res, again} {
		if q := res.Quarantined[0]; q.Present || q.Data != nil || !res.Head.IsZero() {
			f.Errorf("a stranger is told %+v, head %v", q, res.Head)
		}
	}
	f.give(store, suva, first, sitesync.PhaseActive) // now it is Suva's
	again, err = f.Settled(store, stranger.Origin, 0)
	if err != nil || !again.Quarantined[0].Present || string(again.Quarantined[0].Data) != `{"secret":true}` || again.Head != f.head(store) {
		f.Errorf("the owner is told %+v, %v", again, err)
	}
}
