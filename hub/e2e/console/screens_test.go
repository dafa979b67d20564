package console

import (
	"flag"
	"path/filepath"
	"testing"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
)

var pictures = flag.String("screens", "", "folder for pictures of all screens")

// looks are how the console is looked at.
var looks = []struct {
	name string
	browser.Look
}{
	{"", browser.Look{}},
	{"-dark", browser.Look{Width: 1280, Height: 800, Dark: true}},
	{"-narrow", browser.Look{Width: 400, Height: 800}},
}

// screens are those of the navigation, with the name of their picture and what
// they say in the scene.
var screens = []struct{ name, file, says string }{
	{"Sites", "sites", "Kadavu Nursing Station"},
	{"Stores", "stores", "Nadi Health Centre store"},
	{"Moves of stores", "moves", "waits for Labasa Hospital"},
	{"Quarantine", "quarantine", "SIG1 / patient / p-0"},
	{"Events", "events", "site.rejected"},
	{"Audit log", "audit", "site.create"},
	{"Users and tokens", "users", "dashboard"},
	{"Hub health", "health", "Devices connected"},
	{"Needs attention", "attention", "1 move is stuck"},
}

// TestScreens goes through all screens, in light and dark and on a phone, and
// takes pictures of them. It fails on barriers for some people, and like every
// test on what the browser complains about, such as a text that is missing.
func TestScreens(t *testing.T) {
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	s := newScene(t)
	s.play()
	page := tab(t)
	check(t, page.Open("http://"+s.Addresses.HTTP+"/"))
	check(t, page.WaitFor("textbox", "User name"))
	for _, look := range looks {
		check(t, page.Show(look.Look))
		check(t, page.Screenshot(filepath.Join(dir, "signin"+look.name+".png")))
	}
	signIn(t, page, "admin", rig.AdminPassword)
	check(t, page.WaitFor("heading", "Needs attention"))
	s.stranger("SUV") // while somebody looks
	for _, look := range looks {
		shot := func(file string) {
			check(t, page.Screenshot(filepath.Join(dir, file+look.name+".png")))
			barriers, err := page.Barriers()
			check(t, err)
			for _, barrier := range barriers {
				t.Errorf("%s%s: %s", file, look.name, barrier)
			}
		}
		check(t, page.Show(look.Look))
		for _, c := range screens {
			screen(t, page, c.name)
			check(t, page.Wait(c.says))
			shot(c.file)
		}
		details(t, page, shot)
	}
}

// details goes into what lies behind the screens.
func details(t *testing.T, page *browser.Page, shot func(file string)) {
	t.Helper()
	screen(t, page, "Sites")
	check(t, page.Click("link", "Nadi Health Centre"))
	check(t, page.WaitFor("heading", "Nadi Health Centre"))
	check(t, page.Fill("Site name", "Nadi Hospital"))
	check(t, page.Click("button", "Remove store NAD1"))
	check(t, page.Wait("OK will do this"))
	shot("editor")
	check(t, page.Click("button", "Add store"))
	check(t, page.Wait("SUV1"))
	shot("addstore")
	check(t, page.Click("button", "Close"))
	check(t, page.Click("button", "Reset"))
	check(t, page.WaitFor("heading", "Free Nadi Health Centre for another device?"))
	shot("reset")
	check(t, page.Click("button", "Close"))
	check(t, page.Click("button", "Join a device"))
	check(t, page.WaitFor("image", "QR code of the join text"))
	shot("join")
	check(t, page.Click("button", "Close"))
	check(t, page.Click("link", "Quarantine"))
	check(t, page.WaitFor("heading", "Leave without sending?"))
	check(t, page.Click("button", "Drop the changes"))
	check(t, page.Click("link", "SIG1 / patient / p-0"))
	check(t, page.Wait("differs"))
	shot("item")
	screen(t, page, "Moves of stores")
	check(t, page.Click("button", "Force"))
	check(t, page.WaitFor("heading", "Move store LAB1 without waiting?"))
	shot("force")
	check(t, page.Click("button", "Close"))
	screen(t, page, "Stores")
	check(t, page.Click("link", "NAD1"))
	check(t, page.WaitFor("heading", "NAD1 Nadi Health Centre store"))
	shot("store")
	check(t, page.Click("button", "Move"))
	check(t, page.WaitFor("heading", "Move store NAD1"))
	shot("movestore")
	check(t, page.Click("button", "Close"))
}
