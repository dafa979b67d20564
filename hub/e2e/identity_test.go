package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
)

// put writes one record and fails unless the agent took it.
func put(t *testing.T, agent *rig.Agent, store, id, data string) {
	t.Helper()
	code, text, err := agent.Do(http.MethodPut, "/v1/stores/"+store+"/tables/stock/records/"+id, "application/json", strings.NewReader(data))
	check(t, err)
	if code != http.StatusCreated && code != http.StatusOK {
		t.Fatalf("put answered %d: %s", code, text)
	}
}

// TestTwoDevices has a second device use a site's password, then the same
// device a second data directory.
func TestTwoDevices(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "device", j)
	check(t, agent.Writable("NAD1", patience))

	stranger, err := rig.NewAgent(programs, filepath.Join(t.TempDir(), "stranger"), "stranger")
	check(t, err)
	out, code, err := stranger.Command(password, "join", j.String(), "--password-file", "-")
	check(t, err)
	if code != 3 || !strings.Contains(out, "another device") {
		t.Fatalf("a stranger's join ended with %d: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(stranger.Dir, "site.json")); !os.IsNotExist(err) {
		t.Errorf("a refused join left the site's details behind: %v", err)
	}
	if p := siteAtHub(t, hub, site).Problem; p == nil || p.Code != sitesync.ProblemHardwareMismatch {
		t.Errorf("the hub does not show the stranger: %+v", p)
	}
	put(t, agent, "NAD1", "r1", `{"a":1}`)
	check(t, agent.Sent(patience))

	// The same hardware with a new data directory takes the site over, once.
	again := join(t, "device", j)
	check(t, again.Writable("NAD1", patience))
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemReplaced)
	equal(t, hub, again, "NAD1", 1)

	// When the first one is given the password again, it is two in turn.
	code, text, err := agent.Do(http.MethodPut, "/v1/site", "application/json", strings.NewReader(`{"password":"`+password+`"}`))
	check(t, err)
	if code != http.StatusOK {
		t.Fatalf("entering the password answered %d: %s", code, text)
	}
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemTwoDevices)
	if s := siteAtHub(t, hub, site); s.State != sitesync.StateHeld {
		t.Errorf("the site is %s, want held", s.State)
	}
	problem(t, again, sitesync.LinkRefused, sitesync.ProblemTwoDevices)
	check(t, hub.Call("site.reset-hardware", map[string]any{"site": site, "force": true}, nil))
	problem(t, again, sitesync.LinkRefused, sitesync.ProblemHardwareReset)
}

// TestRenamedAndBack renames a site and changes its password, and puts both
// back: the device says why it stopped, and goes on by itself.
func TestRenamedAndBack(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "device", j)
	check(t, agent.Writable("NAD1", patience))

	edit(t, hub, site, map[string]any{"name": "Nadi Town"})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemSiteRenamed)
	put(t, agent, "NAD1", "r1", `{"a":1}`) // work goes on
	if s := siteAtHub(t, hub, site); s.State != sitesync.StateRefused {
		t.Errorf("the site is %s, want refused", s.State)
	}
	edit(t, hub, site, map[string]any{"name": "nadi"})
	online(t, agent)
	check(t, agent.Sent(patience))

	edit(t, hub, site, map[string]any{"name": "Nadi Town"})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemSiteRenamed)
	code, text, err := agent.Do(http.MethodPut, "/v1/site", "application/json", strings.NewReader(`{"name":"Nadi Town"}`))
	check(t, err)
	if code != http.StatusOK {
		t.Fatalf("entering the new name answered %d: %s", code, text)
	}
	online(t, agent)

	edit(t, hub, site, map[string]any{"password": "another-password"})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemPasswordChanged)
	edit(t, hub, site, map[string]any{"password": password})
	online(t, agent)
	edit(t, hub, site, map[string]any{"password": "another-password"})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemPasswordChanged)
	code, text, err = agent.Do(http.MethodPut, "/v1/site", "application/json", strings.NewReader(`{"password":"another-password"}`))
	check(t, err)
	if code != http.StatusOK {
		t.Fatalf("entering the new password answered %d: %s", code, text)
	}
	online(t, agent)

	edit(t, hub, site, map[string]any{"enabled": false})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemDisabled)
	edit(t, hub, site, map[string]any{"enabled": true})
	online(t, agent)
	put(t, agent, "NAD1", "r2", `{"a":2}`)
	check(t, agent.Sent(patience))
	equal(t, hub, agent, "NAD1", 2)

	secrets(t, agent.Dir, password, "another-password")
}

// secrets checks that no password is left on the device once the credential
// has connected, not even in a log or a database.
func secrets(t *testing.T, dir string, passwords ...string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		for _, p := range passwords {
			if strings.Contains(string(b), p) {
				t.Errorf("%s holds a password", path)
			}
		}
		return err
	}))
}
