// Package console tests the hub's console in a real browser against the real
// programs.
package console

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
	"sitesync/shared/link"
)

var (
	programs rig.Programs
	chromium *browser.Browser
	hub      *rig.Hub // that all tests share; each makes what it needs
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sitesync-console-")
	if err == nil {
		defer os.RemoveAll(dir)
		programs, err = rig.Build(dir, false)
	}
	if err == nil {
		hub, err = rig.StartHub(programs, dir, "--status-interval", "200ms")
	}
	if err == nil {
		defer hub.Kill()
		chromium, err = browser.Start("en-GB")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer chromium.Close()
	return m.Run()
}

const (
	password = "a-site-password"
	patience = 60 * time.Second
)

// quick are settings with which a device does not wait long.
var quick = []string{"--backoff-min", "20ms", "--backoff-max", "200ms", "--request-timeout", "2s", "--credential-retry", "300ms", "--status-interval", "200ms"}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tab opens a tab of its own. A test fails on anything that the browser
// complains about.
func tab(t *testing.T) *browser.Page {
	t.Helper()
	page, err := chromium.Page(browser.Look{})
	check(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			picture := filepath.Join(os.TempDir(), t.Name()+".png")
			t.Logf("how it looked: %s %v", picture, page.Screenshot(picture))
		}
		for _, complaint := range page.Complaints() {
			t.Errorf("the browser complains: %s", complaint)
		}
		page.Close()
	})
	return page
}

func address() string { return "http://" + hub.Addresses.HTTP + "/" }

// console opens the console and signs in as a user.
func console(t *testing.T, user, password string) *browser.Page {
	t.Helper()
	page := tab(t)
	check(t, page.Open(address()))
	signIn(t, page, user, password)
	check(t, page.WaitFor("heading", "Needs attention"))
	return page
}

func signIn(t *testing.T, page *browser.Page, user, password string) {
	t.Helper()
	check(t, page.Fill("User name", user))
	check(t, page.Fill("Password", password))
	check(t, page.Click("button", "Sign in"))
}

func admin(t *testing.T) *browser.Page {
	t.Helper()
	return console(t, "admin", rig.AdminPassword)
}

// screen goes to a screen by the navigation.
func screen(t *testing.T, page *browser.Page, name string) {
	t.Helper()
	check(t, page.Click("link", name))
	check(t, page.WaitFor("heading", name))
}

// call carries out a command as the administrator.
func call(t *testing.T, command string, args map[string]any, result any) {
	t.Helper()
	check(t, hub.Call(command, args, result))
}

// join starts a device with hardware of its own as a site.
func join(t *testing.T, j link.Join) *rig.Agent {
	t.Helper()
	agent, err := rig.JoinAgent(programs, filepath.Join(t.TempDir(), "agent"), t.Name(), j, password, quick...)
	check(t, err)
	t.Cleanup(func() {
		agent.Kill()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", agent.Log())
		}
	})
	return agent
}
