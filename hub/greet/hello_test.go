package greet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sitesync/hub/feed"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

func TestWelcome(t *testing.T) {
	r := newRig(t)
	central, loading := r.store(sitesync.CentralSite), r.store(r.nadi)
	a := r.greet(first)
	w, id := a.welcome, r.registry.Identity()
	if w.Session != r.session.Number || w.Site != r.nadi || w.Name != "Nadi" || w.Code != "CNadi" || time.Since(w.Time) > time.Minute ||
		w.Hub != id.Hub || w.Generation != 1 || !r.registry.CheckGenerationProof(1, w.GenerationProof) {
		t.Errorf("welcome %+v", w)
	}
	want := wire.Limits{BatchChanges: 500, BatchBytes: 4 << 20, WindowBatches: 8, WindowBytes: 4 << 20, CreditBytes: feed.MaxCredit}
	if w.Limits != want || a.events != "" || len(a.receipts) > 0 {
		t.Errorf("limits %+v, events %s, receipts %v", w.Limits, a.events, a.receipts)
	}
	m := r.meta(loading)
	if m.Replica != first || len(w.Assignment.Stores) != 1 || w.Assignment.Pages != 1 || w.Assignment.Addresses[0] != "mqtts://hub.example.org:8883" {
		t.Fatalf("assignment %+v, meta %+v", w.Assignment, m)
	}
	s := w.Assignment.Stores[0]
	if s.Store != loading || s.Phase != sitesync.PhaseLoading || s.Epoch != m.Epoch || s.Handover != m.Handover.ID || s.Replica != first ||
		s.Head != m.Head() || s.Code == "" || !slices.Equal(s.Tags, []string{"kind:clinic"}) {
		t.Errorf("assigned %+v", s)
	}
	if m := r.meta(central); m.Owner != sitesync.CentralSite {
		t.Errorf("%+v", m)
	}
	l := r.Live.Get(r.nadi)
	if l.Backlog != 4 || l.DiskFree != 77 || time.Since(l.LastSeen) > time.Minute {
		t.Errorf("live %+v", l)
	}
	site, err := r.registry.Site(r.nadi)
	if err != nil || site.Version != "1.2" || site.Type != sitesync.TypeMobile || site.Platform != "linux/arm64" {
		t.Errorf("site %+v, %v", site, err)
	}
	if out := r.say(hello(first)); len(out) > 0 {
		t.Errorf("a second hello is answered: %+v", out)
	}
}

// TestCredential issues one for a password, and none for a credential.
func TestCredential(t *testing.T) {
	r := newRig(t)
	credential := r.greet(first).welcome.Credential
	if credential == "" {
		t.Fatal("no credential")
	}
	r.connect(first, credential)
	if a := r.read(r.say(hello(first))); a.welcome == nil || a.welcome.Credential != "" {
		t.Errorf("answered %+v", a.welcome)
	}
}

func TestRefusedSession(t *testing.T) {
	r := newRig(t)
	r.connect(first, password)
	r.session.Refused = wire.RefusedDisabled
	for range 2 {
		a := r.read(r.say(hello(first)))
		if a.welcome == nil || a.welcome.Refused != wire.RefusedDisabled || a.welcome.Site != 0 || a.events != "" || r.session.Greeted() {
			t.Errorf("answered %+v", a)
		}
	}
	if site, err := r.registry.Site(r.nadi); err != nil || len(site.Replicas) > 0 {
		t.Errorf("a refused device was taken note of: %+v, %v", site, err)
	}
}

// TestTwoDevices holds the site when replicas take turns.
func TestTwoDevices(t *testing.T) {
	r := newRig(t)
	store := r.store(r.nadi)
	r.greet(first)
	r.greet(second)
	epoch := r.meta(store).Epoch
	r.connect(third, password)
	a := r.read(r.say(hello(third)))
	if a.welcome == nil || a.welcome.Refused != wire.RefusedTwoDevices || a.events != "site.two_devices " || r.session.Greeted() || r.session.Refused != wire.RefusedTwoDevices {
		t.Errorf("answered %+v", a)
	}
	if a := r.read(r.say(hello(third))); a.welcome == nil || a.welcome.Refused != wire.RefusedTwoDevices || a.events != "" {
		t.Errorf("answered the second time %+v", a)
	}
	if m := r.meta(store); m.Epoch != epoch || m.Replica != second {
		t.Errorf("the held device changed the store: %+v", m)
	}
}

// TestHelloInPages sends pages in and out of turn.
func TestHelloInPages(t *testing.T) {
	r := newRig(t)
	var states []wire.StoreState
	for i := range 4500 {
		states = append(states, wire.StoreState{Store: sitesync.StoreID(1000 + i), Outbox: []wire.OutboxState{{Epoch: 1, Confirmed: 5, Last: 6}}})
	}
	pages := wire.SplitHello(hello(first, states...))
	if len(pages) != 3 {
		t.Fatalf("%d pages", len(pages))
	}
	r.connect(first, password)
	send := func(page *wire.Hello) []session.Message {
		t.Helper()
		out, err := r.Hello(t.Context(), r.session, wire.Encode(0, 0, page))
		r.must(err)
		return out
	}
	other := *pages[1]
	other.Pages = 4
	for name, turn := range map[string][]*wire.Hello{
		"the second first":     {pages[1], pages[2]},
		"the last alone":       {pages[2]},
		"one left out":         {pages[0], pages[2], pages[1], pages[2]},
		"one twice":            {pages[0], pages[1], pages[1], pages[2]},
		"of two hellos":        {pages[0], &other, pages[2]},
		"of two, then in turn": {pages[0], &other, pages[1], pages[2]},
		"broken off":           {pages[0], pages[1]},
	} {
		for _, page := range turn {
			if out := send(page); len(out) > 0 || r.session.Greeted() {
				t.Fatalf("%s: answered %+v", name, out)
			}
		}
	}
	send(pages[0]) // begins anew
	send(pages[1])
	a := r.read(send(pages[2]))
	if a.welcome == nil || !r.session.Greeted() {
		t.Fatalf("answered %+v", a)
	}
	for i := range states { // all of them were looked at
		if r.session.Held(states[i].Store) != sitesync.ProblemDiverged {
			t.Fatalf("store %d is not held", states[i].Store)
		}
	}
	if n := len(strings.Fields(a.events)); n != mostEvents {
		t.Errorf("%d events of one hello", n)
	}
}

// TestHostileHello sends what no agent does: it is a bad frame, and the session
// is not greeted.
func TestHostileHello(t *testing.T) {
	many := func(stores, outboxes int) wire.Hello {
		h := hello(first)
		for i := range stores {
			h.Stores = append(h.Stores, wire.StoreState{Store: sitesync.StoreID(i), Outbox: make([]wire.OutboxState, outboxes)})
		}
		return h
	}
	page := many(4000, 0)
	page.Pages = 1
	evidence := hello(first)
	evidence.Pages, evidence.Evidence = 1, map[string]string{"board": strings.Repeat("a", 150)} // more than is kept of a fact
	for name, h := range map[string]wire.Hello{
		"too many stores":   many(mostListed+1, 0),
		"too many outboxes": many(mostListed/99, 99),
		"a page too large":  page,
		"evidence":          evidence,
	} {
		r := newRig(t)
		r.connect(first, password)
		pages := wire.SplitHello(h)
		if h.Pages == 1 {
			pages = []*wire.Hello{&h}
		}
		var out []session.Message
		var err error
		for i := 0; i < len(pages) && err == nil; i++ {
			out, err = r.Hello(t.Context(), r.session, wire.Encode(0, 0, pages[i]))
		}
		if !errors.Is(err, wire.ErrFrame) || len(out) > 0 || r.session.Greeted() {
			t.Errorf("%s, %d pages: %v, %v", name, len(pages), out, err)
		}
		if a := r.read(r.say(hello(first))); a.welcome == nil {
			t.Errorf("%s: a good hello afterwards is answered %+v", name, a)
		}
	}
	r := newRig(t)
	r.connect(first, password)
	if _, err := r.Hello(t.Context(), r.session, []byte{1, 2, 3}); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("no hello: %v", err)
	}
	if _, err := r.Hello(t.Context(), r.session, wire.Encode(0, 0, &wire.Pull{})); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("another message: %v", err)
	}
}

// TestNewReplica begins new epochs for a device that was set up again.
func TestNewReplica(t *testing.T) {
	r := newRig(t)
	d := r.active()
	a := r.greet(second)
	m := r.meta(d.Store)
	if m.Replica != second || m.Phase != sitesync.PhaseLoading || m.Epoch != d.Origin.Epoch.Next(1) {
		t.Errorf("meta %+v", m)
	}
	if s := a.welcome.Assignment.Stores[0]; s.Epoch != m.Epoch || s.Replica != second || s.Phase != sitesync.PhaseLoading {
		t.Errorf("assigned %+v", s)
	}
}

// TestAssignment tells of stores in pages, in the order of versions.
func TestAssignment(t *testing.T) {
	r := newRig(t)
	const stores = 50
	r.tags = nil
	for i := range sitesync.MaxTags {
		r.tags = append(r.tags, fmt.Sprintf("%s:%032d", strings.Repeat("k", 40), i))
	}
	for range stores {
		r.store(r.nadi)
	}
	a := r.greet(first)
	page := a.welcome.Assignment
	if page.Pages != 3 || page.Page != 0 || page.Version != 1 || len(page.Stores) == 0 {
		t.Fatalf("page %d of %d, version %d, %d stores", page.Page, page.Pages, page.Version, len(page.Stores))
	}
	// The device, which does not know its site yet, hears no more of it than
	// that; so all is told again, as soon as it listens.
	told := 0
	err := r.session.TellAssignment(func() error {
		told++
		out, err := r.Assignment(r.session)
		r.must(err)
		var seen []sitesync.StoreID
		for i, m := range out {
			h, page, err := wire.Decode[wire.Assignment](m.Payload)
			if err != nil || h.Session != r.session.Number || m.Topic != (topic.Topic{Kind: topic.Assignment, Site: r.nadi}) {
				t.Fatalf("on %+v: %v", m.Topic, err)
			}
			if page.Version != 2 || int(page.Page) != i || page.Pages != 3 || len(m.Payload) > wire.PageBytes {
				t.Errorf("page %d of %d, version %d, %d bytes", page.Page, page.Pages, page.Version, len(m.Payload))
			}
			for _, s := range page.Stores {
				seen = append(seen, s.Store)
			}
		}
		if !slices.Equal(seen, r.Handover.StoresOf(r.nadi)) || len(seen) != stores {
			t.Errorf("told of %v", seen)
		}
		return nil
	})
	if err != nil || told != 1 {
		t.Errorf("told %d times, %v", told, err)
	}
}

// TestAssignmentOfLiveSession begins the delivery of a store that comes while
// the device is connected, unless its session is about to end.
func TestAssignmentOfLiveSession(t *testing.T) {
	r := newRig(t)
	kept := r.active()
	r.greet(first)
	came := r.store(r.nadi)
	assigned := func() map[sitesync.StoreID]wire.AssignedStore {
		t.Helper()
		out, err := r.Assignment(r.session)
		r.must(err)
		_, page, err := wire.Decode[wire.Assignment](out[0].Payload)
		r.must(err)
		stores := map[sitesync.StoreID]wire.AssignedStore{}
		for _, s := range page.Stores {
			stores[s.Store] = s
		}
		return stores
	}
	if s := assigned(); len(s) != 2 || s[came].Replica != first || s[came].Phase != sitesync.PhaseLoading || s[kept.Store].Phase != sitesync.PhaseActive {
		t.Errorf("assigned %+v", s)
	}
	// A reset: the store waits for the new device, not for this session's.
	res, err := r.registry.ResetHardware(anna, registry.SiteRemoval{Site: r.nadi, Stores: r.Handover.StoresOf(r.nadi)})
	r.must(err)
	for _, in := range res.Intents {
		_, err := r.Handover.Take(in.Store, in.Number)
		r.must(err)
	}
	if s := assigned(); len(s) != 2 || !s[came].Replica.IsZero() || !s[kept.Store].Replica.IsZero() {
		t.Errorf("assigned %+v", s)
	}
	epoch := r.meta(came).Epoch
	r.greet(second)
	if m := r.meta(came); m.Replica != second || m.Epoch != epoch {
		t.Errorf("meta %+v", m)
	}
}

// TestAssignmentOfDeletedStore leaves a store out that the registry does not
// know, and tells of the others.
func TestAssignmentOfDeletedStore(t *testing.T) {
	r := newRig(t)
	deleted, kept := r.store(sitesync.CentralSite), r.store(r.nadi)
	_, err := r.registry.DeleteStore(anna, registry.StoreRemoval{Store: deleted})
	r.must(err)
	m := r.meta(deleted)
	m.Owner, m.Replica, m.Epoch = r.nadi, first, m.Epoch.Next(1)
	_, err = r.records.Transition(m.Version, m, nil)
	r.must(err)
	if r.Handover, err = newDriver(r); err != nil {
		t.Fatal(err)
	}
	if got := r.greet(first).welcome.Assignment.Stores; len(got) != 1 || got[0].Store != kept {
		t.Errorf("assigned %+v", got)
	}
}
