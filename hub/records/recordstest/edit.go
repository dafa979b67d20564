package recordstest

import (
	"fmt"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

var editTests = []test{
	{"Edit/conditions", editConditions},
	{"Edit/not here", editNotHere},
	{"Edit/audit", editAudit},
}

func put(id, data string) sitesync.Change {
	return sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: id, Data: []byte(data)}
}

func remove(id string) sitesync.Change {
	return sitesync.Change{Op: sitesync.OpDelete, Table: "stock", ID: id}
}

func editConditions(f *fixture) {
	f.central(store)
	one, two := sitesync.ETag([]byte(`{"n":1}`)), sitesync.ETag([]byte(`{"n":2}`))
	at := time.Date(2025, 3, 4, 5, 6, 7, 8e6, time.UTC)
	for i, step := range []struct {
		change sitesync.Change
		match  string
		code   sitesync.Code
	}{
		{put("a", `{"n":1}`), "*", sitesync.CodeConflict},
		{put("a", `{"n":1}`), one, sitesync.CodeConflict},
		{remove("a"), "", sitesync.CodeNotFound},
		{remove("a"), "*", sitesync.CodeNotFound},
		{put("a", `{"n":1}`), "", ""},
		{put("a", `{"n":2}`), two, sitesync.CodeConflict},
		{put("a", `{"n":2}`), one, ""},
		{put("a", `{"n":1}`), "*", ""},
		{put("a", `{"n":2}`), "", ""},
		{remove("a"), one, sitesync.CodeConflict},
		{remove("a"), two, ""},
		{remove("a"), "", sitesync.CodeNotFound},
		{put("a", `{"n":1}`), "*", sitesync.CodeConflict},
		{put("a", `{"n":1}`), "", ""},
		{remove("a"), "*", ""},
		{put("a", `{`), "", sitesync.CodeInvalid},
		{put("", `{}`), "", sitesync.CodeInvalid},
		{sitesync.Change{Op: sitesync.OpPut, Table: "_ack", ID: "a", Data: []byte(`{}`)}, "", sitesync.CodeInvalid},
		{put("a", string(object(sitesync.MaxRecord+1))), "", sitesync.CodeTooLarge},
	} {
		before := f.meta(store)
		rec, err := f.Edit(records.Edit{Store: store, Change: step.change, IfMatch: step.match, At: at})
		if sitesync.CodeOf(err) != step.code {
			f.Fatalf("step %d: %v, want %q", i, err, step.code)
		}
		if err != nil {
			f.fails(err, step.code)
			f.nothing(store, func() {})
			if m := f.meta(store); m.Version != before.Version {
				f.Errorf("step %d was refused and changed the meta", i)
			}
			continue
		}
		if m := f.meta(store); m.Settled != before.Settled+1 || m.Chain == before.Chain || m.Seq != before.Seq+1 || m.Foreign != m.Seq {
			f.Errorf("step %d: meta %+v", i, m)
		}
		if !rec.Changed.Equal(at) || rec.ID != "a" || rec.ETag != sitesync.ETag(rec.Data) || step.change.Op == sitesync.OpPut && string(rec.Data) != string(step.change.Data) {
			f.Errorf("step %d: %+v", i, rec)
		}
	}
}

func editNotHere(f *fixture) {
	d := f.device(store, nadi, first)
	f.fill(d, "stock", 1)
	for _, phase := range []sitesync.Phase{sitesync.PhaseActive, sitesync.PhaseLoading} {
		f.transition(store, func(m *records.Meta) { m.Phase = phase })
		f.nothing(store, func() {
			_, err := f.Edit(records.Edit{Store: store, Change: put("000", `{}`)})
			f.fails(err, sitesync.CodeNotHere)
		})
	}
}

// editAudit reads the audit entries of edits back, with what was and what is.
func editAudit(f *fixture) {
	f.central(store)
	f.central(store + 1)
	at := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	edit := func(s sitesync.StoreID, c sitesync.Change, code sitesync.Code) {
		f.Helper()
		at = at.Add(time.Second)
		_, err := f.Edit(records.Edit{Store: s, Change: c, At: at, Audit: sitesync.Audit{At: sitesync.At(at), By: "anna", From: "192.0.2.7", Command: "record.put", ID: "x"}})
		if sitesync.CodeOf(err) != code {
			f.Fatal(err)
		}
	}
	edit(store, put("a", `{"n":1}`), "")
	edit(store, put("a", `{"n":2}`), "")
	edit(store, remove("b"), sitesync.CodeNotFound)
	edit(store+1, put("c", `{"n":3}`), "")
	edit(store, remove("a"), "")
	f.restart()
	list := func(after string, limit int) (text, last string) {
		f.Helper()
		entries, err := f.Audit(after, limit)
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range entries {
			if a.By != "anna" || a.From != "192.0.2.7" || a.Command != "record.put" || a.ID != "x" || a.Store == nil {
				f.Fatalf("entry %+v", a)
			}
			text += fmt.Sprintf("%d:%s>%s ", *a.Store, a.Before, a.After)
			last = a.Place
		}
		return text, last
	}
	const all = `7:{"n":2}>null 8:null>{"n":3} 7:{"n":1}>{"n":2} 7:null>{"n":1} `
	for limit := 1; limit < 6; limit++ {
		var got string
		for after, more := "", true; more; {
			var some string
			some, after = list(after, limit)
			got, more = got+some, after != ""
		}
		if got != all {
			f.Errorf("in pages of %d: %s want %s", limit, got, all)
		}
	}
	_, err := f.Audit("nowhere", 1)
	f.fails(err, sitesync.CodeInvalid)
}
