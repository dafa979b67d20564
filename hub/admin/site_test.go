package admin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

func testHardware(n byte) sitesync.HardwareID { return sitesync.NewHardwareID([32]byte{n}) }

func TestSiteCreate(t *testing.T) {
	h := house(t)
	r := must[SiteResult](h, "site.create", `{"name":"Suva","code":"SUV","password":"pass words","stores":["NAD1"],"transport":"wss"}`)
	s := r.Site
	if s.ID != 3 || s.Name != "Suva" || s.Code != "SUV" || !s.Enabled || s.Transport != "wss" || s.Revision == 0 || s.State != sitesync.StateNever || s.HardwareID != nil {
		t.Errorf("site %+v", s)
	}
	if len(s.Stores) != 1 || s.Stores[0].Code != "NAD1" || s.Stores[0].Phase != sitesync.PhaseLoading {
		t.Errorf("stores %+v", s.Stores)
	}
	tests := []struct {
		args  string
		code  sitesync.Code
		field string
		text  string
	}{
		{`{"name":"nadi","password":"pass words"}`, sitesync.CodeExists, "name", "belongs to site 2"},
		{`{"name":"a/b","password":"pass words"}`, sitesync.CodeInvalid, "name", "leave out / + and #"},
		{`{"name":"Ba","password":"x"}`, sitesync.CodeInvalid, "password", ""},
		{`{"name":"Ba","password":"pass words","transport":"carrier pigeon"}`, sitesync.CodeInvalid, "transport", "tcp"},
		{`{"name":"Ba","password":"pass words","mirror":true}`, sitesync.CodeInvalid, "mirror", ""},
		{`{"name":"Ba","password":"pass words","maxOffline":9999999999}`, sitesync.CodeInvalid, "maxOffline", "ten years"},
		{`{"name":"Ba","password":"pass words","stores":["NAD9"]}`, sitesync.CodeNotFound, "stores", "NAD9"},
		{`{"name":"Ba","password":"pass words","stores":[1.5]}`, sitesync.CodeInvalid, "stores", "the ID as a number"},
	}
	for _, tt := range tests {
		h.fails(h.do(admin, "site.create", tt.args), tt.code, tt.field, tt.text)
	}
	if n := len(must[Page[sitesync.Site]](h, "site.list", `{}`).Items); n != 3 {
		t.Errorf("%d sites after refused commands, want 3", n)
	}
}

func TestSiteCreateIsWholeOrNot(t *testing.T) {
	h := house(t)
	h.fails(h.do(admin, "site.create", `{"name":"Suva","password":"pass words","stores":["NAD1","NAD9"]}`), sitesync.CodeNotFound, "stores", "NAD9")
	if _, err := h.Registry.ResolveSite(Ref{Text: "Suva"}); err == nil {
		t.Error("the site was made")
	}
	if s := must[StoreResult](h, "store.get", `{"store":"NAD1"}`).Store; s.Site != 1 {
		t.Errorf("NAD1 went to site %d", s.Site)
	}
}

func TestSiteUpdate(t *testing.T) {
	h := house(t)
	r := must[SiteEdited](h, "site.update", `{"site":"Nadi","revision":2,"name":"Nadi Hospital","code":"NH","password":"new words","transport":"tls","addStores":["NAD1"],"removeStores":[2]}`)
	if s := r.Site; s.Name != "Nadi Hospital" || s.Code != "NH" || s.Transport != "tls" || s.Revision != 3 || len(s.Stores) != 1 || s.Stores[0].Code != "NAD1" {
		t.Errorf("site %+v", s)
	}
	if len(r.Effects) < 4 {
		t.Errorf("effects %q", r.Effects)
	}
	if len(r.Handovers) != 2 || r.Handovers[0].Store != 1 || r.Handovers[0].State != sitesync.HandoverLoading ||
		r.Handovers[1].Store != 2 || r.Handovers[1].State != sitesync.HandoverCancelled {
		t.Errorf("handovers %+v", r.Handovers)
	}

	// The second of two administrators who edit one site at once.
	a := h.do(clerk, "site.update", `{"site":2,"revision":2,"enabled":false}`)
	h.fails(a, sitesync.CodeConflict, "revision", "admin")
	if !strings.Contains(a.Error.Message, "name") || strings.Contains(a.Error.Message, "words") {
		t.Errorf("the conflict does not say what changed: %s", a.Error)
	}

	tests := []struct {
		args  string
		code  sitesync.Code
		field string
	}{
		{`{"site":9,"revision":1}`, sitesync.CodeNotFound, "site"},
		{`{"site":2,"revision":0}`, sitesync.CodeInvalid, "revision"},
		{`{"site":2,"revision":3,"name":""}`, sitesync.CodeInvalid, "name"},
		{`{"site":2,"revision":3,"name":"central"}`, sitesync.CodeExists, "name"},
		{`{"site":2,"revision":3,"mirror":true}`, sitesync.CodeInvalid, "mirror"},
		{`{"site":2,"revision":3,"mirror":false,"maxOffline":0}`, "", ""},
		{`{"site":2,"revision":3,"maxOffline":9999999999}`, sitesync.CodeInvalid, "maxOffline"},
		{`{"site":2,"revision":3,"addStores":["NAD9"]}`, sitesync.CodeNotFound, "addStores"},
		{`{"site":2,"revision":3,"removeStores":["NAD2"]}`, sitesync.CodeInvalid, "removeStores"},
		{`{"site":1,"revision":5,"enabled":false}`, sitesync.CodeActiveHere, "enabled"},
	}
	for _, tt := range tests {
		a := h.do(admin, "site.update", strings.Replace(tt.args, "{", `{"dryRun":true,`, 1))
		if got := sitesync.CodeOf(errorOf(a)); got != tt.code || a.Error != nil && a.Error.Field != tt.field {
			t.Errorf("%s: %v; want %s at %q", tt.args, a.Error, tt.code, tt.field)
		}
	}
}

func TestSiteUpdateIsWholeOrNot(t *testing.T) {
	h := house(t)
	h.fails(h.do(admin, "site.update", `{"site":2,"revision":2,"name":"Nadi Hospital","addStores":["NAD1"],"removeStores":["NAD9"]}`),
		sitesync.CodeNotFound, "removeStores", "NAD9")
	if s := must[SiteResult](h, "site.get", `{"site":2}`).Site; s.Name != "Nadi" || s.Revision != 2 || len(s.Stores) != 1 {
		t.Errorf("site %+v", s)
	}
}

func TestSiteUpdateDryRun(t *testing.T) {
	h := house(t)
	before := must[SiteResult](h, "site.get", `{"site":2}`)
	r := must[SiteEdited](h, "site.update", `{"site":2,"revision":2,"name":"Ba","addStores":[1,"NAD1"],"dryRun":true}`)
	if len(r.Effects) != 2 || r.Handovers == nil || len(r.Handovers) != 0 {
		t.Errorf("%+v", r)
	}
	if after := must[SiteResult](h, "site.get", `{"site":2}`); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("a dry run made %+v of %+v", after, before)
	}
	r = must[SiteEdited](h, "site.update", `{"site":2,"revision":2}`)
	if r.Effects == nil || len(r.Effects) != 0 || r.Site.Revision != 2 {
		t.Errorf("an edit of nothing: %+v", r)
	}
}

// TestMoveTakenByAnother has another command move the store between the look
// at it and the commit.
func TestMoveTakenByAnother(t *testing.T) {
	h := house(t)
	must[SiteResult](h, "site.create", `{"name":"Suva","password":"pass words"}`)
	h.bind("Nadi", 2, testHardware(1))
	c := &call{Dispatcher: h.Dispatcher, ctx: t.Context(), caller: admin, actor: registry.Actor{Kind: registry.ActorUser, Name: "admin", Command: "store.move"}}
	p := c.plan()
	if _, err := p.move([]Ref{{ID: 1}}, "stores", nil, 3, "Suva"); err != nil {
		t.Fatal(err)
	}
	must[MoveResult](h, "store.move", `{"store":1,"to":2}`)
	h.activate(1)
	res, err := h.Registry.MoveStore(c.actor, 1, 3, false)
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.carryOut([]registry.Intent{*res.Intent})
	if err != nil || len(list) != 1 || list[0].State != sitesync.HandoverDraining || list[0].From != 2 || list[0].To != 3 {
		t.Errorf("carried out with %+v, %v", list, err)
	}

	// A cancel that came too late is told apart from the rest of its command.
	late, err := h.Registry.CancelHandover(c.actor, sitesync.Handover{ID: 99, Store: 1, From: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.carryOut([]registry.Intent{*late.Intent}); sitesync.CodeOf(err) != sitesync.CodeHandoverState || !strings.Contains(err.Error(), "store 1") {
		t.Errorf("carried out with %v", err)
	}
	if s := must[SiteResult](h, "site.get", `{"site":2}`).Site; len(s.Stores) != 2 {
		t.Errorf("the store left: %+v", s.Stores)
	}
}

func TestSiteList(t *testing.T) {
	h := house(t)
	for i := range 7 {
		must[SiteResult](h, "site.create", fmt.Sprintf(`{"name":"Clinic %c","code":"k%d","password":"correct horse"}`, 'A'+i, i))
	}
	h.bind("Clinic A", 3, testHardware(1))
	h.Live.Update(3, func(l *session.Live) { l.Online = true })

	names := func(args string) (names []string, next string) {
		p := must[Page[sitesync.Site]](h, "site.list", args)
		for _, s := range p.Items {
			names = append(names, s.Name)
		}
		return names, p.Next
	}
	for args, want := range map[string]string{
		`{"q":"cLINIC b"}`:              "Clinic B",
		`{"q":"k3"}`:                    "Clinic D",
		`{"state":"online"}`:            "Central Clinic A",
		`{"state":"offline"}`:           "",
		`{"state":"never","q":"nadi"}`:  "Nadi",
		`{"q":"clinic","after":"7"}`:    "Clinic F Clinic G",
		`{"limit":5000,"q":"clinic g"}`: "Clinic G",
	} {
		if got, _ := names(args); strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	var all []string
	for after := ""; ; {
		some, next := names(fmt.Sprintf(`{"limit":4,"after":%q}`, after))
		all = append(all, some...)
		if after = next; after == "" {
			break
		}
		if len(some) != 4 {
			t.Errorf("a page of %d with a next", len(some))
		}
	}
	if len(all) != 9 || all[1] != "Nadi" || all[8] != "Clinic G" {
		t.Errorf("all pages: %q", all)
	}
	if raw := h.do(admin, "site.list", `{"q":"nothing is called so"}`).Result; string(raw) != `{"items":[]}` {
		t.Errorf("empty list %s", raw)
	}
	h.fails(h.do(admin, "site.list", `{"limit":0}`), sitesync.CodeInvalid, "limit", "1 to 1000")
	h.fails(h.do(admin, "site.list", `{"limit":"10"}`), sitesync.CodeInvalid, "limit", "whole number")
	h.fails(h.do(admin, "site.list", `{"after":"Nadi"}`), sitesync.CodeInvalid, "after", "former page")
	h.fails(h.do(admin, "site.list", `{"state":"asleep"}`), sitesync.CodeInvalid, "state", "held")
}

func TestResetHardwareAndDelete(t *testing.T) {
	h := house(t)
	h.bind("Nadi", 2, testHardware(1))
	h.activate(2)
	h.Live.Update(2, func(l *session.Live) { l.LastSeen, l.Backlog = time.Now(), 41 })
	if s := must[SiteResult](h, "site.get", `{"site":"Nadi"}`).Site; s.HardwareID == nil || s.Backlog != 41 || s.State != sitesync.StateOffline {
		t.Fatalf("site %+v", s)
	}
	h.fails(h.do(admin, "site.reset-hardware", `{"site":2}`), sitesync.CodeBacklog, "", "41")
	h.fails(h.do(admin, "site.reset-hardware", `{"site":2,"revision":1,"force":true}`), sitesync.CodeConflict, "revision", "admin")
	h.fails(h.do(admin, "site.reset-hardware", `{"site":1}`), sitesync.CodeActiveHere, "site", "")
	h.fails(h.do(admin, "site.reset-hardware", `{"site":9}`), sitesync.CodeNotFound, "site", "")

	s := must[SiteResult](h, "site.reset-hardware", `{"site":2,"force":true}`).Site
	if s.HardwareID != nil || s.Backlog != 0 || len(s.Stores) != 1 || s.Stores[0].Phase != sitesync.PhaseLoading || s.Stores[0].Epoch.Counter() != 3 {
		t.Errorf("after the reset: %+v", s)
	}
	h.fails(h.do(admin, "site.delete", `{"site":2}`), sitesync.CodeInUse, "site", "NAD2")
	h.fails(h.do(admin, "site.delete", `{"site":1}`), sitesync.CodeActiveHere, "site", "")
	must[MoveResult](h, "store.move", `{"store":2,"to":1}`)
	if s := must[SiteResult](h, "site.delete", `{"site":"Nadi"}`).Site; s.ID != 2 || s.Name != "Nadi" || len(s.Stores) != 0 {
		t.Errorf("deleted %+v", s)
	}
	h.fails(h.do(viewer, "site.get", `{"site":2}`), sitesync.CodeNotFound, "site", "")
}

func TestEditsAreRepeatable(t *testing.T) {
	h := house(t)
	h.bind("Nadi", 2, testHardware(1))
	edits := []struct{ command, args, others string }{
		{"site.create", `{"name":"Suva","password":"pass words","stores":["NAD1"]}`, `{"name":"Suva","password":"pass word","stores":["NAD1"]}`},
		{"site.update", `{"site":3,"revision":1,"name":"Suva City","password":"other words","removeStores":[1]}`, `{"site":3,"revision":1,"name":"Suva City","removeStores":[1]}`},
		{"store.create", `{"code":"SUV1","name":"x"}`, `{"code":"SUV1","name":"y"}`},
		{"store.update", `{"store":"SUV1","code":"SUV2","tags":["a:b","a:a"]}`, `{"store":"SUV2","code":"SUV2"}`},
		{"store.move", `{"store":"SUV2","to":3}`, `{"store":"SUV2","to":2}`},
		{"store.move", `{"store":"SUV2","to":1}`, `{"store":"SUV2","to":1,"force":true}`},
		{"site.reset-hardware", `{"site":"Nadi"}`, `{"site":"Nadi","force":true}`},
		{"site.delete", `{"site":"Suva City"}`, `{"site":"Nadi"}`},
		{"record.put", `{"store":1,"table":"stock","record":"a","data":{"n":  1}}`, `{"store":1,"table":"stock","record":"a","data":{"n":2}}`},
		{"record.put", `{"store":1,"table":"stock","record":"a","data":{"n":2}}`, `{"store":1,"table":"stock","record":"b","data":{"n":2}}`},
		{"record.delete", `{"store":1,"table":"stock","record":"a"}`, `{"store":1,"table":"stock","record":"a","ifMatch":"*"}`},
	}
	state := func() string {
		sites, stores := h.do(admin, "site.list", `{}`), h.do(admin, "store.list", `{}`)
		return string(sites.Result) + string(stores.Result)
	}
	for i, e := range edits {
		request := `{"id":"` + strconv.Itoa(i) + `","args":%s}`
		first := h.send(admin, e.command, fmt.Sprintf(request, e.args))
		result[json.RawMessage](h, first)
		after := state()
		again := h.send(admin, e.command, fmt.Sprintf(request, strings.Replace(e.args, ",", " , ", 1)))
		if string(again.Result) != string(first.Result) {
			t.Errorf("%s again gives %s (%v), first %s", e.command, again.Result, again.Error, first.Result)
		}
		h.fails(h.send(admin, e.command, fmt.Sprintf(request, e.others)), sitesync.CodeIDReused, "id", "")
		h.fails(h.send(admin, "store.create", fmt.Sprintf(request, `{"code":"X","name":"x"}`)), sitesync.CodeIDReused, "id", "")
		h.fails(h.send(admin, "record.put", fmt.Sprintf(request, `{"store":1,"table":"t","record":"x","data":{}}`)), sitesync.CodeIDReused, "id", "")
		if now := state(); now != after {
			t.Errorf("%s again made\n%s of\n%s", e.command, now, after)
		}
		if e.command != "site.create" && e.command != "site.delete" {
			continue
		}
		if a := h.send(clerk, e.command, fmt.Sprintf(request, e.args)); a.OK || a.Error.Code == sitesync.CodeIDReused {
			t.Errorf("another user's id: %+v", a)
		}
	}
}

// TestAnswerLost is the repeat of a command that was carried out, but whose
// answer was not kept: the hub ended in between.
func TestAnswerLost(t *testing.T) {
	h := house(t)
	args := registry.NewSite{Name: "Suva", Password: "pass words", Stores: []sitesync.StoreID{1}}
	request := `{"id":"lost","args":{"name":"Suva","password":"pass words","stores":[1]}}`
	cmd, _ := Lookup("site.create")
	decoded, err := cmd.decode([]byte(`{"name":"Suva","password":"pass words","stores":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := &call{Dispatcher: h.Dispatcher, ctx: t.Context(), caller: admin}
	if err := c.sign(&cmd, "lost", decoded); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Registry.CreateSite(c.actor, args); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := result[SiteResult](h, h.send(admin, "site.create", request))
		if r.Site.ID != 3 || len(r.Site.Stores) != 1 || r.Site.Stores[0].Phase != sitesync.PhaseLoading {
			t.Errorf("%+v", r)
		}
	}
}
