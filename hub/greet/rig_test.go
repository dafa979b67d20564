package greet

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"sitesync/hub/handover"
	"sitesync/hub/lease"
	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

var (
	first  = sitesync.ReplicaID{1}
	second = sitesync.ReplicaID{2}
	third  = sitesync.ReplicaID{3}

	anna     = registry.Actor{Kind: registry.ActorUser, Name: "anna", From: "192.0.2.7", Command: "test"}
	hardware = sitesync.NewHardwareID(sha256.Sum256([]byte("a tablet")))
)

const password = "correct horse"

// rig is the handler with a real registry, driver and records behind it. There
// is a site, Nadi, with a device that has not connected yet.
type rig struct {
	*testing.T
	*Greet
	registry *registry.Registry
	records  *records.DB
	nadi     sitesync.SiteID
	session  *session.Session
	client   string
	tags     []string // of stores that it makes
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
	r := &rig{T: t, tags: []string{"kind:clinic"}}
	r.registry, err = registry.Open(registry.NewKV(db), registry.Options{Argon2: registry.Argon2{Memory: 64, Time: 1, Threads: 1}})
	r.must(err)
	t.Cleanup(r.registry.Close)
	r.records, err = records.Open(db)
	r.must(err)
	driver, err := newDriver(r)
	r.must(err)
	leases, err := lease.New(r.registry, time.Minute)
	r.must(err)
	r.Greet = &Greet{Registry: r.registry, State: r.records, Handover: driver, Live: session.NewTable(), Leases: leases, Log: slog.New(slog.DiscardHandler),
		Addresses: func() []string { return []string{"mqtts://hub.example.org:8883"} }, ReplicaWindow: time.Hour}
	r.nadi = r.site("Nadi")
	return r
}

func newDriver(r *rig) (*handover.Driver, error) {
	return handover.New(r.records, r.registry, slog.New(slog.DiscardHandler), func(handover.Moved) {})
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) site(name string) sitesync.SiteID {
	r.Helper()
	res, err := r.registry.CreateSite(anna, registry.NewSite{Name: name, Code: "C" + name, Password: password})
	r.must(err)
	return res.Site.ID
}

// store makes a store, at the centre or moved on from there.
func (r *rig) store(to sitesync.SiteID) sitesync.StoreID {
	r.Helper()
	_, err := r.registry.CreateStore(anna, registry.NewStore{Code: fmt.Sprintf("S%d", time.Now().UnixNano()), Tags: r.tags})
	r.must(err)
	all := r.registry.StoresOf(sitesync.CentralSite)
	id := all[len(all)-1].ID
	r.must(r.Handover.TakeAll())
	if to != sitesync.CentralSite {
		r.move(id, to)
	}
	return id
}

func (r *rig) move(store sitesync.StoreID, to sitesync.SiteID) {
	r.Helper()
	res, err := r.registry.MoveStore(anna, store, to, false)
	r.must(err)
	_, err = r.Handover.Take(store, res.Intent.Number)
	r.must(err)
}

func (r *rig) meta(store sitesync.StoreID) records.Meta {
	r.Helper()
	m, ok, err := r.records.Meta(store)
	if err != nil || !ok {
		r.Fatalf("meta of store %d: %v, %v", store, ok, err)
	}
	return m
}

// connect logs the device in with a secret and begins its session.
func (r *rig) connect(replica sitesync.ReplicaID, secret string) *session.Session {
	r.Helper()
	d, err := r.registry.Authenticate(registry.Login{Name: "Nadi", Secret: []byte(secret), Hardware: hardware, ReplicaShort: replica.Short(), Address: "192.0.2.1"})
	r.must(err)
	if d.Outcome != registry.Accepted {
		r.Fatalf("decided %+v", d)
	}
	number, err := r.registry.NextSession()
	r.must(err)
	r.client = sitesync.ClientID(hardware, replica)
	r.session = session.New(d.Site, number, r.client, d)
	return r.session
}

func hello(replica sitesync.ReplicaID, stores ...wire.StoreState) wire.Hello {
	return wire.Hello{Replica: replica, Version: "1.2", Type: sitesync.TypeMobile, Platform: "linux/arm64", Stores: stores,
		Evidence: map[string]string{"board": "ab"}, Report: wire.Report{Backlog: 4, Clock: time.Now(), DiskFree: 77}}
}

// say sends pages of a hello until something is answered.
func (r *rig) say(h wire.Hello) []session.Message {
	r.Helper()
	for _, page := range wire.SplitHello(h) {
		out, err := r.Hello(r.Context(), r.session, wire.Encode(0, 0, page))
		r.must(err)
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// answers is what a hello was answered with.
type answers struct {
	events   string // kinds
	messages []string
	welcome  *wire.Welcome
	receipts []*wire.Receipt
	of       []sitesync.StoreID // of the receipts
}

func (r *rig) read(out []session.Message) (a answers) {
	r.Helper()
	for _, m := range out {
		if m.Event != nil {
			if m.Event.Next == "" || m.Event.Site == nil || *m.Event.Site != r.nadi {
				r.Errorf("event %+v", m.Event)
			}
			a.events += string(m.Event.Kind) + " "
			a.messages = append(a.messages, m.Event.Message)
			continue
		}
		switch m.Topic.Kind {
		case topic.Welcome:
			h, w, err := wire.Decode[wire.Welcome](m.Payload)
			if err != nil || a.welcome != nil || len(a.receipts) > 0 || h.Session != 0 || m.Topic.Client != r.client {
				r.Fatalf("welcome %+v on %+v: %v", w, m.Topic, err)
			}
			a.welcome = w
		case topic.Receipt:
			h, got, err := wire.Decode[wire.Receipt](m.Payload)
			if err != nil || h.Session != r.session.Number || m.Topic.Site != r.nadi {
				r.Fatalf("receipt %+v on %+v: %v", got, m.Topic, err)
			}
			a.receipts, a.of = append(a.receipts, got), append(a.of, h.Store)
		default:
			r.Fatalf("a message on %+v", m.Topic)
		}
	}
	return a
}

// greet connects with the password and says hello; the answer is a welcome.
func (r *rig) greet(replica sitesync.ReplicaID, stores ...wire.StoreState) answers {
	r.Helper()
	r.connect(replica, password)
	a := r.read(r.say(hello(replica, stores...)))
	if a.welcome == nil || a.welcome.Refused != 0 || !r.session.Greeted() {
		r.Fatalf("answered %+v", a)
	}
	return a
}

// active makes a store that is active at Nadi's first replica, and the device
// that writes it.
func (r *rig) active() *recordstest.Device {
	r.Helper()
	id := r.store(r.nadi)
	r.must(r.Handover.Hello(r.nadi, first, func(sitesync.StoreID) bool { return true }))
	m := r.meta(id)
	v, _, err := r.Handover.Loaded(id, r.nadi, &wire.Handover{Step: wire.Loaded, Handover: m.Handover.ID, Epoch: m.Epoch, Replica: first, Digest: m.Digest, Cursor: m.Head()})
	if err != nil || v != handover.Taken {
		r.Fatalf("verdict %d, %v", v, err)
	}
	m = r.meta(id)
	return recordstest.NewDevice(id, m.Origin())
}

func (r *rig) push(d *recordstest.Device, from, through uint64) {
	r.Helper()
	res, err := r.records.Apply(d.Batch(from, through))
	if err != nil || res.Settled != through {
		r.Fatalf("%+v, %v", res, err)
	}
}
