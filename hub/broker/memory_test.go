package broker

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// hall accepts every device as the site whose number is its name.
type hall struct{ *desk }

func (h hall) Connect(_ context.Context, login Login) (*Principal, Refusal) {
	var site sitesync.SiteID
	fmt.Sscanf(login.Username, "site/%d", &site)
	return &Principal{Kind: Device, Site: site, Name: login.Username[len("site/"):], Session: 1}, 0
}

func (h hall) Message(context.Context, *Client, Message) {}

// TestMemoryOfIdleConnections measures what a connected, subscribed, silent
// agent takes, its client's end in this process included.
func TestMemoryOfIdleConnections(t *testing.T) {
	const connections, most = 2000, 30 << 10
	b, err := New(Options{MQTT: "127.0.0.1:0", Handler: hall{newDesk()}, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	defer shut(t, b)
	before := memoryInUse()
	conns := make([]net.Conn, connections)
	in := bufio.NewReaderSize(nil, 256)
	for i := range conns {
		conns[i] = dialRaw(t, b)
		defer conns[i].Close()
		in.Reset(conns[i])
		id := deviceID(fmt.Sprint(i), 1)
		r := &raw{t: t, conn: conns[i], in: in, version: 4}
		l := device(fmt.Sprint(i+10), id)
		l.keepalive = 600
		if code := r.connect(l); code != 0 {
			t.Fatalf("CONNACK %d", code)
		}
		site := sitesync.SiteID(i + 10)
		r.subscribe(topic.ForDevice(id, topic.Welcome), topic.ForSite(site, topic.Receipt), topic.ForSite(site, topic.Changes),
			topic.ForSite(site, topic.Assignment), topic.AllResyncs(site), topic.ForSite(site, topic.Hint), topic.ForSite(site, topic.Command))
		r.publish(topic.ForDevice(id, topic.Hello), "hello", 0)
		c, _ := b.Live(site)
		if err := b.Send(c, topic.ForDevice(id, topic.Welcome), make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
		r.delivery()
	}
	each := int(memoryInUse()-before) / connections
	t.Logf("%d idle connections: %d bytes each", connections, each)
	if each > most {
		t.Errorf("an idle connection takes %d bytes, more than %d", each, most)
	}
	if n := b.Stats().Devices; n != connections {
		t.Errorf("%d devices are connected", n)
	}
}

// memoryInUse is heap and stacks after collections, which shrink stacks too.
func memoryInUse() uint64 {
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
