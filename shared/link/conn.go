package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// writeChunk is how much of a large message must get through within one
	// write timeout: a link that moves more slowly is taken for dead.
	writeChunk = 16 << 10
	// progress is a number of bytes sent that pings alone do not reach.
	progress = 1 << 10
)

// wire is the TCP connection, below TLS and WebSocket: every byte of a session
// passes here. No read and no write waits for ever, whoever does them; paho's
// ping for one has no deadline of its own.
type wire struct {
	net.Conn
	writeTimeout time.Duration // for each writeChunk
	silence      atomic.Int64  // time.Duration without progress before the link counts as dead
	in, out      atomic.Uint64 // bytes
}

func newWire(tcp net.Conn, writeTimeout, silence time.Duration) *wire {
	w := &wire{Conn: tcp, writeTimeout: writeTimeout}
	w.silence.Store(int64(silence))
	return w
}

// Read fails with os.ErrDeadlineExceeded when nothing was received for as long
// as silence, unless data is still being sent: answers to pings queue up behind
// a large message on a slow link.
func (w *wire) Read(p []byte) (int, error) {
	for {
		sent := w.out.Load()
		if err := w.listen(); err != nil {
			return 0, err
		}
		n, err := w.Conn.Read(p)
		w.in.Add(uint64(n))
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && w.out.Load()-sent > progress {
			continue
		}
		return n, err
	}
}

// listen starts the silence afresh, for a Read under way too.
func (w *wire) listen() error {
	return w.Conn.SetReadDeadline(time.Now().Add(time.Duration(w.silence.Load())))
}

// Write is not to be called twice at a time.
func (w *wire) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.Conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
			return n, err
		}
		k, err := w.Conn.Write(p[n:min(len(p), n+writeChunk)])
		n += k
		w.out.Add(uint64(k))
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// The layers above set deadlines by their own ideas; the wire's hold.

func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

var errMalformed = errors.New("the hub sent a malformed MQTT packet")

// conn is what paho sees: a stream of MQTT packets over TCP, TLS or WebSocket.
// Its first failure closes it and is what every later call answers.
type conn struct {
	*wire
	stream  io.ReadWriter
	packets *packetReader
	writing chan struct{} // held by the one who writes: paho pings beside its other writes
	leaving atomic.Bool   // from here on, the end of the connection is our own doing
	cause   atomic.Pointer[error]
}

func newConn(w *wire, stream io.ReadWriter) *conn {
	return &conn{wire: w, stream: stream, packets: newPacketReader(stream), writing: make(chan struct{}, 1)}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.packets.Read(p)
	if err != nil {
		err = c.fail(err)
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	n, err := c.stream.Write(p)
	if err != nil {
		err = c.fail(err) // part of the packet may be out; nothing can follow it
	}
	return n, err
}

// Close is for paho, which calls it at a packet it cannot read, or after a
// failure. It closes the TCP connection at once, as everything here does: a TLS
// or WebSocket farewell could block, and MQTT has its own.
func (c *conn) Close() error {
	c.fail(errMalformed)
	return nil
}

// leave says DISCONNECT where that is possible within the given time, then
// closes.
func (c *conn) leave(within time.Duration) {
	c.leaving.Store(true)
	defer c.fail(ErrClosed)
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	default:
		return
	}
	defer time.AfterFunc(within, func() { c.fail(ErrClosed) }).Stop()
	c.stream.Write([]byte{14 << 4, 0})
}

// fail closes the connection because of err, unless it is closed already, and
// returns the error it was closed with. paho takes net.ErrClosed, which closing
// causes, for a sign that it closed the connection itself and then waits for
// ever; it never gets to see it.
func (c *conn) fail(err error) error {
	if c.leaving.Load() || errors.Is(err, net.ErrClosed) {
		err = ErrClosed
	}
	if c.cause.CompareAndSwap(nil, &err) {
		c.wire.Close()
	}
	return *c.cause.Load()
}

// failure is the error the connection was closed with, nil while it is open.
func (c *conn) failure() error {
	if err := c.cause.Load(); err != nil {
		return *err
	}
	return nil
}
