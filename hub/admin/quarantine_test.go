package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sitesync/hub/records/recordstest"
	"sitesync/shared/sitesync"
)

// late has Nadi's device write in NAD2 after that was taken from it: items 1
// and 2.
func late(t *testing.T) (*hub, *recordstest.Device) {
	t.Helper()
	h := house(t)
	replica := h.bind("Nadi", 2, testHardware(1))
	h.activate(2)
	m, _, err := h.Records.Meta(2)
	if err != nil || m.Replica != replica {
		t.Fatalf("meta %+v, %v", m, err)
	}
	d := recordstest.NewDevice(2, m.Origin())
	d.Put("stock", "a", `{"packs":1,"note":"old"}`)
	d.Put("stock", "a", `{"packs":2,"lot":"L1"}`)
	d.Put("stock", "b", `{"packs":3}`)
	if _, err := h.Records.Apply(d.Batch(1, 1)); err != nil {
		t.Fatal(err)
	}
	must[MoveResult](h, "store.move", `{"store":"NAD2","to":1,"force":true}`)
	if res, err := h.Records.Apply(d.Batch(2, 3)); err != nil || res.Refused != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	return h, d
}

func TestQuarantineShown(t *testing.T) {
	h, _ := late(t)
	c := result[Compared](h, h.do(reader, "quarantine.get", `{"item":1}`))
	if q := c.Item; q.ID != 1 || q.Store != 2 || q.Code != "NAD2" || q.SiteName != "Nadi" || q.Reason != sitesync.ReasonStaleEpoch || q.State != "open" || q.Op != "put" {
		t.Errorf("%+v", q)
	}
	fields, _ := json.Marshal(c.Fields)
	if want := `[{"name":"lot","change":"L1","present":null,"differs":true},{"name":"note","change":null,"present":"old","differs":true},` +
		`{"name":"packs","change":2,"present":1,"differs":true}]`; string(fields) != want {
		t.Errorf("fields %s", fields)
	}
	if c := result[Compared](h, h.do(viewer, "quarantine.get", `{"item":1}`)); string(c.Item.Data) != "null" || string(c.Item.Present) != "null" || len(c.Fields) > 0 {
		t.Errorf("without the data right: %+v", c)
	}
	list := func(args string) string {
		t.Helper()
		p := result[Page[sitesync.Quarantined]](h, h.do(viewer, "quarantine.list", args))
		text := ""
		for _, q := range p.Items {
			text += fmt.Sprintf("%d %s, ", q.ID, q.State)
			if string(q.Data) != "null" {
				t.Error("a viewer sees data")
			}
		}
		return text + p.Next
	}
	for args, want := range map[string]string{
		`{}`:                         "1 open, 2 open, ",
		`{"limit":1}`:                "1 open, 1",
		`{"limit":1,"after":"1"}`:    "2 open, ",
		`{"store":"NAD2"}`:           "1 open, 2 open, ",
		`{"store":"NAD1"}`:           "",
		`{"site":"Nadi"}`:            "1 open, 2 open, ",
		`{"site":1}`:                 "",
		`{"state":"applied"}`:        "",
		`{"reason":"stale_epoch"}`:   "1 open, 2 open, ",
		`{"reason":"not_owner"}`:     "",
		`{"state":"open","site":2 }`: "1 open, 2 open, ",
	} {
		if got := list(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	h.fails(h.do(viewer, "quarantine.list", `{"state":"lost"}`), sitesync.CodeInvalid, "state", "stale")
	h.fails(h.do(viewer, "quarantine.list", `{"reason":"lost"}`), sitesync.CodeInvalid, "reason", "bad_frame")
	h.fails(h.do(viewer, "quarantine.get", `{"item":9}`), sitesync.CodeNotFound, "item", "quarantine.list")
	if s := must[SiteResult](h, "site.get", `{"site":2}`).Site; s.Problem == nil || s.Problem.Code != sitesync.ProblemQuarantined || !strings.HasPrefix(s.Problem.Message, "2 ") {
		t.Errorf("%+v", s.Problem)
	}
}

func TestQuarantineDecided(t *testing.T) {
	h, _ := late(t)
	h.fails(h.do(viewer, "quarantine.apply", `{"item":1}`), sitesync.CodeForbidden, "", "")
	h.fails(h.do(admin, "quarantine.apply", `{"item":1,"ifMatch":"00"}`), sitesync.CodeConflict, "ifMatch", "")
	h.fails(h.do(admin, "quarantine.discard", `{"item":9}`), sitesync.CodeNotFound, "item", "")
	payload := `{"id":"once","args":{"item":1}}`
	for range 2 {
		if q := result[ItemResult](h, h.send(admin, "quarantine.apply", payload)).Item; q.State != sitesync.QuarantineApplied || q.By != "admin" {
			t.Errorf("%+v", q)
		}
	}
	h.fails(h.send(admin, "quarantine.discard", payload), sitesync.CodeIDReused, "id", "")
	h.fails(h.do(admin, "quarantine.discard", `{"item":1}`), sitesync.CodeConflict, "item", "applied before")
	if q := result[ItemResult](h, h.do(clerk, "quarantine.discard", `{"item":2}`)).Item; q.State != sitesync.QuarantineDiscarded || string(q.Data) != "null" {
		t.Errorf("%+v", q)
	}
	if r := must[RecordResult](h, "record.get", `{"store":2,"table":"stock","record":"a"}`).Record; string(r.Data) != `{"packs":2,"lot":"L1"}` {
		t.Errorf("%s", r.Data)
	}
	if s := must[SiteResult](h, "site.get", `{"site":2}`).Site; s.Problem != nil {
		t.Errorf("%+v", s.Problem)
	}
}

func TestQuarantineProposed(t *testing.T) {
	h, _ := late(t)
	must[MoveResult](h, "store.move", `{"store":"NAD2","to":2}`)
	if q := must[ItemResult](h, "quarantine.apply", `{"item":1}`).Item; q.State != sitesync.QuarantineProposed {
		t.Errorf("%+v", q)
	}
	h.fails(h.do(admin, "quarantine.discard", `{"item":1}`), sitesync.CodeConflict, "item", "proposed")
	must[MoveResult](h, "store.move", `{"store":"NAD2","to":1}`)
	if q := must[ItemResult](h, "quarantine.apply", `{"item":1}`).Item; q.State != sitesync.QuarantineApplied {
		t.Errorf("at the centre again: %+v", q)
	}
}

// TestQuarantineImport takes the outbox of a device that was replaced.
func TestQuarantineImport(t *testing.T) {
	h := house(t)
	replica := h.bind("Nadi", 2, testHardware(1))
	h.activate(2)
	m, _, err := h.Records.Meta(2)
	if err != nil {
		t.Fatal(err)
	}
	d := recordstest.NewDevice(2, m.Origin())
	for i := range 4 {
		d.Put("stock", fmt.Sprint(i), `{"packs":1}`)
	}
	if _, err := h.Records.Apply(d.Batch(1, 2)); err != nil {
		t.Fatal(err)
	}
	identity := h.Registry.Identity().Hub
	args := func(edit func(map[string]any, []map[string]any)) string {
		var lines []map[string]any
		for n := uint64(2); n <= 4; n++ {
			lines = append(lines, map[string]any{"store": 2, "code": "NAD2", "epoch": m.Epoch, "n": n, "chain": d.Chain(n), "op": "put", "table": "stock",
				"id": fmt.Sprint(n - 1), "data": json.RawMessage(`{"packs":1}`)})
		}
		lines[0]["before"] = d.Chain(1)
		in := map[string]any{"site": 2, "hub": fmt.Sprintf("%x", identity[:]), "replica": replica, "changes": lines}
		edit(in, lines)
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	as := func(map[string]any, []map[string]any) {}
	h.fails(h.do(admin, "quarantine.import", args(as)), sitesync.CodeInUse, "changes", "let it connect")
	if err := h.Handover.Hello(2, sitesync.NewReplicaID(), func(sitesync.StoreID) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit  func(map[string]any, []map[string]any)
		code  sitesync.Code
		field string
	}{
		"another hub":     {func(in map[string]any, _ []map[string]any) { in["hub"] = "00" }, sitesync.CodeInvalid, "hub"},
		"nothing":         {func(in map[string]any, _ []map[string]any) { in["changes"] = []int{} }, sitesync.CodeInvalid, "changes"},
		"edited":          {func(_ map[string]any, l []map[string]any) { l[1]["id"] = "x" }, sitesync.CodeInvalid, "changes"},
		"a gap":           {func(_ map[string]any, l []map[string]any) { l[1]["n"] = 7 }, sitesync.CodeInvalid, "changes"},
		"another store":   {func(_ map[string]any, l []map[string]any) { l[1]["store"] = 1 }, sitesync.CodeInvalid, "changes"},
		"an operation":    {func(_ map[string]any, l []map[string]any) { l[1]["op"] = "merge" }, sitesync.CodeInvalid, "changes"},
		"no chain before": {func(_ map[string]any, l []map[string]any) { delete(l[0], "before") }, sitesync.CodeInvalid, "changes"},
	} {
		t.Run(name, func(t *testing.T) { h.fails(h.do(admin, "quarantine.import", args(c.edit)), c.code, c.field, "") })
	}
	if r := must[ImportResult](h, "quarantine.import", args(as)); r.Quarantined != 2 || r.Known != 1 {
		t.Errorf("%+v", r)
	}
	if r := must[ImportResult](h, "quarantine.import", args(as)); r.Quarantined != 0 || r.Known != 3 {
		t.Errorf("again: %+v", r)
	}
	d.Put("stock", "late", `{"packs":2}`)
	last := args(func(in map[string]any, _ []map[string]any) {
		in["changes"] = []map[string]any{{"store": 2, "code": "NAD2", "epoch": m.Epoch, "n": 5, "chain": d.Chain(5), "before": d.Chain(4), "op": "put",
			"table": "stock", "id": "late", "data": json.RawMessage(`{"packs":2}`)}}
	})
	for range 2 { // a repeat of the command gets its answer
		if a := h.send(admin, "quarantine.import", `{"id":"import-1","args":`+last+`}`); !strings.Contains(string(a.Result), `"quarantined":1,"known":0`) {
			t.Errorf("answered %+v", a)
		}
	}
	h.fails(h.send(admin, "quarantine.import", `{"id":"import-1","args":`+args(as)+`}`), sitesync.CodeIDReused, "id", "")
	entries, err := h.Records.Audit("", 10)
	if err != nil || len(entries) != 2 || entries[0].By != "admin" || entries[0].Command != "quarantine.import" {
		t.Errorf("%+v, %v", entries, err)
	}
}
