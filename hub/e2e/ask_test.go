package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitesync/hub/admin"
	"sitesync/hub/registry"
	"sitesync/hub/rig"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// TestAskingDevices asks a device how it is and to do things, online and
// offline, as an operator does.
func TestAskingDevices(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("Nadi", password, "NAD1")
	check(t, err)
	args := func(more map[string]any) map[string]any {
		all := map[string]any{"site": site, "timeout": 60}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	err = hub.Call("site.check", args(nil), nil)
	if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeOffline || !strings.Contains(e.Message, "no device has connected") {
		t.Errorf("check of a site that never was: %v", err)
	}

	agent := join(t, "nadi-board", j)
	check(t, agent.Writable("NAD1", patience))
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(1), 50)))
	check(t, agent.Sent(patience))
	var now admin.Checked
	check(t, hub.Call("site.check", args(nil), &now))
	if now.Version == "" || now.Platform == "" || now.DiskFree == 0 || now.Backlog != 0 || now.ClockSkewMs > 5000 || now.ClockSkewMs < -5000 {
		t.Errorf("checked %+v", now)
	}
	var asked admin.Asked
	check(t, hub.Call("site.sync", args(nil), &asked))
	if asked.State != registry.AskDone || !asked.Online {
		t.Errorf("sync %+v", asked)
	}
	asked = admin.Asked{}
	check(t, hub.Call("site.log", args(map[string]any{"lines": 500}), &asked))
	if asked.State != registry.AskDone || strings.Contains(strings.Join(asked.Lines, "\n"), password) {
		t.Errorf("log %+v", asked)
	}

	// Loaded anew, with nothing lost and nothing in quarantine.
	asked = admin.Asked{}
	check(t, hub.Call("site.resync", args(nil), &asked))
	if asked.State != registry.AskDone || len(asked.Stores) != 1 {
		t.Fatalf("resync %+v", asked)
	}
	check(t, rig.Until(patience, func() (bool, error) {
		var store admin.StoreResult
		err := hub.Call("store.get", map[string]any{"store": "NAD1"}, &store)
		return err == nil && store.Store.Phase == sitesync.PhaseActive && store.Store.Epoch.Counter() == 3, err
	}))
	check(t, agent.Writable("NAD1", patience))
	var status admin.HubStatus
	check(t, hub.Call("hub.status", nil, &status))
	if status.Quarantine != 0 || status.Sites["online"] != 2 || status.Database.Commits == 0 || status.Database.CommitMs <= 0 {
		t.Errorf("the hub says %+v", status)
	}

	// What is asked of a device that is away waits for it.
	check(t, agent.Stop())
	check(t, rig.Until(patience, func() (bool, error) {
		err := hub.Call("site.check", args(nil), nil)
		e := sitesync.AsError(err)
		return e != nil && e.Code == sitesync.CodeOffline && strings.Contains(e.Message, "is offline since 20"), nil
	}))
	asked = admin.Asked{}
	check(t, hub.Call("site.log", args(map[string]any{"lines": 3}), &asked))
	if asked.State != registry.AskWaiting || asked.Online || asked.Since == nil || asked.Until == nil {
		t.Errorf("queued as %+v", asked)
	}
	var shown admin.SiteResult
	check(t, hub.Call("site.get", map[string]any{"site": site}, &shown))
	if shown.Site.Asked != 1 {
		t.Errorf("the site shows %d requests", shown.Site.Asked)
	}
	check(t, agent.Start())
	check(t, rig.Until(patience, func() (bool, error) {
		var list admin.Page[registry.Ask]
		err := hub.Call("site.asked", map[string]any{"site": site}, &list)
		n := len(list.Items)
		return err == nil && n == 4 && list.Items[n-1].Number == asked.Asked && list.Items[n-1].State == registry.AskDone, err
	}))
}

// TestWipe takes everything off a device: after it has sent what it has, and
// at once, with what it could not send kept in the hub's audit log.
func TestWipe(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("Nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "nadi-board", j)
	check(t, agent.Writable("NAD1", patience))
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(1), 200)))
	var asked admin.Asked
	check(t, hub.Call("site.wipe", map[string]any{"site": site, "timeout": 60}, &asked))
	if !asked.Wiped || asked.Unsent != 0 {
		t.Fatalf("wiped %+v", asked)
	}
	check(t, rig.Until(patience, func() (bool, error) {
		st, err := agent.Status()
		return err == nil && st.Link == sitesync.LinkUnjoined && len(st.Stores) == 0 && st.Backlog == 0, err
	}))
	if _, err := os.Stat(filepath.Join(agent.Dir, "site.json")); !os.IsNotExist(err) {
		t.Errorf("the site's details are still there: %v", err)
	}
	if there := storeAtHub(t, hub, "NAD1").Records; there != 200 {
		t.Errorf("the hub has %d records", there)
	}

	// The same device joins again, loads everything, and goes on.
	check(t, agent.Stop())
	out, code, err := agent.Command(password, "join", j.String(), "--password-file", "-")
	if check(t, err); code != 0 {
		t.Fatalf("join ended with %d: %s", code, out)
	}
	check(t, agent.Start())
	check(t, agent.Writable("NAD1", patience))
	check(t, agent.Stop())
	edit(t, hub, site, map[string]any{"enabled": false})
	check(t, agent.Start())
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(2), 3))) // which it cannot send
	asked = admin.Asked{}
	check(t, hub.Call("site.wipe", map[string]any{"site": site, "force": true}, &asked))
	if asked.State != registry.AskWaiting {
		t.Fatalf("asked of a disabled site: %+v", asked)
	}

	// Let in again, it sends them or hands them over: none is lost.
	edit(t, hub, site, map[string]any{"enabled": true})
	check(t, rig.Until(patience, func() (bool, error) {
		var list admin.Page[registry.Ask]
		err := hub.Call("site.asked", map[string]any{"site": site}, &list)
		return err == nil && list.Items[len(list.Items)-1].State == registry.AskDone, err
	}))
	var audit admin.Page[sitesync.Audit]
	check(t, hub.Call("audit.list", map[string]any{"site": site, "limit": 3}, &audit))
	kept := 0
	for _, e := range audit.Items {
		kept += strings.Count(string(e.After), `\"op\":\"put\"`)
	}
	if there := storeAtHub(t, hub, "NAD1").Records; there < 203 && there+int64(kept) < 203 { // those that were sent after all may be in both
		t.Errorf("%d records are at the hub and %d changes in the audit log, of 203", there, kept)
	}
}
