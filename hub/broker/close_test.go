package broker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// brokerGoroutines are those that run code of this package or of mochi, apart
// from tests.
func brokerGoroutines() []string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var ours []string
	for _, g := range strings.Split(string(stacks), "\n\n") {
		if (strings.Contains(g, "hub/broker.") || strings.Contains(g, "mochi-mqtt")) && !strings.Contains(g, "testing.tRunner") {
			ours = append(ours, g)
		}
	}
	return ours
}

func TestClose(t *testing.T) {
	b, d := start(t, nil)
	s := serveWebSocket(t, b, false)
	five := join(t, b, device("alpha", deviceID("A", 1)).v5())
	four := join(t, b, device("beta", deviceID("B", 1)))
	four.subscribe("sitesync/v1/site/7/receipt")
	join(t, b, device("alpha", deviceID("A", 1)).with("deleted"))
	alice := join(t, b, person("alice", "a"))
	half := dial(t, b)
	half.send([]byte{0x10})
	web, _ := socket(t, s, nil, "mqtt")
	if code := over(t, &webSocket{Conn: web}).connect(person("bob", "w").v5()); code != 0 {
		t.Fatalf("CONNACK %d", code)
	}
	// One that takes nothing and has messages waiting.
	c, _ := b.Live(7)
	for b.Send(c, "sitesync/v1/site/7/receipt", make([]byte, 1<<20)) == nil {
	}
	shut(t, b)
	if body := five.expect(wireDisconnect); body[0] != byte(ShuttingDown) {
		t.Errorf("DISCONNECT %x", body)
	}
	if first, _, err := alice.read(); err == nil {
		t.Errorf("3.1.1 got packet %#x", first)
	}
	half.closes()
	if n := len(d.ends); n != 5 {
		t.Errorf("%d Closed callbacks before Close returned, want 5", n)
	}
	for range 5 {
		if e := d.nextEnd(t); e.why != ShuttingDown {
			t.Errorf("%s closed with %v", e.client.ClientID, e.why)
		}
	}
	await(t, "no goroutine left", func() bool { return len(brokerGoroutines()) == 0 })
	if b.audience.count() != 0 || len(b.sessions.conns)+len(b.sessions.live)+len(b.sessions.holders)+b.sessions.all+b.sessions.refused != 0 {
		t.Errorf("left behind: %+v", b.sessions)
	}
	if err := b.Close(context.Background()); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if conn, _ := socket(t, s, nil, "mqtt"); conn != nil {
		over(t, &webSocket{Conn: conn}).closes()
	}
}

// TestCloseWhileLoginsRun: a login in the handler's hands ends too, refused.
func TestCloseWhileLoginsRun(t *testing.T) {
	b, d := start(t, nil)
	entered := make(chan struct{}, 10)
	d.onLogin = func(ctx context.Context, _ Login) {
		entered <- struct{}{}
		<-ctx.Done()
	}
	for i := range 10 {
		r := dial(t, b)
		r.send(person("alice", fmt.Sprint(i)).packet())
	}
	for range 10 {
		receive(t, entered, "Connect")
	}
	shut(t, b)
	for range 10 {
		if e := d.nextEnd(t); e.why == nil {
			t.Errorf("%s closed without a reason", e.client.ClientID)
		}
	}
}

// TestCloseGivesUp when a handler does not return, and says so.
func TestCloseGivesUp(t *testing.T) {
	stuck, entered := make(chan struct{}), make(chan struct{})
	b, d := start(t, nil)
	d.onLogin = func(context.Context, Login) {
		close(entered)
		<-stuck
	}
	r := dial(t, b)
	r.send(person("alice", "a").packet())
	receive(t, entered, "Connect")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	close(stuck)
}
