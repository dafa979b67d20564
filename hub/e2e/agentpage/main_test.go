// Package agentpage tests the agent's page as people use it: in a real browser,
// with the real programs.
package agentpage

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
	"sitesync/shared/link"
)

// screens is where pictures of every screen go; none are made without it.
var screens = flag.String("screens", "", "write a PNG of every screen into this folder")

var (
	programs rig.Programs
	english  *browser.Browser
	hub      *rig.Hub
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "sitesync-agentpage-")
	if err == nil {
		defer os.RemoveAll(dir)
		programs, err = rig.Build(dir, false) // what races is in packages with tests of their own
	}
	if err == nil {
		english, err = browser.Start("en-GB")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer english.Close()
	if hub, err = rig.StartHub(programs, dir, "--status-interval", "200ms"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer hub.Kill()
	code := m.Run()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "the hub's log:\n%s", hub.Log())
	}
	return code
}

const (
	patience = 60 * time.Second
	password = "a-site-password"
)

// quick are settings with which a device does not wait long.
var quick = []string{"--backoff-min", "20ms", "--backoff-max", "400ms", "--request-timeout", "2s", "--credential-retry", "400ms", "--pull-interval", "1s"}

// Phones are what most people have in their hands.
var phone = browser.Look{Width: 390, Height: 844}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// register makes a site with stores, which the device reaches through a gate.
func register(t *testing.T, name string, rate int, stores ...string) (link.Join, *gate) {
	t.Helper()
	_, j, err := hub.Register(name, password, stores...)
	check(t, err)
	// Without a fingerprint the device uses no other address than this.
	g := newGate(t, hub.Addresses.MQTT, rate)
	return link.Join{URLs: []string{"mqtt://" + g.address}, Site: j.Site, Hub: j.Hub}, g
}

// device prepares a device with hardware of its own that has joined nothing,
// and starts its agent.
func device(t *testing.T, hardware string) *rig.Agent {
	t.Helper()
	agent, err := rig.NewAgent(programs, filepath.Join(t.TempDir(), hardware), hardware, quick...)
	check(t, err)
	check(t, agent.Start())
	keep(t, agent)
	return agent
}

// joined starts a device as a site.
func joined(t *testing.T, hardware string, j link.Join, settings ...string) *rig.Agent {
	t.Helper()
	agent, err := rig.JoinAgent(programs, filepath.Join(t.TempDir(), hardware), hardware, j, password, append(append([]string{}, quick...), settings...)...)
	check(t, err)
	keep(t, agent)
	return agent
}

func keep(t *testing.T, agent *rig.Agent) {
	t.Cleanup(func() {
		agent.Kill()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", agent.Log())
		}
	})
}

// visit opens a tab, which must give the browser nothing to complain about.
func visit(t *testing.T, b *browser.Browser) *browser.Page {
	t.Helper()
	p, err := b.Page(phone)
	check(t, err)
	t.Cleanup(func() {
		if complaints := p.Complaints(); len(complaints) > 0 {
			t.Errorf("the browser complains: %q", complaints)
		}
		p.Close()
	})
	return p
}

type pass struct{ URL, Code string }

// open has a code made, as a person at the device does.
func open(t *testing.T, agent *rig.Agent) (made pass) {
	t.Helper()
	out, code, err := agent.Command("", "open", "--json")
	if err == nil && code != 0 {
		err = errors.New(out)
	}
	check(t, err)
	check(t, json.Unmarshal([]byte(out), &made))
	return made
}

// signIn opens the page as the command sitesync-agent open does.
func signIn(t *testing.T, p *browser.Page, agent *rig.Agent) {
	t.Helper()
	made := open(t, agent)
	check(t, p.Open(made.URL+"#"+made.Code))
}

// write writes a record to a store.
func write(t *testing.T, agent *rig.Agent, store, id string) {
	t.Helper()
	status, text, err := agent.Do("PUT", "/v1/stores/"+store+"/tables/stock/records/"+id, "application/json", strings.NewReader(`{"packs":12}`))
	check(t, err)
	if status != 201 {
		t.Fatalf("writing %s answered %d %s", id, status, text)
	}
}
