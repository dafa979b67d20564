package handover

import (
	"fmt"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// report is what a device that has everything says.
func (w *world) report(store sitesync.StoreID) *wire.Handover {
	w.Helper()
	m := w.meta(store)
	r := &wire.Handover{Step: wire.Loaded, Epoch: m.Epoch, Replica: m.Replica, Digest: m.Digest, Cursor: m.Head()}
	if m.Handover != nil {
		r.Handover = m.Handover.ID
	}
	return r
}

// TestHello fills a replica in, keeps it, and replaces it, in the stores of
// the site alone.
func TestHello(t *testing.T) {
	w := newWorld(t)
	loading, other := w.store(), w.store()
	active := w.active(siteA, first)
	h := w.move(loading, siteA).Handover.ID
	w.move(other, siteB)
	otherWas := w.meta(other)

	w.must(w.Hello(siteA, first, nothing))
	w.is(loading, fmt.Sprintf("loading 2 1.2 first, handover %d 1>2", h))
	w.is(active, "active 2 1.2 first")
	before := w.meta(loading)
	w.must(w.Hello(siteA, first, nothing))
	if w.meta(loading).Version != before.Version {
		t.Error("the second hello of a replica changed the meta")
	}
	w.must(w.Hello(siteA, second, nothing))
	w.is(loading, fmt.Sprintf("loading 2 1.3 second, handover %d 1>2", h))
	m := w.meta(active)
	w.is(active, fmt.Sprintf("loading 2 1.3 second, handover %d 2>2", m.Handover.ID))
	if m.Handover.By != "device" || m.Handover.ID == h || m.Handover.ID == 0 || m.Intent != 2 {
		t.Errorf("handover %+v, intent %d", m.Handover, m.Intent)
	}
	next, err := w.registry.NextID(registry.IDHandover)
	if err != nil || next == m.Handover.ID {
		t.Errorf("handover %d is given out again: %v", next, err)
	}
	if m := w.meta(other); m.Version != otherWas.Version {
		t.Errorf("another site's store: %+v", m)
	}
	w.settled()
}

// TestArrive lets a live session begin with a store that came after its hello,
// and replaces nobody.
func TestArrive(t *testing.T) {
	w := newWorld(t)
	waiting, taken := w.store(), w.active(siteA, first)
	h := w.move(waiting, siteA).Handover.ID
	before := w.meta(taken)
	w.must(w.Arrive(siteA, second))
	w.is(waiting, fmt.Sprintf("loading 2 1.2 second, handover %d 1>2", h))
	if m := w.meta(taken); m.Version != before.Version {
		t.Errorf("%+v", m)
	}
	w.must(w.Arrive(siteA, first))
	w.is(waiting, fmt.Sprintf("loading 2 1.2 second, handover %d 1>2", h))
}

// TestLoaded judges what devices report.
func TestLoaded(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	_, err := w.records.Edit(records.Edit{Store: store, Change: sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "a", Data: []byte(`{}`)}})
	w.must(err)
	w.move(store, siteA)
	say := func(site sitesync.SiteID, change func(*wire.Handover)) (Verdict, int) {
		t.Helper()
		r := w.report(store)
		if change != nil {
			change(r)
		}
		v, tries, err := w.Loaded(store, site, r)
		w.must(err)
		return v, tries
	}
	if v, _ := say(siteA, nil); v != Stale {
		t.Errorf("before its hello: verdict %d", v)
	}
	w.must(w.Hello(siteA, first, nothing))
	was := w.meta(store)
	for name, c := range map[string]struct {
		site   sitesync.SiteID
		change func(*wire.Handover)
		want   Verdict
	}{
		"another site":       {siteB, nil, Stale},
		"another handover":   {siteA, func(r *wire.Handover) { r.Handover++ }, Stale},
		"an old epoch":       {siteA, func(r *wire.Handover) { r.Epoch-- }, Stale},
		"another replica":    {siteA, func(r *wire.Handover) { r.Replica = second }, Stale},
		"no replica":         {siteA, func(r *wire.Handover) { r.Replica = none }, Stale},
		"not at the head":    {siteA, func(r *wire.Handover) { r.Cursor.Seq-- }, Behind},
		"past the head":      {siteA, func(r *wire.Handover) { r.Cursor.Seq++ }, Behind},
		"in another log":     {siteA, func(r *wire.Handover) { r.Cursor.Log[0]++ }, Behind},
		"behind and unequal": {siteA, func(r *wire.Handover) { r.Cursor.Seq--; r.Digest[0]++ }, Behind},
	} {
		if v, tries := say(c.site, c.change); v != c.want || tries != 0 {
			t.Errorf("%s: verdict %d, %d tries", name, v, tries)
		}
	}
	if m := w.meta(store); m.Version != was.Version {
		t.Errorf("the meta moved on: %+v", m)
	}
	if v, _, err := w.Loaded(77, siteA, w.report(store)); v != Stale || err != nil {
		t.Errorf("of no store: verdict %d, %v", v, err)
	}
	for want := 1; want <= 4; want++ {
		if v, tries := say(siteA, func(r *wire.Handover) { r.Digest[0]++ }); v != Unequal || tries != want {
			t.Errorf("verdict %d, %d tries; want %d", v, tries, want)
		}
	}
	w.must(w.Hello(siteA, second, nothing)) // a new epoch counts anew
	if v, tries := say(siteA, func(r *wire.Handover) { r.Digest[0]++ }); v != Unequal || tries != 1 {
		t.Errorf("verdict %d, %d tries", v, tries)
	}
	done := w.report(store)
	if v, _ := say(siteA, nil); v != Taken {
		t.Errorf("verdict %d", v)
	}
	w.is(store, "active 2 1.3 second")
	h, ok, err := w.records.Handover(done.Handover)
	if err != nil || !ok || h.State != sitesync.HandoverDone || h.Sent != h.Total || h.Total.Records != 1 {
		t.Errorf("ended %+v, %v, %v", h, ok, err)
	}
	active := w.meta(store)
	if v, _, err := w.Loaded(store, siteA, done); v != Stale || err != nil {
		t.Errorf("said again: verdict %d, %v", v, err)
	}
	done.Replica = first
	if v, _, err := w.Loaded(store, siteA, done); v != Stale || err != nil {
		t.Errorf("said again by another: verdict %d, %v", v, err)
	}
	if m := w.meta(store); m.Version != active.Version || active.LoadedTries != 0 {
		t.Errorf("%+v", m)
	}
}

// TestReport follows the messages of devices, from a frame to the answers.
func TestReport(t *testing.T) {
	w := newWorld(t)
	store := w.store()
	w.move(store, siteA)
	w.must(w.Hello(siteA, first, nothing))
	s := session.New(siteA, 41, "client", registry.Decision{})
	s.Replica = first
	assignments := 0
	say := func(number uint64, r *wire.Handover) []session.Message {
		t.Helper()
		out, err := w.Report(t.Context(), s, wire.Encode(number, store, r))
		w.must(err)
		w.must(s.TellAssignment(func() error { assignments++; return nil }))
		return out
	}
	silent := func(what string, out []session.Message) {
		t.Helper()
		if len(out) > 0 {
			t.Errorf("%s: answered %+v", what, out)
		}
	}
	silent("before the welcome", say(41, w.report(store)))
	s.SetGreeted()
	silent("of another session", say(40, w.report(store)))
	drained := w.report(store)
	drained.Step = wire.Drained
	if silent("drained while it loads", say(41, drained)); assignments != 1 { // it missed one
		t.Errorf("drained while it loads: told %d assignments", assignments)
	}
	assignments = 0
	other := w.report(store)
	other.Replica = second
	silent("another replica", say(41, other))
	behind := w.report(store)
	behind.Cursor.Seq++
	silent("not at the head", say(41, behind))
	s.Replica = second // an older session, say
	silent("another session's replica", say(41, w.report(store)))
	s.Replica = first
	if _, err := w.Report(t.Context(), s, []byte{1, 2, 3}); err == nil {
		t.Error("a bad frame is no error")
	}

	unequal := w.report(store)
	unequal.Digest[0]++
	for range maxLoadedTries - 1 {
		out := say(41, unequal)
		if len(out) != 1 || out[0].Topic.Kind != topic.Resync || out[0].Topic.Store != store || out[0].Topic.Site != siteA {
			t.Fatalf("answered %+v", out)
		}
		h, c, err := wire.Decode[wire.Chunk](out[0].Payload)
		if err != nil || h.Session != 41 || h.Store != store || !c.Gone || c.Stream != 0 || c.Epoch != unequal.Epoch {
			t.Errorf("answered %+v, %v", c, err)
		}
	}
	for _, last := range []bool{false, true} {
		out := say(41, unequal)
		if len(out) == 0 || out[0].Topic.Kind != topic.Receipt {
			t.Fatalf("answered %+v", out)
		}
		_, r, err := wire.Decode[wire.Receipt](out[0].Payload)
		if err != nil || r.Outcome != wire.Held || r.Epoch != unequal.Epoch {
			t.Errorf("answered %+v, %v", r, err)
		}
		if last {
			silent("more, of a store that is held", out[1:])
		} else if len(out) != 2 || out[1].Event == nil || out[1].Event.Kind != sitesync.EventHandoverTrouble || *out[1].Event.Store != store || *out[1].Event.Site != siteA {
			t.Errorf("told %+v", out[1:])
		}
	}
	if s.Held(store) != sitesync.ProblemDiverged || assignments != 0 {
		t.Errorf("held %q, %d assignments", s.Held(store), assignments)
	}

	next := session.New(siteA, 42, "client", registry.Decision{})
	next.Replica = first
	next.SetGreeted()
	s = next
	for want := range 2 { // the second time because the answer was lost
		out := say(42, w.report(store))
		if len(out) != 1-want || assignments != want+1 {
			t.Errorf("answered %+v, %d assignments", out, assignments)
		}
		if want == 0 && (out[0].Event == nil || out[0].Event.Kind != sitesync.EventDigestRepaired) {
			t.Errorf("told %+v", out[0])
		}
	}
	w.is(store, "active 2 1.2 first")
}

// TestOwnersFollowTheNewestMeta takes news of metas in the wrong order.
func TestOwnersFollowTheNewestMeta(t *testing.T) {
	o := newOwners()
	o.set(&records.Meta{Store: 5, Version: 1, Owner: central})
	o.set(&records.Meta{Store: 5, Version: 4, Owner: siteB})
	o.set(&records.Meta{Store: 5, Version: 3, Owner: siteA})
	o.set(&records.Meta{Store: 4, Version: 1, Owner: siteB})
	for site, want := range map[sitesync.SiteID]string{central: "[]", siteA: "[]", siteB: "[4 5]"} {
		if got := fmt.Sprint(o.of(site)); got != want {
			t.Errorf("site %d has %s, want %s", site, got, want)
		}
	}
}
