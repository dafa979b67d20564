package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitesync/agent/api"
	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// engine is a fake that remembers what it was asked for.
type engine struct {
	err     error
	called  string
	edit    api.SiteEdit
	abandon bool
}

func (e *engine) Status() api.Status {
	return api.Status{Link: sitesync.LinkOnline, Hub: "mqtts://hub:1"}
}
func (e *engine) Sync() error { e.called = "sync"; return e.err }
func (e *engine) Check(context.Context) ([]api.Step, error) {
	return []api.Step{{Step: "name", OK: true, Ms: 3}}, e.err
}
func (e *engine) SetEnabled(_ context.Context, on bool) error {
	e.called = map[bool]string{true: "enable", false: "disable"}[on]
	return e.err
}
func (e *engine) SetSite(_ context.Context, edit api.SiteEdit, abandon bool) error {
	e.edit, e.abandon = edit, abandon
	return e.err
}

func (e *engine) Details() api.Details { return api.Details{Hub: "mqtts://hub:1"} }
func (e *engine) Export(w io.Writer) error {
	_, err := io.WriteString(w, "{\"changes\":1}\n{\"n\":1}\n")
	return errors.Join(err, e.err)
}
func (e *engine) Join(context.Context, api.JoinSite) (api.Joined, error) {
	return api.Joined{}, e.err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// running starts an agent's API on a new data directory.
func running(t *testing.T) (*engine, *Client, string) {
	t.Helper()
	dir := t.TempDir()
	db, err := localdb.Open(localdb.Options{Dir: filepath.Join(dir, "db")})
	must(t, err)
	tokens, err := api.OpenTokens(dir)
	must(t, err)
	e := new(engine)
	handler := api.New(api.Options{DB: db, Agent: e, Tokens: tokens})
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		handler.Close()
		server.Close()
		must(t, db.Close())
	})
	saveAddress(t, dir, server.URL)
	c, err := Open(dir)
	must(t, err)
	t.Cleanup(c.Close)
	return e, c, dir
}

func saveAddress(t *testing.T, dir, url string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "addresses.json"), []byte(`{"api":"`+url+`"}`), 0o600))
}

func TestCalls(t *testing.T) {
	e, c, _ := running(t)
	ctx := t.Context()
	for name, call := range map[string]func(context.Context) (api.Status, error){"": c.Status, "sync": c.Sync, "enable": c.Enable, "disable": c.Disable} {
		e.called = ""
		st, err := call(ctx)
		if err != nil || st.Link != sitesync.LinkOnline || st.Hub != "mqtts://hub:1" || e.called != name {
			t.Errorf("%s: status %+v, error %v, called %q", name, st, err, e.called)
		}
	}
	steps, err := c.Check(ctx)
	if err != nil || len(steps) != 1 || steps[0] != (api.Step{Step: "name", OK: true, Ms: 3}) {
		t.Errorf("steps %+v, error %v", steps, err)
	}
	name, password := "Nadi", "secret"
	st, err := c.SetSite(ctx, api.SiteEdit{Name: &name, Password: &password}, true)
	if err != nil || st.Link != sitesync.LinkOnline || *e.edit.Name != name || *e.edit.Password != password || e.edit.Hub != nil || !e.abandon {
		t.Errorf("edit %+v, error %v", e.edit, err)
	}
}

func TestTokens(t *testing.T) {
	_, c, _ := running(t)
	ctx := t.Context()
	secret, err := c.CreateToken(ctx, "till", api.RoleApp)
	if err != nil || secret == "" {
		t.Fatal(err)
	}
	tokens, err := c.Tokens(ctx)
	if err != nil || len(tokens) != 2 || tokens[0].Name != api.LocalToken || tokens[1].Name != "till" || tokens[1].Role != api.RoleApp {
		t.Errorf("tokens %+v, error %v", tokens, err)
	}
	if _, err := c.CreateToken(ctx, "till", api.RoleApp); sitesync.CodeOf(err) != sitesync.CodeExists {
		t.Errorf("error %v", err)
	}
	must(t, c.RevokeToken(ctx, "till"))
	if err := c.RevokeToken(ctx, "till"); sitesync.CodeOf(err) != sitesync.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

// An error comes back as the engine made it.
func TestErrors(t *testing.T) {
	e, c, _ := running(t)
	e.err = sitesync.Errorf(sitesync.CodeUnsent, "export it", "3 changes wait").WithField("hub")
	_, err := c.SetSite(t.Context(), api.SiteEdit{Hub: new("mqtts://other:1")}, false)
	got := sitesync.AsError(err)
	if got == nil || got.Code != sitesync.CodeUnsent || got.Message != "3 changes wait" || got.Next != "export it" || got.Field != "hub" {
		t.Errorf("error %+v", got)
	}
	e.err = sitesync.Errorf(sitesync.CodeUnreachable, "check the network", "the hub does not answer")
	if _, err := c.Check(t.Context()); sitesync.CodeOf(err) != sitesync.CodeUnreachable || errors.Is(err, ErrNotRunning) {
		t.Errorf("a hub that does not answer: %v", err)
	}
}

func TestNotRunning(t *testing.T) {
	_, _, dir := running(t)
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotRunning) || sitesync.CodeOf(err) != sitesync.CodeUnreachable {
		t.Errorf("an empty directory: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	saveAddress(t, dir, "http://"+l.Addr().String())
	must(t, l.Close())
	c, err := Open(dir)
	must(t, err)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) || sitesync.CodeOf(err) != sitesync.CodeUnreachable {
		t.Errorf("an address that is left over: %v", err)
	}
}

func TestAddressesThatGetNoToken(t *testing.T) {
	_, _, dir := running(t)
	for _, url := range []string{"http://192.0.2.1:7411", "http://hub.example.org", "ftp://127.0.0.1", "127.0.0.1:7411", "", "http://"} {
		saveAddress(t, dir, url)
		if _, err := Open(dir); sitesync.CodeOf(err) != sitesync.CodeUsage {
			t.Errorf("%q: error %v", url, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "addresses.json"), []byte("{"), 0o600))
	if _, err := Open(dir); sitesync.CodeOf(err) != sitesync.CodeUsage {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestWhatIsNotAnAgent(t *testing.T) {
	_, _, dir := running(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"page":     http.NotFound,
		"redirect": http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP,
	} {
		server := httptest.NewServer(handler)
		saveAddress(t, dir, server.URL)
		c, err := Open(dir)
		must(t, err)
		if _, err := c.Status(t.Context()); sitesync.CodeOf(err) != sitesync.CodeUnreachable {
			t.Errorf("%s: error %v", name, err)
		}
		c.Close()
		server.Close()
	}
	slow := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-slow }))
	defer server.Close()
	defer close(slow)
	saveAddress(t, dir, server.URL)
	c, err := Open(dir)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); sitesync.CodeOf(err) != sitesync.CodeTimeout || errors.Is(err, ErrNotRunning) {
		t.Errorf("a slow one: %v", err)
	}
}

func TestTLS(t *testing.T) {
	_, _, dir := running(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(api.Status{Hub: r.Header.Get("Authorization")[:7]})
	}))
	defer server.Close()
	ca := filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	text, err := json.Marshal(addresses{API: server.URL, CA: ca})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "addresses.json"), text, 0o600))
	c, err := Open(dir)
	must(t, err)
	defer c.Close()
	if st, err := c.Status(t.Context()); err != nil || st.Hub != "Bearer " {
		t.Errorf("status %+v, error %v", st, err)
	}
	saveAddress(t, dir, server.URL)
	if c, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("a certificate that nobody vouches for was trusted")
	}
}
