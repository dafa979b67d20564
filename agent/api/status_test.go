package api

import (
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func TestStatus(t *testing.T) {
	d := newDevice(t)
	d.do("PUT", anItem, `{"a":1}`)
	store, _ := d.db.Store(3)
	since := store.QueuedSince().Format(sitesync.TimeFormat)
	d.do("GET", "/v1/status", "").want(t, 200, `{"site":{"id":6,"name":"Nadi","code":"NAD"},"hub":"mqtts://hub.example.org:8883","hardwareId":"AAAA",`+
		`"link":"offline","since":"2026-01-02T03:04:05.006Z","backlog":1,"backlogSince":"`+since+`","eta":null,"lastSync":null,"lastTry":null,"stores":[{"code":"NAD1","phase":"active","writable":true,`+
		`"epoch":"1.4","queued":1,"loaded":{"records":1,"total":1},"quarantined":0,"queuedSince":"`+since+`"}],"problem":null,"clockSkewMs":5,"lease":null}`)
}

func TestStatusBeforeJoin(t *testing.T) {
	d := newDevice(t)
	d.agent.status = Status{Link: sitesync.LinkUnjoined}
	var got map[string]json.RawMessage
	d.do("GET", "/v1/status", "").decode(t, &got)
	if string(got["site"]) != "null" || string(got["problem"]) != "null" || string(got["link"]) != `"unjoined"` {
		t.Errorf("status %s", got)
	}
}

func TestStores(t *testing.T) {
	d := newDevice(t)
	d.do("PUT", anItem, `{"a":1}`)
	store, _ := d.db.Store(3)
	d.do("GET", "/v1/stores", "").want(t, 200, `{"items":[{"id":3,"code":"NAD1","phase":"active","writable":true,"epoch":"1.4","queued":1,`+
		`"loaded":{"records":1,"total":1},"quarantined":0,"queuedSince":"`+store.QueuedSince().Format(sitesync.TimeFormat)+`","name":"","records":1,"digest":"`+store.Digest.String()+`","head":"`+store.Cursor.String()+`","problem":null}]}`)
}

func TestLoaded(t *testing.T) {
	d := newDevice(t)
	a := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: sitesync.NewEpoch(1, 5), Phase: sitesync.PhaseLoading, Records: 40}
	check(t, d.db.Assign([]wire.AssignedStore{a}, d.agent.status.Since.Time))
	var st Status
	d.do("GET", "/v1/status", "").decode(t, &st)
	want := Store{Code: "NAD1", Phase: sitesync.PhaseLoading, Epoch: a.Epoch, Loaded: Loaded{Records: 0, Total: 40}, Why: sitesync.CodeStoreLoading}
	if len(st.Stores) != 1 || st.Stores[0] != want {
		t.Errorf("stores %+v, want %+v", st.Stores, want)
	}
	d.agent.status.Rates = Rates{Loading: 3, Load: 4, Send: 7}
	before := time.Now()
	d.do("GET", "/v1/status", "").decode(t, &st)
	if eta := st.Stores[0].Loaded.ETA; eta == nil || eta.Sub(before) < 9*time.Second || eta.Sub(before) > time.Minute || st.ETA != nil {
		t.Errorf("40 records at 4 a second are expected at %v, nothing to send at %v", eta, st.ETA)
	}
}

// TestExpected says when all that waits will be sent, as long as that means
// something.
func TestExpected(t *testing.T) {
	d := newDevice(t)
	d.do("PUT", anItem, `{"a":1}`)
	for rate, known := range map[float64]bool{0: false, -1: false, 0.01: true, 1e9: true, 1e-9: false} {
		d.agent.status.Rates = Rates{Send: rate}
		var st Status
		d.do("GET", "/v1/status", "").decode(t, &st)
		if (st.ETA != nil) != known {
			t.Errorf("at %v changes a second it is expected at %v", rate, st.ETA)
		}
	}
}

func TestProblems(t *testing.T) {
	d := newDevice(t)
	problem := func() *sitesync.Problem {
		var st Status
		d.do("GET", "/v1/status", "").decode(t, &st)
		return st.Problem
	}
	for _, id := range []string{"a", "b"} {
		d.do("PUT", "/v1/stores/NAD1/tables/stock/records/"+id, `{}`)
	}
	store, _ := d.db.Store(3)
	receipt := &wire.Receipt{Epoch: store.Epoch, Settled: 2, Chain: store.Outbox.LastChain,
		Quarantined: []wire.Refusal{{N: 1, Reason: sitesync.ReasonSchema, Table: "stock", ID: "a"}}}
	if v, err := d.db.Settle(3, receipt); err != nil || v != localdb.Agrees {
		t.Fatalf("verdict %d, error %v", v, err)
	}
	told := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: store.Epoch, Phase: sitesync.PhaseActive, Quarantined: 1}
	check(t, d.db.Assign([]wire.AssignedStore{told}, d.agent.status.Since.Time))
	if p := problem(); p == nil || p.Code != sitesync.ProblemQuarantined || !strings.Contains(p.Message, "1 change made on this device (1 of store NAD1) and keeps it") {
		t.Errorf("problem %+v", p)
	}
	blocked := &sitesync.Problem{Code: sitesync.ProblemBadFrame, Message: "m", Next: "n"}
	check(t, d.db.Block(3, blocked))
	if p := problem(); p == nil || *p != *blocked {
		t.Errorf("problem %+v, want that of the store", p)
	}
	d.agent.status.Problem = &sitesync.Problem{Code: sitesync.ProblemTLS, Message: "m", Next: "n"}
	if p := problem(); p == nil || p.Code != sitesync.ProblemTLS {
		t.Errorf("problem %+v, want the engine's", p)
	}
}

func TestProblemOfManyRefused(t *testing.T) {
	p := problemOf([]localdb.Store{{Code: "A", Refused: 9, Quarantined: 2}, {Code: "B", Refused: 3}, {Code: "C", Refused: 5, Quarantined: 5}})
	if p == nil || !strings.Contains(p.Message, "7 changes made on this device (2 of store A, 5 of store C) and keeps them") {
		t.Errorf("problem %+v", p)
	}
}

// TestMovingStore says where a store goes, and since when.
func TestMovingStore(t *testing.T) {
	d := newDevice(t)
	at := d.agent.status.Since
	a := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: sitesync.NewEpoch(1, 4), Phase: sitesync.PhaseDraining, To: "Suva", Handover: 9}
	for _, phase := range []sitesync.Phase{sitesync.PhaseDraining, sitesync.PhaseReleased} {
		a.Phase = phase
		check(t, d.db.Assign([]wire.AssignedStore{a}, at.Time))
		var st Status
		d.do("GET", "/v1/status", "").decode(t, &st)
		if s := st.Stores[0]; s.Phase != phase || s.To != "Suva" || s.Since == nil || *s.Since != at || s.Writable {
			t.Errorf("%+v", s)
		}
		code := map[sitesync.Phase]sitesync.Code{sitesync.PhaseDraining: sitesync.CodeStoreMoving, sitesync.PhaseReleased: sitesync.CodeStoreReleased}[phase]
		p := d.do("PUT", anItem, `{}`).refused(t, 409, code)
		if !strings.Contains(p.Detail, "Suva") || !strings.Contains(p.Detail, at.Format(sitesync.TimeFormat)) {
			t.Errorf("%+v", p)
		}
	}
}

// TestLease shows a lease, and one that is over before that the hub is not
// reached.
func TestLease(t *testing.T) {
	d := newDevice(t)
	status := func() (st Status) {
		t.Helper()
		d.do("GET", "/v1/status", "").decode(t, &st)
		return st
	}
	check(t, d.db.Contact(d.db.Moment()))
	check(t, d.db.SetLease(time.Hour))
	st := status()
	if l := st.Lease; l == nil || l.MaxOffline != 3600 || l.Expired || l.ReadOnlyAt == nil || !st.Stores[0].Writable || st.Problem != nil {
		t.Errorf("lease %+v, problem %+v", st.Lease, st.Problem)
	}
	d.agent.status.Problem = &sitesync.Problem{Code: sitesync.ProblemUnreachable, Message: "m", Next: "n"}
	check(t, d.db.SetLease(time.Nanosecond))
	st = status()
	if l := st.Lease; l == nil || !l.Expired || st.Stores[0].Writable || st.Problem == nil || st.Problem.Code != sitesync.ProblemLeaseExpired {
		t.Errorf("lease %+v, problem %+v", st.Lease, st.Problem)
	}
	d.do("PUT", anItem, `{}`).refused(t, 409, sitesync.CodeLeaseExpired)
	d.bulk(`{"op":"put","table":"stock","id":"a","data":{}}`+"\n").refused(t, 409, sitesync.CodeLeaseExpired)
}

func TestCommands(t *testing.T) {
	d := newDevice(t)
	for path, call := range map[string]string{"/v1/sync": "sync", "/v1/enable": "enabled true", "/v1/disable": "enabled false"} {
		d.agent.calls = nil
		var st Status
		d.doAs(d.admin, "POST", path, "").decode(t, &st)
		if !slices.Equal(d.agent.calls, []string{call}) || st.Link != sitesync.LinkOffline {
			t.Errorf("%s: calls %q, status %+v", path, d.agent.calls, st)
		}
		if r := d.doAs(d.admin, "POST", path, "{}"); r.status != 200 {
			t.Errorf("%s with an empty object: %d %s", path, r.status, r.body)
		}
		d.doAs(d.admin, "POST", path, `{"x":1}`).refused(t, 400, sitesync.CodeUnknownField)
	}
}

func TestCheck(t *testing.T) {
	d := newDevice(t)
	d.do("POST", "/v1/check", "").want(t, 200, `{"steps":[]}`)
	d.agent.steps = []Step{{Step: "name", OK: true, Ms: 12}, {Step: "port", Ms: 5000, Problem: &sitesync.Problem{Code: sitesync.ProblemUnreachable, Message: "m", Next: "n"}}}
	d.do("POST", "/v1/check", "").want(t, 200, `{"steps":[{"step":"name","ok":true,"ms":12,"problem":null},`+
		`{"step":"port","ok":false,"ms":5000,"problem":{"code":"unreachable","message":"m","next":"n"}}]}`)
	d.agent.err = sitesync.Errorf(sitesync.CodeOffline, "join a hub", "there is no hub")
	d.do("POST", "/v1/check", "").refused(t, 503, sitesync.CodeOffline)
}

func TestSite(t *testing.T) {
	d := newDevice(t)
	ca := ca(t)
	body, err := json.Marshal(map[string]string{"hub": "mqtts://h:1", "ca": ca, "name": "Nadi 2", "password": "secret words", "code": "N2"})
	check(t, err)
	if r := d.doAs(d.admin, "PUT", "/v1/site?abandon=1", string(body)); r.status != 200 || !strings.Contains(r.body, `"link"`) {
		t.Errorf("answer %d %s", r.status, r.body)
	}
	e := d.agent.edit
	if *e.Hub != "mqtts://h:1" || *e.CA != ca || *e.Name != "Nadi 2" || *e.Password != "secret words" || *e.Code != "N2" || !d.agent.abandon {
		t.Errorf("edit %+v", e)
	}
	d.doAs(d.admin, "PUT", "/v1/site", `{"name":"Nadi"}`)
	if e := d.agent.edit; e.Hub != nil || e.Password != nil || *e.Name != "Nadi" || d.agent.abandon {
		t.Errorf("edit %+v", e)
	}
	d.agent.err = sitesync.Errorf(sitesync.CodeUnsent, "export it", "3 changes wait")
	d.doAs(d.admin, "PUT", "/v1/site", `{"name":"Nadi"}`).refused(t, 409, sitesync.CodeUnsent)
	if strings.Contains(d.log.String(), "secret words") {
		t.Error("the log has the password")
	}
}

// TestOutbox answers what waits for the hub to those who administer the device.
func TestOutbox(t *testing.T) {
	d := newDevice(t)
	d.do("GET", "/v1/outbox", "").refused(t, 403, sitesync.CodeForbidden)
	r := d.doAs(d.admin, "GET", "/v1/outbox", "")
	if r.status != 200 || r.header.Get("Content-Type") != typeNDJSON || r.body != "{}\n{\"n\":1}\n" {
		t.Errorf("answered %+v", r)
	}
	if r := d.doAs(d.admin, "HEAD", "/v1/outbox", ""); r.status != 200 || r.body != "" {
		t.Errorf("answered %+v", r)
	}
}

func TestDetails(t *testing.T) {
	d := newDevice(t)
	d.do("GET", "/v1/site", "").want(t, 200, `{"site":{"id":6,"name":"Nadi","code":"NAD"},"hub":"mqtts://hub.example.org:8883","trust":"ca","enabled":true,`+
		`"hardwareId":"AAAA","testHardware":false,"type":"mobile","platform":"p","version":"v"}`)
}

func TestJoin(t *testing.T) {
	d := newDevice(t)
	d.doAs(d.admin, "POST", "/v1/join", `{"join":"sitesync1:x","password":"secret words","keep":true}`).want(t, 200, `{"joined":false,"saved":false,"steps":[]}`)
	if d.agent.join != (JoinSite{Join: "sitesync1:x", Password: "secret words", Keep: true}) {
		t.Errorf("%+v", d.agent.join)
	}
	d.agent.joined = Joined{Joined: true, Saved: true, Steps: []Step{{Step: "resolve", OK: true, Ms: 3}}}
	d.doAs(d.admin, "POST", "/v1/join", `{"hub":"mqtts://h:1","name":"Nadi","password":"secret words"}`).
		want(t, 200, `{"joined":true,"saved":true,"steps":[{"step":"resolve","ok":true,"ms":3,"problem":null}]}`)
	d.agent.calls = nil
	for body, field := range map[string]string{
		`{}`: "hub", `{"join":"x"}`: "password", `{"join":"x","hub":"y","password":"p"}`: "join", `{"hub":"mqtts://h","password":"p"}`: "name",
		`{"hub":"mqtts://h","name":"a/b","password":"p"}`: "name", `{"hub":"mqtts://h","name":"a","password":"p","ca":"x"}`: "ca", `{"hub":1}`: "hub",
	} {
		if p := d.doAs(d.admin, "POST", "/v1/join", body).refused(t, 400, sitesync.CodeInvalid); p.Field != field {
			t.Errorf("%s: field %q, want %q", body, p.Field, field)
		}
	}
	d.agent.err = sitesync.Errorf(sitesync.CodeUnsent, "export it", "3 changes wait")
	d.doAs(d.admin, "POST", "/v1/join", `{"join":"x","password":"secret words"}`).refused(t, 409, sitesync.CodeUnsent)
	if strings.Contains(d.log.String(), "secret words") || len(d.agent.calls) != 1 {
		t.Errorf("calls %q, log %s", d.agent.calls, d.log)
	}
}

func TestRefused(t *testing.T) {
	d := newDevice(t)
	d.do("GET", "/v1/refused", "").want(t, 200, `{"items":[]}`)
	for _, id := range []string{"a", "b", "c"} {
		d.do("PUT", "/v1/stores/NAD1/tables/stock/records/"+id, `{}`)
	}
	d.do("DELETE", "/v1/stores/NAD1/tables/stock/records/a", "")
	store, _ := d.db.Store(3)
	_, err := d.db.Settle(3, &wire.Receipt{Epoch: store.Epoch, Settled: 4, Chain: store.Outbox.LastChain,
		Quarantined: []wire.Refusal{{N: 2, Reason: sitesync.ReasonSize, Table: "stock", ID: "b"}, {N: 4, Reason: sitesync.ReasonStaleEpoch, Table: "stock", ID: "a"}}})
	check(t, err)
	newest := `{"store":"NAD1","epoch":"1.4","n":4,"op":"delete","table":"stock","id":"a","reason":"stale_epoch"}`
	d.do("GET", "/v1/refused", "").want(t, 200, `{"items":[`+newest+`,{"store":"NAD1","epoch":"1.4","n":2,"op":"put","table":"stock","id":"b","reason":"size"}]}`)
	d.do("GET", "/v1/refused?limit=1", "").want(t, 200, `{"items":[`+newest+`]}`)
	d.do("GET", "/v1/refused?limit=0", "").refused(t, 400, sitesync.CodeInvalid)
	told := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: store.Epoch, Phase: sitesync.PhaseActive, Quarantined: 2}
	check(t, d.db.Assign([]wire.AssignedStore{told}, d.agent.status.Since.Time))
	var st Status
	if d.do("GET", "/v1/status", "").decode(t, &st); st.Stores[0].Quarantined != 2 {
		t.Errorf("%+v", st.Stores)
	}
}

func ca(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func TestBadSites(t *testing.T) {
	d := newDevice(t)
	for body, field := range map[string]string{
		`{}`: "", `{"name":null}`: "", `[]`: "", `{"name":"x"}{}`: "", `{"name"`: "", `{"password":12}`: "password",
		`{"hub":""}`: "hub", `{"hub":"` + strings.Repeat("x", 1025) + `"}`: "hub", `{"password":""}`: "password",
		`{"name":"a/b"}`: "name", `{"code":"` + strings.Repeat("x", 41) + `"}`: "code",
		`{"ca":"hello"}`: "ca", `{"ca":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}`: "ca",
		`{"ca":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`: "ca",
	} {
		if p := d.doAs(d.admin, "PUT", "/v1/site", body).refused(t, 400, sitesync.CodeInvalid); p.Field != field {
			t.Errorf("%.60s: field %q, want %q", body, p.Field, field)
		}
	}
	if p := d.doAs(d.admin, "PUT", "/v1/site", `{"passwort":"hidden"}`).refused(t, 400, sitesync.CodeUnknownField); p.Field != "passwort" || strings.Contains(p.Detail, "hidden") {
		t.Errorf("problem %+v", p)
	}
	d.doAs(d.admin, "PUT", "/v1/site", `{"name":"x"}`, "Content-Type", "text/plain").refused(t, 415, sitesync.CodeContentType)
	d.doAs(d.admin, "PUT", "/v1/site", `{"ca":"`+strings.Repeat("x", maxCommand)+`"}`).refused(t, 413, sitesync.CodeTooLarge)
	if len(d.agent.calls) != 0 {
		t.Errorf("the engine was called: %q", d.agent.calls)
	}
}

func TestReceipts(t *testing.T) {
	d := newDevice(t)
	type page struct {
		Items []map[string]any
		Next  *string
	}
	get := func(query string) (p page) {
		d.do("GET", "/v1/receipts"+query, "").decode(t, &p)
		if p.Items == nil || p.Next == nil {
			t.Fatalf("page %+v", p)
		}
		return p
	}
	get("")
	for _, id := range []string{"a", "b", "c"} {
		d.do("PUT", "/v1/stores/NAD1/tables/stock/records/"+id, `{}`)
	}
	first := get("?limit=2")
	if len(first.Items) != 2 || first.Items[0]["store"] != "NAD1" || first.Items[0]["epoch"] != "1.4" || first.Items[0]["n"] != 1.0 || first.Items[0]["receipt"] != "queued" {
		t.Errorf("page %v", first.Items)
	}
	second := get("?limit=2&after=" + *first.Next)
	if len(second.Items) != 1 || second.Items[0]["n"] != 3.0 {
		t.Errorf("page %v", second.Items)
	}
	empty := get("?after=" + *second.Next)
	if len(empty.Items) != 0 || *empty.Next != *second.Next {
		t.Errorf("an empty page has %v, next %q after %q", empty.Items, *empty.Next, *second.Next)
	}
	store, _ := d.db.Store(3)
	_, err := d.db.Settle(3, &wire.Receipt{Epoch: store.Epoch, Settled: 3, Chain: store.Outbox.LastChain,
		Quarantined: []wire.Refusal{{N: 2, Reason: sitesync.ReasonSize, Table: "stock", ID: "b"}}})
	check(t, err)
	settled := get("?after=" + *second.Next)
	if len(settled.Items) != 3 || settled.Items[0]["receipt"] != "applied" || settled.Items[1]["receipt"] != "quarantined" || settled.Items[1]["reason"] != "size" {
		t.Errorf("page %v", settled.Items)
	}
}
