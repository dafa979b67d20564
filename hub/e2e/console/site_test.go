package console

import (
	"fmt"
	"testing"

	"sitesync/hub/rig"
	"sitesync/hub/rig/browser"
	"sitesync/shared/sitesync"
)

// made makes a site under the name of the test, without a device.
func made(t *testing.T) sitesync.Site {
	t.Helper()
	var answer struct{ Site sitesync.Site }
	call(t, "site.create", map[string]any{"name": t.Name(), "code": "T", "password": password}, &answer)
	return answer.Site
}

func store(t *testing.T, code string) {
	t.Helper()
	call(t, "store.create", map[string]any{"code": code, "name": "Store " + code}, nil)
}

func siteNow(t *testing.T, id any) sitesync.Site {
	t.Helper()
	var answer struct{ Site sitesync.Site }
	call(t, "site.get", map[string]any{"site": id}, &answer)
	return answer.Site
}

// editor opens the editor of a site by the list.
func editor(t *testing.T, page *browser.Page, name string) {
	t.Helper()
	screen(t, page, "Sites")
	check(t, page.Fill("Search name, code, ID or store", name))
	check(t, page.Click("link", name))
	check(t, page.WaitFor("heading", name))
}

func TestCreateSite(t *testing.T) {
	page := admin(t)
	store(t, "CREATE1")
	screen(t, page, "Sites")
	check(t, page.Click("link", "New site"))
	check(t, page.Fill("Site name", "Lautoka Clinic"))
	check(t, page.Fill("Site code", "LAU"))
	check(t, page.Fill("Password", "short"))
	check(t, page.Click("button", "OK"))
	check(t, page.Wait("at least 8 characters")) // the hub's words, at the field
	check(t, page.Fill("Password", password))
	check(t, page.Click("button", "Add store"))
	check(t, page.Fill("Search code or name", "CREATE1"))
	check(t, page.Click("checkbox", "CREATE1 Store CREATE1"))
	check(t, page.Click("button", "Choose 1 store"))
	check(t, page.Wait("comes here with OK", "These stores move to it: CREATE1."))
	check(t, page.Click("button", "OK"))
	check(t, page.WaitFor("heading", "Join a device as Lautoka Clinic"))
	check(t, page.WaitFor("image", "QR code of the join text"))
	check(t, page.Wait("sitesync1:"))
	if s := siteNow(t, "Lautoka Clinic"); s.Code != "LAU" || len(s.Stores) != 1 || s.Stores[0].Code != "CREATE1" {
		t.Errorf("the site is %+v", s)
	}
}

func TestAddStoreWithOK(t *testing.T) {
	page, site := admin(t), made(t)
	store(t, "ADD1")
	editor(t, page, site.Name)
	check(t, page.Click("button", "Add store"))
	check(t, page.Fill("Search code or name", "ADD1"))
	check(t, page.Wait("Active at the central site: moves at once"))
	check(t, page.Click("checkbox", "ADD1 Store ADD1"))
	check(t, page.Click("button", "Choose 1 store"))
	check(t, page.Wait("OK will do this", `Store ADD1 (0 records) is delivered to "TestAddStoreWithOK" from the central site.`))
	if s := siteNow(t, site.ID); len(s.Stores) != 0 {
		t.Errorf("before OK the site has %+v", s.Stores)
	}
	check(t, page.Click("button", "OK"))
	check(t, page.WaitFor("table", "Sites"))
	check(t, rig.Until(patience, func() (bool, error) { return len(siteNow(t, site.ID).Stores) == 1, nil }))
}

func TestCancelADraft(t *testing.T) {
	page, site := admin(t), made(t)
	editor(t, page, site.Name)
	check(t, page.Fill("Site name", "Another name"))
	check(t, page.Wait("Changes that are not sent yet."))
	check(t, page.Click("button", "Cancel"))
	check(t, page.WaitFor("table", "Sites"))

	editor(t, page, site.Name)
	check(t, page.Fill("Site code", "NEW"))
	check(t, page.Click("link", "Stores"))
	check(t, page.WaitFor("heading", "Leave without sending?"))
	check(t, page.Click("button", "Stay here"))
	check(t, page.WaitFor("heading", site.Name))
	check(t, page.Click("link", "Stores"))
	check(t, page.Click("button", "Drop the changes"))
	check(t, page.WaitFor("heading", "Stores"))
	if now := siteNow(t, site.ID); now.Revision != site.Revision {
		t.Errorf("the site was changed to %+v", now)
	}
}

func TestOKAndNext(t *testing.T) {
	page, site := admin(t), made(t)
	var next struct{ Site sitesync.Site }
	call(t, "site.create", map[string]any{"name": t.Name() + " next", "password": password}, &next)
	editor(t, page, site.Name)
	check(t, page.Fill("Site code", "FIRST"))
	check(t, page.Click("button", "OK & Next"))
	check(t, page.WaitFor("heading", next.Site.Name))
	if now := siteNow(t, site.ID); now.Code != "FIRST" {
		t.Errorf("the site is %+v", now)
	}
}

func TestConflict(t *testing.T) {
	page, site := admin(t), made(t)
	editor(t, page, site.Name)
	check(t, page.Fill("Site code", "MINE"))
	call(t, "site.update", map[string]any{"site": site.ID, "revision": site.Revision, "name": t.Name() + " renamed"}, nil)
	check(t, page.Wait("Somebody else changed this site meanwhile", fmt.Sprintf("Site name: %s → %[1]s renamed", t.Name())))
	check(t, page.Click("button", "Keep my changes"))
	check(t, page.WaitGone("Somebody else changed this site meanwhile"))
	check(t, page.Click("button", "OK"))
	check(t, page.WaitFor("table", "Sites"))
	if now := siteNow(t, site.ID); now.Name != t.Name()+" renamed" || now.Code != "MINE" {
		t.Errorf("the site is %+v", now)
	}
}

// A store is made, named anew and deleted with its records.
func TestStore(t *testing.T) {
	page := admin(t)
	screen(t, page, "Stores")
	check(t, page.Click("button", "New store"))
	check(t, page.Fill("Code", "STORE1"))
	check(t, page.Fill("Name", "First name"))
	check(t, page.Fill("Tags", "region:west"))
	check(t, page.Click("button", "OK"))
	check(t, page.Click("link", "STORE1"))
	check(t, page.WaitFor("heading", "STORE1 First name"))
	check(t, page.Click("button", "Edit"))
	check(t, page.Fill("Name", "Second name"))
	check(t, page.Click("button", "OK"))
	check(t, page.WaitFor("heading", "STORE1 Second name"))
	call(t, "record.put", map[string]any{"store": "STORE1", "table": "stock", "record": "aspirin", "data": map[string]any{"quantity": 4}}, nil)
	check(t, page.Click("link", "Stores"))
	check(t, page.Click("link", "STORE1"))
	check(t, page.Wait("Records\n1\n"))
	check(t, page.Click("button", "Delete"))
	check(t, page.Wait("Its 1 record is removed from the hub for good."))
	check(t, page.Click("checkbox", "I know that this cannot be undone"))
	check(t, page.Click("button", "Delete for good"))
	check(t, page.WaitFor("heading", "Stores"))
	if err := hub.Call("store.get", map[string]any{"store": "STORE1"}, nil); err == nil {
		t.Error("the store is still there")
	}
}
