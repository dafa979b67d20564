package broker

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

const patience = 10 * time.Second // for what must happen

// desk is the hub of the tests: it knows a few names and remembers what it is
// told.
type desk struct {
	mu       sync.Mutex
	sessions map[sitesync.SiteID]uint64
	closed   map[*Client][]error

	messages chan heard
	ends     chan ended
	onLogin  func(ctx context.Context, login Login) // when set
	block    chan struct{}                          // when set, Message waits for it
}

type heard struct {
	client *Client
	Message
}

type ended struct {
	client *Client
	why    error
}

func newDesk() *desk {
	return &desk{
		sessions: map[sitesync.SiteID]uint64{},
		closed:   map[*Client][]error{},
		messages: make(chan heard, 1000),
		ends:     make(chan ended, 10000),
	}
}

// siteIDs are the sites of the tests. Their password is "right", "deleted"
// gives a refused session.
var siteIDs = map[string]sitesync.SiteID{"alpha": 6, "beta": 7}

func (d *desk) Connect(ctx context.Context, login Login) (*Principal, Refusal) {
	if d.onLogin != nil {
		d.onLogin(ctx, login)
	}
	group, name, _ := strings.Cut(login.Username, "/")
	switch password := string(login.Password); {
	case password == "shed":
		return nil, RefuseUnavailable
	case password == "disabled":
		return nil, RefuseNotAuthorized
	case password == "stranger":
		return nil, RefuseIdentifier
	case password == "nobody":
		return nil, 0
	case password == "somebody else":
		return &Principal{Kind: Person, Name: "#"}, 0
	case group == "site" && password == "deleted":
		return &Principal{Kind: Device, Site: siteIDs[name], Name: name, Refused: true}, 0
	case password != "right":
		return nil, RefuseBadCredentials
	case group == "site":
		site, known := siteIDs[name]
		if !known {
			return nil, RefuseBadCredentials
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sessions[site]++
		return &Principal{Kind: Device, Site: site, Name: name, Session: d.sessions[site]}, 0
	}
	return &Principal{Kind: Person, Name: name, Role: "admin"}, 0
}

func (d *desk) Message(ctx context.Context, c *Client, m Message) {
	if d.block != nil {
		select {
		case <-d.block:
		case <-ctx.Done():
		}
	}
	d.messages <- heard{c, m}
}

func (d *desk) Closed(c *Client, why error) {
	d.mu.Lock()
	d.closed[c] = append(d.closed[c], why)
	d.mu.Unlock()
	d.ends <- ended{c, why}
}

// closedOnce checks that Closed came once for each client.
func (d *desk) closedOnce(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c, whys := range d.closed {
		if len(whys) != 1 {
			t.Errorf("Closed came %d times for %s: %v", len(whys), c.ClientID, whys)
		}
	}
}

func (d *desk) nextMessage(t *testing.T) heard {
	t.Helper()
	return receive(t, d.messages, "a message")
}

func (d *desk) nextEnd(t *testing.T) ended {
	t.Helper()
	return receive(t, d.ends, "Closed")
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not become true", what)
		}
	}
}

// start runs a broker on loopback. It is closed, and its callbacks counted,
// when the test ends.
func start(t *testing.T, change func(*Options)) (*Broker, *desk) {
	t.Helper()
	d := newDesk()
	options := Options{MQTT: "127.0.0.1:0", Handler: d, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&options)
	}
	b, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	t.Cleanup(func() {
		shut(t, b)
		d.closedOnce(t)
		if n := b.Stats().Panics; n != 0 {
			t.Errorf("%d panics", n)
		}
	})
	return b, d
}

func shut(t *testing.T, b *Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// deviceID is a client ID in the form of a device.
func deviceID(hardware string, replica byte) string {
	return sitesync.ClientID(sitesync.NewHardwareID(sha256.Sum256([]byte(hardware))), sitesync.ReplicaID{replica})
}
