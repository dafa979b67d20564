package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// fakeAgent is an engine that remembers what it was asked for.
type fakeAgent struct {
	mu      sync.Mutex
	status  Status
	err     error
	calls   []string
	edit    SiteEdit
	steps   []Step
	panics  bool
	abandon bool
	join    JoinSite
	joined  Joined
}

func (a *fakeAgent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.panics {
		panic("the fake breaks")
	}
	return a.status
}

func (a *fakeAgent) call(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, name)
	return a.err
}

func (a *fakeAgent) Sync() error { return a.call("sync") }

func (a *fakeAgent) Check(context.Context) ([]Step, error) { return a.steps, a.call("check") }

func (a *fakeAgent) SetEnabled(_ context.Context, enabled bool) error {
	return a.call(fmt.Sprintf("enabled %v", enabled))
}

func (a *fakeAgent) SetSite(_ context.Context, edit SiteEdit, abandon bool) error {
	a.edit, a.abandon = edit, abandon
	return a.call("site")
}

func (a *fakeAgent) Details() Details {
	return Details{Site: a.status.Site, Hub: a.status.Hub, Trust: TrustCA, Enabled: true, HardwareID: "AAAA", Type: sitesync.TypeMobile, Platform: "p", Version: "v"}
}

func (a *fakeAgent) Export(w io.Writer) error {
	if err := a.call("export"); err != nil {
		return err
	}
	_, err := io.WriteString(w, "{}\n{\"n\":1}\n")
	return err
}

func (a *fakeAgent) Join(_ context.Context, site JoinSite) (Joined, error) {
	a.join = site
	return a.joined, a.call("join")
}

// device is an agent's API on a real database, served on loopback.
type device struct {
	t      *testing.T
	dir    string
	db     *localdb.DB
	tokens *Tokens
	agent  *fakeAgent
	api    *Server
	server *httptest.Server
	log    *logged
	app    string // tokens
	admin  string
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newDevice(t *testing.T, hosts ...string) *device {
	t.Helper()
	d := &device{t: t, dir: t.TempDir(), log: new(logged)}
	d.db = openDB(t, d.dir)
	addStore(t, d.db, 3, "NAD1")
	tokens, err := OpenTokens(d.dir)
	check(t, err)
	d.tokens = tokens
	d.app, err = tokens.Create("till", RoleApp)
	check(t, err)
	local, err := os.ReadFile(filepath.Join(d.dir, "token"))
	check(t, err)
	d.admin = strings.TrimSpace(string(local))
	d.agent = &fakeAgent{status: Status{
		Site: &Site{ID: 6, Name: "Nadi", Code: "NAD"}, Hub: "mqtts://hub.example.org:8883", HardwareID: "AAAA",
		Link: sitesync.LinkOffline, Since: sitesync.At(time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)), Backlog: 99, ClockSkewMs: 5,
	}}
	d.api = New(Options{DB: d.db, Agent: d.agent, Tokens: tokens, AllowedHosts: hosts, Page: fakePage,
		Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	d.server = httptest.NewServer(d.api)
	t.Cleanup(func() {
		d.api.Close()
		d.server.Close()
		check(t, d.db.Close())
		for _, secret := range []string{d.app, d.admin} {
			if strings.Contains(d.log.String(), secret) {
				t.Errorf("the log has a token: %s", d.log)
			}
		}
	})
	return d
}

// fakePage stands for the page: something that everybody may read.
var fakePage = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.Path) })

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openDB(t testing.TB, dir string) *localdb.DB {
	t.Helper()
	db, err := localdb.Open(localdb.Options{Dir: filepath.Join(dir, "db")})
	check(t, err)
	return db
}

// addStore gives the device an empty store that it may write.
func addStore(t testing.TB, db *localdb.DB, id sitesync.StoreID, code string) wire.AssignedStore {
	t.Helper()
	a := wire.AssignedStore{Store: id, Code: code, Epoch: sitesync.NewEpoch(1, 4), Phase: sitesync.PhaseLoading}
	check(t, db.Assign([]wire.AssignedStore{a}, time.Now()))
	check(t, db.BeginResync(id, &wire.Manifest{Epoch: a.Epoch, Head: wire.Cursor{Seq: 1}}))
	check(t, db.ApplyChunk(id, &wire.Chunk{Epoch: a.Epoch, Last: true}))
	a.Phase = sitesync.PhaseActive
	check(t, db.Assign([]wire.AssignedStore{a}, time.Now()))
	return a
}

// setPhase is what an assignment from the hub does.
func (d *device) setPhase(phase sitesync.Phase) {
	d.t.Helper()
	store, ok := d.db.Store(3)
	if !ok {
		d.t.Fatal("no store")
	}
	a := wire.AssignedStore{Store: 3, Code: store.Code, Epoch: store.Epoch, Phase: phase, To: "Suva"}
	check(d.t, d.db.Assign([]wire.AssignedStore{a}, time.Now()))
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the app's token. headers are pairs.
func (d *device) do(method, path, body string, headers ...string) reply {
	d.t.Helper()
	return d.doAs(d.app, method, path, body, headers...)
}

func (d *device) doAs(token, method, path, body string, headers ...string) reply {
	d.t.Helper()
	r, err := http.NewRequest(method, d.server.URL+path, strings.NewReader(body))
	check(d.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	check(d.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(d.t, err)
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// want checks status and body.
func (r reply) want(t *testing.T, status int, body string) reply {
	t.Helper()
	if r.status != status || strings.TrimSpace(r.body) != body {
		t.Errorf("answer %d %s, want %d %s", r.status, r.body, status, body)
	}
	return r
}

// refused checks that the answer is a whole problem with a code.
func (r reply) refused(t *testing.T, status int, code sitesync.Code) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("answer %d %s is no problem (%v)", r.status, r.body, err)
	}
	if r.status != status || p.Code != code || p.Status != status || p.Detail == "" || p.Next == "" || p.Title == "" {
		t.Errorf("answer %d %s, want %d and code %s", r.status, r.body, status, code)
	}
	return p
}

func (r reply) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("answer %d %s: %v", r.status, r.body, err)
	}
}

const anItem = "/v1/stores/NAD1/tables/stock/records/a"
