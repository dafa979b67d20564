package registry

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// TestLeases are kept over a restart, and more than fit a page.
func TestLeases(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, Options{})
	want := map[sitesync.SiteID]Lease{}
	for site := sitesync.SiteID(2); site < 2+loadPage+10; site++ {
		want[site] = Lease{Replica: sitesync.ReplicaID{1}, Longest: uint64(site), Unlimited: site%2 == 0}
		if err := r.SaveLease(site, want[site]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := openOn(t, b, Options{}).Leases()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d leases, %v; want %d", len(got), err, len(want))
	}
	if d := (Lease{Longest: 90}).Time(); d != 90*time.Second {
		t.Errorf("90 s are %s", d)
	}
}

// TestMaxOffline is a detail of the site like others, with an effect that a
// person understands.
func TestMaxOffline(t *testing.T) {
	r := openOn(t, newMemory(), Options{})
	made, err := r.CreateSite(admin, NewSite{Name: "Nadi", Password: password, MaxOffline: 3600})
	if err != nil || made.Site.MaxOffline != 3600 {
		t.Fatalf("%+v, %v", made.Site, err)
	}
	for _, c := range []struct {
		seconds uint64
		effect  string
	}{{7200, "no contact for 2h0m0s"}, {7200, ""}, {0, "for any time again"}} {
		site, err := r.Site(made.Site.ID)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: site.Revision, MaxOffline: &c.seconds})
		if effects := strings.Join(res.Effects, ";"); err != nil || res.Site.MaxOffline != c.seconds || !strings.Contains(effects, c.effect) || (c.effect == "") != (effects == "") {
			t.Errorf("%d seconds: %+v, %q, %v", c.seconds, res.Site.MaxOffline, effects, err)
		}
	}
}

// TestEndOfDraining writes the wish, where the store is wanted, and the audit
// entry in one commit.
func TestEndOfDraining(t *testing.T) {
	r := openOn(t, newMemory(), Options{})
	var sites []sitesync.SiteID
	for _, name := range []string{"Nadi", "Suva"} {
		made, err := r.CreateSite(admin, NewSite{Name: name, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		sites = append(sites, made.Site.ID)
	}
	store, err := r.CreateStore(admin, NewStore{Code: "A"})
	if err != nil {
		t.Fatal(err)
	}
	nadi, suva := sites[0], sites[1]
	for _, to := range sites {
		if _, err := r.MoveStore(admin, store.Store.ID, to, false); err != nil {
			t.Fatal(err)
		}
	}
	h := sitesync.Handover{ID: 17, Store: store.Store.ID, From: nadi, To: suva}
	forced, err := r.ForceHandover(admin, h)
	if err != nil || forced.Store.Site != suva || forced.Intent.Kind != IntentForce || forced.Intent.Handover != 17 {
		t.Errorf("force: %+v with %+v, %v", forced.Store, forced.Intent, err)
	}
	before, err := r.Site(nadi)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := r.CancelHandover(admin, h)
	if err != nil || cancelled.Store.Site != nadi || cancelled.Intent.Kind != IntentCancel || cancelled.Intent.Handover != 17 || cancelled.Intent.Number != forced.Intent.Number+1 {
		t.Errorf("cancel: %+v with %+v, %v", cancelled.Store, cancelled.Intent, err)
	}
	if after, err := r.Site(nadi); err != nil || after.Revision != before.Revision+1 {
		t.Errorf("the site that keeps the store has revision %d, %v; it had %d", after.Revision, err, before.Revision)
	}
	waiting := r.PendingIntents(store.Store.ID, forced.Intent.Number-1)
	if len(waiting) != 2 || waiting[0].Kind != IntentForce || waiting[1].Kind != IntentCancel || waiting[0].Handover != 17 {
		t.Errorf("waiting %+v", waiting)
	}
	again, err := r.MoveStore(admin, store.Store.ID, nadi, true)
	if err != nil || again.Intent == nil || !again.Intent.Force {
		t.Errorf("forced to where it is wanted: %+v, %v", again.Intent, err)
	}
	if _, err := r.CancelHandover(admin, sitesync.Handover{Store: 99}); sitesync.CodeOf(err) != sitesync.CodeNotFound {
		t.Errorf("of no store: %v", err)
	}
}
