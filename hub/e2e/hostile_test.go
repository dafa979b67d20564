package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
	"sitesync/shared/wire/wirepb"
)

// TestHostileDevice has a device with a proper login misuse the protocol in
// every way it can, while the good device of another site goes on as if nothing
// were.
func TestHostileDevice(t *testing.T) {
	hub := startHub(t)
	good, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	evil, _, err := hub.Register("suva", password, "SUV1")
	check(t, err)
	agent := join(t, "good", j)
	check(t, agent.Writable("NAD1", patience))
	news := listen(t, hub, topic.AllEvents)
	before := siteAtHub(t, hub, good)

	h := &hostility{hub: hub, news: news, began: time.Now(), good: sitesync.SiteID(good), evil: sitesync.SiteID(evil),
		foreign: storeAtHub(t, hub, "NAD1"), own: storeAtHub(t, hub, "SUV1")}
	victim := newVictim(agent, "NAD1")
	for _, attack := range []struct {
		name string
		run  func(*hostility, *testing.T)
	}{
		{"before hello", (*hostility).beforeHello},
		{"hellos that are none", (*hostility).badHellos},
		{"another site's store", (*hostility).foreignStore},
		{"an unknown store", (*hostility).unknownStore},
		{"bad frames", (*hostility).badFrames},
		{"another session's number", (*hostility).wrongSession},
		{"others' topics", (*hostility).foreignTopics},
		{"others' messages", (*hostility).foreignMessages},
	} {
		t.Run(attack.name, func(t *testing.T) { attack.run(h, t) })
	}
	written, slowest, err := victim.end()
	check(t, err)
	t.Logf("the good device sent %d records meanwhile, the slowest in %s", written, slowest)
	if written == 0 || slowest > patience/3 {
		t.Errorf("the good device sent %d records, the slowest in %s", written, slowest)
	}
	equal(t, hub, agent, "NAD1", written)
	if list := news.events(sitesync.EventSiteOffline, good); len(list) > 0 {
		t.Errorf("the good device was cut off: %+v", list)
	}
	if after := siteAtHub(t, hub, good); after.Problem != nil || after.State != sitesync.StateOnline || after.Revision != before.Revision {
		t.Errorf("the good site is now %+v", after)
	}
	if strings.Contains(hub.Log(), "level=ERROR") {
		t.Error("the hub takes a device's faults for its own")
	}
	check(t, agent.Stop())
	check(t, hub.Stop())
}

// victim is a good device whose application writes a record, waits for its
// receipt, and writes the next one.
type victim struct {
	stop    chan struct{}
	ended   sync.WaitGroup
	written int
	slowest time.Duration
	err     error
}

func newVictim(agent *rig.Agent, store string) *victim {
	v := &victim{stop: make(chan struct{})}
	v.ended.Go(func() {
		for v.err == nil {
			select {
			case <-v.stop:
				return
			default:
			}
			began := time.Now()
			line := fmt.Sprintf(`{"op":"put","table":"stock","id":"r-%d","data":{"n":%d}}`, v.written, v.written)
			if v.err = agent.Bulk(store, strings.NewReader(line)); v.err == nil {
				v.err = agent.Sent(patience)
			}
			v.written++
			v.slowest = max(v.slowest, time.Since(began))
		}
	})
	return v
}

func (v *victim) end() (written int, slowest time.Duration, err error) {
	close(v.stop)
	v.ended.Wait()
	return v.written, v.slowest, v.err
}

// hostility is what the attacks know.
type hostility struct {
	hub          *rig.Hub
	news         *listener
	began        time.Time
	good, evil   sitesync.SiteID
	foreign, own sitesync.Store
}

func (h *hostility) login(t *testing.T) *device { return greeted(t, h.hub, "suva", "evil") }

func one(id string) []sitesync.Change {
	return []sitesync.Change{{Op: sitesync.OpPut, Table: "stock", ID: id, Data: []byte(`{"evil":true}`)}}
}

// beforeHello sends everything that a session may send, before it is one.
func (h *hostility) beforeHello(t *testing.T) {
	d, err := dialDevice(h.hub, "suva", password, "evil")
	check(t, err)
	defer d.session.Close()
	d.t, d.welcome = t, &wire.Welcome{Site: h.evil}
	check(t, d.subscribe(topic.ForDevice(d.client, topic.Welcome), topic.ForSite(h.evil, topic.Receipt), topic.ForSite(h.evil, topic.Changes), topic.AllResyncs(h.evil)))
	for session := range uint64(20) { // one of them is its number
		d.push(session, h.own.ID, &wire.Push{Epoch: h.own.Epoch, First: 1, Changes: one("early")})
		d.send(topic.ForSite(h.evil, topic.Pull), wire.Encode(session, 0, &wire.Pull{Stream: 1, Credit: 1 << 20}))
		d.send(topic.ForSite(h.evil, topic.ResyncRequest), wire.Encode(session, h.own.ID, &wire.ResyncRequest{Epoch: h.own.Epoch, Stream: 1, Credit: 1 << 20}))
		d.send(topic.ForSite(h.evil, topic.Handover), wire.Encode(session, h.own.ID, &wire.Handover{Step: wire.Loaded, Epoch: h.own.Epoch, Replica: d.replica}))
	}
	d.session.Close()
	if n := len(d.in); n > 0 {
		t.Errorf("%d messages came before a hello; the first on %s", n, (<-d.in).topic)
	}
	if s := storeAtHub(t, h.hub, "SUV1"); s.Records != 0 || s.Phase != sitesync.PhaseLoading {
		t.Errorf("the store is now %+v", s)
	}
}

// badHellos says hello in ways that cannot be: no session comes of it.
func (h *hostility) badHellos(t *testing.T) {
	d, err := dialDevice(h.hub, "suva", password, "evil")
	check(t, err)
	defer d.session.Close()
	d.t = t
	check(t, d.subscribe(topic.ForDevice(d.client, topic.Welcome)))
	nobody := wire.Hello{Pages: 1, Version: "1", Type: sitesync.TypeMobile}
	twoOfThree := wire.Hello{Page: 1, Pages: 3, Replica: d.replica, Type: sitesync.TypeMobile}
	for range 20 {
		for _, frame := range [][]byte{nil, []byte("hello"), wire.Encode(0, 0, &wire.Pull{}), wire.Encode(0, 0, &nobody), wire.Encode(0, 0, &twoOfThree)} {
			d.send(topic.ForDevice(d.client, topic.Hello), frame)
		}
	}
	h.login(t).quiet() // by then the hub has dealt with all of them
	if n := len(d.in); n > 0 {
		t.Errorf("%d messages came; the first on %s", n, (<-d.in).topic)
	}
}

// foreignStore pushes into the store of another site: nothing of it is applied,
// it is told so and nothing else, and nothing is thrown away.
func (h *hostility) foreignStore(t *testing.T) {
	d := h.login(t)
	push := &wire.Push{Epoch: h.foreign.Epoch, First: 1, Changes: one("r-0")}
	for range 2 { // the second time is a repeat
		d.push(d.welcome.Session, h.foreign.ID, push)
		r := await[wire.Receipt](d, topic.Receipt)
		if r.Outcome != wire.Settled || r.Settled != 1 || len(r.Quarantined) != 1 || r.Quarantined[0].Reason != sitesync.ReasonNotOwner {
			t.Fatalf("the receipt is %+v, want change 1 in quarantine as not_owner", r)
		}
		if q := r.Quarantined[0]; q.Present || q.Data != nil || !r.Head.IsZero() {
			t.Errorf("the receipt tells of another site's store: %+v", r)
		}
	}
	d.send(topic.ForSite(h.evil, topic.ResyncRequest), wire.Encode(d.welcome.Session, h.foreign.ID, &wire.ResyncRequest{Epoch: h.foreign.Epoch, Stream: 7, Credit: 1 << 20}))
	if c := await[wire.Chunk](d, topic.Resync); !c.Gone || len(c.Records) > 0 {
		t.Errorf("asked for another site's store, the hub sent %+v", c)
	}
	e := h.news.event(sitesync.EventQuarantineAdded, uint64(h.evil))
	if e.Store == nil || *e.Store != h.foreign.ID || e.Next == "" {
		t.Errorf("the event is %+v", e)
	}
	site := siteAtHub(t, h.hub, uint64(h.evil))
	if site.Problem == nil || site.Problem.Code != sitesync.ProblemQuarantined || !strings.HasPrefix(site.Problem.Message, "1 change ") {
		t.Errorf("the site's problem is %+v, want 1 quarantined change", site.Problem)
	}
}

// unknownStore pushes into a store that there is not.
func (h *hostility) unknownStore(t *testing.T) {
	d := h.login(t)
	d.push(d.welcome.Session, 4711, &wire.Push{Epoch: h.own.Epoch, First: 1, Changes: one("r-0")})
	r := await[wire.Receipt](d, topic.Receipt)
	if r.Outcome != wire.Settled || len(r.Quarantined) != 1 || r.Quarantined[0].Reason != sitesync.ReasonNotOwner {
		t.Errorf("the receipt is %+v", r)
	}
}

// badFrames sends what cannot be read. Where the header can be, the answer says
// so; people hear of it once.
func (h *hostility) badFrames(t *testing.T) {
	d := h.login(t)
	random := rand.New(rand.NewPCG(1, 2))
	kinds := []topic.Kind{topic.Push, topic.Pull, topic.ResyncRequest, topic.Handover, topic.CommandResult}
	for i := range 200 {
		noise := make([]byte, random.IntN(300))
		for k := range noise {
			noise[k] = byte(random.Uint32())
		}
		if len(noise) > 0 && noise[0] == wire.Version {
			noise[0] = 0 // else it could be a header
		}
		d.send(topic.ForSite(h.evil, kinds[i%len(kinds)]), noise)
	}
	d.quiet()
	for name, frame := range h.badBodies(d.welcome.Session) {
		d.send(topic.ForSite(h.evil, topic.Push), frame)
		if r := await[wire.Receipt](d, topic.Receipt); r.Outcome != wire.BadFrame || r.Settled != 0 {
			t.Errorf("%s: the receipt is %+v, want bad_frame", name, r)
		}
	}
	if e := h.news.event(sitesync.EventBadFrame, uint64(h.evil)); e.Next == "" {
		t.Errorf("the event is %+v", e)
	}
	if n := len(h.news.events(sitesync.EventBadFrame, uint64(h.evil))); n > 1+int(time.Since(h.began)/time.Minute) {
		t.Errorf("people were told of bad frames %d times, want once a minute", n)
	}
	if p := siteAtHub(t, h.hub, uint64(h.evil)).Problem; p == nil || p.Code != sitesync.ProblemBadFrame {
		t.Errorf("the site's problem is %+v, want bad_frame", p)
	}
	d.quiet() // and the session goes on
}

// badBodies are frames of pushes with a good header and a body that is none.
func (h *hostility) badBodies(session uint64) map[string][]byte {
	frame := func(compression byte, length uint64, body []byte) []byte {
		b := []byte{wire.Version, byte(wirepb.Kind_KIND_PUSH), compression}
		for _, field := range []uint64{session, uint64(h.own.ID), length} {
			b = binary.AppendUvarint(b, field)
		}
		return append(b, body...)
	}
	rubbish := []byte("this is no protobuf message at all")
	good := wire.Encode(session, h.own.ID, &wire.Push{Epoch: h.own.Epoch, First: 1, Changes: one("r-0")})
	list := map[string][]byte{
		"rubbish":              frame(0, uint64(len(rubbish)), rubbish),
		"rubbish, compressed":  frame(1, 1000, rubbish),
		"no body":              frame(0, 0, nil),
		"shorter than it says": frame(0, 1000, rubbish),
		"a terabyte":           frame(0, 1<<40, rubbish),
		"a terabyte, packed":   frame(1, 1<<40, rubbish),
		"all there is":         frame(1, 1<<64-1, rubbish),
		"unknown compression":  frame(9, uint64(len(rubbish)), rubbish),
		"cut short":            good[:len(good)-3],
		"entries without end":  frame(0, 1<<18, bytes.Repeat([]byte{0x22, 0}, 1<<17)),
		"no changes":           wire.Encode(session, h.own.ID, &wire.Push{Epoch: h.own.Epoch, First: 1}),
		"numbers that overflow": wire.Encode(session, h.own.ID, &wire.Push{Epoch: h.own.Epoch, First: 1<<64 - 1,
			Changes: append(one("a"), one("b")...)}),
		"another kind": wire.Encode(session, h.own.ID, &wire.Pull{Stream: 1}),
	}
	return list
}

// wrongSession sends what would be good in another session.
func (h *hostility) wrongSession(t *testing.T) {
	d := h.login(t)
	number := d.welcome.Session
	for _, other := range []uint64{0, number - 1, number + 1, 1<<64 - 1} {
		d.push(other, h.foreign.ID, &wire.Push{Epoch: h.foreign.Epoch, First: 2, Changes: one("r-1")})
	}
	d.quiet()
	d.push(number, h.foreign.ID, &wire.Push{Epoch: h.foreign.Epoch, First: 7, Changes: one("r-1")})
	if r := await[wire.Receipt](d, topic.Receipt); r.Outcome != wire.Gap || r.Settled != 1 {
		t.Errorf("the receipt is %+v, want a gap after 1", r)
	}
}

// foreignTopics speaks where it must not: the hub cuts it off each time.
func (h *hostility) foreignTopics(t *testing.T) {
	frame := wire.Encode(1, h.foreign.ID, &wire.Push{Epoch: h.foreign.Epoch, First: 1, Changes: one("r-0")})
	for _, name := range []string{
		topic.ForSite(h.good, topic.Push), topic.ForSite(h.good, topic.Handover), topic.ForSite(h.good, topic.Receipt), topic.ForSite(h.evil, topic.Receipt),
		topic.ForSite(h.good, topic.Status), topic.ForSite(h.evil, topic.Status), topic.Prefix + "/admin/site.list", topic.Prefix + "/reply/admin/1",
		topic.Prefix + "/event/site.online", topic.ForDevice(sitesync.ClientID(hardwareOf("good"), replicaOf("good")), topic.Hello),
		"$SYS/broker/version", "sitesync", "anything/else",
	} {
		d := h.login(t)
		d.send(name, frame)
		d.closed()
	}
	if n := len(h.news.events(sitesync.EventSiteOnline, uint64(h.good))); n != 0 {
		t.Errorf("people were told %d times that the good site came online", n)
	}
}

// foreignMessages asks to hear what is not for it: refused, and the session
// goes on.
func (h *hostility) foreignMessages(t *testing.T) {
	d := h.login(t)
	for _, filter := range []string{
		"#", "+", topic.Prefix + "/#", topic.Prefix + "/site/#", topic.Prefix + "/site/+/changes", topic.ForSite(h.good, topic.Changes),
		topic.ForSite(h.good, topic.Assignment), topic.AllResyncs(h.good), topic.ForResync(h.good, h.foreign.ID), topic.ForSite(h.good, topic.Status),
		topic.AllStatus, topic.AllEvents, topic.Replies("admin"), topic.Prefix + "/device/+/welcome", topic.ForSite(h.good, topic.Push), "$SYS/#",
		"$share/all/" + topic.ForSite(h.good, topic.Changes),
	} {
		if err := d.subscribe(filter); sitesync.CodeOf(err) != sitesync.CodeForbidden {
			t.Errorf("subscribing to %s: %v, want it refused", filter, err)
		}
	}
	d.quiet()
}
