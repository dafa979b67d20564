package agentpage

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
	"sitesync/shared/sample"
)

// TestSetUpByHand enters address, certificate and name instead of a join text,
// first at a hub that is not reached.
func TestSetUpByHand(t *testing.T) {
	t.Parallel()
	_, _, err := hub.Register("Labasa", password)
	check(t, err)
	way := newGate(t, hub.Addresses.MQTTS, 0)
	ca, err := os.ReadFile(hub.Addresses.CA)
	check(t, err)
	agent := device(t, "labasa's")
	p := visit(t, english)
	signIn(t, p, agent)
	way.shut()
	check(t, p.Fill("Join text, or address of the hub", way.address)) // the rest of it is added
	check(t, p.Fill("Site name", "Labasa"))
	check(t, p.Click("button", "The hub has a certificate of its own"))
	check(t, p.Fill("Certificate of the hub’s authority", "not a certificate"))
	check(t, p.Fill("Site password", password))
	check(t, p.Click("button", "Check and join"))
	p.Expect("400")
	check(t, p.Wait("the CA is not a certificate in PEM form"))
	check(t, p.Fill("Certificate of the hub’s authority", string(ca)))
	check(t, p.Click("button", "Check and join"))
	check(t, p.Wait("The hub is not reached", "Nothing was saved"))
	if st, err := agent.Status(); err != nil || st.Site != nil {
		t.Errorf("something was saved: %+v, %v", st.Site, err)
	}
	check(t, p.Click("button", "Save all the same"))
	check(t, p.Wait("The details are saved"))
	check(t, p.Click("button", "Continue"))
	way.reopen(t)
	check(t, p.Wait("Everything is sent", "None yet."))
}

// TestSyncNow presses the one button, on a device that would wait long before
// it tries again.
func TestSyncNow(t *testing.T) {
	t.Parallel()
	j, way := register(t, "Lautoka", 0, "LTK1")
	agent := joined(t, "lautoka's", j, "--backoff-min", "10m", "--backoff-max", "20m")
	check(t, agent.Writable("LTK1", patience))
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("Everything is sent"))
	way.shut()
	check(t, agent.Bulk("LTK1", rig.Lines(sample.New(3), 25)))
	check(t, p.Wait("25 changes are not sent yet", "Oldest from", "The hub is not reached"))
	check(t, p.Click("button", "Sync now"))
	check(t, p.Wait("That did not work"))
	way.reopen(t)
	check(t, p.Click("button", "Sync now"))
	check(t, p.Wait("Done: everything is sent.", "Everything is sent"))
	check(t, agent.Sent(patience))
	check(t, p.WaitGone("The hub is not reached", "Oldest from"))
}

// TestAnotherDevice shows a device that is not the site's why it is refused,
// and what to do.
func TestAnotherDevice(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Sigatoka", 0)
	joined(t, "the first", j)
	agent := device(t, "the second")
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Fill("Join text, or address of the hub", j.String()))
	check(t, p.Fill("Site password", password))
	check(t, p.Click("button", "Check and join"))
	check(t, p.Wait("The hub knows another device for this site", "reset the site’s hardware ID", "Hub knows this device", "not tried", "Nothing was saved"))
}

// TestNewPassword sees that the site has another password, enters it, and goes
// on.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Ba", 0)
	agent := joined(t, "ba's", j)
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("Everything is sent"))
	check(t, hub.Call("site.update", map[string]any{"site": "Ba", "revision": revision(t, hub, "Ba"), "password": "another-password"}, nil))
	check(t, p.Wait("The hub refuses this device", "This site has a new password"))
	check(t, p.Click("link", "This site"))
	check(t, p.Click("button", "Edit"))
	check(t, p.Fill("New site password", "a-wrong-one"))
	check(t, p.Click("button", "Save"))
	check(t, p.Wait("The site name or the password is wrong"))
	check(t, p.Click("button", "Edit"))
	check(t, p.Fill("New site password", "another-password"))
	check(t, p.Click("button", "Save"))
	check(t, p.Wait("Message there and back", "Connected"))
	check(t, p.Click("link", "Home"))
	check(t, p.Wait("Everything is sent"))
}

// TestOff turns syncing off and on: changes wait meanwhile.
func TestOff(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Levuka", 0, "LEV1")
	agent := joined(t, "levuka's", j)
	check(t, agent.Writable("LEV1", patience))
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Click("link", "This site"))
	check(t, p.Click("button", "Turn syncing off"))
	check(t, p.Wait("Turn syncing off?"))
	check(t, p.Press(kb.Escape))
	check(t, p.WaitGone("Turn syncing off?"))
	check(t, p.Click("button", "Turn syncing off"))
	check(t, p.Wait("Turn syncing off?"))
	tabTo(t, p, "Turn syncing off")
	check(t, p.Press(kb.Enter))
	check(t, p.Click("link", "Home"))
	check(t, p.Wait("Syncing is off"))
	write(t, agent, "LEV1", "a")
	check(t, p.Wait("1 change", "Oldest from"))
	check(t, p.Click("button", "Turn syncing on"))
	check(t, p.Wait("Everything is sent"))
}

// TestNotAccepted comes back with changes of a store that was taken away
// meanwhile: they are listed in words.
func TestNotAccepted(t *testing.T) {
	t.Parallel()
	j, way := register(t, "Rakiraki", 0, "RAK1")
	register(t, "Tavua", 0)
	agent := joined(t, "rakiraki's", j)
	check(t, agent.Writable("RAK1", patience))
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("Everything is sent"))
	way.shut()
	for _, id := range []string{"MED-1", "MED-2"} {
		write(t, agent, "RAK1", id)
	}
	check(t, hub.Call("store.move", map[string]any{"store": "RAK1", "to": "Tavua", "force": true}, nil))
	way.reopen(t)
	check(t, p.Wait("2 changes were not accepted", "Read-only: moved to Tavua", "Ask the hub’s operator", "Everything is sent, not all was accepted"))
	check(t, p.Click("DisclosureTriangle", "Show what was not accepted"))
	check(t, p.Wait("stock / MED-1", "stock / MED-2", "had gone to another site"))
	shoot(t, p, "home-not-accepted")
}

// TestArrival shows how a store arrives over a slow link.
func TestArrival(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Savusavu", 0, "SAV1")
	first := joined(t, "savusavu's first", j)
	check(t, first.Writable("SAV1", patience))
	check(t, first.Bulk("SAV1", rig.Lines(sample.New(4), 6000)))
	check(t, first.Sent(patience))
	slow, way := register(t, "Taveuni", 24<<10)
	check(t, hub.Call("store.move", map[string]any{"store": "SAV1", "to": "Taveuni"}, nil))
	agent := joined(t, "taveuni's", slow)
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("Arriving:", "of 6,000 records", "more", "Receive"))
	shoot(t, p, "home-arriving")
	way.widen()
	check(t, p.Wait("Can be changed here"))
	check(t, p.Wait("6,000 records"))
}

// TestSending shows how far a long queue has come over a slow link, and when it
// will be through.
func TestSending(t *testing.T) {
	t.Parallel()
	j, way := register(t, "Nadarivatu", 24<<10, "NDR1")
	agent := joined(t, "nadarivatu's", j)
	check(t, agent.Writable("NDR1", patience))
	way.shut()
	check(t, agent.Bulk("NDR1", rig.Lines(sample.New(5), 6000)))
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("6,000 changes are not sent yet"))
	way.reopen(t)
	check(t, p.Wait("Sending:", "changes to go", "Will take", "Send"))
	shoot(t, p, "home-sending")
	way.widen()
	check(t, agent.Sent(patience))
	check(t, p.Wait("Everything is sent"))
}

// focus is the text of what the keyboard is at.
func focus(t *testing.T, p *browser.Page) (text string) {
	t.Helper()
	check(t, p.Eval("document.activeElement.textContent.trim()", &text))
	return text
}

// tabTo goes on with the tabulator until the keyboard is at a text.
func tabTo(t *testing.T, p *browser.Page, text string) {
	t.Helper()
	for range 10 {
		if focus(t, p) == text {
			return
		}
		check(t, p.Press(kb.Tab))
	}
	t.Fatalf("the keyboard does not get to %q, only to %q", text, focus(t, p))
}

// TestKeyboard goes through the page without a mouse: to the button, and to the
// other screen, where the reading begins at its heading.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Kioa", 0)
	agent := joined(t, "kioa's", j)
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Wait("Everything is sent"))
	if at := focus(t, p); at != "Home" {
		t.Errorf("the page begins at %q", at)
	}
	tabTo(t, p, "Sync now")
	check(t, p.Press(kb.Enter))
	check(t, p.Wait("Done: everything is sent."))
	check(t, p.Eval("document.querySelector('nav a').focus()", nil))
	tabTo(t, p, "This site")
	check(t, p.Press(kb.Enter))
	check(t, p.Wait("Hardware ID"))
	check(t, rig.Until(patience, func() (bool, error) { return focus(t, p) == "This site", nil }))
	var heading bool
	check(t, p.Eval("document.activeElement.tagName === 'H1'", &heading))
	if !heading {
		t.Errorf("the other screen begins at %q", focus(t, p))
	}
}

// TestLost loses the agent and finds it again.
func TestLost(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Nausori", 0)
	agent := joined(t, "nausori's", j)
	way := newGate(t, strings.TrimPrefix(agent.URL, "http://"), 0)
	p := visit(t, english)
	p.Expect("ERR_")
	check(t, p.Open("http://"+way.address+"/#"+open(t, agent).Code))
	check(t, p.Wait("Everything is sent"))
	way.shut()
	check(t, p.Wait("The agent on this device does not answer", "Everything is sent"))
	shoot(t, p, "home-lost")
	way.reopen(t)
	check(t, p.WaitGone("does not answer"))
}

// TestVisitor shows nothing to those who have not signed in, and leaves no code
// or token where others look.
func TestVisitor(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Korovou", 0)
	agent := joined(t, "korovou's", j)
	p := visit(t, english)
	p.Expect("401")
	check(t, p.Open(agent.URL))
	check(t, p.Wait("Sign in"))
	text, err := p.Text()
	check(t, err)
	if strings.Contains(text, "Korovou") {
		t.Errorf("a visitor reads %q", text)
	}
	for _, path := range []string{"/v1/status", "/v1/stores", "/v1/site", "/v1/refused"} {
		var status int
		check(t, p.Eval("fetch('"+path+"').then((r) => r.status)", &status))
		if status != 401 {
			t.Errorf("%s answers a visitor %d", path, status)
		}
	}
	check(t, p.Fill("Code", "AAAA-AAAA"))
	check(t, p.Press(kb.Enter))
	check(t, p.Wait("That does not let you in", "sitesync-agent open"))

	made := open(t, agent)
	check(t, p.Open(made.URL+"#"+made.Code))
	check(t, p.Wait("Korovou", "Everything is sent"))
	var found struct {
		URL, Cookie string
		Local       int
	}
	check(t, p.Eval("({url: location.href, cookie: document.cookie, local: localStorage.length})", &found))
	if found.URL != made.URL || found.Cookie != "" || found.Local != 0 {
		t.Errorf("after signing in: %+v", found)
	}
	again := visit(t, english)
	again.Expect("401")
	check(t, again.Open(made.URL+"#"+made.Code))
	check(t, again.Wait("That does not let you in"))

	check(t, p.Click("link", "This site"))
	check(t, p.Click("button", "Sign out"))
	check(t, p.Wait("Sign in"))
	var left int
	check(t, p.Eval("sessionStorage.length", &left))
	if left != 0 {
		t.Error("signing out left something")
	}
}

// TestStaySignedIn comes back to a browser that stays signed in: to look and to
// sync, until signing out.
func TestStaySignedIn(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Waiyevo", 0)
	agent := joined(t, "waiyevo's", j)
	p := visit(t, english)
	signIn(t, p, agent)
	check(t, p.Click("link", "This site"))
	check(t, p.Click("button", "Stay signed in here"))
	check(t, p.Wait("It stays signed in", "Edit"))
	check(t, p.Eval("sessionStorage.clear()", nil)) // as when the tab is closed
	check(t, p.Open(agent.URL))
	check(t, p.Wait("Everything is sent"))
	check(t, p.Click("button", "Sync now"))
	check(t, p.Wait("Done: everything is sent."))
	check(t, p.Click("link", "This site"))
	check(t, p.Wait("To edit them, run sitesync-agent open"))
	signIn(t, p, agent) // with a code there is more, for this tab
	check(t, p.Click("link", "This site"))
	check(t, p.WaitFor("button", "Edit"))
	p.Expect("401")
	check(t, p.Eval(`(() => { const place = 'sitesync.session', tab = JSON.parse(sessionStorage.getItem(place));
		sessionStorage.setItem(place, JSON.stringify({...tab, token: 'sas_over'})); })()`, nil)) // as when it was not used for long
	check(t, p.Wait("To edit them, run sitesync-agent open"))
	signIn(t, p, agent)
	check(t, p.Click("link", "This site"))
	check(t, p.WaitFor("button", "Edit"))
	check(t, p.Click("button", "Sign out"))
	check(t, p.Wait("Code"))
	check(t, p.Open(agent.URL))
	check(t, p.Wait("Code"))
	list, _, err := agent.Command("", "token", "list")
	if err != nil || strings.Contains(list, "page-") {
		t.Errorf("after signing out: %v\n%s", err, list)
	}
}

// TestApp is signed in with an application's token: it sees all, and no button
// that it may not use.
func TestApp(t *testing.T) {
	t.Parallel()
	j, _ := register(t, "Vunidawa", 0)
	agent := joined(t, "vunidawa's", j)
	token, code, err := agent.Command("", "token", "create", "till")
	if err != nil || code != 0 {
		t.Fatalf("%s: %d, %v", token, code, err)
	}
	p := visit(t, english)
	check(t, p.Open(agent.URL))
	check(t, p.Click("button", "I have a token"))
	check(t, p.Fill("Token", strings.TrimSpace(token)))
	check(t, p.Click("button", "Sign in"))
	check(t, p.Wait("Everything is sent"))
	check(t, p.Click("button", "Sync now"))
	check(t, p.Wait("Done: everything is sent."))
	check(t, p.Click("link", "This site"))
	check(t, p.Wait("To edit them, run sitesync-agent open"))
	for _, name := range []string{"Edit", "Turn syncing off"} {
		if has, err := p.Has("button", name); err != nil || has {
			t.Errorf("there is a button %s: %v, %v", name, has, err)
		}
	}
}

// TestFrench speaks French with those whose browser does.
func TestFrench(t *testing.T) {
	t.Parallel()
	french, err := browser.Start("fr-FR")
	check(t, err)
	defer french.Close()
	agent := device(t, "a tablet")
	p := visit(t, french)
	signIn(t, p, agent)
	check(t, p.Wait("Configurer cet appareil"))
	var language string
	check(t, p.Eval("document.documentElement.lang", &language))
	if language != "fr" {
		t.Errorf("the page says it is in %q", language)
	}
	j, _ := register(t, "Nouméa", 0, "NOU1")
	check(t, p.Fill("Texte d’adhésion, ou adresse du hub", j.String()))
	check(t, p.Fill("Mot de passe du site", "faux"))
	check(t, p.Click("button", "Vérifier et rejoindre"))
	check(t, p.Wait("Le nom du site ou le mot de passe est faux"))
	check(t, p.Fill("Mot de passe du site", password))
	check(t, p.Click("button", "Vérifier et rejoindre"))
	check(t, p.Click("button", "Continuer"))
	check(t, p.Wait("Tout est envoyé", "Modifiable ici", "Nouméa"))
	shoot(t, p, "home-french")
	p.Close()
}
