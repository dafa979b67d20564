package agentpage

import (
	"fmt"
	"path/filepath"
	"testing"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
	"sitesync/shared/sample"
)

// looks are how the pictures are taken.
var looks = map[string]browser.Look{
	"phone":        phone,
	"phone-dark":   {Width: 390, Height: 844, Dark: true},
	"desktop":      {Width: 1200, Height: 800},
	"desktop-dark": {Width: 1200, Height: 800, Dark: true},
}

// shoot takes pictures of a screen in all looks, if pictures are wanted. In all
// of them the page must fit its window's width.
func shoot(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	for kind, look := range looks {
		check(t, p.Show(look))
		var wide int
		check(t, p.Eval("document.documentElement.scrollWidth - document.documentElement.clientWidth", &wide))
		if wide > 0 {
			t.Errorf("%s: on a %s the page is %d pixels too wide", name, kind, wide)
		}
		audit(t, p, name+" "+kind)
		if *screens != "" {
			check(t, p.Screenshot(filepath.Join(*screens, fmt.Sprintf("agent-%s-%s.png", name, kind))))
		}
	}
	check(t, p.Show(phone))
}

// TestScreens walks through every screen.
func TestScreens(t *testing.T) {
	t.Parallel()
	hub, err := rig.StartHub(programs, t.TempDir(), "--status-interval", "200ms")
	check(t, err)
	defer func() { hub.Kill() }()
	_, j, err := hub.Register("Nadi dispensary", password, "NAD1", "NAD2")
	check(t, err)
	_, _, err = hub.Register("Suva", password)
	check(t, err)
	agent := device(t, "tablet")
	p := visit(t, english)

	check(t, p.Open(agent.URL))
	check(t, p.Wait("Sign in"))
	shoot(t, p, "signin")

	signIn(t, p, agent)
	check(t, p.Wait("Set this device up"))
	shoot(t, p, "setup")
	check(t, p.Fill("Join text, or address of the hub", j.String()))
	check(t, p.Fill("Site password", "not-the-password"))
	check(t, p.Wait("Site Nadi dispensary, at mqtts://"))
	check(t, p.Click("button", "Check and join"))
	check(t, p.Wait("The site name or the password is wrong", "Nothing was saved"))
	shoot(t, p, "setup-refused")
	check(t, p.Fill("Site password", password))
	check(t, p.Click("button", "Check and join"))
	check(t, p.Wait("This device is now the site Nadi dispensary"))
	shoot(t, p, "setup-joined")
	check(t, p.Click("button", "Continue"))
	check(t, p.Wait("Everything is sent", "Can be changed here"))
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(1), 300)))
	check(t, agent.Sent(patience))
	shoot(t, p, "home-sent")

	check(t, p.Click("link", "This site"))
	check(t, p.Wait("Hardware ID"))
	check(t, p.Click("button", "Check connection"))
	check(t, p.Wait("The connection works"))
	shoot(t, p, "site")
	check(t, p.Click("button", "Edit"))
	shoot(t, p, "site-edit")
	check(t, p.Click("button", "Cancel"))
	check(t, p.Click("button", "Turn syncing off"))
	shoot(t, p, "site-off-ask")
	check(t, p.Press("\x1b"))
	check(t, p.WaitGone("Turn syncing off?"))

	hub.Kill()
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(2), 40)))
	check(t, p.Click("button", "Check again"))
	check(t, p.Wait("The hub is not reached"))
	shoot(t, p, "site-check-failed")
	check(t, p.Click("link", "Home"))
	check(t, p.Wait("40 changes are not sent yet"))
	shoot(t, p, "home-waiting")
	check(t, hub.Start())
	check(t, p.Wait("Everything is sent"))
	check(t, hub.Call("store.move", map[string]any{"store": "NAD2", "to": "Suva"}, nil))
	check(t, p.Wait("moved to Suva"))
	shoot(t, p, "home-moved")
	check(t, hub.Call("site.update", map[string]any{"site": "Nadi dispensary", "revision": revision(t, hub, "Nadi dispensary"), "enabled": false}, nil))
	check(t, p.Wait("The hub refuses this device"))
	shoot(t, p, "home-refused")
}

func revision(t *testing.T, hub *rig.Hub, site string) uint64 {
	t.Helper()
	var answer struct{ Site struct{ Revision uint64 } }
	check(t, hub.Call("site.get", map[string]any{"site": site}, &answer))
	return answer.Site.Revision
}
