package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// attempt is one try to reach a hub, and where it stands.
type attempt struct {
	url    *URL
	config Config

	mu    sync.Mutex // net reports on goroutines of its own
	stage Stage
	since time.Time

	wire    *wire
	state   *tls.ConnectionState // nil without TLS
	release func() bool          // lets go of the context; false when it has ended before
}

func newAttempt(u *URL, config Config) *attempt {
	return &attempt{url: u, config: config, stage: StageResolve, since: time.Now(), release: func() bool { return true }}
}

// enter ends the present stage, with success, and begins another.
func (a *attempt) enter(stage Stage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stage == stage {
		return
	}
	if a.config.OnStage != nil {
		a.config.OnStage(a.stage, time.Since(a.since))
	}
	a.stage, a.since = stage, time.Now()
}

// open gets as far as a stream of bytes to the hub's broker. From TCP on, the
// end of ctx closes the connection, until release.
func (a *attempt) open(ctx context.Context) (*conn, error) {
	var once sync.Once // happy eyeballs may connect to several addresses
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) { once.Do(func() { a.enter(StageConnect) }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil {
				a.state = &state
				a.enter(StageWebSocket)
			}
		},
	})
	var stream io.ReadWriter
	var err error
	switch a.url.Scheme {
	case "mqtts":
		stream, err = a.openTLS(ctx)
	case "wss":
		stream, err = a.openWebSocket(ctx)
	default:
		stream, err = a.openTCP(ctx, "tcp", a.url.Address())
	}
	if err != nil {
		if a.wire != nil {
			a.wire.Close()
		}
		return nil, err
	}
	a.enter(StageLogin)
	return newConn(a.wire, stream), nil
}

// DialTCP opens a connection as Dial does. MQTT has its own keepalive; TCP's,
// every 15 s, would cost a metered link.
func DialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address)
}

func (a *attempt) openTCP(ctx context.Context, network, address string) (net.Conn, error) {
	dial := a.config.Dial
	if dial == nil {
		dial = DialTCP
	}
	tcp, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.wire = newWire(tcp, a.config.WriteTimeout, a.config.ConnectTimeout)
	a.release = context.AfterFunc(ctx, func() { tcp.Close() })
	return a.wire, nil
}

func (a *attempt) openTLS(ctx context.Context) (net.Conn, error) {
	tcp, err := a.openTCP(ctx, "tcp", a.url.Address())
	if err != nil {
		return nil, err
	}
	a.enter(StageTLS)
	client := tls.Client(tcp, a.config.Trust.config(a.url.Host))
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := client.ConnectionState()
	a.state = &state
	return client, nil
}

// openWebSocket goes through the proxy that HTTPS_PROXY names: sites use wss
// because nothing else gets out of their network.
func (a *attempt) openWebSocket(ctx context.Context) (*webStream, error) {
	dialer := websocket.Dialer{
		Proxy: proxy,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			tcp, err := a.openTCP(ctx, network, address)
			if err == nil {
				a.enter(StageTLS)
			}
			return tcp, err
		},
		TLSClientConfig: a.config.Trust.config(a.url.Host),
		Subprotocols:    []string{"mqtt"},
		WriteBufferSize: writeChunk,
	}
	socket, response, err := dialer.DialContext(ctx, a.url.String(), nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Errorf("it answers HTTP status %d instead of opening a WebSocket", response.StatusCode)
	}
	if err != nil {
		return nil, err
	}
	return &webStream{socket: socket}, nil
}

// proxy keeps the environment's proxy URL, which may hold a password, out of
// the error.
func proxy(request *http.Request) (*url.URL, error) {
	through, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, errors.New("the proxy that the environment names (HTTPS_PROXY) is not a valid URL")
	}
	return through, nil
}

// explain makes the error that Dial answers of one that ended the attempt. ctx
// is the caller's, without the connect timeout.
func (a *attempt) explain(ctx context.Context, timeout error, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused
	}
	if trust, ok := errors.AsType[*TLSError](err); ok {
		trust.Hub = a.url.Address()
		return trust
	}
	if timeout != nil {
		err = timeout // it closed the connection, which is all that err says
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return &UnreachableError{Stage: a.stage, Hub: a.url.Address(), Err: err}
}
