package greet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// TestCompare says hello with what a device may remember of a store that has
// settled 5 changes, the third of them refused.
func TestCompare(t *testing.T) {
	const restored, diverged = "hub.restored ", "site.diverged "
	r := newRig(t)
	d := r.active()
	d.Put("stock", "a", `{}`)
	d.Put("stock", "b", `{}`)
	d.Put("stock", "c", `bad`)
	d.Put("stock", "d", `{}`)
	d.Put("stock", "e", `{}`)
	d.Put("stock", "f", `{}`)
	r.push(d, 1, 5)
	m := r.meta(d.Store)
	outbox := func(confirmed, last uint64) wire.OutboxState {
		return wire.OutboxState{Epoch: m.Epoch, Confirmed: confirmed, Chain: d.Chain(min(confirmed, d.Last())), Last: last}
	}
	with := func(o wire.OutboxState, change func(*wire.OutboxState)) wire.OutboxState {
		change(&o)
		return o
	}
	for _, c := range []struct {
		name    string
		cursor  wire.Cursor
		outbox  []wire.OutboxState
		events  string
		text    string
		receipt uint64 // after which n there is one
	}{
		{"in step", m.Head(), []wire.OutboxState{outbox(5, 5)}, "", "", 9},
		{"something waits", m.Head(), []wire.OutboxState{outbox(5, 6)}, "", "", 9},
		{"nothing known", wire.Cursor{}, nil, "", "", 9},
		{"a cursor behind", wire.Cursor{Log: m.Log, Seq: 2}, []wire.OutboxState{outbox(5, 5)}, "", "", 9},
		{"a receipt was lost", m.Head(), []wire.OutboxState{outbox(3, 6)}, "", "", 3},
		{"all receipts were lost", m.Head(), []wire.OutboxState{outbox(0, 5)}, "", "", 0},

		{"a higher confirmed n", m.Head(), []wire.OutboxState{outbox(6, 6)}, restored, "up to 6 of epoch 1.2, this hub has 5", 9},
		{"a confirmed n of an epoch not known", m.Head(), []wire.OutboxState{with(outbox(5, 5), func(o *wire.OutboxState) { o.Epoch-- })}, restored, "this hub has 0", 9},
		{"an epoch not given out", m.Head(), []wire.OutboxState{with(outbox(0, 3), func(o *wire.OutboxState) { o.Epoch++ })}, restored, "epoch 1.3, this hub has given out 1.2", 9},
		{"a higher generation's epoch", m.Head(), []wire.OutboxState{outbox(5, 5), with(outbox(0, 1), func(o *wire.OutboxState) { o.Epoch = sitesync.NewEpoch(2, 1) })}, restored, "epoch 2.1", 9},
		{"a cursor ahead", wire.Cursor{Log: m.Log, Seq: m.Seq + 1}, []wire.OutboxState{outbox(5, 5)}, restored, "read further", 9},
		{"another log", wire.Cursor{Log: wire.LogID{7}, Seq: 1}, []wire.OutboxState{outbox(5, 5)}, restored, "read further", 9},
		{"another log and a higher n", wire.Cursor{Log: wire.LogID{7}, Seq: 1}, []wire.OutboxState{outbox(6, 6)}, restored, "read further", 9},

		{"a rewound outbox", m.Head(), []wire.OutboxState{outbox(2, 4)}, diverged, "another history", 9},
		{"another chain", m.Head(), []wire.OutboxState{with(outbox(5, 6), func(o *wire.OutboxState) { o.Chain[0]++ })}, diverged, "another history", 9},
	} {
		a := r.greet(first, wire.StoreState{Store: d.Store, Cursor: c.cursor, Outbox: c.outbox})
		if a.events != c.events || !strings.Contains(strings.Join(a.messages, " "), c.text) {
			t.Errorf("%s: events %q, %q; want %q with %q", c.name, a.events, a.messages, c.events, c.text)
		}
		want := sitesync.ProblemCode("")
		if c.events != "" {
			want = sitesync.ProblemDiverged
		}
		if got := r.session.Held(d.Store); got != want {
			t.Errorf("%s: held %q, want %q", c.name, got, want)
		}
		if want != "" { // the device is told, since it may have nothing to send
			if len(a.receipts) != 1 || a.receipts[0].Outcome != wire.Held || a.of[0] != d.Store {
				t.Errorf("%s: held, and receipts %+v", c.name, a.receipts)
			}
			continue
		}
		if c.receipt == 9 {
			if len(a.receipts) > 0 {
				t.Errorf("%s: receipt %+v", c.name, a.receipts[0])
			}
			continue
		}
		if len(a.receipts) != 1 || a.of[0] != d.Store {
			t.Fatalf("%s: %d receipts", c.name, len(a.receipts))
		}
		got := a.receipts[0]
		refused := 1
		if c.receipt >= 3 {
			refused = 0
		}
		if got.Epoch != m.Epoch || got.Outcome != wire.Settled || got.Settled != 5 || got.Chain != d.Chain(5) || got.After != c.receipt || len(got.Quarantined) != refused {
			t.Errorf("%s: receipt %+v", c.name, got)
		}
	}
}

// TestComparePastEpochs rebuilds the receipts of every epoch that is still in
// the outbox, of a store that is elsewhere by now too.
func TestComparePastEpochs(t *testing.T) {
	r := newRig(t)
	d := r.active()
	d.Put("stock", "a", `{"secret":1}`)
	d.Put("stock", "a", `bad`)
	r.push(d, 1, 2)
	res, err := r.registry.ResetHardware(anna, registry.SiteRemoval{Site: r.nadi, Stores: []sitesync.StoreID{d.Store}})
	r.must(err)
	_, err = r.Handover.Take(d.Store, res.Intents[0].Number)
	r.must(err)
	old := wire.OutboxState{Epoch: d.Origin.Epoch, Last: 3}
	// The same device again: its replica is let in, and what it had not heard
	// of its former epoch is told.
	a := r.greet(first, wire.StoreState{Store: d.Store, Outbox: []wire.OutboxState{old}})
	if len(a.receipts) != 1 || a.receipts[0].Settled != 2 || a.receipts[0].Epoch != old.Epoch || !a.receipts[0].Quarantined[0].Present || a.events != "" {
		t.Fatalf("answered %+v", a)
	}
	r.move(d.Store, r.site("Suva"))
	a = r.greet(first, wire.StoreState{Store: d.Store, Outbox: []wire.OutboxState{old}})
	if len(a.receipts) != 1 || a.receipts[0].Settled != 2 || a.receipts[0].Quarantined[0].Present || !a.receipts[0].Head.IsZero() || a.events != "" {
		t.Errorf("answered %+v", a)
	}
}

// TestCompareOthersStores tells a device nothing of stores that are not its
// own, and holds nothing because of their logs.
func TestCompareOthersStores(t *testing.T) {
	r := newRig(t)
	store := r.store(sitesync.CentralSite)
	a := r.greet(first, wire.StoreState{Store: store, Cursor: wire.Cursor{Log: wire.LogID{7}, Seq: 99}, Outbox: []wire.OutboxState{{Epoch: 1, Last: 2}}},
		wire.StoreState{Store: 999, Cursor: wire.Cursor{Log: wire.LogID{7}, Seq: 99}, Outbox: []wire.OutboxState{{Epoch: 1, Last: 2}}})
	if a.events != "" || len(a.receipts) > 0 || r.session.Held(store) != "" || r.session.Held(999) != "" {
		t.Errorf("answered %+v", a)
	}
}

// TestCompareGeneration says hello with a generation that is higher than the
// hub's, proven or made up.
func TestCompareGeneration(t *testing.T) {
	r := newRig(t)
	d := r.active()
	for _, c := range []struct {
		name   string
		proof  []byte
		events string
	}{
		{"proven", r.registry.GenerationProof(4), "hub.restored "},
		{"made up", []byte("0123456789abcdef"), "site.diverged "},
		{"without proof", nil, "site.diverged "},
		{"of another generation", r.registry.GenerationProof(3), "site.diverged "},
	} {
		r.connect(first, password)
		h := hello(first)
		h.Generation, h.GenerationProof = 4, c.proof
		a := r.read(r.say(h))
		if a.events != c.events || a.welcome == nil || a.welcome.Generation != 1 || r.session.Held(d.Store) != sitesync.ProblemDiverged {
			t.Errorf("%s: answered %+v, held %q", c.name, a, r.session.Held(d.Store))
		}
	}
	h := hello(first)
	h.Generation = 1
	r.connect(first, password)
	if a := r.read(r.say(h)); a.events != "" || r.session.Held(d.Store) != "" {
		t.Errorf("the present generation: %+v", a)
	}
}

// TestCompareBounds names one store again and again, and many with much in
// quarantine: the answer stays within bounds.
func TestCompareBounds(t *testing.T) {
	r := newRig(t)
	var devices []wire.StoreState
	for range 4 {
		d := r.active()
		for i := range 3 {
			d.Put("stock", fmt.Sprint(i), `{"a":"`+strings.Repeat("x", 900_000)+`"}`)
		}
		for i := range 3 {
			d.Add(sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprint(i), Data: []byte(`{}`), To: "nowhere"})
		}
		r.push(d, 1, 6)
		state := wire.StoreState{Store: d.Store, Outbox: slices.Repeat([]wire.OutboxState{{Epoch: d.Origin.Epoch, Last: 6}}, 20)}
		devices = append(devices, state, state, state)
	}
	reads := &countedReads{State: r.records}
	r.State = reads
	a := r.greet(first, devices...)
	if len(a.receipts) != 3 {
		t.Errorf("receipts of stores %v", a.of)
	}
	if reads.bytes > 2*mostReceipts {
		t.Errorf("%d bytes were read for them", reads.bytes)
	}
	for _, got := range a.receipts { // each ends where it is full, at a place of the chain
		if got.Settled != 5 || len(got.Quarantined) != 2 {
			t.Errorf("settled %d, %d refused", got.Settled, len(got.Quarantined))
		}
	}
	c := &comparison{Greet: r.Greet, session: r.session, size: mostReceipts}
	r.must(c.outbox(devices[0].Store, devices[0].Outbox[0]))
	if len(c.receipts) > 0 || len(c.events) > 0 {
		t.Errorf("beyond the bound: %+v", c)
	}
}

// countedReads counts what is read of quarantine.
type countedReads struct {
	records.State
	bytes int
}

func (c *countedReads) Settled(store sitesync.StoreID, o records.Origin, after uint64) (records.Result, error) {
	res, err := c.State.Settled(store, o, after)
	c.bytes += res.Size
	return res, err
}

// brokenState fails to read.
type brokenState struct{ records.State }

func (brokenState) Settled(sitesync.StoreID, records.Origin, uint64) (records.Result, error) {
	return records.Result{}, fmt.Errorf("a fault")
}

// TestCompareFault gives no welcome when it cannot compare; the device asks
// again.
func TestCompareFault(t *testing.T) {
	r := newRig(t)
	d := r.active()
	h := hello(first, wire.StoreState{Store: d.Store, Outbox: []wire.OutboxState{{Epoch: d.Origin.Epoch}}})
	r.connect(first, password)
	r.State = brokenState{r.records}
	h.Pages = 1
	if out, err := r.Hello(t.Context(), r.session, wire.Encode(0, 0, &h)); err == nil || len(out) > 0 || r.session.Greeted() {
		t.Errorf("answered %+v, %v", out, err)
	}
	r.State = r.records
	if a := r.read(r.say(h)); a.welcome == nil {
		t.Errorf("answered %+v", a)
	}
}
