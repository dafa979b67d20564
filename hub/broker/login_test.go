package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"sitesync/shared/topic"
)

// TestConnack holds the code that is on the wire, in both versions.
func TestConnack(t *testing.T) {
	b, d := start(t, nil)
	id := deviceID("A", 1)
	for name, test := range map[string]struct {
		login  login
		v4, v5 byte
	}{
		"device":                          {device("alpha", id), 0, 0},
		"refused session":                 {device("alpha", id).with("deleted"), 0, 0},
		"user":                            {person("alice", "console"), 0, 0},
		"token":                           {login{id: "script", user: "token/ci", password: "right"}, 0, 0},
		"person without a client ID":      {person("alice", ""), 0, 0},
		"wrong password":                  {device("alpha", id).with("wrong"), 4, 0x86},
		"unknown site":                    {device("nowhere", id), 4, 0x86},
		"no kind of user":                 {login{id: "x", user: "alice", password: "right"}, 4, 0x86},
		"unknown kind of user":            {login{id: "x", user: "admin/alice", password: "right"}, 4, 0x86},
		"empty name":                      {login{id: "x", user: "user/", password: "right"}, 4, 0x86},
		"name that is not text":           {login{id: "x", user: "user/\xff", password: "right"}, 4, 0x86},
		"empty password":                  {person("alice", "x").with(""), 4, 0x86},
		"device with a person's ID":       {device("alpha", "console"), 2, 0x85},
		"device with a wrong check":       {device("alpha", strings.Replace(id, id[:1], "7", 1)), 2, 0x85},
		"person with a device's ID":       {person("alice", id), 2, 0x85},
		"very long client ID":             {person("alice", strings.Repeat("x", 300)), 2, 0x85},
		"other device":                    {device("alpha", id).with("stranger"), 2, 0x85},
		"shed":                            {device("alpha", id).with("shed"), 3, 0x89},
		"disabled user":                   {person("alice", "x").with("disabled"), 5, 0x87},
		"will of a device":                {func() login { l := device("alpha", id); l.will = true; return l }(), 5, 0x87},
		"will of a person":                {func() login { l := person("alice", "x"); l.will = true; return l }(), 5, 0x87},
		"handler accepts nobody":          {person("alice", "x").with("nobody"), 3, 0x89},
		"handler accepts somebody else":   {device("alpha", id).with("somebody else"), 3, 0x89},
		"keep alive mochi cannot count":   {func() login { l := device("alpha", id); l.keepalive = 43691; return l }(), 0, 0},
		"the longest keep alive there is": {func() login { l := device("alpha", id); l.keepalive = 65535; return l }(), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for version, want := range map[byte]byte{4: test.v4, 5: test.v5} {
				test.login.version = version
				r := dial(t, b)
				if got := r.connect(test.login); got != want {
					t.Errorf("version %d: CONNACK %#x, want %#x", version, got, want)
				}
				if want == 0 {
					r.ping()
				} else {
					r.closes()
				}
			}
		})
	}
	if n := len(d.messages); n != 0 {
		t.Errorf("%d messages came from nowhere", n)
	}
}

func TestConnackOfOtherVersions(t *testing.T) {
	b, _ := start(t, nil)
	for name, test := range map[string]struct {
		packet []byte
		want   byte
	}{
		"3.1":     {packet(wireConnect<<4, text("MQIsdp"), []byte{3, 0xC2, 0, 60}, text("x"), text("user/alice"), text("right")), 1},
		"6":       {packet(wireConnect<<4, text("MQTT"), []byte{6, 0xC2, 0, 60}, text("x"), text("user/alice"), text("right")), 1},
		"no ID":   {login{user: "user/alice", password: "right", keep: true}.packet(), 2},
		"no MQTT": {packet(wireConnect<<4, text("MQXX"), []byte{4, 0xC2, 0, 60}, text("x"), text("user/alice"), text("right")), 1},
	} {
		r := dial(t, b)
		r.send(test.packet)
		if body := r.expect(wireConnack); len(body) != 2 || body[1] != test.want {
			t.Errorf("%s: CONNACK %x, want code %#x", name, body, test.want)
		}
		r.closes()
	}
}

// TestRefusalReachesClientThatDoesNotWait: a client may send more behind its
// CONNECT. A reset must not take the CONNACK away from it.
func TestRefusalReachesClientThatDoesNotWait(t *testing.T) {
	b, _ := start(t, nil)
	id := deviceID("A", 1)
	for range 50 {
		r := dial(t, b)
		hello := r.publishPacket(topic.ForDevice(id, topic.Hello), strings.Repeat("x", 8000), 0, nil)
		r.send(append(device("alpha", id).with("wrong").packet(), hello...))
		if body := r.expect(wireConnack); body[1] != 4 {
			t.Fatalf("CONNACK %x", body)
		}
		if _, _, err := r.read(); err != io.EOF {
			t.Fatalf("after the CONNACK: %v", err)
		}
	}
}

// TestClientThatDoesNotWait is the good case of the same.
func TestClientThatDoesNotWait(t *testing.T) {
	b, d := start(t, func(o *Options) { o.Limits.FirstPacket = 1 << 10 })
	id := deviceID("A", 1)
	r := dial(t, b)
	hello := topic.ForDevice(id, topic.Hello)
	r.send(append(device("alpha", id).packet(), r.publishPacket(hello, strings.Repeat("x", 100<<10), 0, nil)...))
	if m := d.nextMessage(t); m.TopicName != hello || len(m.Payload) != 100<<10 {
		t.Errorf("got %d bytes on %s", len(m.Payload), m.TopicName)
	}
}

func TestLoginReachesHandler(t *testing.T) {
	got := make(chan Login, 1)
	var password []byte
	b, d := start(t, nil)
	d.onLogin = func(_ context.Context, l Login) {
		password = l.Password
		l.Password = []byte(string(l.Password))
		got <- l
	}
	r := join(t, b, person("alice", "console").v5())
	l := receive(t, got, "Connect")
	if l.ClientID != "console" || l.Username != "user/alice" || string(l.Password) != "right" || l.Transport != "tcp" || l.Version != 5 {
		t.Errorf("Connect got %+v", l)
	}
	if l.Remote.String() != r.conn.LocalAddr().String() {
		t.Errorf("remote %s, want %s", l.Remote, r.conn.LocalAddr())
	}
	r.publish("sitesync/v1/admin/site.list", "{}", 0)
	if m := d.nextMessage(t); m.client.Password != nil || !bytes.Equal(password, make([]byte, 5)) {
		t.Error("the password is kept")
	}
}

// TestConnackTellsVersion5 what there is: no resumed sessions, no shared
// subscriptions, the largest packet, and where replies go.
func TestConnackTellsVersion5(t *testing.T) {
	b, _ := start(t, nil)
	l := person("alice", "console").v5()
	l.keep = true
	l.properties = []byte{17, 0, 0, 0, 60, 25, 1} // session expiry 60 s, asks for response information
	_, properties := dial(t, b).connectProperties(l)
	for what, want := range map[string][]byte{
		"session expiry 0":     {17, 0, 0, 0, 0},
		"shared not available": {42, 0},
		"no subscription IDs":  {41, 0},
		"maximum packet size":  {39, 0, 0x80, 0, 0},
		"response information": append([]byte{26}, text("sitesync/v1/reply/alice/")...),
		"receive maximum":      {33, 4, 0},
	} {
		if !strings.Contains(string(properties), string(want)) {
			t.Errorf("CONNACK does not tell %s: %x", what, properties)
		}
	}
}

func TestPahoConnects(t *testing.T) {
	b, d := start(t, nil)
	connect := func(password string) error {
		c := paho.NewClient(pahoOptions(b, "site/alpha", deviceID("A", 1), password))
		token := c.Connect()
		if !token.WaitTimeout(patience) {
			t.Fatal("paho does not connect")
		}
		if token.Error() == nil {
			t.Cleanup(func() { c.Disconnect(0) })
		}
		return token.Error()
	}
	if err := connect("right"); err != nil {
		t.Errorf("right password: %v", err)
	}
	if err := connect("wrong"); err == nil || !strings.Contains(err.Error(), "bad user name or password") {
		t.Errorf("wrong password: %v", err)
	}
	if err := connect("stranger"); err == nil || !strings.Contains(err.Error(), "identifier rejected") {
		t.Errorf("other device: %v", err)
	}
	if n := len(d.ends); n != 0 {
		t.Errorf("%d sessions were closed by refused logins", n)
	}
}

func pahoOptions(b *Broker, user, id, password string) *paho.ClientOptions {
	return paho.NewClientOptions().
		AddBroker("tcp://" + b.Addrs().MQTT.String()).
		SetProtocolVersion(4).SetClientID(id).SetUsername(user).SetPassword(password).
		SetAutoReconnect(false).SetConnectTimeout(patience)
}

// TestClientIDBelongs: a client ID belongs to who is connected with it.
func TestClientIDBelongs(t *testing.T) {
	b, d := start(t, nil)
	id := deviceID("A", 1)
	r := join(t, b, device("alpha", id))
	first, _ := b.Live(6)
	console := join(t, b, person("alice", "console"))
	for name, test := range map[string]struct {
		login login
		want  byte
	}{
		"another site":                 {device("beta", id), 2},
		"another site, wrong password": {device("beta", id).with("wrong"), 4},
		"another site, refused":        {device("beta", id).with("deleted"), 2},
		"another person":               {person("bob", "console"), 2},
		"another person, 5":            {person("bob", "console").v5(), 0x85},
	} {
		if code := refused(t, b, test.login); code != test.want {
			t.Errorf("%s: CONNACK %#x, want %#x", name, code, test.want)
		}
	}
	r.ping()
	console.ping()
	if c, ok := b.Live(6); !ok || c != first {
		t.Error("the live session was touched")
	}
	// Those whom the handler had accepted are told about as closed.
	for range 4 {
		if e := d.nextEnd(t); !errors.Is(e.why, RefuseIdentifier) {
			t.Errorf("Closed with %v", e.why)
		}
	}
	r.conn.Close()
	if e := d.nextEnd(t); e.client != first {
		t.Errorf("closed %+v", e.client.Principal)
	}
	join(t, b, device("beta", id)) // free again
}

// TestOneLiveSession: an accepted session closes the older one of its site,
// whatever its client ID; a refused one closes nothing.
func TestOneLiveSession(t *testing.T) {
	b, d := start(t, nil)
	first := join(t, b, device("alpha", deviceID("A", 1)).v5())
	refused := join(t, b, device("alpha", deviceID("A", 1)).with("deleted"))
	other := join(t, b, device("alpha", deviceID("A", 2)).with("deleted"))
	first.ping()
	if c, ok := b.Live(6); !ok || c.Session != 1 {
		t.Fatal("a refused session has taken the site")
	}
	second := join(t, b, device("alpha", deviceID("A", 2)))
	if body := first.expect(wireDisconnect); body[0] != byte(TakenOver) {
		t.Errorf("DISCONNECT %x", body)
	}
	first.closes()
	if e := d.nextEnd(t); e.why != TakenOver || e.client.Session != 1 {
		t.Errorf("session %d closed with %v", e.client.Session, e.why)
	}
	if c, ok := b.Live(6); !ok || c.Session != 2 {
		t.Error("the new session is not the live one")
	}
	second.ping()
	refused.ping()
	other.ping()
	if s := b.Stats(); s.Devices != 1 || s.Refused != 2 {
		t.Errorf("%+v", s)
	}
}

// TestOlderSessionComesLate: of two logins at once the one with the lower
// number may get to its place last; it must not close the newer one.
func TestOlderSessionComesLate(t *testing.T) {
	b, d := start(t, nil)
	newer := join(t, b, device("alpha", deviceID("A", 1)))
	d.mu.Lock()
	d.sessions[6] = 0 // the next is 1 again
	d.mu.Unlock()
	if code := refused(t, b, device("alpha", deviceID("A", 1))); code != 3 {
		t.Errorf("CONNACK %#x, want 3", code)
	}
	newer.ping()
	if e := d.nextEnd(t); !errors.Is(e.why, RefuseUnavailable) {
		t.Errorf("Closed with %v", e.why)
	}
}

func TestPersonTakesOver(t *testing.T) {
	b, d := start(t, nil)
	first := join(t, b, person("alice", "console"))
	first.subscribe("sitesync/v1/event/+")
	second := join(t, b, person("alice", "console"))
	first.closes()
	if e := d.nextEnd(t); e.why != TakenOver {
		t.Errorf("Closed with %v", e.why)
	}
	third := join(t, b, person("alice", "another"))
	second.ping()
	third.ping()
	if s := b.Stats(); s.Persons != 2 {
		t.Errorf("%+v", s)
	}
}

// TestCleanSession: nothing is resumed, whatever the client asks.
func TestCleanSession(t *testing.T) {
	b, d := start(t, nil)
	l := person("alice", "console")
	l.keep = true
	r := join(t, b, l)
	r.subscribe("sitesync/v1/event/+")
	r.conn.Close()
	d.nextEnd(t)
	r = dial(t, b)
	r.send(l.packet())
	if body := r.expect(wireConnack); body[0] != 0 || body[1] != 0 {
		t.Errorf("CONNACK %x says that a session is present", body)
	}
	b.Publish("sitesync/v1/event/site.online", []byte("x"), false)
	r.ping() // and no message before its answer
}

// TestWhyClosed holds what the handler is told.
func TestWhyClosed(t *testing.T) {
	b, d := start(t, nil)
	r := join(t, b, person("alice", "a"))
	r.send([]byte{wireDisconnect << 4, 0})
	if e := d.nextEnd(t); e.why != nil {
		t.Errorf("after DISCONNECT: %v", e.why)
	}
	r = join(t, b, person("alice", "a"))
	r.conn.Close()
	if e := d.nextEnd(t); !errors.Is(e.why, io.EOF) {
		t.Errorf("after a lost connection: %v", e.why)
	}
	l := person("alice", "a")
	l.keepalive = 1
	join(t, b, l)
	if e := d.nextEnd(t); e.why == nil || !strings.Contains(e.why.Error(), "silent for too long") {
		t.Errorf("after silence: %v", e.why)
	}
	r = join(t, b, device("alpha", deviceID("A", 1)).v5())
	if !b.Disconnect(6, ByHub) || b.Disconnect(7, ByHub) {
		t.Error("Disconnect does not know who is there")
	}
	if body := r.expect(wireDisconnect); body[0] != 0x98 {
		t.Errorf("DISCONNECT %x", body)
	}
	if e := d.nextEnd(t); e.why != ByHub {
		t.Errorf("after Disconnect: %v", e.why)
	}
	r = join(t, b, person("alice", "a"))
	join(t, b, person("alice", "b"))
	join(t, b, person("bob", "c"))
	r.subscribe("sitesync/v1/reply/alice/#")
	const last = "sitesync/v1/reply/alice/last"
	if err := b.Reply("alice", last, bytes.Repeat([]byte("x"), 1<<20), nil); err != nil {
		t.Error(err)
	}
	clients := b.Clients("alice")
	if len(clients) != 2 {
		t.Errorf("alice has %d connections", len(clients))
	}
	for _, c := range clients {
		go c.Finish(ByHub)
	}
	if got := r.delivery(); got.topic != last || len(got.payload) != 1<<20 {
		t.Errorf("what was queued came as %s with %d bytes", got.topic, len(got.payload))
	}
	r.closes()
	for range 2 {
		if e := d.nextEnd(t); e.why != ByHub || e.client.Name != "alice" {
			t.Errorf("after Finish: %s %v", e.client.Name, e.why)
		}
	}
}

// TestRefusedSessionEnds: it is not kept longer than it takes to hear why.
func TestRefusedSessionEnds(t *testing.T) {
	b, d := start(t, func(o *Options) { o.Limits.Refused = 50 * time.Millisecond })
	r := join(t, b, device("alpha", deviceID("A", 1)).with("deleted"))
	r.closes()
	if e := d.nextEnd(t); !e.client.Refused {
		t.Errorf("closed %+v", e.client.Principal)
	}
}
