package registry

import (
	"slices"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestCreateSiteChecksItsArguments(t *testing.T) {
	r := openOn(t, newMemory(), cheap)
	for _, c := range []struct {
		name  string
		site  NewSite
		code  sitesync.Code
		field string
	}{
		{"no name", NewSite{Password: password}, sitesync.CodeInvalid, "name"},
		{"a name with a slash", NewSite{Name: "a/b", Password: password}, sitesync.CodeInvalid, "name"},
		{"an endless name", NewSite{Name: strings.Repeat("n", 1<<20), Password: password}, sitesync.CodeInvalid, "name"},
		{"no password", NewSite{Name: "Nadi"}, sitesync.CodeInvalid, "password"},
		{"a short password", NewSite{Name: "Nadi", Password: "1234567"}, sitesync.CodeInvalid, "password"},
		{"a long password", NewSite{Name: "Nadi", Password: strings.Repeat("p", 201)}, sitesync.CodeInvalid, "password"},
		{"a password with a line break", NewSite{Name: "Nadi", Password: "correct horse\n"}, sitesync.CodeInvalid, "password"},
		{"a password like a credential", NewSite{Name: "Nadi", Password: credentialPrefix + "abcdefgh"}, sitesync.CodeInvalid, "password"},
		{"an unknown transport", NewSite{Name: "Nadi", Password: password, Transport: "udp"}, sitesync.CodeInvalid, "transport"},
		{"too long a time offline", NewSite{Name: "Nadi", Password: password, MaxOffline: longestOffline + 1}, sitesync.CodeInvalid, "maxOffline"},
		{"a mirror", NewSite{Name: "Nadi", Password: password, Mirror: true}, sitesync.CodeInvalid, "mirror"},
		{"a store that is not", NewSite{Name: "Nadi", Password: password, Stores: []sitesync.StoreID{9}}, sitesync.CodeNotFound, "stores"},
		{"too many stores", NewSite{Name: "Nadi", Password: password, Stores: make([]sitesync.StoreID, mostStores+1)}, sitesync.CodeTooLarge, "stores"},
		{"the central site's name", NewSite{Name: "CENTRAL", Password: password}, sitesync.CodeExists, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.CreateSite(admin, c.site)
			expectCode(t, err, c.code)
			if e := sitesync.AsError(err); e.Field != c.field {
				t.Errorf("field %q, want %q", e.Field, c.field)
			}
		})
	}
	if sites, _ := r.Sites(nil, 0, 0); len(sites) != 1 {
		t.Errorf("a refused edit left something: %+v", sites)
	}
	if s := newSite(t, r, "Nadi"); s.ID != 2 {
		t.Errorf("a refused edit took an ID: %d", s.ID)
	}
}

func TestFormerNamesStayReserved(t *testing.T) {
	r := openOn(t, newMemory(), cheap)
	site := newSite(t, r, "Nadi")
	update(t, r, SiteEdit{Site: site.ID, Name: pointer("Lautoka")})
	_, err := r.CreateSite(admin, NewSite{Name: "nadi", Password: password})
	expectCode(t, err, sitesync.CodeExists)
	if !strings.Contains(err.Error(), "reserved until") {
		t.Errorf("%v", err)
	}
	if _, err := r.DeleteSite(admin, SiteRemoval{Site: site.ID}); err != nil {
		t.Fatal(err)
	}
	if s := newSite(t, r, "Nadi"); s.ID == site.ID {
		t.Error("a site ID was used again")
	}
	newSite(t, r, "Lautoka")
}

func TestConflictSaysWhoChangedWhat(t *testing.T) {
	r := openTest(t)
	site := newSite(t, r, "Nadi")
	store := newStore(t, r, "N1")
	bob := Actor{Kind: ActorUser, Name: "bob", Command: "site.update"}
	if _, err := r.UpdateSite(bob, SiteEdit{Site: site.ID, Revision: 1, Name: pointer("Lautoka"), Password: pointer(otherPassword)}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MoveStore(admin, store.ID, site.ID, false); err != nil {
		t.Fatal(err)
	}
	_, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 1, Code: pointer("N")})
	expectCode(t, err, sitesync.CodeConflict)
	for _, part := range []string{"bob changed name, password", "anna changed storesAdded", "revision 3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if _, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 99, Code: pointer("N")}); sitesync.CodeOf(err) != sitesync.CodeConflict {
		t.Errorf("a revision to come: %v", err)
	}
}

func TestEditOfASiteIsWholeOrNothing(t *testing.T) {
	r := openTest(t)
	site := newSite(t, r, "Nadi")
	newSite(t, r, "Suva")
	store := newStore(t, r, "N1")
	_, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 1, Code: pointer("N"), Password: pointer(otherPassword),
		AddStores: []sitesync.StoreID{store.ID}, Name: pointer("Suva")})
	expectCode(t, err, sitesync.CodeExists)
	_, err = r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 1, Code: pointer("N"), AddStores: []sitesync.StoreID{store.ID, 999}})
	expectCode(t, err, sitesync.CodeNotFound)
	after, _ := r.Site(site.ID)
	if after.Revision != 1 || after.Code != "" || len(r.StoresOf(site.ID)) != 0 || len(r.PendingIntents(store.ID, 1)) != 0 {
		t.Errorf("%+v", after)
	}
}

func TestUpdateSite(t *testing.T) {
	r := openTest(t)
	site, other := newSite(t, r, "Nadi"), newSite(t, r, "Suva")
	near, far, kept := newStore(t, r, "NEAR"), newStore(t, r, "FAR"), newStore(t, r, "KEPT")
	for _, id := range []sitesync.StoreID{kept.ID} {
		if _, err := r.MoveStore(admin, id, site.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.MoveStore(admin, far.ID, other.ID, false); err != nil {
		t.Fatal(err)
	}
	want := SiteEdit{
		Site: site.ID, Name: pointer("Lautoka"), Code: pointer("LTK"), Password: pointer(otherPassword), Enabled: pointer(false),
		Transport: pointer(sitesync.TransportWSS), MaxOffline: pointer(uint64(0)), Mirror: pointer(false),
		AddStores: []sitesync.StoreID{near.ID, far.ID}, RemoveStores: []sitesync.StoreID{kept.ID},
	}
	dry := want
	dry.DryRun = true
	before, _ := r.Site(site.ID)
	would := update(t, r, dry)
	if after, _ := r.Site(site.ID); after.Revision != before.Revision || after.Name != "Nadi" || len(r.StoresOf(site.ID)) != 1 {
		t.Fatalf("a dry run changed the site: %+v", after)
	}
	if would.Site.Name != "Lautoka" || len(would.Effects) != 5 || len(would.Intents) != 3 {
		t.Errorf("the dry run tells %+v", would)
	}

	res := update(t, r, want)
	if !slices.Equal(res.Effects, would.Effects) {
		t.Errorf("effects %q, in the dry run %q", res.Effects, would.Effects)
	}
	s := res.Site
	if s.Name != "Lautoka" || s.Code != "LTK" || s.Enabled || s.Transport != sitesync.TransportWSS || s.Revision != before.Revision+1 {
		t.Errorf("%+v", s)
	}
	if got := storeCodes(r.StoresOf(site.ID)); !slices.Equal(got, []string{"NEAR", "FAR"}) {
		t.Errorf("stores %v", got)
	}
	for i, intent := range res.Intents {
		to := []sitesync.SiteID{site.ID, site.ID, sitesync.CentralSite}[i]
		if intent.Kind != IntentMove || intent.To != to || intent.Handover == 0 || intent.By != "anna" {
			t.Errorf("intent %+v", intent)
		}
	}
	if o, _ := r.Site(other.ID); o.Revision != 3 { // gained FAR, lost it
		t.Errorf("the site that lost a store has revision %d", o.Revision)
	}
	again := update(t, r, SiteEdit{Site: site.ID, Name: pointer("Lautoka"), Password: pointer(otherPassword), Enabled: pointer(false),
		AddStores: []sitesync.StoreID{near.ID}})
	if again.Site.Revision != s.Revision || len(again.Effects) != 0 || len(again.Intents) != 0 {
		t.Errorf("the same edit again: %+v", again)
	}
}

func storeCodes(stores []Store) (codes []string) {
	for _, s := range stores {
		codes = append(codes, s.Code)
	}
	return codes
}

func TestUpdateSiteRefusals(t *testing.T) {
	r := openOn(t, newMemory(), cheap)
	site := newSite(t, r, "Nadi")
	store := newStore(t, r, "N1")
	for _, c := range []struct {
		name string
		edit SiteEdit
		code sitesync.Code
	}{
		{"a store added and removed", SiteEdit{AddStores: []sitesync.StoreID{store.ID}, RemoveStores: []sitesync.StoreID{store.ID}}, sitesync.CodeInvalid},
		{"a store removed that is elsewhere", SiteEdit{RemoveStores: []sitesync.StoreID{store.ID}}, sitesync.CodeInvalid},
		{"no revision", SiteEdit{Site: site.ID + 1000, Code: pointer("x")}, sitesync.CodeInvalid},
		{"a bad code", SiteEdit{Code: pointer("\x00")}, sitesync.CodeInvalid},
		{"an empty password", SiteEdit{Password: pointer("")}, sitesync.CodeInvalid},
		{"a mirror", SiteEdit{Mirror: pointer(true)}, sitesync.CodeInvalid},
		{"too long a time offline", SiteEdit{MaxOffline: pointer(uint64(longestOffline + 1))}, sitesync.CodeInvalid},
		{"a longest time offline of the central site", SiteEdit{Site: 1, MaxOffline: pointer(uint64(60))}, sitesync.CodeActiveHere},
		{"no such site", SiteEdit{Site: 77}, sitesync.CodeNotFound},
		{"the central site's password", SiteEdit{Site: 1, Password: pointer(otherPassword)}, sitesync.CodeInvalid},
		{"the central site disabled", SiteEdit{Site: 1, Enabled: pointer(false)}, sitesync.CodeActiveHere},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.edit.Site == 0 {
				c.edit.Site = site.ID
			}
			if c.edit.Site < 1000 {
				c.edit.Revision = 1
			}
			if s, err := r.Site(c.edit.Site); err == nil {
				c.edit.Revision = s.Revision
			}
			_, err := r.UpdateSite(admin, c.edit)
			expectCode(t, err, c.code)
		})
	}
}

func TestDeleteAndReset(t *testing.T) {
	r := openTest(t)
	b := &bench{t: t, r: r, site: newSite(t, r, "Nadi").ID}
	b.join("Nadi", password, 1)
	store := newStore(t, r, "N1")
	if _, err := r.MoveStore(admin, store.ID, b.site, false); err != nil {
		t.Fatal(err)
	}
	remove := func(d SiteRemoval) error { _, err := r.DeleteSite(admin, d); return err }

	err := remove(SiteRemoval{Site: b.site, Force: true})
	expectCode(t, err, sitesync.CodeInUse)
	if !strings.Contains(err.Error(), "N1") {
		t.Errorf("%q does not name the store", err)
	}
	if _, err := r.MoveStore(admin, store.ID, sitesync.CentralSite, false); err != nil {
		t.Fatal(err)
	}
	err = remove(SiteRemoval{Site: b.site, Stores: []sitesync.StoreID{store.ID}}) // still draining
	expectCode(t, err, sitesync.CodeInUse)
	if !strings.Contains(err.Error(), "N1") {
		t.Errorf("%q does not name the store", err)
	}
	expectCode(t, remove(SiteRemoval{Site: sitesync.CentralSite}), sitesync.CodeActiveHere)
	expectCode(t, remove(SiteRemoval{Site: 99}), sitesync.CodeNotFound)
	expectCode(t, remove(SiteRemoval{Site: b.site, Revision: 1}), sitesync.CodeConflict)
	err = remove(SiteRemoval{Site: b.site, Backlog: 12})
	expectCode(t, err, sitesync.CodeBacklog)
	if !strings.Contains(err.Error(), "12 changes") {
		t.Errorf("%q does not say how many", err)
	}

	_, err = r.ResetHardware(admin, SiteRemoval{Site: b.site, Backlog: 12})
	expectCode(t, err, sitesync.CodeBacklog)
	_, err = r.ResetHardware(admin, SiteRemoval{Site: sitesync.CentralSite})
	expectCode(t, err, sitesync.CodeActiveHere)
	before, _ := r.Site(b.site)
	res, err := r.ResetHardware(admin, SiteRemoval{Site: b.site, Backlog: 12, Force: true, Stores: []sitesync.StoreID{store.ID}})
	if err != nil || res.Site.HardwareID != "" || res.Site.Revision != before.Revision+1 {
		t.Fatalf("%+v, %v", res.Site, err)
	}
	if len(res.Intents) != 1 || res.Intents[0].Kind != IntentNewReplica || res.Intents[0].To != b.site || res.Intents[0].Number != 4 {
		t.Errorf("intents of the reset: %+v", res.Intents)
	}

	res, err = r.DeleteSite(admin, SiteRemoval{Site: b.site, Backlog: 12, Force: true})
	if err != nil || res.Site.Name != "Nadi" {
		t.Fatalf("%+v, %v", res, err)
	}
	_, err = r.Site(b.site)
	expectCode(t, err, sitesync.CodeNotFound)
	expectCode(t, remove(SiteRemoval{Site: b.site}), sitesync.CodeNotFound)
}

func TestReturnedValuesAreCopies(t *testing.T) {
	r := openOn(t, newMemory(), cheap)
	b := &bench{t: t, r: r, site: newSite(t, r, "Nadi").ID}
	b.hold()
	b.edit(renamed("Lautoka"))
	seen := sitesync.At(b.r.index.sites[b.site].site.Created.Time)
	if err := r.SaveLive(map[sitesync.SiteID]Live{b.site: {LastSeen: &seen}}); err != nil {
		t.Fatal(err)
	}
	s, _ := r.Site(b.site)
	s.Former[0], s.Replicas[0].ID, *s.Live.LastSeen = "x", sitesync.ReplicaID{}, sitesync.Time{}
	if again, _ := r.Site(b.site); again.Former[0] != "Nadi" || again.Replicas[0].ID.IsZero() || again.Live.LastSeen.IsZero() {
		t.Errorf("%+v", again)
	}
	if _, err := r.CreateStore(admin, NewStore{Code: "A", Tags: []string{"b:1", "a:1", "b:1"}}); err != nil {
		t.Fatal(err)
	}
	st, _ := r.Store(1)
	if !slices.Equal(st.Tags, []string{"a:1", "b:1"}) {
		t.Errorf("tags %v", st.Tags)
	}
	st.Tags[0] = "x"
	if again, _ := r.Store(1); again.Tags[0] != "a:1" {
		t.Errorf("%+v", again)
	}
}
