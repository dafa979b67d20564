package console

import (
	"fmt"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// device makes a site with a store, and a device that has joined and sent some
// records.
func device(t *testing.T, code string, records int) (site uint64, agent *rig.Agent) {
	t.Helper()
	site, j, err := hub.Register(t.Name(), password, code)
	check(t, err)
	agent = join(t, j)
	check(t, agent.Writable(code, patience))
	if records > 0 {
		check(t, agent.Bulk(code, rig.Lines(sample.New(1), records)))
		check(t, agent.Sent(patience))
	}
	return site, agent
}

func TestOfflineShowsByItself(t *testing.T) {
	page := admin(t)
	_, agent := device(t, "LIVE1", 0)
	screen(t, page, "Sites")
	check(t, page.Fill("Search name, code, ID or store", t.Name()))
	check(t, page.Wait("Online\nsince"))
	agent.Kill()
	check(t, page.WaitGone("Online\nsince"))
	check(t, page.Wait("Offline\n"))
	screen(t, page, "Events")
	check(t, page.Wait("site.online", "site.offline"))
}

func TestResetHardware(t *testing.T) {
	page := admin(t)
	site, agent := device(t, "RESET1", 0)
	editor(t, page, t.Name())
	check(t, page.Click("button", "Check connection"))
	check(t, page.Wait("The device answered in", "Platform"))
	check(t, page.Click("button", "Reset"))
	check(t, page.WaitFor("heading", fmt.Sprintf("Free %s for another device?", t.Name())))
	check(t, page.Wait("has nothing that is not sent"))
	check(t, page.Click("button", "Reset hardware ID"))
	check(t, page.Wait("none yet; the first device that signs in is bound"))
	if now := siteNow(t, site); now.HardwareID != nil {
		t.Errorf("the site is bound to %s", *now.HardwareID)
	}
	check(t, rig.Until(patience, func() (bool, error) {
		st, err := agent.Status()
		return err == nil && st.Link == sitesync.LinkRefused, err
	}))
}

func TestForceAHandover(t *testing.T) {
	page := admin(t)
	site, agent := device(t, "FORCE1", 5)
	agent.Kill()
	call(t, "store.move", map[string]any{"store": "FORCE1", "to": 1}, nil)
	screen(t, page, "Moves of stores")
	check(t, page.Wait("FORCE1", "waits for "+t.Name()+", which is not online"))
	check(t, page.Click("button", "Force"))
	check(t, page.WaitFor("heading", "Move store FORCE1 without waiting?"))
	check(t, page.Wait("What was written there since it was last seen is not known."))
	check(t, page.Click("checkbox", "I know that what was not sent will need a decision later"))
	check(t, page.Click("button", "Force"))
	check(t, page.Wait("Forced"))
	check(t, rig.Until(patience, func() (bool, error) { return len(siteNow(t, site).Stores) == 0, nil }))
}

func TestApplyAQuarantinedChange(t *testing.T) {
	page := admin(t)
	quarantined(t, "QUAR1")
	screen(t, page, "Quarantine")
	check(t, page.Click("link", "QUAR1 / patient / p-1"))
	check(t, page.Wait("In quarantine", "40", "41", "differs", "12345678901234567890"))
	check(t, page.Click("button", "Apply"))
	check(t, page.Wait("Applied"))
	var got struct{ Record sitesync.Record }
	call(t, "record.get", map[string]any{"store": "QUAR1", "table": "patient", "record": "p-1"}, &got)
	if string(got.Record.Data) != `{"name":"Litia","age":41,"card":12345678901234567890}` {
		t.Errorf("the record is %s", got.Record.Data)
	}
}

// quarantined makes a change that is in quarantine: written at a device that
// syncs no more, in a store that was taken from it.
func quarantined(t *testing.T, code string) {
	t.Helper()
	_, agent := device(t, code, 0)
	do(t, agent, "POST", "/v1/disable", "")
	do(t, agent, "PUT", "/v1/stores/"+code+"/tables/patient/records/p-1", `{"name":"Litia","age":41,"card":12345678901234567890}`)
	call(t, "store.move", map[string]any{"store": code, "to": 1, "force": true}, nil)
	call(t, "record.put", map[string]any{"store": code, "table": "patient", "record": "p-1", "data": map[string]any{"name": "Litia", "age": 40}}, nil)
	do(t, agent, "POST", "/v1/enable", "")
}
