package admin

import (
	"fmt"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestStoreCreateAndUpdate(t *testing.T) {
	h := house(t)
	s := must[StoreResult](h, "store.create", `{"code":"SUV1","name":"Suva <main> & co","tags":["b:2","a:1"]}`).Store
	if s.ID != 3 || s.Site != 1 || s.Phase != sitesync.PhaseActive || s.Epoch.Counter() != 1 || s.Handover != nil || s.Head == "" || len(s.Tags) != 2 {
		t.Errorf("store %+v", s)
	}
	s = must[StoreResult](h, "store.update", `{"store":"SUV1","code":"SUV2","name":"Suva","tags":[]}`).Store
	if s.ID != 3 || s.Code != "SUV2" || s.Name != "Suva" || s.Tags == nil || len(s.Tags) != 0 {
		t.Errorf("store %+v", s)
	}
	a := h.do(admin, "store.get", `{"store":"SUV1"}`)
	h.fails(a, sitesync.CodeMovedCode, "SUV2", "use the new code")

	h.fails(h.do(admin, "store.create", `{"code":"NAD1","name":"x"}`), sitesync.CodeExists, "code", "store 1")
	h.fails(h.do(admin, "store.create", `{"code":"a b","name":"x"}`), sitesync.CodeInvalid, "code", "")
	h.fails(h.do(admin, "store.create", `{"code":"ok","name":"x","tags":["Region:West"]}`), sitesync.CodeInvalid, "tags", "key:value")
	h.fails(h.do(admin, "store.create", `{"code":"ok","name":"x","tags":"a:b"}`), sitesync.CodeInvalid, "tags", "a list")
	h.fails(h.do(admin, "store.update", `{"store":77,"name":"x"}`), sitesync.CodeNotFound, "store", "77")
	h.fails(h.do(admin, "store.update", `{"store":3,"code":"NAD1"}`), sitesync.CodeExists, "code", "")
	h.fails(h.do(admin, "store.get", `{"store":"77"}`), sitesync.CodeNotFound, "store", `"77"`)
	h.fails(h.do(admin, "store.get", `{"store":0}`), sitesync.CodeNotFound, "store", "")
}

func TestTextIsReadable(t *testing.T) {
	h := newHub(t)
	a := h.do(admin, "store.create", `{"code":"SUV1","name":"Suva <main> & co"}`)
	if !strings.Contains(string(a.Result), `"Suva <main> & co"`) {
		t.Errorf("escaped: %s", a.Result)
	}
}

func TestStoreList(t *testing.T) {
	h := house(t)
	for i := range 5 {
		must[StoreResult](h, "store.create", fmt.Sprintf(`{"code":"S%d","name":"ward"}`, i))
	}
	codes := func(args string) string {
		p := must[Page[sitesync.Store]](h, "store.list", args)
		var codes []string
		for _, s := range p.Items {
			codes = append(codes, s.Code)
		}
		return strings.Join(append(codes, p.Next), " ")
	}
	for args, want := range map[string]string{
		`{}`:                        "NAD1 NAD2 S0 S1 S2 S3 S4 ",
		`{"limit":3}`:               "NAD1 NAD2 S0 3",
		`{"limit":4,"after":"3"}`:   "S1 S2 S3 S4 ",
		`{"q":"WARD","limit":2}`:    "NAD2 S0 3",
		`{"site":"Nadi"}`:           "NAD2 ",
		`{"site":1,"q":"pharmacy"}`: "NAD1 ",
	} {
		if got := codes(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	h.fails(h.do(viewer, "store.list", `{"site":"Suva"}`), sitesync.CodeNotFound, "site", "Suva")
}

func TestStoreMove(t *testing.T) {
	h := house(t)
	must[SiteResult](h, "site.create", `{"name":"Suva","password":"correct horse"}`)
	move := func(args string) *sitesync.Handover { return must[MoveResult](h, "store.move", args).Handover }

	first := move(`{"store":"NAD1","to":"Nadi"}`)
	if first == nil || first.Store != 1 || first.From != 1 || first.To != 2 || first.State != sitesync.HandoverLoading || first.By != "admin" || first.Ended != nil {
		t.Fatalf("handover %+v", first)
	}
	if again := move(`{"store":"NAD1","to":2}`); again == nil || again.ID != first.ID {
		t.Errorf("a move to where it goes anyway: %+v", again)
	}
	second := move(`{"store":"NAD1","to":"Suva","force":true}`)
	if second.ID == first.ID || second.From != 1 || second.To != 3 || second.State != sitesync.HandoverLoading {
		t.Errorf("a move elsewhere: %+v", second)
	}
	if back := move(`{"store":"NAD1","to":1}`); back == nil || back.ID != second.ID || back.State != sitesync.HandoverCancelled || back.Ended == nil {
		t.Errorf("a move back: %+v", back)
	}
	if s := must[StoreResult](h, "store.get", `{"store":"NAD1"}`).Store; s.Site != 1 || s.Phase != sitesync.PhaseActive || s.Handover != nil {
		t.Errorf("store %+v", s)
	}
	if again := move(`{"store":"NAD1","to":1}`); again != nil {
		t.Errorf("a move to where it is: %+v", again)
	}

	h.bind("Nadi", 2, testHardware(1))
	h.activate(2)
	if again := move(`{"store":"NAD2","to":"Nadi"}`); again != nil {
		t.Errorf("a move to where it is: %+v", again)
	}
	away := move(`{"store":"NAD2","to":"Suva"}`)
	if away.State != sitesync.HandoverDraining || away.Code != "NAD2" || away.FromName != "Nadi" || away.ToName != "Suva" {
		t.Errorf("away from a site: %+v", away)
	}
	if again := move(`{"store":"NAD2","to":"Suva"}`); again == nil || again.ID != away.ID {
		t.Errorf("again: %+v", again)
	}
	if s := must[StoreResult](h, "store.get", `{"store":"NAD2"}`).Store; s.Site != 2 || s.Phase != sitesync.PhaseDraining || s.Handover == nil {
		t.Errorf("store %+v", s)
	}
	if home := move(`{"store":"NAD2","to":"Nadi"}`); home == nil || home.ID != away.ID || home.State != sitesync.HandoverCancelled {
		t.Errorf("back before it left: %+v", home)
	}
	if forced := move(`{"store":"NAD2","to":1,"force":true}`); forced == nil || forced.State != sitesync.HandoverForced || forced.Forced != "admin" {
		t.Errorf("without waiting: %+v", forced)
	}
	h.fails(h.do(admin, "store.move", `{"store":"NAD2","to":"Ba"}`), sitesync.CodeNotFound, "to", "Ba")
	h.fails(h.do(admin, "store.move", `{"store":"NAD9","to":1}`), sitesync.CodeNotFound, "store", "NAD9")
}

func TestStoreDelete(t *testing.T) {
	h := house(t)
	h.bind("Nadi", 2, testHardware(1))
	h.fails(h.do(admin, "store.delete", `{"store":"NAD2"}`), sitesync.CodeHandoverState, "store", "on its way")
	h.activate(2)
	h.fails(h.do(admin, "store.delete", `{"store":"NAD2","force":true}`), sitesync.CodeInUse, "store", `active at "Nadi"`)
	h.fails(h.do(admin, "store.delete", `{"store":"NAD9"}`), sitesync.CodeNotFound, "store", "")
	must[RecordResult](h, "record.put", `{"store":"NAD1","table":"stock","record":"a","data":{"n":1}}`)
	h.fails(h.do(admin, "store.delete", `{"store":"NAD1"}`), sitesync.CodeInUse, "store", "holds 1 record;")

	request := `{"id":"gone","args":{"store":"NAD1","force":true}}`
	first := h.send(admin, "store.delete", request)
	if s := result[StoreResult](h, first).Store; s.ID != 1 || s.Code != "NAD1" || s.Records != 1 {
		t.Errorf("%+v", s)
	}
	if again := h.send(admin, "store.delete", request); string(again.Result) != string(first.Result) {
		t.Errorf("again %s (%v), first %s", again.Result, again.Error, first.Result)
	}
	h.fails(h.do(admin, "store.get", `{"store":1}`), sitesync.CodeNotFound, "store", "")
	h.fails(h.do(admin, "record.get", `{"store":1,"table":"stock","record":"a"}`), sitesync.CodeNotFound, "store", "")
	if s := must[SiteResult](h, "site.get", `{"site":1}`).Site; len(s.Stores) != 0 {
		t.Errorf("the central site has %+v", s.Stores)
	}
	audit := h.do(admin, "audit.list", `{"store":1,"limit":1}`)
	if !strings.Contains(string(audit.Result), `"lost":{"bytes":7,"digest":`) && !strings.Contains(string(audit.Result), `"lost":{"records":1,"bytes":7,`) {
		t.Errorf("audited as %s", audit.Result)
	}
	if n, err := h.Records.Reclaim(100); n != 2 || err != nil { // the record and its place in the log
		t.Errorf("reclaimed %d, %v", n, err)
	}
	if s := must[StoreResult](h, "store.create", `{"code":"NAD1","name":"anew"}`).Store; s.ID != 3 || s.Records != 0 {
		t.Errorf("made anew %+v", s)
	}
}
