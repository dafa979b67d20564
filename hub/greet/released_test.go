package greet

import (
	"reflect"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// assigned is what a hello is told of a store; nil when it is not listed.
func (r *rig) assigned(store sitesync.StoreID, holds ...wire.StoreState) *wire.AssignedStore {
	r.Helper()
	a := r.greet(first, holds...)
	for i := range a.welcome.Assignment.Stores {
		if a.welcome.Assignment.Stores[i].Store == store {
			return &a.welcome.Assignment.Stores[i]
		}
	}
	return nil
}

// TestDrainingAndReleased follows what the former site of a store is told, until
// it has purged its copy and nothing of it waits for a decision.
func TestDrainingAndReleased(t *testing.T) {
	r := newRig(t)
	suva := r.site("Suva")
	d := r.active()
	d.Put("stock", "a", `{}`)
	r.push(d, 1, 1)
	r.move(d.Store, suva)
	m := r.meta(d.Store)
	if a := r.assigned(d.Store); a == nil || a.Phase != sitesync.PhaseDraining || a.To != "Suva" || a.Handover != m.Handover.ID || a.Epoch != m.Epoch || a.Settled != 1 {
		t.Fatalf("draining: %+v", a)
	}
	res, err := r.registry.ForceHandover(anna, *m.Handover)
	r.must(err)
	_, err = r.Handover.Take(d.Store, res.Intent.Number)
	r.must(err)
	holds := wire.StoreState{Store: d.Store}
	a := r.assigned(d.Store, holds)
	if a == nil || a.Phase != sitesync.PhaseReleased || a.To != "Suva" || a.OwnerActive || a.Quarantined != 0 || a.Settled != 0 || !a.Head.IsZero() || a.Records != 0 || a.Tags != nil {
		t.Errorf("released: %+v", a)
	}
	d.Put("stock", "b", `{}`)
	r.push(d, 2, 2) // too late
	other := sitesync.ReplicaID{9}
	r.must(r.Handover.Hello(suva, other, func(sitesync.StoreID) bool { return false }))
	m = r.meta(d.Store)
	_, _, err = r.Handover.Loaded(d.Store, suva, &wire.Handover{Step: wire.Loaded, Handover: m.Handover.ID, Epoch: m.Epoch, Replica: other, Digest: m.Digest, Cursor: m.Head()})
	r.must(err)
	if a := r.assigned(d.Store, holds); a == nil || !a.OwnerActive || a.Quarantined != 1 {
		t.Errorf("its new owner is active: %+v", a)
	}
	if a := r.assigned(d.Store); a == nil || a.Phase != sitesync.PhaseReleased || a.Quarantined != 1 {
		t.Errorf("purged, with a change to decide about: %+v", a)
	}
	_, err = r.records.Discard(records.Decision{Item: 1, At: time.Now()})
	r.must(err)
	if a := r.assigned(d.Store); a != nil {
		t.Errorf("purged, and nothing waits: %+v", a)
	}
}

// TestRefusedElsewhere tells a device how many of its changes wait for a decision
// also where the store is deleted or never was its own, and nothing else of it.
func TestRefusedElsewhere(t *testing.T) {
	r := newRig(t)
	for what, store := range map[string]sitesync.StoreID{"another site's": r.store(r.site("Suva")), "the centre's": r.store(sitesync.CentralSite), "deleted": r.deleted()} {
		d := recordstest.NewDevice(store, records.Origin{Epoch: sitesync.NewEpoch(1, 1), Site: r.nadi, Replica: first})
		d.Put("stock", "a", `{}`)
		r.push(d, 1, 1)
		want := wire.AssignedStore{Store: store, Epoch: noEpoch, Phase: sitesync.PhaseReleased, Quarantined: 1}
		if a := r.assigned(store, wire.StoreState{Store: store}); a == nil || !reflect.DeepEqual(*a, want) {
			t.Errorf("%s: told %+v, want %+v", what, a, want)
		}
		var item uint64
		r.must(r.records.QuarantinedAfter(0, func(q sitesync.Quarantined) (bool, error) { item = q.ID; return true, nil }))
		_, err := r.records.Discard(records.Decision{Item: item, At: time.Now()})
		r.must(err)
		if a := r.assigned(store, wire.StoreState{Store: store}); a != nil {
			t.Errorf("%s, decided: told %+v", what, a)
		}
	}
}

// deleted makes a store and deletes it.
func (r *rig) deleted() sitesync.StoreID {
	r.Helper()
	id := r.store(sitesync.CentralSite)
	_, err := r.registry.DeleteStore(anna, registry.StoreRemoval{Store: id})
	r.must(err)
	r.must(r.Handover.TakeAll())
	if _, ok, err := r.records.Meta(id); ok || err != nil {
		r.Fatalf("the store is not deleted: %v", err)
	}
	return id
}

// TestLeaseInWelcome grants what the site has, and takes the device's word.
func TestLeaseInWelcome(t *testing.T) {
	r := newRig(t)
	site, err := r.registry.Site(r.nadi)
	r.must(err)
	hour := uint64(3600)
	_, err = r.registry.UpdateSite(anna, registry.SiteEdit{Site: r.nadi, Revision: site.Revision, MaxOffline: &hour})
	r.must(err)
	if w := r.greet(first).welcome; w.Assignment.Lease != time.Hour {
		t.Errorf("lease %s", w.Assignment.Lease)
	}
	leases, err := r.registry.Leases()
	r.must(err)
	if l := leases[r.nadi]; l.Longest != hour || !l.Unlimited || l.Replica != first {
		t.Errorf("told, and not confirmed: %+v", l)
	}
	h := hello(first)
	h.Report.Lease = time.Hour
	r.connect(first, password)
	r.read(r.say(h))
	leases, err = r.registry.Leases()
	r.must(err)
	if l := leases[r.nadi]; l.Longest != hour || l.Unlimited {
		t.Errorf("confirmed: %+v", l)
	}
}
