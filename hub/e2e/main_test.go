// Package e2e tests the real programs as processes: started, killed, cut off
// and started again, and looked at as their users do.
package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sitesync/agent/api"
	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

var programs rig.Programs

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sitesync-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		programs, err = rig.Build(dir, true)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// patience is how long anything may take on a busy machine.
const patience = 90 * time.Second

// quick are settings with which a device does not wait long.
var quick = []string{"--backoff-min", "20ms", "--backoff-max", "200ms", "--request-timeout", "2s", "--credential-retry", "300ms"}

const password = "a-site-password"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startHub(t *testing.T, args ...string) *rig.Hub {
	t.Helper()
	hub, err := rig.StartHub(programs, t.TempDir(), append([]string{"--status-interval", "200ms"}, args...)...)
	check(t, err)
	t.Cleanup(func() {
		hub.Kill()
		if t.Failed() {
			t.Logf("the hub's log:\n%s", hub.Log())
		}
	})
	return hub
}

// join starts a device with hardware of its own as a site.
func join(t *testing.T, hardware string, j link.Join) *rig.Agent {
	t.Helper()
	agent, err := rig.JoinAgent(programs, filepath.Join(t.TempDir(), hardware), hardware, j, password, quick...)
	check(t, err)
	keep(t, agent)
	return agent
}

// keep ends a device with the test.
func keep(t *testing.T, agent *rig.Agent) {
	t.Cleanup(func() {
		agent.Kill()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", agent.Log())
		}
	})
}

func storeAtHub(t *testing.T, hub *rig.Hub, code string) sitesync.Store {
	t.Helper()
	var answer struct{ Store sitesync.Store }
	check(t, hub.Call("store.get", map[string]any{"store": code}, &answer))
	return answer.Store
}

func siteAtHub(t *testing.T, hub *rig.Hub, id uint64) sitesync.Site {
	t.Helper()
	var answer struct{ Site sitesync.Site }
	check(t, hub.Call("site.get", map[string]any{"site": id}, &answer))
	return answer.Site
}

// equal checks G5: agent and hub hold the same, and as many records as there
// should be.
func equal(t *testing.T, hub *rig.Hub, agent *rig.Agent, code string, records int) {
	t.Helper()
	at := storeAtHub(t, hub, code)
	stores, err := agent.Stores()
	check(t, err)
	i := slices.IndexFunc(stores, func(s api.StoreItem) bool { return s.Code == code })
	if i < 0 {
		t.Fatalf("the agent has no store %s", code)
	}
	if here := stores[i]; here.Records != int64(records) || at.Records != int64(records) || here.Digest != at.Digest {
		t.Fatalf("store %s: %d records at the agent, %d at the hub, %d written; digests %s and %s", code, here.Records, at.Records, records, here.Digest, at.Digest)
	}
}

// problem waits until the agent shows a problem.
func problem(t *testing.T, agent *rig.Agent, link sitesync.LinkState, code sitesync.ProblemCode) {
	t.Helper()
	var last string
	err := rig.Until(patience, func() (bool, error) {
		st, err := agent.Status()
		last = fmt.Sprintf("link %s, problem %+v", st.Link, st.Problem)
		return err == nil && st.Link == link && st.Problem != nil && st.Problem.Code == code, err
	})
	if err != nil {
		t.Fatalf("waiting for link %s with problem %s; last: %s: %v", link, code, last, err)
	}
}

// online waits until the agent's link is up.
func online(t *testing.T, agent *rig.Agent) {
	t.Helper()
	check(t, rig.Until(patience, func() (bool, error) {
		st, err := agent.Status()
		return err == nil && st.Link == sitesync.LinkOnline, err
	}))
}

// edit changes a site, with the revision it has now.
func edit(t *testing.T, hub *rig.Hub, site uint64, change map[string]any) {
	t.Helper()
	change["site"], change["revision"] = site, siteAtHub(t, hub, site).Revision
	check(t, hub.Call("site.update", change, nil))
}
