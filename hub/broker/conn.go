package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// writePiece is how much is written under one deadline: a slow link must
	// show progress, not finish a large message in time.
	writePiece = 32 << 10
	// joinedPayload is how much payload is sent together with its header.
	joinedPayload = 4 << 10
	// farewellTime is how long closing a connection may wait for the client.
	farewellTime = time.Second
)

// conn is the byte stream of one client, plain, TLS or WebSocket, as mochi
// reads and writes it. Only the goroutine that serves the connection reads;
// any may write or close.
type conn struct {
	net.Conn
	broker    *Broker
	transport string
	leave     func() // gives back the place among the half-open; idempotent

	gauge     gauge
	limit     int           // of the next packet, see gauge
	accepted  bool          // CONNECT was good; more than the first packet may be read
	keepAlive time.Duration // silence that is too long; 0 is none
	notAfter  time.Time     // when set, the connection is not kept longer

	client  *Client // from the moment Connect accepted
	calling bool    // the handler runs: a panic now is not mochi's

	writing  sync.Mutex // held for a whole packet
	closing  sync.Once
	closeErr error
}

func newConn(b *Broker, stream net.Conn, transport string, leave func()) *conn {
	c := &conn{Conn: stream, broker: b, transport: transport, leave: leave, limit: b.limits.FirstPacket}
	stream.SetDeadline(time.Now().Add(b.limits.Handshake))
	return c
}

// accept ends the handshake: the client may send packets up to limit bytes.
func (c *conn) accept(limit int) {
	c.limit, c.accepted = limit, true
	c.leave()
}

// expectPacket gives the client its time for the next packet.
func (c *conn) expectPacket() {
	var deadline time.Time
	if c.keepAlive > 0 {
		deadline = time.Now().Add(c.keepAlive)
	}
	if !c.notAfter.IsZero() && (deadline.IsZero() || deadline.After(c.notAfter)) {
		deadline = c.notAfter
	}
	c.SetReadDeadline(deadline)
}

// Read gives no byte past the first packet before the client is accepted, so
// that the first packet's limit holds for that packet alone.
func (c *conn) Read(p []byte) (int, error) {
	if !c.accepted {
		p = p[:min(len(p), c.gauge.want())]
	}
	n, err := c.Conn.Read(p)
	c.broker.counts.bytesIn.Add(uint64(n))
	if bad := c.gauge.pass(p[:n], c.limit); bad != nil {
		return 0, bad
	}
	return n, err
}

// Write sends one packet of mochi's.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(p)
}

// writePublish sends a message without copying a large payload.
func (c *conn) writePublish(f frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	first := min(len(f.payload), joinedPayload)
	if _, err := c.write(append(f.header, f.payload[:first]...)); err != nil {
		return err
	}
	_, err := c.write(f.payload[first:])
	return err
}

// write needs the lock. A client that does not take a piece in time is gone:
// mochi would only log it and go on.
func (c *conn) write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		c.Conn.SetWriteDeadline(time.Now().Add(c.broker.limits.Write))
		var wrote int
		wrote, err = c.Conn.Write(p[n:min(len(p), n+writePiece)])
		n += wrote
	}
	c.broker.counts.bytesOut.Add(uint64(n))
	if err != nil {
		if c.client != nil {
			c.client.end(fmt.Errorf("client does not take what it is sent: %w", err))
		}
		c.Close()
	}
	return n, err
}

// Close may be called more than once.
func (c *conn) Close() error {
	c.closing.Do(func() { c.closeErr = c.Conn.Close() })
	return c.closeErr
}

// blame tells an MQTT 5 client what was wrong with its packet.
func (c *conn) blame(err error) {
	code, ok := errors.AsType[packets.Code](err)
	switch {
	case !ok || code.Code < packets.ErrUnspecifiedError.Code:
	case code == errPacketSize:
		c.client.Close(PacketTooLarge)
	default:
		c.hangUp(farewell(c.client.Version, Reason(code.Code)))
	}
}

// hangUp closes, with a last packet unless another one is stuck on its way.
func (c *conn) hangUp(last []byte) {
	if len(last) > 0 && c.lockSoon() {
		c.Conn.SetWriteDeadline(time.Now().Add(farewellTime))
		c.Conn.Write(last)
		c.writing.Unlock()
	}
	c.Close()
}

// lockSoon waits a moment for a write under way: a client may have read all of
// it before its writer has let go of the lock.
func (c *conn) lockSoon() bool {
	for range 20 {
		if c.writing.TryLock() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// linger waits until the client has read a refusal: closing a connection with
// unread bytes resets it, and a client that sent more behind its CONNECT might
// never see the CONNACK.
func (c *conn) linger() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(farewellTime))
	io.CopyN(io.Discard, c.Conn, int64(c.limit))
}
