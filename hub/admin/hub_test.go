package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sitesync/hub/handover"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// hub is everything behind the commands, on a real database.
type hub struct {
	*Dispatcher
	t   testing.TB
	log bytes.Buffer
	ids int
}

var (
	admin  = Caller{Kind: "user", Name: "admin", Role: registry.RoleAdmin, Data: true, From: "127.0.0.1"}
	clerk  = Caller{Kind: "user", Name: "clerk", Role: registry.RoleAdmin, From: "127.0.0.1"}
	viewer = Caller{Kind: "token", Name: "viewer", Role: registry.RoleViewer, From: "127.0.0.1"}
	reader = Caller{Kind: "token", Name: "reader", Role: registry.RoleViewer, Data: true, From: "127.0.0.1"}
)

func newHub(t *testing.T) *hub {
	t.Helper()
	return newHubOn(t, func(registry.Backend) {})
}

// newHubOn makes a hub whose registry is filled first.
func newHubOn(t testing.TB, fill func(registry.Backend)) *hub {
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
	h := &hub{t: t}
	backend := registry.NewKV(db)
	fill(backend)
	log := slog.New(slog.NewTextHandler(&h.log, nil))
	reg, err := registry.Open(backend, registry.Options{Argon2: cheap, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	state, err := records.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	driver, err := handover.New(state, reg, log, func(handover.Moved) {})
	if err != nil {
		t.Fatal(err)
	}
	h.Dispatcher = New(Options{Registry: reg, Records: state, Handover: driver, Live: session.NewTable(), Log: log, Machine: func() Machine { return Machine{} }, Pin: [32]byte{1},
		URLs: func() []string {
			return []string{"mqtts://hub.example.org:8883", "wss://hub.example.org:8443/mqtt", "mqtt://127.0.0.1:1883"}
		}})
	return h
}

// cheap is what hashing a password costs in tests.
var cheap = registry.Argon2{Memory: 64, Time: 1, Threads: 1}

// answer is a parsed answer.
type answer struct {
	Topic  string
	ID     string          `json:"id"`
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  *sitesync.Error `json:"error"`
}

// send carries out a command whose payload is given.
func (h *hub) send(c Caller, command, payload string) answer {
	h.t.Helper()
	topicName, b := h.Handle(h.t.Context(), c, command, []byte(payload), "", nil)
	return h.parse(topicName, b)
}

func (h *hub) parse(topicName string, b []byte) answer {
	h.t.Helper()
	a := answer{Topic: topicName}
	if err := json.Unmarshal(b, &a); err != nil {
		h.t.Fatalf("answer %s: %v", b, err)
	}
	if a.OK != (a.Error == nil) || a.OK != (a.Result != nil) {
		h.t.Fatalf("answer %s is neither a result nor an error", b)
	}
	if topic.Parse(topicName).Kind != topic.Reply {
		h.t.Fatalf("answered on %s", topicName)
	}
	return a
}

// do carries out a command under a new ID.
func (h *hub) do(c Caller, command, args string) answer {
	h.t.Helper()
	h.ids++
	return h.send(c, command, fmt.Sprintf(`{"id":"t%d","args":%s}`, h.ids, args))
}

// must is do for a command that succeeds; it decodes the result.
func must[T any](h *hub, command, args string) T {
	h.t.Helper()
	return result[T](h, h.do(admin, command, args))
}

func result[T any](h *hub, a answer) (v T) {
	h.t.Helper()
	if a.Error != nil {
		h.t.Fatalf("%s: %s (%s)", a.Error.Code, a.Error, a.Error.Field)
	}
	if err := json.Unmarshal(a.Result, &v); err != nil {
		h.t.Fatalf("result %s: %v", a.Result, err)
	}
	return v
}

// fails checks that a command was refused with a code, at a field and with a
// text in its message or next.
func (h *hub) fails(a answer, code sitesync.Code, field, text string) {
	h.t.Helper()
	if a.Error == nil {
		h.t.Fatalf("succeeded with %s", a.Result)
	}
	if a.Error.Code != code || a.Error.Field != field || !strings.Contains(a.Error.Error(), text) {
		h.t.Errorf("error %s at %q: %s; want %s at %q with %q", a.Error.Code, a.Error.Field, a.Error, code, field, text)
	}
}

// house makes site 2, Nadi, and the stores 1, NAD1 at the central site, and 2,
// NAD2 on its way to Nadi.
func house(t *testing.T) *hub {
	t.Helper()
	h := newHub(t)
	must[SiteResult](h, "site.create", `{"name":"Nadi","code":"NAD","password":"correct horse"}`)
	must[StoreResult](h, "store.create", `{"code":"NAD1","name":"Nadi pharmacy","tags":["region:west"]}`)
	must[StoreResult](h, "store.create", `{"code":"NAD2","name":"Nadi ward"}`)
	must[MoveResult](h, "store.move", `{"store":"NAD2","to":"Nadi"}`)
	return h
}

// bind gives a site a device, and its stores that device's replica.
func (h *hub) bind(site string, id sitesync.SiteID, hardware sitesync.HardwareID) sitesync.ReplicaID {
	h.t.Helper()
	replica := sitesync.NewReplicaID()
	d, err := h.Registry.Authenticate(registry.Login{Name: site, Secret: []byte("correct horse"), Hardware: hardware,
		ReplicaShort: replica.Short(), Address: "192.0.2.7"})
	if err != nil || d.Outcome != registry.Accepted {
		h.t.Fatalf("login: %+v, %v", d, err)
	}
	if err := h.Handover.Hello(id, replica, func(sitesync.StoreID) bool { return true }); err != nil {
		h.t.Fatal(err)
	}
	return replica
}

// activate ends the loading of a store, as if a device of its site had come
// and loaded everything.
func (h *hub) activate(store sitesync.StoreID) {
	h.t.Helper()
	m, _, err := h.Records.Meta(store)
	if err == nil && m.Replica.IsZero() {
		err = h.Handover.Hello(m.Owner, sitesync.NewReplicaID(), func(sitesync.StoreID) bool { return true })
		m, _, _ = h.Records.Meta(store)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	v, _, err := h.Handover.Loaded(store, m.Owner, &wire.Handover{Step: wire.Loaded, Replica: m.Replica, Handover: m.Handover.ID,
		Epoch: m.Epoch, Cursor: m.Head(), Digest: m.Digest})
	if err != nil || v != handover.Taken {
		h.t.Fatalf("verdict %d, %v", v, err)
	}
}
