package console

import (
	"flag"
	"path/filepath"
	"testing"

	"sitesync/hub/rig/browser"
)

var pictures = flag.String("screens", "", "folder for pictures of all screens")

// screens are those of the navigation, with the name of their picture.
var screens = []struct{ name, file string }{
	{"Needs attention", "attention"}, {"Sites", "sites"}, {"Stores", "stores"}, {"Moves of stores", "moves"}, {"Quarantine", "quarantine"},
	{"Events", "events"}, {"Audit log", "audit"}, {"Users and tokens", "users"}, {"Hub health", "health"},
}

// TestScreens goes through all screens, in light and dark and on a phone, and
// takes pictures of them. Like every test it fails on what the browser
// complains about, such as a text that is missing.
func TestScreens(t *testing.T) {
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	page := admin(t)
	for _, look := range []struct {
		name string
		browser.Look
	}{{"", browser.Look{}}, {"-dark", browser.Look{Width: 1280, Height: 800, Dark: true}}, {"-narrow", browser.Look{Width: 400, Height: 800}}} {
		check(t, page.Show(look.Look))
		for _, s := range screens {
			screen(t, page, s.name)
			check(t, page.Screenshot(filepath.Join(dir, s.file+look.name+".png")))
		}
	}
}
