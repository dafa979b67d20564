package broker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/gorilla/websocket"
)

// socket dials the broker's handler on a server of its own.
func socket(t *testing.T, s *httptest.Server, header http.Header, protocols ...string) (*websocket.Conn, *http.Response) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols}
	if s.TLS != nil {
		dialer.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), header)
	if err != nil && response == nil {
		t.Fatal(err)
	}
	if conn != nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, response
}

func serveWebSocket(t *testing.T, b *Broker, secure bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(b.WebSocketHandler())
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestWebSocket(t *testing.T) {
	b, d := start(t, nil)
	transports := make(chan string, 1)
	d.onLogin = func(_ context.Context, l Login) { transports <- l.Transport }
	for _, want := range []string{"ws", "wss"} {
		s := serveWebSocket(t, b, want == "wss")
		conn, response := socket(t, s, nil, "mqtt")
		if conn == nil || conn.Subprotocol() != "mqtt" {
			t.Fatalf("no WebSocket: %v", response)
		}
		r := over(t, &webSocket{Conn: conn})
		if code := r.connect(device("alpha", deviceID("A", 1))); code != 0 {
			t.Fatalf("CONNACK %d", code)
		}
		if got := <-transports; got != want {
			t.Errorf("transport %q, want %q", got, want)
		}
		// Packets need not keep to messages: two in one, one in many.
		r.send(append(r.publishPacket("sitesync/v1/site/6/push", "one", 0, nil), r.publishPacket("sitesync/v1/site/6/push", "two", 0, nil)...))
		for _, c := range r.publishPacket("sitesync/v1/site/6/push", "three", 0, nil) {
			r.send([]byte{c})
		}
		for _, payload := range []string{"one", "two", "three"} {
			if m := d.nextMessage(t); string(m.Payload) != payload {
				t.Errorf("got %s, want %s", m.Payload, payload)
			}
		}
		r.subscribe(receipts)
		c, _ := b.Live(6)
		large := strings.Repeat("x", 1<<20)
		if err := b.Send(c, receipts, []byte(large)); err != nil {
			t.Fatal(err)
		}
		if got := r.delivery(); got.payload != large {
			t.Errorf("%d bytes came", len(got.payload))
		}
	}
}

func TestWebSocketRefuses(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.HalfOpen = 2 })
	s := serveWebSocket(t, b, false)
	for name, test := range map[string]struct {
		origin, protocol string
		want             int
	}{
		"no subprotocol":    {"", "", http.StatusBadRequest},
		"other subprotocol": {"", "mqttv3.1", http.StatusBadRequest},
		"foreign origin":    {"https://example.org", "mqtt", http.StatusForbidden},
		"own origin":        {s.URL, "mqtt", http.StatusSwitchingProtocols},
	} {
		header := http.Header{}
		if test.origin != "" {
			header.Set("Origin", test.origin)
		}
		conn, response := socket(t, s, header, test.protocol)
		if response.StatusCode != test.want {
			t.Errorf("%s: %s, want %d", name, response.Status, test.want)
		}
		if conn != nil {
			conn.Close()
		}
	}
	await(t, "nobody half open", func() bool { return b.Stats().HalfOpen == 0 })
	socket(t, s, nil, "mqtt") // the accept loop has the other place
	if _, response := socket(t, s, nil, "mqtt"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %s", response.Status)
	}
}

func TestWebSocketLimits(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.Handshake = 100 * time.Millisecond })
	s := serveWebSocket(t, b, false)
	silent, _ := socket(t, s, nil, "mqtt")
	over(t, &webSocket{Conn: silent}).closes()

	large, _ := socket(t, s, nil, "mqtt")
	r := over(t, &webSocket{Conn: large})
	r.send([]byte{wireConnect << 4, 0xff, 0xff, 0xff, 0x7f})
	r.closes()

	texts, _ := socket(t, s, nil, "mqtt")
	texts.WriteMessage(websocket.TextMessage, person("alice", "a").packet())
	over(t, &webSocket{Conn: texts}).closes()
	await(t, "nobody half open", func() bool { return b.Stats().HalfOpen == 0 })
}

func TestPahoOverWebSocket(t *testing.T) {
	b, d := start(t, nil)
	s := serveWebSocket(t, b, false)
	options := paho.NewClientOptions().AddBroker("ws" + strings.TrimPrefix(s.URL, "http") + "/mqtt").
		SetProtocolVersion(4).SetClientID("console").SetUsername("user/alice").SetPassword("right").SetAutoReconnect(false)
	c := paho.NewClient(options)
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if token := c.Publish("sitesync/v1/admin/site.list", 1, false, "{}"); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if m := d.nextMessage(t); m.client.Transport != "ws" {
		t.Errorf("transport %q", m.client.Transport)
	}
	c.Disconnect(1000) // ends when DISCONNECT is written
	if e := d.nextEnd(t); e.why != nil {
		t.Errorf("closed with %v", e.why)
	}
}
