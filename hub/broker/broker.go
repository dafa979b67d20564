package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"golang.org/x/time/rate"
)

// Options of a broker.
type Options struct {
	MQTT    string // address for plain TCP; "" is off, port 0 picks one
	MQTTS   string // address for TLS; "" is off, port 0 picks one
	TLS     *tls.Config
	Listen  ListenFunc // nil is the network's
	Handler Handler
	Logger  *slog.Logger // nil is slog.Default
	Limits  Limits
}

// ListenFunc opens a listener, as net.ListenConfig does.
type ListenFunc func(ctx context.Context, network, address string) (net.Listener, error)

// Broker is an embedded MQTT broker. Make one with New, then Start, then Close.
type Broker struct {
	handler   Handler
	limits    Limits
	log       *slog.Logger
	hostile   rate.Sometimes // for log lines that a stranger can cause
	tls       *tls.Config
	server    *mqtt.Server
	listeners []listener
	gate      *gate
	rate      *rate.Limiter
	sessions  *sessions
	audience  *audience
	counts    counts
	accepting atomic.Int32 // listeners that let clients in

	ctx  context.Context
	stop context.CancelCauseFunc
	work sync.WaitGroup // everything that the broker has started
}

// Keys of log lines.
const (
	logClient    = "client"
	logUser      = "user"
	logSite      = "site"
	logRemote    = "remote"
	logTransport = "transport"
	logTopic     = "topic"
	logReason    = "reason"
	logError     = "error"
	logDelay     = "delay"
	logStack     = "stack"
)

var discard = slog.New(slog.DiscardHandler)

// New makes a broker and opens its listeners, so that Addrs is known. Clients
// wait until Start.
func New(options Options) (*Broker, error) {
	if options.Handler == nil {
		return nil, errors.New("broker: no handler")
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	limits := options.Limits.withDefaults()
	b := &Broker{
		handler:  options.Handler,
		limits:   limits,
		log:      options.Logger,
		hostile:  rate.Sometimes{First: 20, Interval: time.Second},
		tls:      options.TLS,
		gate:     newGate(limits.HalfOpen, limits.HalfOpenPerAddress),
		rate:     rate.NewLimiter(rate.Limit(limits.AcceptRate), limits.AcceptBurst),
		sessions: newSessions(),
		audience: newAudience(),
	}
	b.ctx, b.stop = context.WithCancelCause(context.Background())
	var err error
	if b.server, err = newServer(b); err != nil {
		return nil, err
	}
	if options.Listen == nil {
		options.Listen = (&net.ListenConfig{KeepAliveConfig: socketKeepAlive}).Listen
	}
	if err = b.listen(options.Listen, options.MQTT, options.MQTTS); err != nil {
		return nil, err
	}
	return b, nil
}

// Start lets clients in. Call it once.
func (b *Broker) Start() {
	for _, l := range b.listeners {
		b.accepting.Add(1)
		b.work.Go(func() {
			defer b.accepting.Add(-1)
			b.accept(l)
		})
	}
}

// Listening reports whether every listener lets clients in.
func (b *Broker) Listening() bool { return int(b.accepting.Load()) == len(b.listeners) }

// Addrs is where the broker listens; nil where it does not.
type Addrs struct{ MQTT, MQTTS net.Addr }

// Addrs gives the actual addresses.
func (b *Broker) Addrs() (addrs Addrs) {
	for _, l := range b.listeners {
		if l.transport == transportTLS {
			addrs.MQTTS = l.Addr()
		} else {
			addrs.MQTT = l.Addr()
		}
	}
	return addrs
}

// Close stops listening, ends every connection (MQTT 5 clients are told
// ShuttingDown), and returns when all goroutines have ended and every Closed
// callback has returned; or with ctx's error when that takes too long.
func (b *Broker) Close(ctx context.Context) error {
	for _, l := range b.listeners {
		l.Close()
	}
	var ends sync.WaitGroup
	for c, client := range b.sessions.shut() {
		ends.Go(func() {
			if client == nil {
				c.Close()
				return
			}
			client.Close(ShuttingDown)
		})
	}
	done := make(chan struct{})
	go func() {
		ends.Wait()
		b.stop(ShuttingDown)
		b.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		b.stop(ShuttingDown)
		return ctx.Err()
	}
}
