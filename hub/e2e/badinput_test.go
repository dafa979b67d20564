package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sitesync/agent/api"
	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
)

// request is a call of the local API that must be refused.
type request struct {
	name   string
	method string
	path   string
	kind   string // Content-Type
	body   string
	header map[string]string // "" takes one out
	host   string
	app    bool // with a token of role app, not the admin's

	status int
	code   sitesync.Code
	field  string
	line   int
}

const (
	recordURL = "/v1/stores/NAD1/tables/stock/records/"
	bulkURL   = "/v1/stores/NAD1/records"
	jsonType  = "application/json"
	lineType  = "application/x-ndjson"
)

// large is a record a byte above what may be.
var large = `{"x":"` + strings.Repeat("x", sitesync.MaxRecord-len(`{"x":""}`)+1) + `"}`

var badRequests = []request{
	{name: "unknown store", method: "PUT", path: "/v1/stores/NAD9/tables/stock/records/r", kind: jsonType, body: `{}`, status: 404, code: sitesync.CodeNoSuchStore},
	{name: "unknown store, bulk", method: "POST", path: "/v1/stores/NAD9/records", kind: lineType, body: good, status: 404, code: sitesync.CodeNoSuchStore},
	{name: "unknown store, read", method: "GET", path: "/v1/stores/NAD9/tables/stock/records/r", status: 404, code: sitesync.CodeNoSuchStore},
	{name: "unknown record", method: "GET", path: recordURL + "nobody", status: 404, code: sitesync.CodeNotFound},
	{name: "unknown path", method: "GET", path: "/v2/everything", status: 404, code: sitesync.CodeNotFound},
	{name: "large record", method: "PUT", path: recordURL + "r", kind: jsonType, body: large, status: 413, code: sitesync.CodeTooLarge},
	{name: "large record, bulk", method: "POST", path: bulkURL, kind: lineType, body: good + line("r", large), status: 413, code: sitesync.CodeTooLarge, line: 2},
	{name: "large body", method: "PUT", path: recordURL + "r", kind: jsonType, body: large + strings.Repeat(" ", 1<<20), status: 413, code: sitesync.CodeTooLarge},

	{name: "no JSON", method: "PUT", path: recordURL + "r", kind: jsonType, body: `{"a":`, status: 400, code: sitesync.CodeInvalid, field: "data"},
	{name: "no object", method: "PUT", path: recordURL + "r", kind: jsonType, body: `[1]`, status: 400, code: sitesync.CodeInvalid, field: "data"},
	{name: "nothing", method: "PUT", path: recordURL + "r", kind: jsonType, status: 400, code: sitesync.CodeInvalid, field: "data"},
	{name: "no UTF-8", method: "PUT", path: recordURL + "r", kind: jsonType, body: "{\"a\":\"\xff\"}", status: 400, code: sitesync.CodeInvalid, field: "data"},
	{name: "no JSON in a line", method: "POST", path: bulkURL, kind: lineType, body: good + good2 + "{\"op\":\n", status: 400, code: sitesync.CodeInvalid, line: 3},
	{name: "no data in a line", method: "POST", path: bulkURL, kind: lineType, body: good + line("r", `7`), status: 400, code: sitesync.CodeInvalid, line: 2, field: "data"},
	{name: "unknown op in a line", method: "POST", path: bulkURL, kind: lineType, body: good + `{"op":"move","table":"stock","id":"r"}`, status: 400, code: sitesync.CodeInvalid, line: 2, field: "op"},
	{name: "unknown field in a line", method: "POST", path: bulkURL, kind: lineType, body: `{"op":"delete","table":"stock","id":"r","when":"now"}`, status: 400, code: sitesync.CodeUnknownField, line: 1, field: "when"},
	{name: "bad ID in a line", method: "POST", path: bulkURL, kind: lineType, body: good + "\n" + line("", `{}`), status: 400, code: sitesync.CodeInvalid, line: 3, field: "id"},

	{name: "bad table", method: "PUT", path: "/v1/stores/NAD1/tables/Stock/records/r", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "table"},
	{name: "reserved table", method: "PUT", path: "/v1/stores/NAD1/tables/_inbox/records/r", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "table"},
	{name: "long ID", method: "PUT", path: recordURL + strings.Repeat("r", 201), kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "id"},
	{name: "control character in the ID", method: "PUT", path: recordURL + "a%0Ab", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "id"},
	{name: "no UTF-8 in the ID", method: "PUT", path: recordURL + "a%FFb", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "id"},
	{name: "no ID", method: "PUT", path: recordURL, kind: jsonType, body: `{}`, status: 404, code: sitesync.CodeNotFound},
	{name: "dots for an ID", method: "PUT", path: recordURL + "..", kind: jsonType, body: `{}`, status: 404, code: sitesync.CodeNotFound},

	{name: "no type", method: "PUT", path: recordURL + "r", body: `{}`, status: 415, code: sitesync.CodeContentType},
	{name: "another type", method: "PUT", path: recordURL + "r", kind: "text/plain", body: `{}`, status: 415, code: sitesync.CodeContentType},
	{name: "a form", method: "POST", path: bulkURL, kind: "application/x-www-form-urlencoded", body: good, status: 415, code: sitesync.CodeContentType},
	{name: "JSON for lines", method: "POST", path: bulkURL, kind: jsonType, body: good, status: 415, code: sitesync.CodeContentType},

	{name: "no token", method: "PUT", path: recordURL + "r", kind: jsonType, body: `{}`, header: map[string]string{"Authorization": ""}, status: 401, code: sitesync.CodeToken},
	{name: "wrong token", method: "PUT", path: recordURL + "r", kind: jsonType, body: `{}`, header: map[string]string{"Authorization": "Bearer sat_nonsense"}, status: 401, code: sitesync.CodeToken},
	{name: "another scheme", method: "GET", path: "/v1/status", header: map[string]string{"Authorization": "Basic YWRtaW46YWRtaW4="}, status: 401, code: sitesync.CodeToken},
	{name: "token in the address", method: "GET", path: "/v1/status?token=x", header: map[string]string{"Authorization": ""}, status: 401, code: sitesync.CodeToken},
	{name: "app token, site", method: "PUT", path: "/v1/site", kind: jsonType, body: `{"name":"Other"}`, app: true, status: 403, code: sitesync.CodeForbidden},
	{name: "app token, disable", method: "POST", path: "/v1/disable", app: true, status: 403, code: sitesync.CodeForbidden},
	{name: "app token, tokens", method: "POST", path: "/v1/tokens", kind: jsonType, body: `{"name":"x","role":"admin"}`, app: true, status: 403, code: sitesync.CodeForbidden},
	{name: "app token, token list", method: "GET", path: "/v1/tokens", app: true, status: 403, code: sitesync.CodeForbidden},
	{name: "app token, revoke", method: "DELETE", path: "/v1/tokens/local", app: true, status: 403, code: sitesync.CodeForbidden},

	{name: "another host", method: "PUT", path: recordURL + "r", kind: jsonType, body: `{}`, host: "evil.example.org", status: 421, code: sitesync.CodeHost},
	{name: "a host that looks right", method: "GET", path: "/v1/status", host: "127.0.0.1.evil.example.org", status: 421, code: sitesync.CodeHost},
	{name: "a page of another site", method: "PUT", path: recordURL + "r", kind: jsonType, body: `{}`, header: map[string]string{"Origin": "https://evil.example.org"}, status: 403, code: sitesync.CodeForbidden},
	{name: "a page of nowhere", method: "GET", path: "/v1/status", header: map[string]string{"Origin": "null"}, status: 403, code: sitesync.CodeForbidden},
	{name: "a page of another port", method: "GET", path: "/v1/status", header: map[string]string{"Origin": "http://127.0.0.1:1"}, status: 403, code: sitesync.CodeForbidden},

	{name: "method", method: "PATCH", path: recordURL + "r", kind: jsonType, body: `{}`, status: 405, code: sitesync.CodeMethod},
	{name: "method on status", method: "POST", path: "/v1/status", status: 405, code: sitesync.CodeMethod},
	{name: "transfer", method: "PUT", path: recordURL + "r?to=SUV1", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid, field: "to"},
	{name: "unknown parameter", method: "PUT", path: recordURL + "r?dryRun=1", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeUnknownField, field: "dryRun"},
	{name: "another version", method: "PUT", path: recordURL + "kept", kind: jsonType, body: `{"b":2}`, header: map[string]string{"If-Match": `"00"`}, status: 412, code: sitesync.CodeChanged},
	{name: "there already", method: "PUT", path: recordURL + "kept", kind: jsonType, body: `{"b":2}`, header: map[string]string{"If-None-Match": "*"}, status: 412, code: sitesync.CodeChanged},
	{name: "delete of nothing", method: "DELETE", path: recordURL + "nobody", status: 404, code: sitesync.CodeNotFound},
	{name: "limit", method: "GET", path: "/v1/receipts?limit=many", status: 400, code: sitesync.CodeInvalid, field: "limit"},
	{name: "place in the receipts", method: "GET", path: "/v1/receipts?after=nowhere", status: 400, code: sitesync.CodeInvalid, field: "after"},
	{name: "site without anything", method: "PUT", path: "/v1/site", kind: jsonType, body: `{}`, status: 400, code: sitesync.CodeInvalid},
	{name: "site with an unknown field", method: "PUT", path: "/v1/site", kind: jsonType, body: `{"nom":"Nadi"}`, status: 400, code: sitesync.CodeUnknownField, field: "nom"},
	{name: "another hub while changes wait", method: "PUT", path: "/v1/site", kind: jsonType, body: `{"hub":"mqtts://hub.example.org","password":"x"}`, status: 409, code: sitesync.CodeUnsent},
}

const (
	good  = `{"op":"put","table":"stock","id":"g1","data":{}}` + "\n"
	good2 = `{"op":"put","table":"stock","id":"g2","data":{}}` + "\n"
)

func line(id, data string) string {
	return `{"op":"put","table":"stock","id":"` + id + `","data":` + data + `}` + "\n"
}

// TestBadInput sends an agent at work everything that it must refuse: each gets
// its code and what to do next, and nothing is done, not even half.
func TestBadInput(t *testing.T) {
	hub := startHub(t)
	_, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "device", j)
	check(t, agent.Writable("NAD1", patience))
	out, code, err := agent.Command("", "token", "create", "till")
	check(t, err)
	if code != 0 {
		t.Fatalf("making a token ended with %d: %s", code, out)
	}
	token := strings.TrimSpace(out)
	put(t, agent, "NAD1", "kept", `{"a":1}`)
	check(t, agent.Sent(patience))
	_, _, err = agent.Do(http.MethodPost, "/v1/disable", "", nil)
	check(t, err)
	put(t, agent, "NAD1", "waits", `{"a":1}`)
	before := storeHere(t, agent)

	for _, r := range badRequests {
		t.Run(r.name, func(t *testing.T) {
			status, p := r.send(t, agent, token)
			if status != r.status || p.Code != r.code || p.Field != r.field && r.field != "" || p.Line != r.line {
				t.Errorf("answered %d %+v, want %d %s, field %q, line %d", status, p, r.status, r.code, r.field, r.line)
			}
			if p.Next == "" || p.Detail == "" || p.Status != status {
				t.Errorf("a person is not told enough: %+v", p)
			}
			if strings.Contains(p.Detail+p.Next, token) {
				t.Error("the answer repeats the token")
			}
			if after := storeHere(t, agent); after != before {
				t.Errorf("the store was %+v and is %+v", before, after)
			}
		})
	}
	if log := agent.Log(); strings.Contains(log, "level=ERROR") || strings.Contains(log, token) {
		t.Error("the agent takes a caller's mistakes for its own, or logs a token")
	}
	enable(t, agent)
	check(t, agent.Sent(patience))
	equal(t, hub, agent, "NAD1", 2)
	check(t, agent.Stop())
	check(t, hub.Stop())
}

func (r *request) send(t *testing.T, agent *rig.Agent, token string) (int, api.Problem) {
	t.Helper()
	var body io.Reader = strings.NewReader(r.body)
	if r.body == "" {
		body = http.NoBody
	}
	request, err := http.NewRequest(r.method, agent.URL+r.path, body)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+agent.Token)
	if r.app {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if r.kind != "" {
		request.Header.Set("Content-Type", r.kind)
	}
	for name, value := range r.header {
		request.Header.Set(name, value)
		if value == "" {
			request.Header.Del(name)
		}
	}
	request.Host = r.host
	response, err := http.DefaultTransport.RoundTrip(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("answered %d with %s: %s", response.StatusCode, kind, text)
	}
	var p api.Problem
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	check(t, decoder.Decode(&p))
	return response.StatusCode, p
}

// storeHere is the store as the agent has it.
func storeHere(t *testing.T, agent *rig.Agent) (s struct {
	Records int64
	Queued  uint64
	Digest  sitesync.Digest
}) {
	t.Helper()
	stores, err := agent.Stores()
	check(t, err)
	i := slices.IndexFunc(stores, func(s api.StoreItem) bool { return s.Code == "NAD1" })
	if i < 0 {
		t.Fatal("the agent has no store NAD1")
	}
	s.Records, s.Queued, s.Digest = stores[i].Records, stores[i].Queued, stores[i].Digest
	return s
}
