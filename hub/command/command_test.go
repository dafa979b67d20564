package command

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

const (
	store = sitesync.StoreID(3)
	nadi  = sitesync.SiteID(6)
	suva  = sitesync.SiteID(7)
)

var first, second = sitesync.ReplicaID{1}, sitesync.ReplicaID{2}

// rig is a desk on real records: Nadi's late change is item 1, and Suva has the
// store.
type rig struct {
	*testing.T
	*Desk
	state    *records.DB
	registry *registry.Registry
	reloaded []sitesync.StoreID
	s        *session.Session
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1, Small: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{T: t}
	r.state, err = records.Open(db)
	r.must(err)
	r.registry, err = registry.Open(registry.NewKV(db), registry.Options{Argon2: registry.Argon2{Memory: 64, Time: 1, Threads: 1}})
	r.must(err)
	r.Cleanup(r.registry.Close)
	stores := func(site sitesync.SiteID) []sitesync.StoreID {
		if site == suva {
			return []sitesync.StoreID{store, 99}
		}
		return nil
	}
	r.Desk = New(Options{State: r.state, Registry: r.registry, Stores: stores, Reload: r.reload, Log: slog.New(slog.DiscardHandler)})
	r.give(nadi, first, sitesync.PhaseActive)
	m := r.meta()
	late := recordstest.NewDevice(store, m.Origin())
	late.Put("stock", "a", `{"packs": 2}`)
	r.give(suva, second, sitesync.PhaseActive)
	if res, err := r.state.Apply(late.All()); err != nil || res.Refused != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	r.apply()
	r.connect(suva, second)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) meta() records.Meta {
	r.Helper()
	m, _, err := r.state.Meta(store)
	r.must(err)
	return m
}

func (r *rig) give(site sitesync.SiteID, replica sitesync.ReplicaID, phase sitesync.Phase) {
	r.Helper()
	m := r.meta()
	from := m.Version
	m.Store, m.Owner, m.Replica, m.Phase, m.Epoch = store, site, replica, phase, m.Epoch.Next(1)
	_, err := r.state.Transition(from, m, nil)
	r.must(err)
}

func (r *rig) apply() {
	r.Helper()
	_, err := r.state.ApplyQuarantined(records.Decision{Item: 1, At: time.Now()})
	r.must(err)
}

func (r *rig) connect(site sitesync.SiteID, replica sitesync.ReplicaID) {
	r.s = session.New(site, 41, "client", registry.Decision{})
	r.s.Replica = replica
	r.s.SetGreeted()
}

func (r *rig) waiting() []session.Message {
	r.Helper()
	out, err := r.Waiting(r.s)
	r.must(err)
	return out
}

func (r *rig) answer(result wire.CommandResult) []session.Message {
	r.Helper()
	out, err := r.Result(r.Context(), r.s, result.Bytes())
	r.must(err)
	return out
}

func (r *rig) state1(want sitesync.QuarantineState) {
	r.Helper()
	if q, err := r.state.Quarantined(1); err != nil || q.State != want {
		r.Errorf("the change is %s, %v; want %s", q.State, err, want)
	}
}

func stale(id string) wire.CommandResult {
	b, _ := json.Marshal(wire.ProposalResult{State: wire.ProposalStale})
	return wire.CommandResult{Session: 41, ID: id, OK: true, Result: b}
}

// TestProposal is sent once in a session, byte for byte.
func TestProposal(t *testing.T) {
	r := newRig(t)
	out := r.waiting()
	if len(out) != 1 || out[0].Topic != (topic.Topic{Kind: topic.Command, Site: suva}) {
		t.Fatalf("%+v", out)
	}
	c, err := wire.DecodeCommand(out[0].Bytes())
	r.must(err)
	var p wire.Proposal
	r.must(json.Unmarshal(c.Args, &p))
	m := r.meta()
	if c.Session != 41 || c.ID != "q1" || c.Command != wire.CommandProposal || p.Quarantine != 1 || p.Store != store || p.Epoch != m.Epoch ||
		p.Op != "put" || p.Table != "stock" || p.Record != "a" || string(p.Data) != `{"packs": 2}` || p.IfMatch != "" {
		t.Errorf("%+v, %+v", c, p)
	}
	if out := r.waiting(); len(out) > 0 {
		t.Errorf("again in the same session: %+v", out)
	}
	r.connect(suva, second)
	if out := r.waiting(); len(out) != 1 {
		t.Errorf("in the next session: %+v", out)
	}
}

// TestNotNow sends nothing to those who do not have the store, or not yet.
func TestNotNow(t *testing.T) {
	r := newRig(t)
	for name, prepare := range map[string]func(){
		"another replica": func() { r.connect(suva, first) },
		"another site":    func() { r.connect(nadi, first) },
		"held":            func() { r.connect(suva, second); r.s.Hold(store, sitesync.ProblemDiverged) },
		"loading":         func() { r.connect(suva, second); r.give(suva, second, sitesync.PhaseLoading) },
		"draining":        func() { r.connect(suva, second); r.give(suva, second, sitesync.PhaseDraining) },
	} {
		prepare()
		if out := r.waiting(); len(out) > 0 {
			t.Errorf("%s: %+v", name, out)
		}
	}
	r.give(suva, second, sitesync.PhaseActive)
	r.connect(suva, second)
	if out := r.waiting(); len(out) != 1 {
		t.Errorf("active again: %+v", out)
	}
}

// TestAnswers follows what devices say.
func TestAnswers(t *testing.T) {
	r := newRig(t)
	r.waiting()
	made, _ := json.Marshal(wire.ProposalResult{State: wire.ProposalMade, N: 1})
	for name, result := range map[string]wire.CommandResult{
		"made":                {Session: 41, ID: "q1", OK: true, Result: made},
		"of another session":  {Session: 40, ID: "q1", OK: true, Result: stale("q1").Result},
		"of nothing":          stale("q99"),
		"of no proposal":      stale("x"),
		"of a bad number":     stale("q-1"),
		"with a bad result":   {Session: 41, ID: "q1", OK: true, Result: []byte(`[]`)},
		"with another result": {Session: 41, ID: "q1", OK: true, Result: []byte(`{"state":"eaten"}`)},
	} {
		if out := r.answer(result); len(out) > 0 {
			t.Errorf("%s: %+v", name, out)
		}
		r.state1(sitesync.QuarantineProposed)
	}
	if out := r.waiting(); len(out) > 0 {
		t.Errorf("sent again: %+v", out)
	}
	r.answer(wire.CommandResult{Session: 41, ID: "q1", Error: sitesync.Errorf(sitesync.CodeLeaseExpired, "later", "not now")})
	if out := r.waiting(); len(out) != 1 {
		t.Errorf("not taken, and not sent again: %+v", out)
	}
	if _, err := r.Result(t.Context(), r.s, []byte(`{`)); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("%v", err)
	}
	r.connect(nadi, first) // a stranger to the store
	if out := r.answer(stale("q1")); len(out) > 0 {
		t.Errorf("%+v", out)
	}
	r.state1(sitesync.QuarantineProposed)
	r.connect(suva, second)
	out := r.answer(stale("q1"))
	if len(out) != 1 || out[0].Event == nil || out[0].Event.Kind != sitesync.EventQuarantineStale || *out[0].Event.Store != store {
		t.Errorf("%+v", out)
	}
	r.state1(sitesync.QuarantineStale)
	if out := r.answer(stale("q1")); len(out) > 0 {
		t.Errorf("told twice: %+v", out)
	}
}
