package feed

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
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
	store  = sitesync.StoreID(7)
	site   = sitesync.SiteID(5)
	number = 41
)

var replica = sitesync.ReplicaID{1}

// rig is the handler, a session, and real records behind them.
type rig struct {
	*testing.T
	*Feed
	state   *records.DB
	live    *session.Table
	session *session.Session

	confirmed string // what was said of leases
}

// Confirm implements Leases.
func (r *rig) Confirm(s *session.Session, assignment uint64, held time.Duration) error {
	r.confirmed += fmt.Sprintf("%d: %d %s ", s.Site, assignment, held)
	return nil
}

func newRig(t *testing.T) *rig {
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
	r := &rig{T: t, live: session.NewTable()}
	if r.state, err = records.Open(db); err != nil {
		t.Fatal(err)
	}
	r.Feed = New(r.state, r.live, r)
	r.connect()
	return r
}

// connect begins a new session.
func (r *rig) connect() {
	r.session = session.New(site, number, "client", registry.Decision{})
	r.session.Replica = replica
	r.session.SetGreeted()
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) meta(store sitesync.StoreID) records.Meta {
	r.Helper()
	m, ok, err := r.state.Meta(store)
	if err != nil || !ok {
		r.Fatalf("meta of store %d: %v, %v", store, ok, err)
	}
	return m
}

// central makes a store at the centre with n records of about so many bytes,
// which a device wrote before.
func (r *rig) central(store sitesync.StoreID, n, bytes int) {
	r.Helper()
	m := records.Meta{Store: store, Owner: site + 9, Replica: replica, Epoch: sitesync.NewEpoch(1, 1), Phase: sitesync.PhaseActive}
	m, err := r.state.Transition(0, m, nil)
	r.must(err)
	d := recordstest.NewDevice(store, m.Origin())
	for i := range n {
		id := fmt.Sprintf("%04d", i)
		d.Put("stock", id, string(noise(id, bytes)))
	}
	each := uint64(min(100, sitesync.MaxBatchBytes/(bytes+200)))
	for from := uint64(1); from <= d.Last(); from += each {
		res, err := r.state.Apply(d.Batch(from, min(from+each-1, d.Last())))
		if err != nil || res.Refused > 0 {
			r.Fatalf("%+v, %v", res, err)
		}
	}
	r.give(store, sitesync.CentralSite, sitesync.PhaseActive)
}

// noise is a record that compresses badly, the same for the same seed.
func noise(seed string, bytes int) []byte {
	random := make([]byte, bytes*3/4)
	rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(random)
	return fmt.Appendf(nil, `{"a":%q}`, base64.StdEncoding.EncodeToString(random))
}

// give moves a store to a site.
func (r *rig) give(store sitesync.StoreID, to sitesync.SiteID, phase sitesync.Phase) records.Meta {
	r.Helper()
	m := r.meta(store)
	from := m.Version
	m.Owner, m.Replica, m.Phase, m.Epoch, m.Handover = to, replica, phase, m.Epoch.Next(1), nil
	if to == sitesync.CentralSite {
		m.Replica = sitesync.ReplicaID{}
	}
	if phase == sitesync.PhaseLoading {
		m.Handover = &sitesync.Handover{ID: 9, Store: store, To: to, State: sitesync.HandoverLoading, Epoch: m.Epoch}
	}
	m, err := r.state.Transition(from, m, nil)
	r.must(err)
	return m
}

// activate ends the loading of a store.
func (r *rig) activate(store sitesync.StoreID) {
	r.Helper()
	m := r.meta(store)
	m.Phase, m.Handover = sitesync.PhaseActive, nil
	_, err := r.state.Transition(m.Version, m, nil)
	r.must(err)
}

// cursor is where a device stands in a store.
func (r *rig) cursor(store sitesync.StoreID, seq uint64) wire.StoreCursor {
	r.Helper()
	m := r.meta(store)
	return wire.StoreCursor{Store: store, Epoch: m.Epoch, Cursor: wire.Cursor{Log: m.Log, Seq: seq}}
}

// events gives the kinds of the events among messages, and the rest.
func (r *rig) events(out []session.Message) (events string, rest []session.Message) {
	r.Helper()
	for _, m := range out {
		if m.Event == nil {
			rest = append(rest, m)
			continue
		}
		if m.Event.Next == "" {
			r.Errorf("event %+v", m.Event)
		}
		events += string(m.Event.Kind) + " "
	}
	return events, rest
}

// decode reads a message to the session's site.
func decode[M any, P interface {
	*M
	wire.Decoder
}](r *rig, m session.Message, kind topic.Kind) (sitesync.StoreID, *M) {
	r.Helper()
	h, got, err := wire.Decode[M, P](m.Payload)
	if err != nil || m.Topic.Kind != kind || m.Topic.Site != site || h.Session != number || kind == topic.Resync && m.Topic.Store != h.Store {
		r.Fatalf("%+v on %+v: %v", h, m.Topic, err)
	}
	return h.Store, got
}

var errFault = errors.New("a fault")

// faulty is a State whose reads fail now and then.
type faulty struct {
	records.State
	fail bool
}

func (f *faulty) Changes(store sitesync.StoreID, from wire.Cursor, filter records.Filter, l records.Limit) (records.Page, error) {
	if f.fail {
		return records.Page{}, errFault
	}
	return f.State.Changes(store, from, filter, l)
}

func (f *faulty) Scan(store sitesync.StoreID, after wire.Key, l records.Limit) (records.ScanPage, error) {
	if f.fail {
		return records.ScanPage{}, errFault
	}
	return f.State.Scan(store, after, l)
}
