package console

import (
	"strings"
	"testing"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
)

// A viewer sees everything, and no button that cannot work.
func TestViewer(t *testing.T) {
	site := made(t)
	store(t, "VIEW1")
	call(t, "user.create", map[string]any{"name": "viewer", "role": "viewer", "password": password}, nil)
	page := console(t, "viewer", password)
	check(t, page.Wait("viewer", "Live"))
	for _, s := range screens {
		screen(t, page, s.name)
		for _, button := range []string{"New store", "New user", "New token", "Force", "Cancel the move", "Apply", "Discard", "Edit", "Remove"} {
			if has, err := page.Has("button", button); has || err != nil {
				t.Errorf("%s has the button %s (%v)", s.name, button, err)
			}
		}
	}
	editor(t, page, site.Name)
	for _, button := range []string{"OK", "Cancel", "Add store", "Reset", "Delete"} {
		if has, err := page.Has("button", button); has || err != nil {
			t.Errorf("the editor has the button %s (%v)", button, err)
		}
	}
	if has, err := page.Has("textbox", "Site name"); has || err != nil {
		t.Errorf("a viewer can write a name (%v)", err)
	}
	check(t, page.Click("button", "Join a device")) // reads, so it works
	check(t, page.WaitFor("image", "QR code of the join text"))
}

// A token is made, shown once, and signs in; revoking it ends the sign-in.
func TestTokens(t *testing.T) {
	page := admin(t)
	screen(t, page, "Users and tokens")
	check(t, page.Click("button", "New token"))
	check(t, page.Fill("Name", "report"))
	check(t, page.Click("button", "OK"))
	check(t, page.Wait("The token report", "It is shown this once."))
	var secret string
	check(t, page.Eval("document.querySelector('code.join-text').textContent", &secret))
	check(t, page.Click("button", "Dismiss"))
	check(t, page.WaitGone(secret))

	other := tab(t)
	other.Expect("WebSocket is already in CLOSING") // what it sends while the hub shuts it out
	check(t, other.Open(address()))
	check(t, other.Click("button", "Use a token instead"))
	check(t, other.Fill("Token name", "report"))
	check(t, other.Fill("Token", secret))
	check(t, other.Click("button", "Sign in"))
	check(t, other.WaitFor("heading", "Needs attention"))
	check(t, page.Click("button", "Revoke token report"))
	check(t, page.Click("button", "Revoke"))
	check(t, other.Wait("The hub has ended this sign-in."))
}

// "Keep me signed in" keeps a token, never the password; signing out revokes
// it.
func TestKeepSignedIn(t *testing.T) {
	page := tab(t)
	check(t, page.Open(address()))
	check(t, page.Fill("User name", "admin"))
	check(t, page.Fill("Password", rig.AdminPassword))
	check(t, page.Click("checkbox", "Keep me signed in on this device"))
	check(t, page.Click("button", "Sign in"))
	check(t, page.WaitFor("heading", "Needs attention"))
	var kept string
	check(t, rig.Until(patience, func() (bool, error) {
		err := page.Eval("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)", &kept)
		return strings.Contains(kept, "console.admin."), err
	}))
	if strings.Contains(kept, rig.AdminPassword) {
		t.Errorf("the browser keeps the password: %s", kept)
	}
	check(t, page.Open(address())) // as if the tab was opened anew
	check(t, page.WaitFor("heading", "Needs attention"))
	check(t, page.Click("button", "Sign out"))
	check(t, page.WaitFor("textbox", "User name"))
	var tokens struct{ Items []struct{ Name string } }
	call(t, "token.list", map[string]any{}, &tokens)
	for _, token := range tokens.Items {
		if strings.HasPrefix(token.Name, "console.admin.") {
			t.Errorf("the token %s is still there", token.Name)
		}
	}
}

func TestFrench(t *testing.T) {
	french, err := browser.Start("fr-FR")
	check(t, err)
	t.Cleanup(french.Close)
	page, err := french.Page(browser.Look{})
	check(t, err)
	t.Cleanup(page.Close)
	check(t, page.Open(address()))
	check(t, page.Fill("Nom d’utilisateur", "admin"))
	check(t, page.Fill("Mot de passe", rig.AdminPassword))
	check(t, page.Click("button", "Se connecter"))
	check(t, page.WaitFor("heading", "À traiter"))
	for _, name := range []string{"Sites", "Dépôts", "Transferts de dépôts", "Quarantaine", "Événements", "Journal d’audit", "Utilisateurs et jetons", "État du centre"} {
		screen(t, page, name)
	}
	check(t, page.Click("link", "Sites"))
	check(t, page.Click("link", "Nouveau site"))
	check(t, page.WaitFor("heading", "Nouveau site"))
	barriers, err := page.Barriers()
	check(t, err)
	if len(barriers) > 0 {
		t.Errorf("barriers: %q", barriers)
	}
	if complaints := page.Complaints(); len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}
