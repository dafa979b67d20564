package console

import (
	"testing"

	"sitesync/hub/rig"
)

func TestSignIn(t *testing.T) {
	page := tab(t)
	check(t, page.Open(address()))
	signIn(t, page, "admin", "not the password")
	check(t, page.Wait("The name, password or token is not right."))
	signIn(t, page, "admin", rig.AdminPassword)
	check(t, page.WaitFor("heading", "Needs attention"))
	check(t, page.Wait("administrator", "Live"))
	check(t, page.Open(address())) // nothing was kept
	check(t, page.WaitFor("textbox", "User name"))
}
