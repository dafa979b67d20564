package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
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
	store  = sitesync.StoreID(7)
	site   = sitesync.SiteID(5)
	number = 41
)

var replica = sitesync.ReplicaID{1}

// rig is the handler, a session, and what is behind them.
type rig struct {
	*testing.T
	*Ingest
	session *session.Session
	live    *session.Table
	log     bytes.Buffer
}

func newRig(t *testing.T, state records.State) *rig {
	r := &rig{T: t, live: session.NewTable(), session: greeted(site)}
	r.Ingest = New(state, r.live, slog.New(slog.NewTextHandler(&r.log, nil)))
	return r
}

func greeted(site sitesync.SiteID) *session.Session {
	s := session.New(site, number, "client", registry.Decision{})
	s.Replica = replica
	s.SetGreeted()
	return s
}

// openRecords makes the state in which the store is active at the site, and the
// device that writes it.
func openRecords(t *testing.T) (*records.DB, *recordstest.Device) {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	state, err := records.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	m, err := state.Transition(0, records.Meta{Store: store, Owner: site, Replica: replica, Epoch: sitesync.NewEpoch(1, 2), Phase: sitesync.PhaseActive}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return state, recordstest.NewDevice(store, m.Origin())
}

// frame makes the push of a batch.
func frame(b records.Batch) []byte {
	return wire.Encode(number, b.Store, &wire.Push{Epoch: b.Origin.Epoch, First: b.First, Chain: b.Chain, Changes: b.Changes,
		Confirmed: b.After, Backlog: 12})
}

// push gives the receipt of a push and the kinds of the events beside it.
func (r *rig) push(frame []byte) (*wire.Receipt, string) {
	r.Helper()
	out, err := r.Push(r.Context(), r.session, frame)
	if err != nil {
		r.Fatal(err)
	}
	return r.split(out)
}

func (r *rig) split(out []session.Message) (receipt *wire.Receipt, events string) {
	r.Helper()
	for _, m := range out {
		if e := m.Event; e != nil {
			if e.Next == "" || e.Message == "" || m.Topic.Kind != topic.Event || m.Topic.Name != string(e.Kind) {
				r.Errorf("event %+v on %+v", e, m.Topic)
			}
			events += string(e.Kind) + " "
			continue
		}
		h, got, err := wire.Decode[wire.Receipt](m.Payload)
		if err != nil || receipt != nil || m.Topic != (topic.Topic{Kind: topic.Receipt, Site: r.session.Site}) || h.Session != number || h.Store != store {
			r.Fatalf("answered %+v, %v on %+v", h, err, m.Topic)
		}
		receipt = got
	}
	return receipt, events
}

func (r *rig) expect(receipt *wire.Receipt, outcome wire.Outcome, settled uint64, refused int) {
	r.Helper()
	if receipt == nil || receipt.Outcome != outcome || receipt.Settled != settled || len(receipt.Quarantined) != refused {
		r.Fatalf("receipt %+v; want outcome %d, settled %d, %d refused", receipt, outcome, settled, refused)
	}
}

func TestPush(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	for i := range 5 {
		d.Put("stock", fmt.Sprint(i), `{}`)
	}
	receipt, events := r.push(frame(d.Batch(1, 3)))
	r.expect(receipt, wire.Settled, 3, 0)
	m, _, err := state.Meta(store)
	if err != nil || m.Settled != 3 || receipt.Chain != d.Chain(3) || receipt.Epoch != m.Epoch || receipt.Head != m.Head() || events != "" {
		t.Errorf("meta %+v, receipt %+v, events %s, %v", m, receipt, events, err)
	}
	l := r.live.Get(site)
	if l.Backlog != 12 || time.Since(l.LastSync) > time.Minute || time.Since(l.LastSeen) > time.Minute || l.Problem != nil {
		t.Errorf("live %+v", l)
	}
	receipt, _ = r.push(frame(d.Batch(1, 3))) // the receipt was lost
	r.expect(receipt, wire.Settled, 3, 0)
	receipt, _ = r.push(frame(d.Batch(5, 5)))
	r.expect(receipt, wire.Gap, 3, 0)
	receipt, events = r.push(frame(d.Batch(4, 5)))
	r.expect(receipt, wire.Settled, 5, 0)
	if events != "" || r.log.Len() > 0 {
		t.Errorf("events %s, log %s", events, &r.log)
	}
}

func TestPushToQuarantine(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	d.Put("stock", "a", `{"n":1}`)
	d.Put("_reserved", "a", `{}`)
	d.Put("stock", "a", `bad`)
	receipt, events := r.push(frame(d.All()))
	r.expect(receipt, wire.Settled, 3, 2)
	if q := receipt.Quarantined[1]; q.N != 3 || q.Reason != sitesync.ReasonSchema || !q.Present || string(q.Data) != `{"n":1}` {
		t.Errorf("told %+v", q)
	}
	if events != "quarantine.added " || !strings.Contains(r.log.String(), "quarantine") {
		t.Errorf("events %s, log %s", events, &r.log)
	}
	receipt, events = r.push(frame(d.All()))
	r.expect(receipt, wire.Settled, 3, 2)
	if events != "" {
		t.Errorf("told again: %s", events)
	}
	again := d.Batch(3, 3)
	again.After = 2 // the device has a receipt of the first two
	receipt, _ = r.push(frame(again))
	r.expect(receipt, wire.Settled, 3, 1)
	if receipt.After != 2 || receipt.Quarantined[0].N != 3 {
		t.Errorf("receipt %+v", receipt)
	}
}

// TestNotTaken sends what is not the session's: it is ignored, without a word.
func TestNotTaken(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	d.Put("stock", "a", `{}`)
	b := d.All()
	m := &wire.Push{Epoch: b.Origin.Epoch, First: 1, Changes: b.Changes}
	for name, f := range map[string][]byte{"an older session": wire.Encode(number-1, store, m), "no session": wire.Encode(0, store, m), "a later session": wire.Encode(number+1, store, m)} {
		if receipt, events := r.push(f); receipt != nil || events != "" {
			t.Errorf("%s: %+v, %s", name, receipt, events)
		}
	}
	r.session = session.New(site, number, "client", registry.Decision{})
	r.session.Replica = replica
	if receipt, events := r.push(frame(b)); receipt != nil || events != "" {
		t.Errorf("before the welcome: %+v, %s", receipt, events)
	}
	if m, _, err := state.Meta(store); err != nil || m.Settled != 0 {
		t.Errorf("meta %+v, %v", m, err)
	}
	if n := state.Undecided(site, 0); n != 0 {
		t.Errorf("%d in quarantine", n)
	}
}

// TestDiverged pushes another history: the store is held for the session, and
// told of once.
func TestDiverged(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	d.Put("stock", "a", `{}`)
	d.Put("stock", "b", `{}`)
	r.push(frame(d.Batch(1, 1)))
	b := d.Batch(2, 2)
	b.Chain[0]++
	receipt, events := r.push(frame(b))
	r.expect(receipt, wire.Diverged, 1, 0)
	if events != "site.diverged " || r.session.Held(store) != sitesync.ProblemDiverged {
		t.Errorf("events %s, held %q", events, r.session.Held(store))
	}
	receipt, events = r.push(frame(d.Batch(2, 2)))
	r.expect(receipt, wire.Held, 0, 0)
	if m, _, err := state.Meta(store); events != "" || m.Settled != 1 || err != nil {
		t.Errorf("events %s, meta %+v, %v", events, m, err)
	}
	r.session = greeted(site) // the next one looks again
	receipt, _ = r.push(frame(d.Batch(2, 2)))
	r.expect(receipt, wire.Settled, 2, 0)
}

// ill is a State that fails, and remembers the frames it was given.
type ill struct {
	records.State
	err    error
	frames []string
}

func (i *ill) Apply(records.Batch) (records.Result, error) { return records.Result{}, i.err }

func (i *ill) BadFrame(site sitesync.SiteID, store sitesync.StoreID, frame []byte, _ time.Time) error {
	i.frames = append(i.frames, fmt.Sprint(site, "/", store))
	return i.err
}

// TestOverload holds that a device is told to come again when the hub fails,
// and that a full disk is not told of for each push.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := recordstest.NewDevice(store, records.Origin{Epoch: 1, Site: site, Replica: replica})
		d.Put("stock", "a", `{}`)
		state := &ill{err: errors.New("a fault")}
		r := newRig(t, state)
		receipt, events := r.push(frame(d.All()))
		r.expect(receipt, wire.Overload, 0, 0)
		if events != "" || !strings.Contains(r.log.String(), "a fault") {
			t.Errorf("events %s, log %s", events, &r.log)
		}
		state.err = sitesync.Errorf(sitesync.CodeDiskFull, "free some space", "the disk is full")
		for minute, want := range []string{"hub.disk ", "hub.disk ", "hub.disk "} {
			r.log.Reset()
			for push := range 3 {
				receipt, events := r.push(frame(d.All()))
				r.expect(receipt, wire.Overload, 0, 0)
				if push > 0 {
					want = ""
				}
				if events != want {
					t.Errorf("minute %d, push %d: events %q, want %q", minute, push, events, want)
				}
			}
			if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
				t.Errorf("minute %d: %d lines of log", minute, n)
			}
			time.Sleep(time.Minute)
		}
		if l := r.live.Get(site); !l.LastSync.IsZero() {
			t.Errorf("live %+v", l)
		}
	})
}

// TestBadFrame sends what cannot be read: with a header that can, it is kept
// and answered; an event tells of it, once a minute for each site.
func TestBadFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := &ill{}
		r := newRig(t, state)
		good := wire.Encode(number, store, &wire.Push{Epoch: 1, First: 1, Changes: []sitesync.Change{{Op: sitesync.OpPut, Table: "stock", ID: "a", Data: []byte(`{}`)}}})
		cut := append([]byte(nil), good...)
		cut[len(cut)-3] ^= 0xff
		other := wire.Encode(number-1, store, &wire.Push{First: 1})
		other[len(other)-1] ^= 0xff

		for i, c := range []struct {
			name    string
			frame   []byte
			wait    time.Duration
			answer  bool
			events  string
			session *session.Session
		}{
			{"the first", cut, 0, true, "site.bad_frame ", r.session},
			{"soon after", cut, time.Second, true, "", r.session},
			{"without a header", []byte("GET / HTTP/1.1"), time.Second, false, "", r.session},
			{"of another session", other, time.Minute, false, "", r.session},
			{"empty, a minute later", nil, time.Second, false, "site.bad_frame ", r.session},
			{"of another site", cut, 0, true, "site.bad_frame ", greeted(site + 1)},
			{"a hello, before the welcome", cut, 0, false, "site.bad_frame ", session.New(site+2, 9, "client", registry.Decision{})},
			{"another kind of message", wire.Encode(number, store, &wire.Hint{}), time.Minute, true, "site.bad_frame ", r.session},
		} {
			time.Sleep(c.wait)
			r.session = c.session
			kept := len(state.frames)
			receipt, events := r.push(c.frame)
			if events != c.events || (receipt != nil) != c.answer || (len(state.frames) > kept) != c.answer {
				t.Errorf("%d, %s: receipt %+v, events %q, kept %v", i, c.name, receipt, events, state.frames[kept:])
			}
			if receipt != nil {
				r.expect(receipt, wire.BadFrame, 0, 0)
			}
		}
		for _, s := range []sitesync.SiteID{site, site + 1, site + 2} {
			if p := r.live.Get(s).Problem; p == nil || p.Code != sitesync.ProblemBadFrame || p.Next == "" {
				t.Errorf("problem of site %d: %+v", s, p)
			}
		}
		if got := strings.Join(state.frames, " "); got != "5/7 5/7 6/7 5/7" {
			t.Errorf("kept frames of %s", got)
		}
		state.err = errors.New("a fault") // in keeping it: it is answered all the same
		if receipt, _ := r.push(cut); receipt == nil || !strings.Contains(r.log.String(), "a fault") {
			t.Errorf("receipt %+v, log %s", receipt, &r.log)
		}
	})
}

// TestBatchThatIsNone sends frames that can be read and hold no batch.
func TestBatchThatIsNone(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	for range sitesync.MaxBatchChanges + 1 {
		d.Put("stock", "a", `{}`)
	}
	for _, b := range []records.Batch{d.All(), {Store: store, Origin: d.Origin, First: 1}} {
		receipt, _ := r.push(frame(b))
		r.expect(receipt, wire.BadFrame, 0, 0)
	}
	if m, _, err := state.Meta(store); err != nil || m.Settled != 0 {
		t.Errorf("meta %+v, %v", m, err)
	}
}

// TestProblemPasses clears the problem once every store of the session can be
// read again, and leaves others alone.
func TestProblemPasses(t *testing.T) {
	state, d := openRecords(t)
	r := newRig(t, state)
	d.Put("stock", "a", `{}`)
	d.Put("stock", "b", `{}`)
	bad := func(of sitesync.StoreID) []byte {
		f := wire.Encode(number, of, &wire.Push{First: 1, Changes: []sitesync.Change{{Op: sitesync.OpDelete}}})
		f[len(f)-1] ^= 0xff
		return f
	}
	problem := func() sitesync.ProblemCode {
		if p := r.live.Get(site).Problem; p != nil {
			return p.Code
		}
		return ""
	}
	r.push(bad(store))
	if _, err := r.BadFrame(r.session, bad(store+1), wire.ErrFrame); err != nil {
		t.Fatal(err)
	}
	r.push(frame(d.Batch(1, 1)))
	if problem() != sitesync.ProblemBadFrame {
		t.Errorf("problem %q while another store cannot be read", problem())
	}
	delete(r.session.BadFrames, store+1)
	if _, err := r.BadFrame(r.session, wire.Encode(number, 0, &wire.Pull{Stream: 1}), wire.ErrFrame); err != nil { // which is no push's
		t.Fatal(err)
	}
	r.push(frame(d.Batch(1, 1)))
	if problem() != "" {
		t.Errorf("problem %q", problem())
	}
	r.live.Update(site, func(l *session.Live) { l.Problem = &sitesync.Problem{Code: sitesync.ProblemDiverged} })
	r.push(frame(d.Batch(2, 2)))
	if problem() != sitesync.ProblemDiverged {
		t.Errorf("problem %q", problem())
	}
}

// TestManyBadFrames names ever other stores in frames that cannot be read: what
// a session remembers of them stays small.
func TestManyBadFrames(t *testing.T) {
	r := newRig(t, &ill{})
	for i := range sitesync.StoreID(mostBadFrames + 10) {
		if _, err := r.BadFrame(r.session, wire.Encode(number, i, &wire.Push{First: 1}), wire.ErrFrame); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.session.BadFrames); n != mostBadFrames {
		t.Errorf("%d stores are remembered", n)
	}
}

// FuzzPush holds that no bytes of a device can do more than be refused.
func FuzzPush(f *testing.F) {
	f.Add([]byte{})
	f.Add(wire.Encode(number, store, &wire.Push{Epoch: 1, First: 1, Changes: []sitesync.Change{{Op: sitesync.OpPut, Table: "stock", ID: "a", Data: []byte(`{}`)}}}))
	f.Add(wire.Encode(number, store, &wire.Push{First: 1<<64 - 1}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		in := New(&ill{}, session.NewTable(), slog.New(slog.DiscardHandler))
		if _, err := in.Push(t.Context(), greeted(site), frame); err != nil {
			t.Error(err)
		}
	})
}
