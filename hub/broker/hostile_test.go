package broker

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"sitesync/shared/topic"
)

// TestTruncatedSubscribe makes mochi's decoder panic. It must cost no more than
// the connection.
func TestTruncatedSubscribe(t *testing.T) {
	d := newDesk()
	b, err := New(Options{MQTT: "127.0.0.1:0", Handler: d, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	defer shut(t, b)
	r := join(t, b, device("alpha", deviceID("A", 1)).v5())
	r.send(packet(wireSubscribe<<4|2, []byte{0, 7, 0}, text(receipts))) // and no options
	r.closes()
	if e := d.nextEnd(t); e.why == nil {
		t.Error("closed without a reason")
	}
	d.closedOnce(t)
	if n := b.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted; if mochi has learned to decode this, serve need not recover", n)
	}
	join(t, b, device("alpha", deviceID("A", 1))).ping()
}

// TestHostileBytes sends nonsense, and good packets with bytes changed, before
// and after CONNECT. The broker must not fall, forget a Closed, or let
// anything through that the ACL forbids.
func TestHostileBytes(t *testing.T) {
	d := newDesk()
	b, err := New(Options{MQTT: "127.0.0.1:0", Handler: d, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	random := rand.New(rand.NewPCG(1, 2))
	id := deviceID("A", 1)
	for round := range 1500 {
		hostile := over(t, dialRaw(t, b))
		hostile.version = 4 + byte(round&1)
		l := []login{device("alpha", id), person("alice", "console")}[round>>1&1]
		l.version = hostile.version
		opening := l.packet()
		if round%3 == 0 {
			opening = spoil(random, opening)
		}
		hostile.conn.SetDeadline(time.Now().Add(patience))
		hostile.conn.Write(opening)
		good := seeds(hostile, id)
		hostile.conn.Write(spoil(random, good[random.IntN(len(good))]))
		if round%8 == 0 {
			hostile.conn.Write(noise(random))
		}
		hostile.conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, hostile.conn)
		hostile.conn.Close()
	}
	join(t, b, person("alice", "console")).ping()
	shut(t, b)
	d.closedOnce(t)
	close(d.messages)
	for m := range d.messages {
		if !m.client.mayPublish(topic.Parse(m.TopicName)) {
			t.Errorf("%s got %q through", m.client.Username, m.TopicName)
		}
	}
	await(t, "no goroutine left", func() bool { return len(brokerGoroutines()) == 0 })
}

func dialRaw(t *testing.T, b *Broker) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addrs().MQTT.String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// seeds are good packets of every kind.
func seeds(r *raw, id string) [][]byte {
	return [][]byte{
		r.subscribePacket(7, topic.ForDevice(id, topic.Welcome), receipts, topic.AllStatus),
		r.publishPacket(topic.ForDevice(id, topic.Hello), "hello", 0, nil),
		r.publishPacket("sitesync/v1/site/6/push", "payload", 1, append([]byte{9}, text("correlation")...)),
		r.publishPacket("sitesync/v1/admin/site.list", "{}", 2, append([]byte{8}, text("sitesync/v1/reply/alice/1")...)),
		packet(wireUnsubscribe<<4|2, []byte{0, 8, 0}, text(receipts)),
		packet(wirePubrel<<4|2, []byte{0, 9}),
		packet(wirePubrec<<4, []byte{0, 9, 0, 0}),
		packet(wirePuback<<4, []byte{0, 9}),
		packet(wirePubcomp<<4, []byte{0, 9}),
		packet(wireDisconnect<<4, []byte{0, 5, 17, 0, 0, 0, 9}),
		packet(0xF0, []byte{0x18, 0}), // AUTH
		packet(wirePingreq << 4),
		device("alpha", id).packet(),
	}
}

// spoil changes, cuts or repeats bytes.
func spoil(random *rand.Rand, p []byte) []byte {
	p = slices.Clone(p)
	for range 1 + random.IntN(4) {
		at := random.IntN(len(p))
		switch random.IntN(4) {
		case 0:
			p[at] = byte(random.Uint32())
		case 1:
			p = append(p[:at], p[min(len(p), at+1+random.IntN(3)):]...)
		case 2:
			p = slices.Insert(p, at, byte(random.Uint32()))
		case 3: // keeps the frame whole: the decoder sees it to the end
			if n := len(p) - 2; n > 0 && n < 128 {
				p = p[:2+random.IntN(n+1)]
				p[1] = byte(len(p) - 2)
			}
		}
		if len(p) == 0 {
			return noise(random)
		}
	}
	return p
}

func noise(random *rand.Rand) []byte {
	p := make([]byte, 1+random.IntN(200))
	for i := range p {
		p[i] = byte(random.Uint32())
	}
	return p
}
