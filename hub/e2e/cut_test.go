package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// joinThrough starts a device that reaches the hub by a proxy alone.
func joinThrough(t *testing.T, p *proxy, site, hardware string, args ...string) *rig.Agent {
	t.Helper()
	return joinAt(t, p.address, site, hardware, args...)
}

// joinAt starts a device that knows the hub by an address alone.
func joinAt(t *testing.T, address, site, hardware string, args ...string) *rig.Agent {
	t.Helper()
	agent, err := rig.NewAgent(programs, filepath.Join(t.TempDir(), hardware), hardware, append(append([]string{}, quick...), args...)...)
	check(t, err)
	out, code, err := agent.Command(password, "join", "--hub", "mqtt://"+address, "--site", site, "--password-file", "-")
	check(t, err)
	if code != 0 && code != 4 {
		t.Fatalf("join ended with %d: %s", code, out)
	}
	check(t, agent.Start())
	keep(t, agent)
	return agent
}

// dense makes bulk lines that hardly compress, about 300 bytes each, of the
// records with the numbers from..to in a version.
func dense(from, to, version int) *bytes.Buffer {
	var body bytes.Buffer
	random := rand.New(rand.NewPCG(uint64(from), uint64(version)))
	for i := from; i < to; i++ {
		noise := make([]byte, 180)
		for k := range noise {
			noise[k] = byte(random.Uint32())
		}
		fmt.Fprintf(&body, `{"op":"put","table":"scan","id":"s-%d","data":{"v":%d,"noise":%q}}`+"\n", i, version, base64.StdEncoding.EncodeToString(noise))
	}
	return &body
}

// TestCutLink has a link that is cut every 100 KB: what is written arrives
// once, and a full delivery goes on where it was.
func TestCutLink(t *testing.T) {
	const records, again = 3000, 300
	cutting := badLink{rate: 300_000, delay: 5 * time.Millisecond, every: 100_000}
	hub := startHub(t)
	site, _, err := hub.Register("nadi", password, "NAD1")
	check(t, err)

	link := newProxy(t, hub.Addresses.MQTT, cutting)
	first := joinThrough(t, link, "nadi", "first")
	check(t, first.Writable("NAD1", patience))
	check(t, first.Bulk("NAD1", dense(0, records, 1)))
	check(t, first.Bulk("NAD1", dense(0, again, 2)))
	check(t, first.Sent(patience))
	t.Logf("%d changes went up in %d bytes, with %d cuts", records+again, link.passed.Load(), link.cuts.Load())
	if link.cuts.Load() < 3 {
		t.Errorf("the link was cut %d times; the test tests nothing", link.cuts.Load())
	}
	equal(t, hub, first, "NAD1", records)
	var head wire.Cursor
	check(t, head.UnmarshalText([]byte(storeAtHub(t, hub, "NAD1").Head)))
	if head.Seq != records+again {
		t.Errorf("the store's log has %d entries for %d changes", head.Seq, records+again)
	}
	receipts(t, first)
	check(t, first.Stop())

	deliver := func(hardware string, bad badLink) (passed, cuts int64) {
		t.Helper()
		check(t, hub.Call("site.reset-hardware", map[string]any{"site": site, "force": true}, nil))
		link := newProxy(t, hub.Addresses.MQTT, bad)
		agent := joinThrough(t, link, "nadi", hardware)
		check(t, agent.Writable("NAD1", patience))
		equal(t, hub, agent, "NAD1", records)
		check(t, agent.Stop())
		return link.passed.Load(), link.cuts.Load()
	}
	clean, _ := deliver("second", badLink{rate: cutting.rate, delay: cutting.delay})
	cut, cuts := deliver("third", cutting)
	t.Logf("%d records went down in %d bytes, and in %d with %d cuts", records, clean, cut, cuts)
	if cuts < 3 || cut > clean*3/2 {
		t.Errorf("a link cut %d times took %d bytes, a good one %d", cuts, cut, clean)
	}
	check(t, hub.Stop())
}

// TestDeadLink has a link that dies without a word: both sides notice, people
// are told, and the device goes on over a new connection.
func TestDeadLink(t *testing.T) {
	hub := startHub(t)
	site, _, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	link := newProxy(t, hub.Addresses.MQTT, badLink{})
	agent := joinThrough(t, link, "nadi", "device", "--keepalive", "1s")
	check(t, agent.Writable("NAD1", patience))
	put(t, agent, "NAD1", "r1", `{"a":1}`)
	check(t, agent.Sent(patience))

	news := listen(t, hub, topic.AllStatus, topic.AllEvents)
	before := news.status(site, func(s sitesync.SiteStatus) bool { return s.Online })
	link.swallow()
	began := time.Now()
	put(t, agent, "NAD1", "r2", `{"a":2}`)
	offline := news.event(sitesync.EventSiteOffline, site)
	news.status(site, func(s sitesync.SiteStatus) bool { return !s.Online })
	t.Logf("the hub noticed after %s", offline.At.Sub(began))
	news.event(sitesync.EventSiteOnline, site)
	after := news.status(site, func(s sitesync.SiteStatus) bool { return s.Online && s.Session > before.Session })
	t.Logf("the device was back after %s", time.Since(began))
	check(t, agent.Sent(patience))
	equal(t, hub, agent, "NAD1", 2)

	check(t, agent.Stop())
	gone := news.status(site, func(s sitesync.SiteStatus) bool { return !s.Online && s.Session == after.Session })
	if gone.Type == "" || gone.Version == "" || gone.LastSync == nil {
		t.Errorf("the status of the site that went is %+v", gone)
	}
	late := listen(t, hub, topic.AllStatus) // who subscribes later hears the same
	late.status(site, func(s sitesync.SiteStatus) bool { return !s.Online && s.Session == after.Session })
	check(t, hub.Stop())
}
