package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"sitesync/hub/admin"
	"sitesync/hub/hubd"
	"sitesync/shared/sitesync"
)

// line runs command lines against a hub.
type line struct {
	t    *testing.T
	dir  string // the hub's
	keys string // where passwords are
	hub  *hubd.Hub
}

func startHub(t *testing.T, args ...string) *line {
	t.Helper()
	l := &line{t: t, dir: t.TempDir(), keys: t.TempDir()}
	l.file("admin", "the admin's password\n")
	l.file("site", "correct horse\n")
	l.file("wrong", "open sesame\n")
	var c hubd.Config
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Flags(flags)
	given := []string{"--data", l.dir, "--mqtt", "127.0.0.1:0", "--mqtts", "127.0.0.1:0", "--http", "", "--https", "127.0.0.1:0",
		"--admin-password-file", l.key("admin")}
	if err := flags.Parse(append(given, args...)); err != nil {
		t.Fatal(err)
	}
	c.Log = slog.New(slog.DiscardHandler)
	hub, err := hubd.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	l.hub = hub
	t.Cleanup(l.stop)
	return l
}

func (l *line) stop() {
	if l.hub != nil {
		if err := l.hub.Close(l.t.Context()); err != nil && l.t.Context().Err() == nil {
			l.t.Error(err)
		}
		l.hub = nil
	}
}

func (l *line) key(name string) string { return filepath.Join(l.keys, name) }

func (l *line) file(name, text string) string {
	l.t.Helper()
	if err := os.WriteFile(l.key(name), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return l.key(name)
}

// run runs a command line as the admin on the hub's own machine, and checks
// its exit code. $ in an argument stands for the directory of passwords.
func (l *line) run(want int, args ...string) (out, errOut string) {
	l.t.Helper()
	return l.main(want, append(args, "--data", l.dir, "--user-password-file", l.key("admin"))...)
}

func (l *line) main(want int, args ...string) (out, errOut string) {
	l.t.Helper()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$", l.keys)
	}
	var o, e bytes.Buffer
	if code := Main(args, strings.NewReader(""), &o, &e); code != want {
		l.t.Fatalf("%q ended with %d, want %d\n%s%s", args, code, want, &o, &e)
	}
	return o.String(), e.String()
}

func TestAdministerAHub(t *testing.T) {
	l := startHub(t)
	out, _ := l.run(0, "store", "create", "NAD1", "Nadi pharmacy", "--tags", "region:west")
	contains(t, out, "Store    1 NAD1", "Phase    active")
	out, _ = l.run(0, "site", "create", "Nadi", "--password-file", "$/site", "--code", "NAD", "--stores", "NAD1")
	contains(t, out, "Site         2 Nadi", "State        never", "Stores       NAD1 (loading)")
	out, _ = l.run(0, "site", "list")
	contains(t, out, "ID  CODE", " 2  NAD   Nadi")
	out, errOut := l.run(0, "site", "list", "--q", "nobody")
	if out != "" || !strings.Contains(errOut, "No site fits") {
		t.Errorf("an empty list: %q, %q", out, errOut)
	}

	out, _ = l.run(0, "site", "update", "Nadi", "1", "--name", "Nadi Hospital", "--dry-run")
	contains(t, out, "- a device that uses the name")
	out, _ = l.run(0, "site", "update", "Nadi", "1", "--name", "Nadi Hospital", "--remove-stores", "NAD1")
	contains(t, out, "Site         2 Nadi Hospital", "cancelled")
	_, errOut = l.run(7, "site", "update", "2", "1", "--enabled=false")
	contains(t, errOut, "error: ", "admin", "next:  read the site again")
	_, errOut = l.run(1, "site", "get", "name:2")
	contains(t, errOut, `there is no site "2"`)

	out, errOut = l.run(0, "site", "join", "2")
	contains(t, out, "sitesync1:")
	if strings.Count(out, "\n") != 1 || !strings.Contains(errOut, "no secret") {
		t.Errorf("join: %q, %q", out, errOut)
	}
	out, _ = l.run(0, "store", "move", "NAD1", "--to", "2")
	contains(t, out, "HANDOVER", "loading")
	_, errOut = l.run(1, "site", "delete", "2", "--yes")
	contains(t, errOut, "NAD1")
}

// TestWhereTheHubIs names the hub's directory with commands that have an
// argument called data.
func TestWhereTheHubIs(t *testing.T) {
	l := startHub(t)
	out, _ := l.run(0, "user", "create", "anna", "viewer", "--read-records")
	contains(t, out, "Name       anna", "viewer, records")
	out, _ = l.run(0, "user", "update", "anna", "--read-records=false", "--output", "json")
	contains(t, out, `"data": false`)
	out, _ = l.run(0, "token", "create", "script", "viewer", "--read-records", "--output", "json")
	contains(t, out, `"data": true`)
}

func TestRecordsAtTheCommandLine(t *testing.T) {
	l := startHub(t)
	l.run(0, "store", "create", "NAD1", "Nadi")
	data := l.file("data", `{ "n":  1 }`)
	for _, id := range []string{"a", "b", "c"} {
		out, _ := l.run(0, "record", "put", "NAD1", "stock", id, "--data-file", data)
		contains(t, out, "Record   stock/"+id)
	}
	out, _ := l.run(0, "record", "list", "NAD1", "--output", "ndjson")
	if strings.Count(out, "\n") != 3 {
		t.Errorf("ndjson: %s", out)
	}
	out, errOut := l.run(0, "record", "list", "NAD1", "--limit", "2")
	contains(t, out, "stock  b")
	contains(t, errOut, "There is more: --after stock/b")
	out, _ = l.run(0, "record", "list", "NAD1", "--after", "stock/b", "--output", "json")
	var p admin.Page[sitesync.Record]
	if err := json.Unmarshal([]byte(out), &p); err != nil || len(p.Items) != 1 || p.Items[0].ID != "c" || p.Next != "" {
		t.Errorf("json: %s, %v", out, err)
	}
	_, errOut = l.run(7, "record", "delete", "NAD1", "stock", "a", "--if-match", "00")
	contains(t, errOut, "error: the record is not the version")
	l.run(0, "record", "delete", "NAD1", "stock", "a")
	l.run(1, "record", "get", "NAD1", "stock", "a")
}

func TestCall(t *testing.T) {
	l := startHub(t)
	out, _ := l.run(0, "call", "site.create", `{"name":"Nadi","password":"correct horse"}`, "--id", "once")
	var first admin.SiteResult
	if err := json.Unmarshal([]byte(out), &first); err != nil || first.Site.Name != "Nadi" {
		t.Fatalf("%s, %v", out, err)
	}
	again, _ := l.run(0, "call", "site.create", `{"name":"Nadi","password":"correct horse"}`, "--id", "once")
	if again != out {
		t.Errorf("the same command again: %s", again)
	}
	_, errOut := l.run(1, "call", "site.create", `{"name":"Suva","password":"correct horse"}`, "--id", "once")
	contains(t, errOut, "was used for another command")
	out, _ = l.run(0, "call", "site.get", `{"site":1}`, "--output", "table")
	contains(t, out, "Site         1 ")
	_, errOut = l.run(1, "call", "site.obliterate")
	contains(t, errOut, "there is no command")
	_, errOut = l.run(1, "call", "site.get", `{"sight":1}`)
	contains(t, errOut, "site", "example")
}

// TestManyPages lists more items than one page has.
func TestManyPages(t *testing.T) {
	l := startHub(t)
	l.run(0, "store", "create", "NAD1", "Nadi")
	large := l.file("data", `{"x":"`+strings.Repeat("x", 600<<10)+`"}`)
	for _, id := range []string{"a", "b", "c"} {
		l.run(0, "record", "put", "1", "t", id, "--data-file", large, "--output", "ndjson")
	}
	out, _ := l.run(0, "record", "list", "1")
	if got := regexp.MustCompile(`(?m)^t +[abc] `).FindAllString(out, -1); len(got) != 3 {
		t.Errorf("%d records: %s", len(got), out)
	}
}

func TestWaysToTheHub(t *testing.T) {
	l := startHub(t)
	a := l.hub.Addresses()
	login := []string{"site", "list", "--password-file", "$/admin"}
	l.main(0, append(login, "--data", l.dir)...)
	l.main(0, append(login, "--hub", "mqtt://"+a.MQTT)...)
	l.main(0, append(login, "--hub", "mqtts://"+a.MQTTS, "--ca", a.CA)...)
	l.main(0, append(login, "--hub", "wss://"+a.HTTPS, "--ca", a.CA)...)
	l.main(0, "--user", "admin", "--password-file", "$/admin", "--data", l.dir, "site", "create", "Nadi", "--password-file", "$/site")

	_, errOut := l.main(4, append(login, "--hub", "mqtts://"+a.MQTTS)...)
	contains(t, errOut, "not trust", "next:  check")
	_, errOut = l.main(3, "site", "list", "--data", l.dir, "--password-file", "$/wrong")
	contains(t, errOut, "check --user and the password")
	l.main(3, append(login, "--data", l.dir, "--user", "nobody")...)
	l.main(3, "site", "list", "--data", l.dir, "--token-file", "$/admin")
	_, errOut = l.main(2, "site", "list", "--data", l.dir)
	contains(t, errOut, "no password for the user admin")
	l.main(2, append(login, "--hub", "ftp://127.0.0.1")...)
	l.main(2, append(login, "--hub", "mqtts://"+a.MQTTS, "--ca", l.key("admin"))...)

	t.Setenv("SITESYNC_HUB_DATA", l.dir)
	t.Setenv("SITESYNC_HUB_PASSWORD_FILE", l.key("admin"))
	l.main(0, "site", "create", "Suva", "--password-file", "$/site")
	l.stop()
	_, errOut = l.main(4, "site", "list")
	contains(t, errOut, "was not reached", "check that the hub runs")
}

// TestWithoutPlainMQTT: the hub's own certificate authority is found in its
// directory, wherever the command is run.
func TestWithoutPlainMQTT(t *testing.T) {
	l := startHub(t, "--mqtt", "")
	l.run(0, "site", "list")
	file := filepath.Join(l.dir, "addresses.json")
	var a hubd.Addresses
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	a.MQTTS, a.CA = "", filepath.Join("elsewhere", filepath.Base(a.CA))
	if text, _ = json.Marshal(a); err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.run(0, "site", "list")
}

// TestSilentHub is a hub that takes the connection and then says nothing.
func TestSilentHub(t *testing.T) {
	l := &line{t: t, keys: t.TempDir()}
	l.file("admin", "x")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, errOut := l.main(4, "site", "list", "--hub", "mqtt://"+silent.Addr().String(), "--password-file", "$/admin", "--timeout", "200ms")
	contains(t, errOut, "did not answer in time")
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
