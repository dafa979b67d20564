package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestHosts(t *testing.T) {
	d := newDevice(t, "till.example.org", "192.168.1.9:7411")
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:9999": true, "127.8.8.8": true, "[::1]:7411": true, "[::1]": true,
		"till.example.org": true, "Till.Example.ORG:7411": true, "192.168.1.9": true, "192.168.1.9:7411": true,
		"evil.example": false, "evil.example:7411": false, "192.168.1.8": false, "0.0.0.0": false, "localhost.evil.example": false,
		"127.0.0.1.evil.example": false, "[::2]": false, "127.0.0.1@evil.example": false,
	} {
		r := d.do("GET", "/v1/status", "", "Host", host)
		if ok && r.status != 200 {
			t.Errorf("%s: answer %d %s", host, r.status, r.body)
		}
		if !ok {
			r.refused(t, 421, sitesync.CodeHost)
		}
	}
}

// Requests that no ordinary client sends.
func TestRawRequests(t *testing.T) {
	d := newDevice(t)
	for request, status := range map[string]int{
		"GET /v1/status HTTP/1.0\r\n":                                       421, // without a Host
		"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n":                    200,
		"GET http://evil.example/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n": 421,
		"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n":             404,
		"GET /v1/%2e%2e/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n":          404,
		"GET /v1//status HTTP/1.1\r\nHost: 127.0.0.1\r\n":                   404,
		"GET /v1/status?% HTTP/1.1\r\nHost: 127.0.0.1\r\n":                  400,
		"GET /v1/status?a;b HTTP/1.1\r\nHost: 127.0.0.1\r\n":                400,
	} {
		c, err := net.Dial("tcp", d.server.Listener.Addr().String())
		check(t, err)
		defer c.Close()
		fmt.Fprintf(c, "%sAuthorization: Bearer %s\r\n\r\n", request, d.app)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		defer answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%q: answer %s", request, answer.Status)
		}
	}
}

func TestOrigins(t *testing.T) {
	d := newDevice(t, "till.example.org")
	own := d.server.Listener.Addr().String()
	for origin, ok := range map[string]bool{
		"http://" + own: true, "HTTP://" + own: true,
		"http://evil.example": false, "https://127.0.0.1:1": false, "null": false, "": false, "http://" + own + ".evil.example": false,
		"http://till.example.org": false, "file://": false, "http://127.0.0.1": false,
	} {
		r := d.do("GET", "/v1/status", "", "Origin", origin)
		if ok && r.status != 200 {
			t.Errorf("%q: answer %d %s", origin, r.status, r.body)
		}
		if !ok {
			r.refused(t, 403, sitesync.CodeForbidden)
		}
	}
	if r := d.do("GET", "/v1/status", "", "Origin", "https://till.example.org", "Host", "till.example.org"); r.status != 200 {
		t.Errorf("own origin by name: %d %s", r.status, r.body)
	}
}

func TestTokensOfRequests(t *testing.T) {
	d := newDevice(t)
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + d.app, d.app, "Bearer " + d.app + "x", "Bearer " + d.app[:len(d.app)-1],
		"Bearer " + strings.Repeat("x", 5000), "Bearer " + d.app + " " + d.app} {
		r := d.doAs("", "GET", "/v1/status", "", "Authorization", header)
		r.refused(t, 401, sitesync.CodeToken)
		if r.header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	for _, path := range []string{"/index.html", "/v1", "/pages", "/v2/status", "/v1/status/", "/v1/inbox", "/v1/stores/NAD1/inbox", "/v1/central/tables/x/records", "//v1/status", "/v1/../v1/status"} {
		d.doAs("", "GET", path, "").refused(t, 401, sitesync.CodeToken)
		d.do("GET", path, "").refused(t, 404, sitesync.CodeNotFound)
	}
	if r := d.doAs("", "GET", "/v1/status", "", "Authorization", "bearer  "+d.app); r.status != 200 {
		t.Errorf("lower case and two blanks: %d %s", r.status, r.body)
	}
}

// TestRoles goes through all routes: none may be forgotten.
func TestRoles(t *testing.T) {
	d := newDevice(t)
	admins := map[string]bool{"POST /v1/enable": true, "POST /v1/disable": true, "PUT /v1/site": true,
		"GET /v1/tokens": true, "POST /v1/tokens": true, "DELETE /v1/tokens/{name}": true, "POST /v1/join": true, "POST /v1/session/code": true, "GET /v1/outbox": true}
	for _, rt := range routes {
		if rt.path == "/v1/stores/{code}/changes" {
			continue // it would not end
		}
		r := d.do(rt.method, fill(rt.path), "")
		forbidden := r.status == 403
		if want := admins[rt.method+" "+rt.path]; forbidden != want {
			t.Errorf("%s %s with the role app: %d %s", rt.method, rt.path, r.status, r.body)
		}
		if forbidden {
			r.refused(t, 403, sitesync.CodeForbidden)
		}
		open := rt.method == "POST" && rt.path == "/v1/session" || rt.path == "/healthz"
		if r := d.doAs("", rt.method, fill(rt.path), ""); (r.status != 401) != open {
			t.Errorf("%s %s without a token: %d %s", rt.method, rt.path, r.status, r.body)
		}
		if r := d.doAs(d.admin, rt.method, fill(rt.path), ""); r.status == 401 || r.status == 403 {
			t.Errorf("%s %s with the role admin: %d %s", rt.method, rt.path, r.status, r.body)
		}
	}
}

// fill puts examples into a route's path.
func fill(path string) string {
	return strings.NewReplacer("{code}", "NAD1", "{table}", "stock", "{id}", "a", "{name}", "nobody").Replace(path)
}

func TestMethods(t *testing.T) {
	d := newDevice(t)
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/v1/status", "GET, HEAD"},
		{"OPTIONS", "/v1/status", "GET, HEAD"},
		{"GET", "/v1/sync", "POST"},
		{"PATCH", anItem, "GET, HEAD, PUT, DELETE"},
		{"HEAD", "/v1/sync", "POST"},
		{"DELETE", "/v1/site", "GET, HEAD, PUT"},
		{"GET", "/v1/session", "POST, DELETE"},
		{"DELETE", "/v1/tokens", "GET, HEAD, POST"},
		{"PROPFIND", "/v1/receipts", "GET, HEAD"},
	} {
		r := d.do(c.method, c.path, "")
		if r.status != 405 || r.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %q", c.method, c.path, r.status, r.header.Get("Allow"), c.allow)
		}
		if c.method != "HEAD" {
			r.refused(t, 405, sitesync.CodeMethod)
		}
	}
}

func TestQueries(t *testing.T) {
	d := newDevice(t)
	for _, query := range []string{"limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1&limit=2", "after=!"} {
		d.do("GET", "/v1/receipts?"+query, "").refused(t, 400, sitesync.CodeInvalid)
	}
	if p := d.do("GET", "/v1/status?x=1", "").refused(t, 400, sitesync.CodeUnknownField); p.Field != "x" {
		t.Errorf("field %q", p.Field)
	}
	d.doAs(d.admin, "PUT", "/v1/site?abandon=perhaps", `{"code":"x"}`).refused(t, 400, sitesync.CodeInvalid)
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range sitesync.Codes {
		if s := statuses[code]; http.StatusText(s) == "" || s < 300 {
			t.Errorf("code %s has the status %d", code, s)
		}
	}
	if len(statuses) != len(sitesync.Codes) {
		t.Errorf("%d codes have a status, there are %d", len(statuses), len(sitesync.Codes))
	}
	contract := map[sitesync.Code]int{"invalid": 400, "token": 401, "forbidden": 403, "no_such_store": 404, "not_found": 404, "method": 405,
		"moved_code": 308, "store_moving": 409, "store_loading": 409, "store_released": 409, "lease_expired": 409, "unsent": 409,
		"changed": 412, "too_large": 413, "content_type": 415, "host": 421, "internal": 500, "disk_full": 507}
	for code, status := range contract {
		if statuses[code] != status {
			t.Errorf("code %s has the status %d, the contract says %d", code, statuses[code], status)
		}
	}
}

func TestFailuresOfOurs(t *testing.T) {
	d := newDevice(t)
	d.agent.err = fmt.Errorf("the disk sings: %w", io.ErrNoProgress)
	p := d.do("POST", "/v1/sync", "").refused(t, 500, sitesync.CodeInternal)
	if p.Reference == "" || !strings.Contains(d.log.String(), p.Reference) || !strings.Contains(d.log.String(), "sings") || strings.Contains(p.Detail, "sings") {
		t.Errorf("problem %+v, log %s", p, d.log)
	}
	d.agent.panics = true
	p = d.do("GET", "/v1/status", "").refused(t, 500, sitesync.CodeInternal)
	if p.Reference == "" || !strings.Contains(d.log.String(), p.Reference) || !strings.Contains(d.log.String(), "fake breaks") {
		t.Errorf("problem %+v, log %s", p, d.log)
	}
	d.agent.panics = false
	if r := d.do("GET", "/v1/status", ""); r.status != 200 {
		t.Errorf("after the panic: %d %s", r.status, r.body)
	}
}

// An answer that breaks in the middle must not look whole.
func TestAnswerThatBreaks(t *testing.T) {
	d := newDevice(t)
	for name, broken := range map[string]func(http.ResponseWriter) error{
		"error": func(http.ResponseWriter) error { return io.ErrNoProgress },
		"panic": func(http.ResponseWriter) error { panic("broken") },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := &response{ResponseWriter: w}
			defer d.api.catch(out, r)
			out.Write([]byte("half"))
			if err := broken(out); err != nil {
				d.api.fail(out, r, err)
			}
		}))
		answer, err := http.Get(server.URL)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the answer looks whole", name)
		}
		server.Close()
	}
}

func TestCallerWhoIsGone(t *testing.T) {
	d := newDevice(t)
	d.agent.err = context.Canceled
	d.do("POST", "/v1/sync", "")
	if strings.Contains(d.log.String(), "request failed") {
		t.Errorf("the log tells of a caller who left: %s", d.log)
	}
}
