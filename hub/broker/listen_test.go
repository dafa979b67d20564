package broker

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// failing is a listener whose Accept fails at first, as when the process has
// too many open files.
type failing struct {
	net.Listener
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

func TestAcceptTriesAgain(t *testing.T) {
	d := newDesk()
	b, err := New(Options{MQTT: "127.0.0.1:0", Handler: d, Logger: discard, Limits: Limits{HalfOpen: 2}})
	if err != nil {
		t.Fatal(err)
	}
	l := &failing{Listener: b.listeners[0].Listener}
	l.left.Store(4)
	b.listeners[0].Listener = l
	b.Start()
	defer shut(t, b)
	join(t, b, person("alice", "console")).ping()
	if n := l.left.Load(); n >= 0 {
		t.Errorf("%d failures have not happened", n)
	}
}

func TestNewFails(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for name, options := range map[string]Options{
		"no handler":       {MQTT: "127.0.0.1:0"},
		"TLS without it":   {Handler: newDesk(), MQTTS: "127.0.0.1:0"},
		"address in use":   {Handler: newDesk(), MQTT: busy.Addr().String()},
		"second is in use": {Handler: newDesk(), MQTT: "127.0.0.1:0", MQTTS: busy.Addr().String(), TLS: &tls.Config{}},
	} {
		if b, err := New(options); err == nil {
			t.Errorf("%s: no error", name)
			shut(t, b)
		}
	}
}

// TestSilentConnectionsEnd after the handshake time, whatever little they said.
func TestSilentConnectionsEnd(t *testing.T) {
	b, d := start(t, func(o *Options) {
		o.Limits.Handshake = 100 * time.Millisecond
		o.MQTTS, o.TLS = "127.0.0.1:0", testTLS(t).TLS
	})
	for name, said := range map[string][]byte{
		"nothing": nil, "a byte": {0x10}, "half a CONNECT": person("alice", "x").packet()[:20], "half a TLS hello": {0x16, 3, 1, 2},
	} {
		for _, addr := range []net.Addr{b.Addrs().MQTT, b.Addrs().MQTTS} {
			r := dialAddr(t, addr.String())
			r.send(said)
			r.closes()
			if name == "nothing" && len(d.ends) != 0 {
				t.Error("Closed for one who was never accepted")
			}
		}
	}
	await(t, "nobody half open", func() bool { return b.Stats().HalfOpen == 0 })
}

// TestPacketsAreBounded by what they announce, before they are there.
func TestPacketsAreBounded(t *testing.T) {
	b, d := start(t, nil)
	sized := func(first byte, n int) []byte { return packet(first, make([]byte, n))[:6] }
	for name, said := range map[string][]byte{
		"large CONNECT":         sized(wireConnect<<4, 17<<10),
		"huge CONNECT":          {wireConnect << 4, 0xff, 0xff, 0xff, 0x7f},
		"length without an end": {wireConnect << 4, 0x80, 0x80, 0x80, 0x80, 0x80},
		"first is not CONNECT":  {wirePingreq << 4, 0},
		"nonsense":              []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		r := dial(t, b)
		r.send(said)
		r.conn.SetReadDeadline(time.Now().Add(patience))
		if got, err := io.ReadAll(r.in); len(got) != 0 || err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for name, test := range map[string]struct {
		said []byte
		want Reason
	}{
		"large PUBLISH":         {sized(wirePublish<<4, 9<<20), PacketTooLarge},
		"length without an end": {[]byte{wirePublish << 4, 0x80, 0x80, 0x80, 0x80, 0x80}, 0x81},
		"second CONNECT":        {device("alpha", deviceID("A", 1)).v5().packet(), 0x82},
	} {
		r := join(t, b, device("alpha", deviceID("A", 1)).v5())
		r.send(test.said)
		if body := r.expect(wireDisconnect); body[0] != byte(test.want) {
			t.Errorf("%s: DISCONNECT %x", name, body)
		}
		if e := d.nextEnd(t); e.why == nil || test.want == PacketTooLarge && e.why != PacketTooLarge {
			t.Errorf("%s: closed with %v", name, e.why)
		}
	}
	r := join(t, b, device("alpha", deviceID("A", 1)).with("deleted").v5())
	r.send(sized(wirePublish<<4, 300<<10))
	r.expect(wireDisconnect)
	r = join(t, b, device("alpha", deviceID("A", 1)))
	r.publish("sitesync/v1/site/6/push", strings.Repeat("x", 8<<20-100), 0)
	if m := d.nextMessage(t); len(m.Payload) != 8<<20-100 {
		t.Errorf("got %d bytes", len(m.Payload))
	}
}

// TestWriteDeadline: a client that takes nothing is cut off.
func TestWriteDeadline(t *testing.T) {
	b, d := start(t, func(o *Options) { o.Limits.Write = 100 * time.Millisecond })
	r := join(t, b, device("alpha", deviceID("A", 1)))
	r.subscribe(receipts)
	c, _ := b.Live(6)
	for b.Send(c, receipts, make([]byte, 1<<20)) == nil {
	}
	if e := d.nextEnd(t); e.why == nil || !strings.Contains(e.why.Error(), "does not take") {
		t.Errorf("closed with %v", e.why)
	}
}

// TestSlowClientIsKept: it takes longer than the write deadline for the whole,
// but not for a piece.
func TestSlowClientIsKept(t *testing.T) {
	const size, bite, pause = 32 << 20, 2 << 20, 100 * time.Millisecond
	b, d := start(t, func(o *Options) { o.Limits.Write, o.Limits.QueueBytes = time.Second, 64<<20 })
	r := join(t, b, device("alpha", deviceID("A", 1)))
	r.subscribe(receipts)
	c, _ := b.Live(6)
	if err := b.Send(c, receipts, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	r.conn.SetReadDeadline(time.Now().Add(patience))
	begin := time.Now()
	for n := 0; n < size; n += bite {
		time.Sleep(pause)
		if _, err := io.CopyN(io.Discard, r.in, bite); err != nil {
			t.Fatalf("cut off after %s: %v; %v", time.Since(begin), err, d.nextEnd(t).why)
		}
	}
}

func TestConnectionCaps(t *testing.T) {
	b, d := start(t, func(o *Options) { o.Limits.Connections, o.Limits.PerPerson = 3, 2 })
	alice := join(t, b, person("alice", "a"))
	join(t, b, person("alice", "b"))
	if code := refused(t, b, person("alice", "c")); code != 3 {
		t.Errorf("third of one person: CONNACK %d", code)
	}
	d.nextEnd(t)
	join(t, b, person("bob", "d"))
	if code := refused(t, b, person("carol", "e").v5()); code != 0x89 {
		t.Errorf("fourth of all: CONNACK %#x", code)
	}
	alice.conn.Close()
	d.nextEnd(t)
	join(t, b, person("carol", "e"))
}

// TestHalfOpenIsBounded: more than that wait in the kernel, and get their turn.
func TestHalfOpenIsBounded(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.HalfOpen, o.Limits.Handshake = 2, 200*time.Millisecond })
	dial(t, b)
	dial(t, b)
	await(t, "two half open", func() bool { return b.Stats().HalfOpen == 2 })
	third := dial(t, b)
	begin := time.Now()
	if code := third.connect(person("alice", "a")); code != 0 || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("CONNACK %d after %s", code, time.Since(begin))
	}
	if n := b.Stats().HalfOpen; n > 2 {
		t.Errorf("%d half open", n)
	}
}

func TestGatePerAddress(t *testing.T) {
	g := newGate(100, 2)
	enter := func(remote string) func() {
		t.Helper()
		if !g.try() {
			t.Fatal("no place")
		}
		leave, ok := g.enter(remote)
		if !ok {
			return nil
		}
		return leave
	}
	first, second := enter("192.0.2.1:1000"), enter("[::ffff:192.0.2.1]:1001")
	if first == nil || second == nil {
		t.Fatal("two were not let in")
	}
	for _, remote := range []string{"192.0.2.1:1002", "[::ffff:192.0.2.1]:9"} {
		if enter(remote) != nil {
			t.Errorf("%s was let in as the third", remote)
		}
	}
	enter("[2001:db8::1]:1")
	enter("[2001:db8::2%eth0]:1")
	if enter("[2001:db8::ffff:0:0:1]:1") != nil {
		t.Error("an IPv6 subscriber has more than one /64")
	}
	if enter("192.0.2.2:1") == nil || enter("[2001:db8:0:1::1]:1") == nil {
		t.Error("other addresses were held up")
	}
	for range 10 {
		if enter("127.0.0.1:1") == nil || enter("[::1]:1") == nil {
			t.Fatal("loopback is bounded")
		}
	}
	first()
	first()
	if enter("192.0.2.1:1003") == nil || enter("192.0.2.1:1004") != nil {
		t.Error("leaving gives back exactly one place")
	}
	if n := len(g.places); n != int(g.open.Load()) {
		t.Errorf("%d places for %d connections", n, g.open.Load())
	}
}

func TestAcceptRate(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.AcceptRate, o.Limits.AcceptBurst = 50, 1 })
	begin := time.Now()
	for range 11 {
		join(t, b, person("alice", "a"))
	}
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("11 connections in %s at 50 a second", took)
	}
}

// testTLS is a server that lends its certificate.
func testTLS(t *testing.T) *httptest.Server {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return s
}

func TestTLS(t *testing.T) {
	lender := testTLS(t)
	b, d := start(t, func(o *Options) { o.MQTTS, o.TLS = "127.0.0.1:0", lender.TLS })
	transports := make(chan string, 1)
	d.onLogin = func(_ context.Context, l Login) { transports <- l.Transport }
	config := lender.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com"
	conn, err := tls.Dial("tcp", b.Addrs().MQTTS.String(), config)
	if err != nil {
		t.Fatal(err)
	}
	r := over(t, conn)
	if code := r.connect(device("alpha", deviceID("A", 1))); code != 0 {
		t.Fatalf("CONNACK %d", code)
	}
	if got := <-transports; got != "tls" {
		t.Errorf("transport %q", got)
	}
	r.subscribe(receipts)
	c, _ := b.Live(6)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
	if err := b.Send(c, receipts, want); err != nil {
		t.Fatal(err)
	}
	if got := r.delivery(); got.payload != string(want) {
		t.Errorf("%d bytes came for %d", len(got.payload), len(want))
	}
	plain := dialAddr(t, b.Addrs().MQTTS.String())
	plain.send(person("alice", "a").packet())
	plain.closes()
	if n := b.Stats().TurnedAway; n != 1 {
		t.Errorf("%d turned away", n)
	}
}
