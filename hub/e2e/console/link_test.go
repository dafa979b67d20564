package console

import (
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
)

// A hub that is away for a while: the page says so, keeps what it shows,
// connects again by itself and shows what changed meanwhile.
func TestLostConnection(t *testing.T) {
	own, err := rig.StartHub(programs, t.TempDir())
	check(t, err)
	t.Cleanup(func() { own.Kill() })
	var made struct{ Site sitesync.Site }
	check(t, own.Call("site.create", map[string]any{"name": "Before", "password": password}, &made))

	page := tab(t)
	page.Expect("WebSocket connection to") // the tries while the hub is away
	check(t, page.Open("http://"+own.Addresses.HTTP+"/"))
	signIn(t, page, "admin", rig.AdminPassword)
	screen(t, page, "Sites")
	check(t, page.Wait("Before"))
	own.Kill()
	check(t, page.Wait("The connection to the hub is lost.", "No connection", "Before"))
	check(t, own.Start())
	check(t, page.WaitGone("The connection to the hub is lost."))
	check(t, page.Wait("Live", "Before"))
	check(t, own.Call("site.update", map[string]any{"site": made.Site.ID, "revision": made.Site.Revision, "name": "After"}, nil))
	check(t, page.Wait("After"))
}
