package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitesync/agent/api"
	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// pairOf has the sites nadi, with store NAD1, and suva.
func pairOf(t *testing.T, hub *rig.Hub) (nadi, suva uint64, joinNadi, joinSuva link.Join) {
	t.Helper()
	nadi, joinNadi, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	suva, joinSuva, err = hub.Register("suva", password)
	check(t, err)
	return nadi, suva, joinNadi, joinSuva
}

// joinWith starts a device with settings of its own.
func joinWith(t *testing.T, hardware string, j link.Join, args ...string) *rig.Agent {
	t.Helper()
	agent, err := rig.JoinAgent(programs, filepath.Join(t.TempDir(), hardware), hardware, j, password, append(append([]string{}, quick...), args...)...)
	check(t, err)
	keep(t, agent)
	return agent
}

func move(t *testing.T, hub *rig.Hub, store string, to any, force bool) sitesync.Handover {
	t.Helper()
	var answer struct{ Handover *sitesync.Handover }
	check(t, hub.Call("store.move", map[string]any{"store": store, "to": to, "force": force}, &answer))
	if answer.Handover == nil {
		t.Fatalf("nothing to move of %s", store)
	}
	return *answer.Handover
}

// handed waits until a handover is in a state.
func handed(t *testing.T, hub *rig.Hub, id uint64, state sitesync.HandoverState) sitesync.Handover {
	t.Helper()
	var answer struct{ Handover sitesync.Handover }
	err := rig.Until(patience, func() (bool, error) {
		err := hub.Call("handover.get", map[string]any{"handover": id}, &answer)
		return err == nil && answer.Handover.State == state, err
	})
	if err != nil {
		t.Fatalf("handover %d is %s, not %s: %v", id, answer.Handover.State, state, err)
	}
	return answer.Handover
}

// heldStore is a store as an agent shows it; nil when it has none of it.
func heldStore(t *testing.T, agent *rig.Agent, code string) *api.StoreItem {
	t.Helper()
	stores, err := agent.Stores()
	check(t, err)
	for i := range stores {
		if stores[i].Code == code {
			return &stores[i]
		}
	}
	return nil
}

// phaseHere waits until an agent shows a store in a phase.
func phaseHere(t *testing.T, agent *rig.Agent, code string, phase sitesync.Phase) api.StoreItem {
	t.Helper()
	var s *api.StoreItem
	if err := rig.Until(patience, func() (bool, error) {
		s = heldStore(t, agent, code)
		return s != nil && s.Phase == phase, nil
	}); err != nil {
		t.Fatalf("store %s is %+v, not %s", code, s, phase)
	}
	return *s
}

// refusedWrite tries to write a record, and gives the problem.
func refusedWrite(t *testing.T, agent *rig.Agent, store string, code sitesync.Code) string {
	t.Helper()
	status, text, err := agent.Do(http.MethodPut, "/v1/stores/"+store+"/tables/t/records/x", "application/json", strings.NewReader(`{}`))
	check(t, err)
	var problem struct {
		Code         sitesync.Code
		Detail, Next string
	}
	check(t, json.Unmarshal(text, &problem))
	if status != http.StatusConflict || problem.Code != code || problem.Next == "" {
		t.Fatalf("writing in %s answered %d %s, want 409 %s", store, status, text, code)
	}
	return problem.Detail
}

type quarantined struct{ Item sitesync.Quarantined }

// inQuarantine lists the items in a state.
func inQuarantine(t *testing.T, hub *rig.Hub, state string) (items []sitesync.Quarantined) {
	t.Helper()
	for after := ""; ; {
		args := map[string]any{"limit": 1000}
		if state != "" {
			args["state"] = state
		}
		if after != "" {
			args["after"] = after
		}
		var page struct {
			Items []sitesync.Quarantined
			Next  string
		}
		check(t, hub.Call("quarantine.list", args, &page))
		items = append(items, page.Items...)
		if after = page.Next; after == "" {
			return items
		}
	}
}

// TestMoveBetweenSites moves a store from one device to another and on to the
// centre. Each tells its application, and the former one forgets its copy.
func TestMoveBetweenSites(t *testing.T) {
	hub := startHub(t)
	nadi, suva, joinNadi, joinSuva := pairOf(t, hub)
	a := joinWith(t, "device a", joinNadi, "--purge-after", "700ms")
	b := joinWith(t, "device b", joinSuva)
	check(t, a.Writable("NAD1", patience))
	check(t, a.Bulk("NAD1", rig.Lines(sample.New(1), 500)))
	check(t, a.Sent(patience))

	h := move(t, hub, "NAD1", suva, false)
	if h.From != sitesync.SiteID(nadi) || h.To != sitesync.SiteID(suva) || h.Epoch != sitesync.NewEpoch(1, 3) {
		t.Errorf("handover %+v", h)
	}
	check(t, b.Writable("NAD1", patience))
	equal(t, hub, b, "NAD1", 500)
	done := handed(t, hub, h.ID, sitesync.HandoverDone)
	if done.Drained == nil || done.Ended == nil || done.Sent != done.Total || done.Total.Records != 500 {
		t.Errorf("handover %+v", done)
	}
	if s := phaseHere(t, a, "NAD1", sitesync.PhaseReleased); s.To != "suva" || s.Since == nil || s.Writable {
		t.Errorf("at the former site: %+v", s)
	}
	if detail := refusedWrite(t, a, "NAD1", sitesync.CodeStoreReleased); !strings.Contains(detail, "suva") {
		t.Error(detail)
	}
	check(t, rig.Until(patience, func() (bool, error) { return heldStore(t, a, "NAD1") == nil, nil }))
	put(t, b, "NAD1", "after", `{"at":"suva"}`)
	check(t, b.Sent(patience))

	home := move(t, hub, "NAD1", 1, false)
	handed(t, hub, home.ID, sitesync.HandoverDone)
	check(t, hub.Call("record.put", map[string]any{"store": "NAD1", "table": "t", "record": "central", "data": map[string]any{}}, nil))
	back := move(t, hub, "NAD1", nadi, false)
	check(t, a.Writable("NAD1", patience))
	handed(t, hub, back.ID, sitesync.HandoverDone)
	equal(t, hub, a, "NAD1", 502)
	if items := inQuarantine(t, hub, ""); len(items) > 0 {
		t.Errorf("in quarantine: %+v", items)
	}
}

// TestForcedAway does not wait for a device that is off. What it had not sent is
// in quarantine, whole; its status says so; and what is applied of it reaches
// the new site and the hub.
func TestForcedAway(t *testing.T) {
	const unsent = 500
	hub := startHub(t)
	_, suva, joinNadi, joinSuva := pairOf(t, hub)
	lineA := newProxy(t, hub.Addresses.MQTT, badLink{})
	a := joinThrough(t, lineA, "nadi", "device a")
	b := joinWith(t, "device b", joinSuva)
	_ = joinNadi
	check(t, a.Writable("NAD1", patience))
	check(t, a.Bulk("NAD1", dense(0, 200, 1)))
	check(t, a.Sent(patience))
	lineA.shut(true)
	check(t, a.Bulk("NAD1", dense(0, unsent, 2))) // 200 of them are changes to records that the hub has
	check(t, a.Stop())

	h := move(t, hub, "NAD1", suva, false)
	if s := storeAtHub(t, hub, "NAD1"); s.Phase != sitesync.PhaseDraining {
		t.Errorf("store %+v", s)
	}
	check(t, hub.Call("handover.force", map[string]any{"handover": h.ID}, nil))
	check(t, b.Writable("NAD1", patience))
	if ended := handed(t, hub, h.ID, sitesync.HandoverForced); ended.Forced != "admin" {
		t.Errorf("handover %+v", ended)
	}
	put(t, b, "NAD1", "suva-1", `{"at":"suva"}`)
	check(t, b.Sent(patience))
	equal(t, hub, b, "NAD1", 201)

	lineA.shut(false)
	check(t, a.Start())
	keep(t, a)
	check(t, a.Sent(patience))
	deviceSays(t, a, "500 changes made on this device (500 of store NAD1)")
	items := inQuarantine(t, hub, "open")
	if len(items) != unsent {
		t.Fatalf("%d in quarantine, %d were not sent", len(items), unsent)
	}
	for i, q := range items {
		if q.Reason != sitesync.ReasonStaleEpoch || q.N != uint64(201+i) || q.Record != fmt.Sprintf("s-%d", i) || !strings.Contains(string(q.Data), `"v":2`) || q.Epoch != sitesync.NewEpoch(1, 2) {
			t.Fatalf("item %d: %+v with %s", i, q, q.Data)
		}
	}
	equal(t, hub, b, "NAD1", 201) // nothing was applied silently

	// A change of a record, and a new one.
	put(t, b, "NAD1", "suva-2", `{"by":"suva"}`)
	apply := []sitesync.Quarantined{items[1], items[300]}
	for _, q := range apply {
		var got quarantined
		check(t, hub.Call("quarantine.apply", map[string]any{"item": q.ID}, &got))
		if got.Item.State != sitesync.QuarantineProposed {
			t.Errorf("item %+v", got.Item)
		}
	}
	for _, q := range apply {
		check(t, rig.Until(patience, func() (bool, error) {
			var got quarantined
			err := hub.Call("quarantine.get", map[string]any{"item": q.ID}, &got)
			return got.Item.State == sitesync.QuarantineApplied, err
		}))
		want := strings.TrimSpace(string(q.Data))
		status, text, err := b.Do(http.MethodGet, "/v1/stores/NAD1/tables/scan/records/"+q.Record, "", nil)
		check(t, err)
		if status != http.StatusOK || string(text) != want {
			t.Errorf("record %s at the new site: %d %s, want %s", q.Record, status, text, want)
		}
		var at struct{ Record sitesync.Record }
		check(t, hub.Call("record.get", map[string]any{"store": "NAD1", "table": "scan", "record": q.Record}, &at))
		if string(at.Record.Data) != want {
			t.Errorf("record %s at the hub: %s, want %s", q.Record, at.Record.Data, want)
		}
	}
	check(t, b.Sent(patience))
	equal(t, hub, b, "NAD1", 203)
	check(t, hub.Call("quarantine.discard", map[string]any{"item": items[2].ID}, nil))
	deviceSays(t, a, "497 changes")
}

// TestDeletedMeanwhile deletes a store at the centre while the device that had
// it before is off, with changes that it had not sent: it says what became of
// them until somebody has decided.
func TestDeletedMeanwhile(t *testing.T) {
	hub := startHub(t)
	_, joinNadi, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	_ = joinNadi
	line := newProxy(t, hub.Addresses.MQTT, badLink{})
	a := joinThrough(t, line, "nadi", "device a")
	check(t, a.Writable("NAD1", patience))
	line.shut(true)
	put(t, a, "NAD1", "one", `{}`)
	put(t, a, "NAD1", "two", `{}`)
	h := move(t, hub, "NAD1", 1, true)
	handed(t, hub, h.ID, sitesync.HandoverForced)
	check(t, hub.Call("store.delete", map[string]any{"store": "NAD1"}, nil))
	line.shut(false)
	check(t, a.Sent(patience))
	deviceSays(t, a, "2 changes made on this device (2 of store NAD1)")
	refusedWrite(t, a, "NAD1", sitesync.CodeStoreReleased)
	for _, q := range inQuarantine(t, hub, "open") {
		check(t, hub.Call("quarantine.discard", map[string]any{"item": q.ID}, nil))
	}
	check(t, rig.Until(patience, func() (bool, error) {
		st, err := a.Status()
		return st.Problem == nil, err
	}))
}

// deviceSays waits until a device tells of its refused changes in these words.
func deviceSays(t *testing.T, a *rig.Agent, words string) {
	t.Helper()
	var last *sitesync.Problem
	err := rig.Until(patience, func() (bool, error) {
		st, err := a.Status()
		last = st.Problem
		return err == nil && last != nil && last.Code == sitesync.ProblemQuarantined && strings.Contains(last.Message, words) && last.Next != "", err
	})
	if err != nil {
		t.Fatalf("waiting for %q; the device says %+v: %v", words, last, err)
	}
}

// TestLeaseEnds hands a store on, by itself, whose device was cut off for longer
// than it may be: by then that is read-only, and says so.
func TestLeaseEnds(t *testing.T) {
	hub := startHub(t, "--lease-margin", "1s")
	nadi, suva, _, joinSuva := pairOf(t, hub)
	edit(t, hub, nadi, map[string]any{"maxOffline": 3})
	lineA := newProxy(t, hub.Addresses.MQTT, badLink{})
	a := joinThrough(t, lineA, "nadi", "device a")
	b := joinWith(t, "device b", joinSuva)
	check(t, a.Writable("NAD1", patience))
	put(t, a, "NAD1", "one", `{}`)
	check(t, a.Sent(patience))
	time.Sleep(4 * time.Second) // it is online, and so it stays writable
	put(t, a, "NAD1", "two", `{}`)
	check(t, a.Sent(patience))
	if st, err := a.Status(); err != nil || st.Lease == nil || st.Lease.MaxOffline != 3 || st.Lease.Expired || st.Lease.ReadOnlyAt == nil {
		t.Errorf("lease %+v, %v", st.Lease, err)
	}
	news := listen(t, hub, "sitesync/v1/event/+")
	lineA.shut(true)
	put(t, a, "NAD1", "unsent", `{}`)
	h := move(t, hub, "NAD1", suva, false)
	problem(t, a, sitesync.LinkOffline, sitesync.ProblemLeaseExpired)
	refusedWrite(t, a, "NAD1", sitesync.CodeLeaseExpired)
	readOnly := time.Now()
	news.event(sitesync.EventLeaseExpiring, nadi)
	check(t, b.Writable("NAD1", patience))
	if taken := time.Since(readOnly); taken > 20*time.Second {
		t.Errorf("it took %s until the other could write", taken)
	}
	if ended := handed(t, hub, h.ID, sitesync.HandoverForced); ended.Forced != sitesync.ForcedByLease {
		t.Errorf("handover %+v", ended)
	}
	lineA.shut(false)
	check(t, a.Sent(patience))
	phaseHere(t, a, "NAD1", sitesync.PhaseReleased)
	if items := inQuarantine(t, hub, "open"); len(items) != 1 || items[0].Record != "unsent" {
		t.Errorf("in quarantine: %+v", items)
	}
}

// TestFoundAgain imports the outbox of a device that was replaced while it had
// changes that it had not sent.
func TestFoundAgain(t *testing.T) {
	hub := startHub(t)
	nadi, _, joinNadi, _ := pairOf(t, hub)
	lineA := newProxy(t, hub.Addresses.MQTT, badLink{})
	lost := joinThrough(t, lineA, "nadi", "lost")
	check(t, lost.Writable("NAD1", patience))
	put(t, lost, "NAD1", "sent", `{"a":1}`)
	check(t, lost.Sent(patience))
	lineA.shut(true)
	for i := range 20 {
		put(t, lost, "NAD1", fmt.Sprint("late-", i), fmt.Sprintf(`{"a": %d}`, i))
	}
	check(t, lost.Stop())
	check(t, hub.Call("site.reset-hardware", map[string]any{"site": nadi, "force": true}, nil))
	found := joinWith(t, "new", joinNadi)
	check(t, found.Writable("NAD1", patience))

	file := filepath.Join(t.TempDir(), "outbox.ndjson")
	if out, code, err := lost.Command("", "outbox", "export", file); err != nil || code != 0 {
		t.Fatalf("export ended with %d: %s, %v", code, out, err)
	}
	for _, want := range []string{"Now in quarantine  20 changes", "Now in quarantine  0 changes"} {
		out, code, err := hub.Command(rig.AdminPassword, "quarantine", "import", file, "--password-file", "-")
		if err != nil || code != 0 || !strings.Contains(out, want) {
			t.Errorf("import ended with %d: %s, %v; want %q", code, out, err, want)
		}
	}
	items := inQuarantine(t, hub, "open")
	if len(items) != 20 || string(items[7].Data) != `{"a":7}` {
		t.Fatalf("%d in quarantine, the eighth with %s", len(items), items[7].Data)
	}
	check(t, hub.Call("quarantine.apply", map[string]any{"item": items[7].ID}, nil))
	check(t, rig.Until(patience, func() (bool, error) {
		status, text, err := found.Do(http.MethodGet, "/v1/stores/NAD1/tables/stock/records/late-7", "", nil)
		return status == http.StatusOK && string(text) == `{"a": 7}`, err
	}))
	check(t, found.Sent(patience))
	equal(t, hub, found, "NAD1", 2)
}
