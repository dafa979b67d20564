package e2e

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// device speaks the protocol by hand, so that it can break its rules.
type device struct {
	t       *testing.T
	session *link.Session
	client  string // ID
	replica sitesync.ReplicaID
	welcome *wire.Welcome
	in      chan heard
	stream  uint32 // of the last pull
}

// hardwareOf makes a hardware ID of made-up hardware.
func hardwareOf(name string) sitesync.HardwareID {
	return sitesync.NewHardwareID(sha256.Sum256([]byte(name)))
}

// replicaOf makes a replica that is the same in every session of a test.
func replicaOf(name string) sitesync.ReplicaID {
	sum := sha256.Sum256([]byte("replica " + name))
	return sitesync.ReplicaID(sum[:16])
}

// dialDevice logs in as a site.
func dialDevice(hub *rig.Hub, site, secret, hardware string) (*device, error) {
	d := &device{replica: replicaOf(hardware), in: make(chan heard, 1000)}
	d.client = sitesync.ClientID(hardwareOf(hardware), d.replica)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	d.session, err = link.Dial(ctx, link.Config{URL: "mqtt://" + hub.Addresses.MQTT, ClientID: d.client, Username: "site/" + site,
		Password: []byte(secret), OnMessage: func(name string, payload []byte) { d.in <- heard{name, payload} }})
	return d, err
}

// greeted logs in and says hello, as every agent does.
func greeted(t *testing.T, hub *rig.Hub, site, hardware string) *device {
	t.Helper()
	d, err := dialDevice(hub, site, password, hardware)
	check(t, err)
	d.t = t
	t.Cleanup(d.session.Close)
	check(t, d.subscribe(topic.ForDevice(d.client, topic.Welcome)))
	hello := wire.SplitHello(wire.Hello{Replica: d.replica, Version: "1", Type: sitesync.TypeMobile, Platform: "by hand", Report: wire.Report{Clock: time.Now()}})
	d.send(topic.ForDevice(d.client, topic.Hello), wire.Encode(0, 0, hello[0]))
	d.welcome = await[wire.Welcome](d, topic.Welcome)
	check(t, d.subscribe(topic.ForSite(d.welcome.Site, topic.Receipt), topic.ForSite(d.welcome.Site, topic.Changes), topic.AllResyncs(d.welcome.Site)))
	return d
}

func (d *device) subscribe(filters ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.session.Subscribe(ctx, filters...)
}

// send publishes bytes, whatever they are.
func (d *device) send(name string, payload []byte) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	check(d.t, d.session.Publish(ctx, name, payload))
}

// push sends a batch in a session with the given number.
func (d *device) push(session uint64, store sitesync.StoreID, p *wire.Push) {
	d.t.Helper()
	d.send(topic.ForSite(d.welcome.Site, topic.Push), wire.Encode(session, store, p))
}

// await waits for the next message, which must be of a kind.
func await[M any, P interface {
	*M
	wire.Decoder
}](d *device, kind topic.Kind) *M {
	d.t.Helper()
	select {
	case m := <-d.in:
		if got := topic.Parse(m.topic).Kind; got != kind {
			d.t.Fatalf("a message on %s, want one of kind %d", m.topic, kind)
		}
		_, message, err := wire.Decode[M, P](m.payload)
		check(d.t, err)
		return message
	case <-d.session.Done():
		d.t.Fatalf("the session ended: %v", d.session.Err())
	case <-time.After(patience):
		d.t.Fatalf("no message of kind %d came", kind)
	}
	return nil
}

// quiet checks that nothing has come by the time the hub has dealt with all
// that was sent so far: it answers in order, and a pull always.
func (d *device) quiet() {
	d.t.Helper()
	d.stream++
	d.send(topic.ForSite(d.welcome.Site, topic.Pull), wire.Encode(d.welcome.Session, 0, &wire.Pull{Stream: d.stream, Credit: 1 << 20}))
	await[wire.Changes](d, topic.Changes)
}

// closed waits until the hub has closed the session.
func (d *device) closed() {
	d.t.Helper()
	select {
	case <-d.session.Done():
	case <-time.After(patience):
		d.t.Fatal("the hub did not close the session")
	}
}
