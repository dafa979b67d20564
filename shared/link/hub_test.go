package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// authority is a private certificate authority.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test hub CA"},
		NotBefore: time.Now().Add(-20 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(20 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func (a *authority) pin() [32]byte { return sha256.Sum256(a.certificate.Raw) }

// issue makes a server certificate for 127.0.0.1 with the chain a hub presents.
func (a *authority) issue(t testing.TB, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test hub"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	for _, change := range changes {
		change(template)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}
}

// hub is a mochi broker on loopback with all three transports. It accepts the
// connections itself: mochi's WebSocket listener does not tell the port it got
// for port 0, and closing any of mochi's listeners races with an accept.
type hub struct {
	*mochi.Server
	ca  *authority
	url map[string]string // by scheme

	mu      sync.Mutex
	closed  bool
	conns   []net.Conn
	clients sync.WaitGroup
}

func startHub(t testing.TB) *hub {
	t.Helper()
	ca := newAuthority(t)
	return startHubWith(t, ca, ca.issue(t))
}

func startHubWith(t testing.TB, ca *authority, certificate tls.Certificate) *hub {
	t.Helper()
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumClientWritesPending = 1 << 15
	h := &hub{Server: mochi.New(&mochi.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)}), ca: ca}
	if err := h.AddHook(&gate{server: h.Server}, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.stop)
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}}
	plain, encrypted, web := listen(t), listen(t), listen(t)
	go h.accept(plain)
	go h.accept(tls.NewListener(encrypted, secure))
	server := &http.Server{Handler: h.upgrade(), TLSConfig: secure.Clone(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go server.ServeTLS(web, "", "")
	t.Cleanup(func() { server.Close() })
	h.url = map[string]string{
		"mqtt":  "mqtt://" + plain.Addr().String(),
		"mqtts": "mqtts://" + encrypted.Addr().String(),
		"wss":   "wss://" + web.Addr().String(),
	}
	return h
}

func (h *hub) stop() {
	h.mu.Lock()
	h.closed = true
	for _, c := range h.conns {
		c.Close()
	}
	h.mu.Unlock()
	h.clients.Wait()
	h.Close()
}

func (h *hub) accept(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go h.attach(c)
	}
}

// attach serves a connection until it ends.
func (h *hub) attach(c net.Conn) {
	defer c.Close()
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.conns = append(h.conns, c)
	h.clients.Add(1)
	h.mu.Unlock()
	defer h.clients.Done()
	h.EstablishConnection("test", c)
}

// upgrade serves MQTT over WebSocket at /mqtt.
func (h *hub) upgrade() http.Handler {
	upgrader := websocket.Upgrader{Subprotocols: []string{"mqtt"}}
	mux := http.NewServeMux()
	mux.HandleFunc("/mqtt", func(w http.ResponseWriter, r *http.Request) {
		if socket, err := upgrader.Upgrade(w, r, nil); err == nil {
			h.attach(&webConn{Conn: socket.NetConn(), webStream: webStream{socket: socket}})
		}
	})
	return mux
}

type webConn struct {
	net.Conn
	webStream
}

func (c *webConn) Read(p []byte) (int, error)  { return c.webStream.Read(p) }
func (c *webConn) Write(p []byte) (int, error) { return c.webStream.Write(p) }

func (h *hub) trust(t testing.TB) Trust {
	t.Helper()
	trust, err := TrustCA(h.ca.pem())
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// gate refuses a user "refuse/CODE" with that code, and subscriptions below
// forbidden/.
type gate struct {
	mochi.HookBase
	server *mochi.Server
}

func (g *gate) ID() string { return "gate" }

func (g *gate) Provides(b byte) bool {
	return b == mochi.OnConnect || b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (g *gate) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	code, refuse := strings.CutPrefix(string(pk.Connect.Username), "refuse/")
	if !refuse {
		return nil
	}
	n, _ := strconv.Atoi(code)
	g.server.SendConnack(cl, packets.Code{Code: byte(n)}, false, nil)
	return errors.New("refused")
}

func (g *gate) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (g *gate) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	return !strings.HasPrefix(topic, "forbidden/")
}

// mustDial opens a session that is closed with the test.
func mustDial(t testing.TB, config Config) *Session {
	t.Helper()
	if config.ClientID == "" {
		config.ClientID = t.Name()
	}
	s, err := Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// fakeHub accepts one TCP connection, answers its CONNECT with the given bytes,
// and leaves the rest to then.
func fakeHub(t testing.TB, answer []byte, then func(net.Conn)) (url string) {
	t.Helper()
	listener := listen(t)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Read(make([]byte, 1024)); err != nil {
			return
		}
		c.Write(answer)
		then(c)
	}()
	return "mqtt://" + listener.Addr().String()
}

var accepted = []byte{packetConnack << 4, 2, 0, 0}

// wait fails the test when done is not closed soon.
func wait(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}

// noGoroutines waits until nothing of paho and of this package runs any more.
func noGoroutines(t testing.TB) {
	t.Helper()
	var left string
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); ; {
		if left = clientGoroutines(); left == "" {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("goroutines are left:\n%s", left)
		}
	}
}

func clientGoroutines() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "paho.mqtt.golang") || strings.Contains(stack, "link.(*Session)") || strings.Contains(stack, "link.(*attempt)") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
