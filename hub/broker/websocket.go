package broker

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// subprotocol is the one of MQTT over WebSocket (MQTT 3.1.1, 6.0.0-3).
const subprotocol = "mqtt"

// upgrader asks that a browser comes from the hub's own pages; programs send no
// Origin. Buffers are small and, for writing, shared, since most connections
// are idle.
var upgrader = websocket.Upgrader{
	ReadBufferSize:   512,
	WriteBufferSize:  4096,
	WriteBufferPool:  &sync.Pool{},
	Subprotocols:     []string{subprotocol},
	HandshakeTimeout: farewellTime,
}

// WebSocketHandler serves MQTT over WebSocket, under the same limits as the
// listeners. It returns when the connection is upgraded; Close ends it.
func (b *Broker) WebSocketHandler() http.Handler { return http.HandlerFunc(b.upgrade) }

func (b *Broker) upgrade(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		http.Error(w, "this is MQTT over WebSocket: ask for the subprotocol mqtt", http.StatusBadRequest)
		return
	}
	if !b.rate.Allow() || !b.gate.try() {
		b.busy(w)
		return
	}
	leave, ok := b.gate.enter(r.RemoteAddr)
	if !ok {
		b.busy(w)
		return
	}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		leave()
		b.counts.turnedAway.Add(1)
		b.log.Debug("connection turned away", logRemote, r.RemoteAddr, logError, err)
		return
	}
	transport := transportWS
	if r.TLS != nil {
		transport = transportWSS
	}
	b.begin(&webSocket{Conn: socket}, transport, leave)
}

func (b *Broker) busy(w http.ResponseWriter) {
	b.counts.turnedAway.Add(1)
	w.Header().Set("Retry-After", "10")
	http.Error(w, "too many connections at once, come back later", http.StatusServiceUnavailable)
}

var errNotBinary = errors.New("WebSocket message that is not binary")

// webSocket makes one stream of the binary messages of a WebSocket; MQTT pays
// no heed to their boundaries.
type webSocket struct {
	*websocket.Conn
	message io.Reader
}

var _ net.Conn = (*webSocket)(nil)

func (s *webSocket) Read(p []byte) (int, error) {
	for {
		if s.message == nil {
			kind, message, err := s.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errNotBinary
			}
			s.message = message
		}
		n, err := s.message.Read(p)
		if err == io.EOF {
			s.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (s *webSocket) Write(p []byte) (int, error) {
	if err := s.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *webSocket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}
