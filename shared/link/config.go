package link

import (
	"context"
	"log/slog"
	"math"
	"net"
	"time"
)

// Defaults of Config.
const (
	DefaultKeepAlive      = 60 * time.Second
	DefaultConnectTimeout = 30 * time.Second
	DefaultWriteTimeout   = 30 * time.Second
)

// Config says how to reach a hub, and as whom. Zero durations stand for the
// defaults.
type Config struct {
	URL      string // as ParseURL reads it
	Trust    Trust  // of mqtts and wss
	Insecure bool   // permits mqtt beyond loopback

	ClientID string
	Username string // site/NAME, user/NAME or token/NAME
	Password []byte // site password, device credential, user password or token

	// KeepAlive is how long a quiet link stays quiet before a ping, in whole
	// seconds from 1 to 65535. The link counts as dead after that and half of
	// it again without any progress, but gets at least 3 s and at most 30 s for
	// the answer: satellite links take 600 ms for the way and back.
	KeepAlive time.Duration
	// ConnectTimeout bounds Dial as a whole.
	ConnectTimeout time.Duration
	// WriteTimeout bounds each 16 KiB of a write, so that a slow link may take
	// its time for a large message, but not a dead one.
	WriteTimeout time.Duration

	// OnMessage gets every message, in the order of their arrival and one at a
	// time. It must only enqueue, and not call the session. The payload is its
	// own to keep.
	OnMessage func(topic string, payload []byte)
	// OnStage, if set, is told of every stage of Dial that succeeded, in order.
	OnStage func(stage Stage, took time.Duration)
	// Dial opens the connection below TLS and WebSocket; nil is DialTCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger gets debug messages; nil is none.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field    *time.Duration
		fallback time.Duration
	}{{&c.KeepAlive, DefaultKeepAlive}, {&c.ConnectTimeout, DefaultConnectTimeout}, {&c.WriteTimeout, DefaultWriteTimeout}} {
		if *d.field <= 0 {
			*d.field = d.fallback
		}
	}
	// CONNECT has whole seconds in 16 bits, and 0 would turn it off.
	c.KeepAlive = min(max(c.KeepAlive.Truncate(time.Second), time.Second), math.MaxUint16*time.Second)
	if c.OnMessage == nil {
		c.OnMessage = func(string, []byte) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// silence is how long a link may be without progress.
func (c Config) silence() time.Duration {
	return c.KeepAlive + min(max(c.KeepAlive/2, 3*time.Second), 30*time.Second)
}
