package registry

import (
	"encoding/json"
	"slices"
	"testing"

	"sitesync/shared/sitesync"
)

func TestIntentsOfAStore(t *testing.T) {
	dir := t.TempDir()
	db := openKV(t, dir)
	r := openOn(t, NewKV(db), cheap)
	nadi, suva := newSite(t, r, "Nadi"), newSite(t, r, "Suva")
	store, other := newStore(t, r, "N1"), newStore(t, r, "N2")
	for _, to := range []sitesync.SiteID{nadi.ID, suva.ID, sitesync.CentralSite} {
		if _, err := r.MoveStore(command("store.move", "m"+to.String(), ""), store.ID, to, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r = openOn(t, NewKV(openKV(t, dir)), cheap)

	all := r.PendingIntents(store.ID, 0)
	if len(all) != 4 || all[0].Kind != IntentCreate || all[0].Handover != 0 {
		t.Fatalf("%+v", all)
	}
	for i, intent := range all {
		if intent.Number != uint64(i+1) || intent.Store != store.ID {
			t.Errorf("intent %d: %+v", i, intent)
		}
	}
	if all[1].CommandID != "m2" || all[1].Handover == all[2].Handover {
		t.Errorf("%+v", all)
	}
	if got := r.PendingIntents(store.ID, 2); !slices.Equal(got, all[2:]) {
		t.Errorf("after 2: %+v", got)
	}
	if got := r.StoresWithIntents(); !slices.Equal(got, []sitesync.StoreID{store.ID, other.ID}) {
		t.Errorf("%v", got)
	}
	for _, n := range []uint64{1, 2, 3, 4, 4} { // done twice is done
		if err := r.IntentDone(store.ID, n, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.IntentDone(other.ID, 1, "the disk is full"); err != nil {
		t.Fatal(err)
	}
	if got := r.StoresWithIntents(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	audit, _, err := r.AuditList(AuditFilter{Store: &other.ID}, 1, "")
	if err != nil || len(audit) != 1 || audit[0].By != "hub" || !json.Valid(audit[0].After) {
		t.Errorf("%+v, %v", audit, err)
	}
	res, err := r.MoveStore(admin, store.ID, nadi.ID, false)
	if err != nil || res.Intent.Number != 5 {
		t.Errorf("numbers begin again: %+v, %v", res.Intent, err)
	}
}

func TestMoveAndRepair(t *testing.T) {
	r := openTest(t)
	nadi := newSite(t, r, "Nadi")
	store := newStore(t, r, "N1")
	_, err := r.MoveStore(admin, store.ID, 99, false)
	expectCode(t, err, sitesync.CodeNotFound)
	_, err = r.MoveStore(admin, 99, nadi.ID, false)
	expectCode(t, err, sitesync.CodeNotFound)
	if _, err := r.MoveStore(admin, store.ID, nadi.ID, false); err != nil {
		t.Fatal(err)
	}
	revision := func() uint64 { s, _ := r.Site(nadi.ID); return s.Revision }
	before := revision()
	if err := r.SetDesired(systemActor("handover.cancel"), store.ID, sitesync.CentralSite); err != nil {
		t.Fatal(err)
	}
	if s, _ := r.Store(store.ID); s.Site != sitesync.CentralSite || s.Intent != 2 {
		t.Errorf("%+v", s)
	}
	if revision() != before+1 {
		t.Errorf("revision %d after %d", revision(), before)
	}
	if err := r.SetDesired(systemActor("handover.cancel"), store.ID, sitesync.CentralSite); err != nil || revision() != before+1 {
		t.Errorf("a repair of nothing: %v", err)
	}
	expectCode(t, r.SetDesired(admin, 99, nadi.ID), sitesync.CodeNotFound)
	expectCode(t, r.SetDesired(admin, store.ID, 99), sitesync.CodeNotFound)
	if _, err := r.DeleteSite(admin, SiteRemoval{Site: nadi.ID}); err != nil {
		t.Errorf("a site that lost its store again: %v", err)
	}
}

func TestUpdateAndDeleteStore(t *testing.T) {
	r := openTest(t)
	nadi := newSite(t, r, "Nadi")
	store := newStore(t, r, "N1")
	res, err := r.UpdateStore(admin, StoreEdit{Store: store.ID, Code: pointer("N2"), Name: pointer("Nadi store"), Tags: pointer([]string{"region:west"})})
	if err != nil || res.Store.Code != "N2" || res.Store.Name != "Nadi store" || !slices.Equal(res.Store.Tags, []string{"region:west"}) {
		t.Fatalf("%+v, %v", res.Store, err)
	}
	_, err = r.ResolveStore(Ref{Text: "N1"})
	expectCode(t, err, sitesync.CodeMovedCode)
	for _, bad := range []StoreEdit{{Code: pointer("a b")}, {Name: pointer("\x07")}, {Tags: pointer([]string{"x"})}} {
		bad.Store = store.ID
		_, err := r.UpdateStore(admin, bad)
		expectCode(t, err, sitesync.CodeInvalid)
	}
	if _, err := r.MoveStore(admin, store.ID, nadi.ID, false); err != nil {
		t.Fatal(err)
	}
	_, err = r.DeleteStore(admin, StoreRemoval{Store: store.ID})
	expectCode(t, err, sitesync.CodeInUse)
	if _, err := r.MoveStore(admin, store.ID, sitesync.CentralSite, false); err != nil {
		t.Fatal(err)
	}
	_, err = r.DeleteStore(admin, StoreRemoval{Store: store.ID, Intent: 1})
	expectCode(t, err, sitesync.CodeConflict)
	gone, err := r.DeleteStore(command("store.delete", "d1", ""), StoreRemoval{Store: store.ID})
	if err != nil || gone.Store.Code != "N2" || gone.Intent == nil || gone.Intent.Kind != IntentDelete {
		t.Fatalf("%+v, %v", gone, err)
	}
	if again, err := r.DeleteStore(command("store.delete", "d1", ""), StoreRemoval{Store: store.ID}); err != nil || again.Store.Code != "N2" {
		t.Errorf("the repeated command: %+v, %v", again, err)
	}
	for _, code := range []string{"N1", "N2"} {
		_, err = r.ResolveStore(Ref{Text: code})
		expectCode(t, err, sitesync.CodeNotFound)
	}
	if next := newStore(t, r, "N1"); next.ID == store.ID {
		t.Error("a store ID was used again")
	}
}

func TestRef(t *testing.T) {
	for _, c := range []struct {
		json string
		want Ref
		ok   bool
	}{
		{`6`, Ref{ID: 6}, true},
		{`0`, Ref{}, true},
		{`"Nadi"`, Ref{Text: "Nadi"}, true},
		{`"6"`, Ref{Text: "6"}, true},
		{`18446744073709551615`, Ref{ID: 1<<64 - 1}, true},
		{`18446744073709551616`, Ref{}, false},
		{`""`, Ref{}, false},
		{`-1`, Ref{}, false},
		{`1.5`, Ref{}, false},
		{`null`, Ref{}, false},
		{`{"id":6}`, Ref{}, false},
	} {
		var got Ref
		err := json.Unmarshal([]byte(c.json), &got)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%s gives %+v, %v", c.json, got, err)
		}
		if c.ok {
			if back, err := json.Marshal(got); err != nil || string(back) != c.json {
				t.Errorf("%s comes back as %s, %v", c.json, back, err)
			}
		} else {
			expectCode(t, err, sitesync.CodeInvalid)
		}
	}
}

func FuzzRef(f *testing.F) {
	for _, seed := range []string{`6`, `"Nadi"`, `"\ud800"`, `null`, `[]`, `1e3`, `"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ref Ref
		if json.Unmarshal(data, &ref) != nil {
			return
		}
		raw, err := json.Marshal(ref)
		if err != nil {
			t.Fatal(err)
		}
		var again Ref
		if err := json.Unmarshal(raw, &again); err != nil || again != ref {
			t.Fatalf("%s gives %+v, that gives %s, that gives %+v, %v", data, ref, raw, again, err)
		}
	})
}
