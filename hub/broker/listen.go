package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Values of Login.Transport.
const (
	transportTCP = "tcp"
	transportTLS = "tls"
	transportWS  = "ws"
	transportWSS = "wss"
)

type listener struct {
	net.Listener
	transport string
}

// socketKeepAlive finds peers that vanished without a word and have no MQTT
// keep-alive. It is rare, since it wakes radios.
var socketKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Minute, Interval: time.Minute, Count: 3}

// listen opens the addresses that are not empty, or none.
func (b *Broker) listen(open ListenFunc, plain, secure string) error {
	if secure != "" && b.tls == nil {
		return errors.New("broker: an address for MQTT over TLS, and no TLS configuration")
	}
	for _, wanted := range []struct{ address, transport string }{{plain, transportTCP}, {secure, transportTLS}} {
		if wanted.address == "" {
			continue
		}
		l, err := open(b.ctx, "tcp", wanted.address)
		if err != nil {
			for _, opened := range b.listeners {
				opened.Close()
			}
			return fmt.Errorf("broker: listen for MQTT: %w", err)
		}
		b.listeners = append(b.listeners, listener{l, wanted.transport})
	}
	return nil
}

const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// accept lets clients in until the listener is closed. When it fails for any
// other reason, as with too many open files, it tries again.
func (b *Broker) accept(l listener) {
	pause := time.Duration(0)
	for {
		if b.gate.wait(b.ctx) != nil || b.rate.Wait(b.ctx) != nil {
			return
		}
		stream, err := l.Accept()
		if err == nil {
			pause = 0
			b.admit(stream, l.transport)
			continue
		}
		b.gate.giveBack()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if pause == 0 {
			b.log.Warn("cannot accept connections, trying again", logTransport, l.transport, logError, err)
		}
		pause = min(max(2*pause, shortestPause), longestPause)
		if !sleep(b.ctx, pause) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admit serves a connection that has a place at the gate.
func (b *Broker) admit(stream net.Conn, transport string) {
	leave, ok := b.gate.enter(stream.RemoteAddr().String())
	if !ok {
		b.counts.crowded.Add(1)
		b.turnAway(stream, "too many connections from one address at once", nil)
		return
	}
	if transport == transportTLS {
		stream = tls.Server(stream, b.tls)
	}
	b.begin(stream, transport, leave)
}

// begin serves a connection on a goroutine of its own.
func (b *Broker) begin(stream net.Conn, transport string, leave func()) {
	c := newConn(b, stream, transport, leave)
	if !b.sessions.track(c, func() { b.work.Go(func() { b.serve(c) }) }) {
		leave()
		c.Close()
	}
}

// turnAway closes a connection without an answer.
func (b *Broker) turnAway(stream net.Conn, why string, err error) {
	b.counts.turnedAway.Add(1)
	b.log.Debug("connection turned away", logRemote, stream.RemoteAddr(), logReason, why, logError, err)
	stream.Close()
}
