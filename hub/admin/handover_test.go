package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// moving has NAD2 active at Nadi and on its way to Suva.
func moving(t *testing.T) (*hub, sitesync.Handover) {
	t.Helper()
	h := house(t)
	must[SiteResult](h, "site.create", `{"name":"Suva","password":"correct horse"}`)
	h.bind("Nadi", 2, testHardware(1))
	h.activate(2)
	return h, *must[MoveResult](h, "store.move", `{"store":"NAD2","to":"Suva"}`).Handover
}

func TestHandoverCancel(t *testing.T) {
	h, hand := moving(t)
	args := fmt.Sprintf(`{"handover":%d}`, hand.ID)
	h.fails(h.do(viewer, "handover.cancel", args), sitesync.CodeForbidden, "", "admin")
	got := must[HandoverResult](h, "handover.cancel", args).Handover
	if got.ID != hand.ID || got.State != sitesync.HandoverCancelled || got.Ended == nil {
		t.Errorf("%+v", got)
	}
	before := must[SiteResult](h, "site.get", `{"site":2}`).Site
	if len(before.Stores) != 1 || before.Stores[0].Phase != sitesync.PhaseActive {
		t.Errorf("%+v", before)
	}
	for _, late := range []string{"handover.cancel", "handover.force"} {
		h.fails(h.do(admin, late, args), sitesync.CodeHandoverState, "handover", "is over")
		h.fails(h.do(admin, late, `{"handover":99}`), sitesync.CodeNotFound, "handover", "handover.list")
		h.fails(h.do(admin, late, `{}`), sitesync.CodeInvalid, "handover", "")
		h.fails(h.do(admin, late, `{"handover":1,"x":1}`), sitesync.CodeUnknownField, "x", "")
	}
	if after := must[SiteResult](h, "site.get", `{"site":2}`).Site; after.Revision != before.Revision {
		t.Errorf("a wish that came too late left a trace: revision %d, then %d", before.Revision, after.Revision)
	}
}

func TestHandoverForce(t *testing.T) {
	h, hand := moving(t)
	args := fmt.Sprintf(`{"handover":%d}`, hand.ID)
	payload := `{"id":"once","args":` + args + `}`
	first := result[HandoverResult](h, h.send(admin, "handover.force", payload)).Handover
	if first.State != sitesync.HandoverLoading || first.Forced != "admin" || first.Epoch != sitesync.NewEpoch(1, 3) {
		t.Errorf("%+v", first)
	}
	if again := result[HandoverResult](h, h.send(admin, "handover.force", payload)).Handover; again.ID != first.ID {
		t.Errorf("%+v", again)
	}
	h.fails(h.do(admin, "handover.cancel", args), sitesync.CodeHandoverState, "handover", "given the store up")
	h.fails(h.do(admin, "handover.force", args), sitesync.CodeHandoverState, "handover", "nothing to force")
	h.activate(2)
	if done := must[HandoverResult](h, "handover.get", args).Handover; done.State != sitesync.HandoverForced || done.ToName != "Suva" {
		t.Errorf("%+v", done)
	}
}

// TestHandoverProgress shows what a site still has to send, then how much has
// arrived and when it will be all.
func TestHandoverProgress(t *testing.T) {
	h, hand := moving(t)
	args := fmt.Sprintf(`{"handover":%d}`, hand.ID)
	h.Live.Update(2, func(l *session.Live) { l.Backlog = 12 })
	if got := must[HandoverResult](h, "handover.get", args).Handover; got.Waiting != 12 || got.ETA != nil {
		t.Errorf("%+v", got)
	}
	now := time.Now()
	loading := sitesync.Handover{ID: 5, Store: 7, State: sitesync.HandoverLoading, Epoch: sitesync.NewEpoch(1, 3), Total: sitesync.Volume{Records: 1000, Bytes: 300_000}}
	shown := func(at time.Time) string {
		got := loading
		h.Live.Progress(&got, at)
		eta := "-"
		if got.ETA != nil {
			eta = got.ETA.Sub(now).Round(time.Second).String()
		}
		return fmt.Sprintf("%d %d %d %s", got.Sent.Records, got.Sent.Bytes, got.Rate, eta)
	}
	for _, c := range []struct {
		records uint64
		epoch   sitesync.Epoch
		after   time.Duration
		want    string
	}{
		{0, loading.Epoch, 0, "0 0 0 -"},
		{100, loading.Epoch, 10 * time.Second, "100 30000 3000 1m40s"},
		{500, loading.Epoch, 40 * time.Second, "500 150000 3750 1m20s"},
		{500, loading.Epoch, 80 * time.Second, "500 150000 0 -"},
		{600, loading.Epoch, 120 * time.Second, "600 180000 750 4m40s"},
		{20, loading.Epoch, 130 * time.Second, "20 6000 0 -"}, // it began anew
		{20, loading.Epoch + 1, 140 * time.Second, "0 0 0 -"}, // another delivery
	} {
		at := now.Add(c.after)
		h.Live.Arrived(7, c.epoch, c.records, at)
		if got := shown(at); got != c.want {
			t.Errorf("after %s: %s, want %s", c.after, got, c.want)
		}
	}
}

func TestHandoverList(t *testing.T) {
	h, _ := moving(t)
	must[MoveResult](h, "store.move", `{"store":"NAD1","to":"Suva"}`)
	must[MoveResult](h, "store.move", `{"store":"NAD1","to":"Nadi"}`)
	list := func(args string) string {
		t.Helper()
		p := result[Page[sitesync.Handover]](h, h.do(viewer, "handover.list", args))
		text := ""
		for _, item := range p.Items {
			text += fmt.Sprintf("%s>%s %s, ", item.Code, item.ToName, item.State)
		}
		return text + p.Next
	}
	for args, want := range map[string]string{
		`{}`:                      "NAD1>Nadi loading, NAD1>Suva cancelled, NAD2>Suva draining, NAD2>Nadi done, ",
		`{"store":"NAD1"}`:        "NAD1>Nadi loading, NAD1>Suva cancelled, ",
		`{"state":"draining"}`:    "NAD2>Suva draining, ",
		`{"limit":2}`:             "NAD1>Nadi loading, NAD1>Suva cancelled, 3",
		`{"limit":2,"after":"3"}`: "NAD2>Suva draining, NAD2>Nadi done, ",
	} {
		if got := list(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	h.fails(h.do(viewer, "handover.list", `{"state":"lost"}`), sitesync.CodeInvalid, "state", "draining")
	h.fails(h.do(viewer, "handover.list", `{"store":"X"}`), sitesync.CodeNotFound, "store", "")
	h.fails(h.do(viewer, "handover.get", `{"handover":99}`), sitesync.CodeNotFound, "handover", "")
}

// TestMoveEffects says in words what moves of stores will do.
func TestMoveEffects(t *testing.T) {
	h, _ := moving(t)
	h.Live.Update(2, func(l *session.Live) { l.Backlog = 12 })
	must[StoreResult](h, "store.create", `{"code":"NAD3","name":"x"}`)
	effects := func(args string) string {
		t.Helper()
		var text strings.Builder
		for _, e := range must[SiteEdited](h, "site.update", strings.Replace(args, "{", `{"dryRun":true,`, 1)).Effects {
			text.WriteString(e + "\n")
		}
		return text.String()
	}
	revision := func(site int) uint64 {
		return must[SiteResult](h, "site.get", fmt.Sprintf(`{"site":%d}`, site)).Site.Revision
	}
	if got, want := effects(fmt.Sprintf(`{"site":3,"revision":%d,"addStores":["NAD1"]}`, revision(3))),
		"store NAD1 (0 records) is delivered to \"Suva\" from the central site\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := effects(fmt.Sprintf(`{"site":2,"revision":%d,"addStores":["NAD2"]}`, revision(2))),
		"store NAD2 (0 records) stays at \"Nadi\": its move to \"Suva\" is cancelled\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := effects(fmt.Sprintf(`{"site":3,"revision":%d,"removeStores":["NAD2"]}`, revision(3))),
		"store NAD2 (0 records) takes no more changes at \"Nadi\"; once everything written there is here (its device is offline, and last said that 12 changes wait there), it is active at the central site\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	must[MoveResult](h, "store.move", `{"store":"NAD1","to":"Suva"}`)
	if got, want := effects(fmt.Sprintf(`{"site":2,"revision":%d,"addStores":["NAD1","NAD3"]}`, revision(2))),
		"the delivery of store NAD1 (0 records) to \"Suva\" is cancelled, and it is delivered to \"Nadi\"\nstore NAD3 (0 records) is delivered to \"Nadi\" from the central site\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
