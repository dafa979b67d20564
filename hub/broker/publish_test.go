package broker

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"sitesync/shared/topic"
)

const (
	statusOf6 = "sitesync/v1/site/6/status"
	receipts  = "sitesync/v1/site/6/receipt"
)

// TestMessageReachesHandler in order, with every QoS acknowledged and nothing
// routed to others.
func TestMessageReachesHandler(t *testing.T) {
	b, d := start(t, nil)
	for _, version := range []byte{4, 5} {
		l := device("alpha", deviceID("A", 1))
		l.version = version
		r := join(t, b, l)
		for qos := range byte(3) {
			r.publish("sitesync/v1/site/6/push", fmt.Sprint("payload ", qos), qos)
			m := d.nextMessage(t)
			if string(m.Payload) != fmt.Sprint("payload ", qos) || m.QoS != qos || m.Topic.Kind != topic.Push || m.Topic.Site != 6 || m.client.Site != 6 {
				t.Errorf("version %d: got %+v", version, m)
			}
			switch qos {
			case 1:
				if body := r.expect(wirePuback); !bytes.Equal(body, []byte{0, 9}) {
					t.Errorf("PUBACK %x", body)
				}
			case 2:
				r.expect(wirePubrec)
				r.send(r.publishPacket("sitesync/v1/site/6/push", "payload 2", 2, nil)) // the same again
				r.expect(wirePubrec)
				r.send([]byte{wirePubrel<<4 | 2, 2, 0, 9})
				r.expect(wirePubcomp)
			}
		}
		r.ping()
		if n := len(d.messages); n != 0 {
			t.Errorf("version %d: a message with QoS 2 came twice", version)
		}
	}
}

// TestRetainOfClientIsNotHonoured, and what it publishes is heard by nobody.
func TestRetainOfClientIsNotHonoured(t *testing.T) {
	b, d := start(t, nil)
	r := join(t, b, person("alice", "console"))
	r.subscribe("sitesync/v1/event/+", statusOf6)
	p := r.publishPacket("sitesync/v1/admin/site.list", "{}", 1, nil)
	p[0] |= 1
	r.send(p)
	r.expect(wirePuback)
	d.nextMessage(t)
	if n := b.server.Topics.Retained.Len(); n != 0 || len(b.audience.retained) != 0 {
		t.Error("a client's message is retained")
	}
	r.ping()
}

func TestResponseTopicAndCorrelation(t *testing.T) {
	b, d := start(t, nil)
	five := join(t, b, person("alice", "five").v5())
	four := join(t, b, person("alice", "four"))
	bob := join(t, b, person("bob", "bob").v5())
	five.subscribe("sitesync/v1/reply/alice/#")
	four.subscribe("sitesync/v1/reply/alice/+")
	bob.subscribe("sitesync/v1/reply/bob/#")
	properties := append(append([]byte{8}, text("sitesync/v1/reply/alice/x/y")...), append([]byte{9}, text("abc")...)...)
	properties = append(properties, append(append([]byte{38}, text("k")...), text("v")...)...) // a user property
	five.send(five.publishPacket("sitesync/v1/admin/site.list", "{}", 1, properties))
	if body := five.expect(wirePuback); !bytes.Equal(body, []byte{0, 9}) {
		t.Errorf("PUBACK %x", body)
	}
	m := d.nextMessage(t)
	if m.ResponseTopic != "sitesync/v1/reply/alice/x/y" || string(m.CorrelationData) != "abc" || m.Topic.Kind != topic.Admin {
		t.Errorf("got %+v", m)
	}
	if err := b.Reply("alice", "sitesync/v1/reply/alice/1", []byte("answer"), m.CorrelationData); err != nil {
		t.Fatal(err)
	}
	if got := five.delivery(); got.payload != "answer" || !bytes.Equal(got.properties, append([]byte{9}, text("abc")...)) {
		t.Errorf("5 got %+v", got)
	}
	if got := four.delivery(); got.payload != "answer" || got.topic != "sitesync/v1/reply/alice/1" {
		t.Errorf("3.1.1 got %+v", got)
	}
	if err := b.Reply("alice", m.ResponseTopic, []byte("answer"), m.CorrelationData); err != nil {
		t.Error(err)
	}
	if got := five.delivery(); got.topic != m.ResponseTopic {
		t.Errorf("5 got %+v", got)
	}
	four.ping() // its + does not cover two levels
	bob.ping()
	if err := b.Reply("carol", "sitesync/v1/reply/carol/1", nil, nil); !errors.Is(err, ErrNotSubscribed) {
		t.Errorf("a reply to nobody: %v", err)
	}
	if err := b.Reply("bob", "sitesync/v1/reply/bob/1", nil, make([]byte, 1<<16)); err == nil {
		t.Error("correlation data that MQTT cannot write was taken")
	}
}

// TestPahoRoundTrip uses a client that nobody here wrote.
func TestPahoRoundTrip(t *testing.T) {
	b, d := start(t, nil)
	c := paho.NewClient(pahoOptions(b, "user/alice", "console", "right"))
	wait := func(token paho.Token) {
		t.Helper()
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("paho: %v", token.Error())
		}
	}
	wait(c.Connect())
	defer c.Disconnect(0)
	got := make(chan paho.Message, 10)
	subscribed := c.Subscribe("sitesync/v1/reply/alice/#", 1, func(_ paho.Client, m paho.Message) { got <- m })
	wait(subscribed)
	if codes := subscribed.(*paho.SubscribeToken).Result(); codes["sitesync/v1/reply/alice/#"] != 0 {
		t.Errorf("granted %v", codes)
	}
	refused := c.Subscribe("sitesync/v1/#", 0, nil)
	refused.WaitTimeout(patience)
	if codes := refused.(*paho.SubscribeToken).Result(); codes["sitesync/v1/#"] != 0x80 {
		t.Errorf("granted %v", codes)
	}
	wait(c.Publish("sitesync/v1/admin/site.list", 1, false, `{"id":"1"}`))
	m := d.nextMessage(t)
	if err := b.Reply(m.client.Name, "sitesync/v1/reply/alice/1", []byte(`{"ok":true}`), m.CorrelationData); err != nil {
		t.Fatal(err)
	}
	if answer := receive(t, got, "the reply"); string(answer.Payload()) != `{"ok":true}` || answer.Retained() {
		t.Errorf("got %s", answer.Payload())
	}
}

func TestPublishAndRetain(t *testing.T) {
	b, _ := start(t, nil)
	before := join(t, b, person("alice", "before"))
	before.subscribe(topic.AllStatus)
	publish := func(payload string) {
		t.Helper()
		if err := b.Publish(statusOf6, []byte(payload), true); err != nil {
			t.Fatal(err)
		}
	}
	publish("1")
	publish("2")
	for _, want := range []delivery{{topic: statusOf6, payload: "1"}, {topic: statusOf6, payload: "2"}} {
		if got := before.delivery(); got.payload != want.payload || got.topic != want.topic || got.retain {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	after := join(t, b, person("alice", "after"))
	after.subscribe(topic.AllStatus)
	if got := after.delivery(); got.payload != "2" || !got.retain {
		t.Errorf("got %+v", got)
	}
	publish("")
	if got := after.delivery(); got.payload != "" || got.retain {
		t.Errorf("got %+v", got)
	}
	late := join(t, b, person("alice", "late"))
	late.subscribe(topic.AllStatus)
	late.ping() // nothing is retained any more
	if err := b.Publish("", nil, false); err == nil {
		t.Error("a message without a topic was taken")
	}
}

// TestRetainHandling holds the subscription options of MQTT 5.
func TestRetainHandling(t *testing.T) {
	b, _ := start(t, nil)
	b.Publish(statusOf6, []byte("kept"), true)
	r := join(t, b, person("alice", "console").v5())
	subscribe := func(option byte) {
		body := append([]byte{0, 7, 0}, text(statusOf6)...)
		r.send(packet(wireSubscribe<<4|2, body, []byte{option}))
		r.expect(wireSuback)
	}
	subscribe(2 << 4) // never
	r.ping()
	subscribe(1 << 4) // when new, and it is not
	r.ping()
	subscribe(0x08) // always; and retain as published
	if got := r.delivery(); got.payload != "kept" || !got.retain {
		t.Errorf("got %+v", got)
	}
	b.Publish(statusOf6, []byte("live"), true)
	if got := r.delivery(); got.payload != "live" || !got.retain {
		t.Errorf("got %+v", got)
	}
}

// TestNewcomerMissesNothing: many more retained messages than the queue has
// room for, while they change; the last heard of each topic is the newest.
func TestNewcomerMissesNothing(t *testing.T) {
	const sites, rounds = 3000, 3
	b, _ := start(t, func(o *Options) { o.Limits.QueueMessages = 16 })
	publish := func(round int) {
		for site := range sites {
			b.Publish(fmt.Sprintf("sitesync/v1/site/%d/status", site), fmt.Appendf(nil, "%d", round), true)
		}
	}
	publish(0)
	r := join(t, b, person("alice", "console"))
	done := make(chan struct{})
	r.send(r.subscribePacket(7, topic.AllStatus))
	go func() {
		defer close(done)
		for round := range rounds {
			publish(round)
		}
	}()
	r.expectSubackAmongMessages()
	newest := map[string]string{}
	for len(newest) < sites {
		m := r.delivery()
		if m.payload < newest[m.topic] {
			t.Fatalf("%s went back from %s to %s", m.topic, newest[m.topic], m.payload)
		}
		newest[m.topic] = m.payload
	}
	<-done
}

// expectSubackAmongMessages: live messages may come before it.
func (r *raw) expectSubackAmongMessages() {
	r.t.Helper()
	for {
		first, _, err := r.read()
		if err != nil {
			r.t.Fatal(err)
		}
		if first>>4 == wireSuback {
			return
		}
	}
}

// TestSlowListenerHoldsUpNobody: one who does not read loses messages, which
// is counted, and others do not notice.
func TestSlowListenerHoldsUpNobody(t *testing.T) {
	b, _ := start(t, nil)
	slow := join(t, b, person("alice", "slow"))
	slow.subscribe(topic.AllEvents)
	quick := join(t, b, person("alice", "quick"))
	quick.subscribe("sitesync/v1/event/last")
	payload := bytes.Repeat([]byte("x"), 64<<10)
	for i := 0; b.Stats().Dropped == 0; i++ {
		if i > 10000 {
			t.Fatal("nothing is dropped")
		}
		b.Publish("sitesync/v1/event/site.online", payload, false)
	}
	b.Publish("sitesync/v1/event/last", []byte("last"), false)
	if got := quick.delivery(); got.payload != "last" {
		t.Errorf("got %+v", got)
	}
}

func TestSend(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.QueueBytes = 4 << 20 })
	r := join(t, b, device("alpha", deviceID("A", 1)))
	c, _ := b.Live(6)
	if err := b.Send(c, receipts, []byte("x")); !errors.Is(err, ErrNotSubscribed) {
		t.Errorf("before it has subscribed: %v", err)
	}
	r.subscribe(receipts, "sitesync/v1/site/6/resync/+")
	for _, size := range []int{0, 1, joinedPayload, joinedPayload + 1, 3 * writePiece, 2 << 20} {
		want := strings.Repeat("x", size)
		if err := b.Send(c, topic.ForResync(6, 3), []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := r.delivery(); got.payload != want || got.topic != topic.ForResync(6, 3) {
			t.Errorf("%d bytes came as %d on %s", size, len(got.payload), got.topic)
		}
	}
	if err := b.Send(c, receipts, make([]byte, 5<<20)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the queue takes: %v", err)
	}
	piece := make([]byte, 512<<10)
	var err error
	for i := 0; err == nil && i < 10000; i++ {
		err = b.Send(c, receipts, piece)
	}
	if !errors.Is(err, ErrQueueFull) {
		t.Errorf("to one who does not read: %v", err)
	}
	if s := b.Stats(); s.Defects != 2 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	c.Close(ByHub)
	await(t, "closed", func() bool { return errors.Is(b.Send(c, receipts, nil), ErrClosed) })
}

func TestSendToOneWhoIsGone(t *testing.T) {
	b, d := start(t, nil)
	r := join(t, b, device("alpha", deviceID("A", 1)))
	r.subscribe(receipts)
	c, _ := b.Live(6)
	r.conn.Close()
	d.nextEnd(t)
	if err := b.Send(c, receipts, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if _, ok := b.Live(6); ok {
		t.Error("still live")
	}
	if s := b.Stats(); s.Defects != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSendKeepsToMaximumPacketSize of an MQTT 5 client.
func TestSendKeepsToMaximumPacketSize(t *testing.T) {
	b, _ := start(t, nil)
	l := device("alpha", deviceID("A", 1)).v5()
	l.properties = []byte{39, 0, 0, 0, 100}
	r := join(t, b, l)
	r.subscribe(receipts)
	c, _ := b.Live(6)
	if err := b.Send(c, receipts, make([]byte, 100)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than it takes: %v", err)
	}
	if err := b.Send(c, receipts, []byte("fits")); err != nil {
		t.Error(err)
	}
	if got := r.delivery(); got.payload != "fits" {
		t.Errorf("got %+v", got)
	}
}

// TestBackPressure: while the handler is busy with a message, the next is not
// read; and closing frees it.
func TestBackPressure(t *testing.T) {
	b, d := start(t, nil)
	d.block = make(chan struct{})
	r := join(t, b, device("alpha", deviceID("A", 1)))
	for i := range 3 {
		r.publish("sitesync/v1/site/6/push", fmt.Sprint(i), 0)
	}
	r.send([]byte{wirePingreq << 4, 0})
	d.block <- struct{}{}
	if m := d.nextMessage(t); string(m.Payload) != "0" {
		t.Errorf("got %s", m.Payload)
	}
	await(t, "one message with the handler", func() bool { return b.Stats().Messages == 2 })
	if n := len(d.messages); n != 0 {
		t.Errorf("%d messages passed the blocked one", n)
	}
	b.Disconnect(6, ByHub)
	if e := d.nextEnd(t); e.why != ByHub {
		t.Errorf("closed with %v", e.why)
	}
}
