package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// step is a place in a handover: the message before which the link of one side
// stops, and what else is so by then.
type step struct {
	name  string
	at    role // whose link
	wait  []message
	also  func(m *moving) bool
	large bool // it takes several messages to carry what the store has
}

// role of a party in a handover.
type role int

const (
	former role = iota // the site that has the store
	next               // the site that gets it
	centre             // the hub
)

var (
	roles = []role{former, next, centre}
	names = map[role]string{former: "the former site", next: "the new site", centre: "the hub"}
)

// steps are all of a handover between two sites, in their order.
var steps = []step{
	{name: "drain ordered", at: former, wait: []message{told(sitesync.PhaseDraining, false)}},
	{name: "half of it drained", at: former, wait: []message{sent(topic.Push)}, also: (*moving).isDraining, large: true},
	{name: "frozen", at: former, wait: []message{told(sitesync.PhaseDraining, false), whatever}, also: (*moving).isFrozen},
	{name: "drained reported", at: former, wait: []message{reported(wire.Drained)}, also: (*moving).isFrozen},
	{name: "released told", at: former, wait: []message{told(sitesync.PhaseReleased, false)}},
	{name: "loading told", at: next, wait: []message{told(sitesync.PhaseLoading, false)}},
	{name: "data asked for", at: next, wait: []message{sent(topic.ResyncRequest)}},
	{name: "half of it loaded", at: next, wait: []message{come(topic.Resync), come(topic.Resync), come(topic.Resync)}, also: (*moving).isLoading, large: true},
	{name: "loaded reported", at: next, wait: []message{reported(wire.Loaded)}, also: (*moving).isLoading},
	{name: "active told", at: next, wait: []message{told(sitesync.PhaseActive, false)}},
	{name: "the new owner told to the former", at: former, wait: []message{told(sitesync.PhaseReleased, true)}},
	{name: "purge reported", at: former, wait: []message{reported(wire.Purged)}},
}

// TestKilledMoving kills either device and the hub at each step of a handover,
// and again while it recovers. The store always ends whole at its new site.
func TestKilledMoving(t *testing.T) {
	m := newMoving(t)
	for _, s := range steps {
		for _, victim := range roles {
			m.kill(t, s, victim)
		}
	}
}

// TestKilledMovingHome does so where the centre is one of the two sides.
func TestKilledMovingHome(t *testing.T) {
	m := newMoving(t)
	m.to = nil
	reported, half := steps[3], steps[7]
	reported.large = true // which then is at the centre
	m.kill(t, reported, former)
	m.kill(t, half, next)
	m.kill(t, reported, centre)
	m.kill(t, half, centre)
}

// moving is a store that is moved to and fro between two devices, and what is
// known of it.
type moving struct {
	hub      *rig.Hub
	sites    [2]*mover
	from, to *mover // nil: the centre
	handover uint64

	versions map[string]string // data by record
	changes  uint64            // made, in all
	noise    *rand.ChaCha8
}

// mover is a site with its device and link.
type mover struct {
	id    uint64
	name  string
	agent *rig.Agent
	gate  *gate
}

const (
	movedStore = "NAD1"
	inStore    = 20
	smallData  = 300      // bytes of a record
	largeData  = 60 << 10 // so that all take several messages, both ways
)

func newMoving(t *testing.T) *moving {
	m := &moving{hub: startHub(t), versions: map[string]string{}, noise: rand.NewChaCha8([32]byte{})}
	for i, name := range []string{"nadi", "suva"} {
		s := &mover{name: name, gate: newGate(t, m.hub.Addresses.MQTT)}
		var err error
		s.id, _, err = m.hub.Register(name, password)
		check(t, err)
		s.agent = joinAt(t, s.gate.address, name, "device of "+name, "--purge-after", "100ms")
		m.sites[i] = s
	}
	check(t, m.hub.Call("store.create", map[string]any{"code": movedStore, "name": "Nadi"}, nil))
	check(t, m.hub.Call("store.move", map[string]any{"store": movedStore, "to": m.sites[0].id}, nil))
	m.from, m.to = m.sites[0], m.sites[1]
	check(t, m.from.agent.Writable(movedStore, patience))
	m.write(t, smallData)
	check(t, m.from.agent.Sent(patience))
	return m
}

// write makes a new version of every record at the side that has the store.
func (m *moving) write(t *testing.T, size int) {
	t.Helper()
	var lines bytes.Buffer
	for i := range inStore {
		id := fmt.Sprintf("r-%d", i)
		m.changes++
		scan := make([]byte, size*3/4)
		m.noise.Read(scan)
		m.versions[id] = fmt.Sprintf(`{"change":%d,"scan":%q}`, m.changes, base64.StdEncoding.EncodeToString(scan))
		fmt.Fprintf(&lines, `{"op":"put","table":"stock","id":%q,"data":%s}`+"\n", id, m.versions[id])
	}
	check(t, m.from.agent.Bulk(movedStore, &lines))
}

// kill moves the store, has one of the parties killed at a step and once more
// when it has come back, and looks at what comes of it. Then the store goes the
// other way.
func (m *moving) kill(t *testing.T, s step, victim role) {
	if t.Failed() {
		return // what follows builds on it
	}
	t.Run(fmt.Sprintf("%s/%s", s.name, names[victim]), func(t *testing.T) {
		began := time.Now()
		if m.from != nil {
			held := m.from.gate.pass(sent(topic.Push))
			m.write(t, map[bool]int{false: smallData, true: largeData}[s.large])
			until(t, held, "the first of what was not sent is on its way")
		}
		at, reached := m.side(s.at), m.order(t, s)
		until(t, reached, s.name)
		if s.also != nil {
			check(t, rig.Until(patience, func() (bool, error) { return s.also(m), nil }))
		}
		m.strike(t, victim, at)
		m.ended(t)
		t.Logf("%s", time.Since(began).Round(time.Millisecond))
		m.from, m.to = m.to, m.from
	})
}

// order has the store moved, up to a step.
func (m *moving) order(t *testing.T, s step) (reached <-chan struct{}) {
	t.Helper()
	if s.at == next {
		reached = m.to.gate.pass(s.wait...)
	}
	m.handover = move(t, m.hub, movedStore, m.target(), false).ID
	if s.at == former {
		return m.from.gate.pass(s.wait...)
	}
	if m.from != nil {
		m.from.gate.pass()
	}
	return reached
}

// strike kills a party, and again when it is welcomed back, or welcomes.
func (m *moving) strike(t *testing.T, victim role, at *mover) {
	t.Helper()
	if victim != centre {
		at = m.side(victim)
	}
	m.end(victim)
	back := at.gate.pass(come(topic.Welcome))
	for _, s := range m.sites {
		if s != at {
			s.gate.pass()
		}
	}
	m.start(t, victim)
	until(t, back, "a welcome")
	m.end(victim)
	at.gate.pass()
	m.start(t, victim)
}

func (m *moving) side(r role) *mover {
	if r == former {
		return m.from
	}
	return m.to
}

func (m *moving) target() uint64 {
	if m.to == nil {
		return uint64(sitesync.CentralSite)
	}
	return m.to.id
}

func (m *moving) end(r role) {
	if r == centre {
		m.hub.Kill()
		return
	}
	m.side(r).agent.Kill()
}

func (m *moving) start(t *testing.T, r role) {
	t.Helper()
	if r == centre {
		check(t, m.hub.Start())
		return
	}
	check(t, m.side(r).agent.Start())
}

// until waits for a gate to close.
func until(t *testing.T, reached <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatalf("it never came to this: %s", what)
	}
}

func (m *moving) isDraining() bool {
	var answer struct{ Store sitesync.Store }
	err := m.hub.Call("store.get", map[string]any{"store": movedStore}, &answer)
	return err == nil && answer.Store.Phase == sitesync.PhaseDraining
}

func (m *moving) isFrozen() bool  { return shows(m.from, sitesync.PhaseDraining) }
func (m *moving) isLoading() bool { return shows(m.to, sitesync.PhaseLoading) }

// shows reports whether a device says that the store is in a phase.
func shows(s *mover, phase sitesync.Phase) bool {
	stores, err := s.agent.Stores()
	return err == nil && len(stores) == 1 && stores[0].Phase == phase && !stores[0].Writable
}

// ended waits until all is as it has to be in the end.
func (m *moving) ended(t *testing.T) {
	t.Helper()
	done := handed(t, m.hub, m.handover, sitesync.HandoverDone)
	if m.to != nil && done.Sent != done.Total {
		t.Errorf("the handover is done with %+v of %+v", done.Sent, done.Total)
	}
	if m.to != nil {
		check(t, m.to.agent.Writable(movedStore, patience))
		equal(t, m.hub, m.to.agent, movedStore, len(m.versions))
	}
	if m.from != nil {
		check(t, rig.Until(patience, func() (bool, error) {
			stores, err := m.from.agent.Stores()
			return err == nil && len(stores) == 0, err
		}))
	}
	m.compare(t)
}

// compare holds the store at the hub against what was written, each change of
// which must be in its log once.
func (m *moving) compare(t *testing.T) {
	t.Helper()
	var want sitesync.Digest
	hasher := sitesync.NewHasher()
	for id, data := range m.versions {
		want.Add(hasher.Record("stock", id, []byte(data)))
	}
	at := storeAtHub(t, m.hub, movedStore)
	if at.Digest != want || at.Records != int64(len(m.versions)) {
		t.Errorf("the hub has %d records with digest %s; written were %d with %s", at.Records, at.Digest, len(m.versions), want)
	}
	var head wire.Cursor
	check(t, head.UnmarshalText([]byte(at.Head)))
	if head.Seq != m.changes {
		t.Errorf("%d changes were applied, %d were made", head.Seq, m.changes)
	}
	if items := inQuarantine(t, m.hub, ""); len(items) > 0 {
		t.Errorf("%d in quarantine: %+v", len(items), items[0])
	}
}
