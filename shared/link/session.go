package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitesync/shared/sitesync"
)

// farewell is how long Close may try to say DISCONNECT.
const farewell = time.Second

var errUnanswered = errors.New("the hub did not answer a subscription")

// Log keys of this package.
const (
	keyHub     = "hub"
	keyResumed = "tls_resumed"
	keyError   = "error"
)

// Session is one MQTT connection: MQTT 3.1.1, clean session, QoS 0. Its methods
// may be called at any time from any goroutine, except from OnMessage.
type Session struct {
	client mqtt.Client
	conn   *conn
	hub    string // host:port
	ca     []byte
	tls    *tls.ConnectionState
	log    *slog.Logger

	turn      chan struct{} // held by the one who hands a packet to paho
	unsettled mqtt.Token    // of a packet whose sender gave up waiting; guarded by turn
	done      chan struct{}
}

// Dial makes one attempt to open a session. Its errors are *RefusedError,
// *TLSError, *UnreachableError, a *sitesync.Error with code invalid for the
// URL, or ctx's own when it was cancelled; ProblemOf puts each into words.
func Dial(ctx context.Context, config Config) (*Session, error) {
	u, err := ParseURL(config.URL, config.Insecure)
	if err != nil {
		return nil, err
	}
	a := newAttempt(u, config.withDefaults())
	timed, cancel := context.WithTimeout(ctx, a.config.ConnectTimeout)
	defer cancel()
	conn, err := a.open(timed)
	if err != nil {
		return nil, a.explain(ctx, timed.Err(), err)
	}
	s, err := a.login(conn)
	if err == nil && !a.release() {
		s.Close()
		err = timed.Err()
	}
	if err != nil {
		return nil, a.explain(ctx, timed.Err(), err)
	}
	s.log.Debug("session open", keyHub, s.hub, keyResumed, s.tls != nil && s.tls.DidResume)
	return s, nil
}

// login opens the session over the connection that open gave.
func (a *attempt) login(conn *conn) (*Session, error) {
	s := newSession(a, conn)
	token := s.client.Connect()
	<-token.Done() // or the end of Dial's time closes the connection
	if err := token.Error(); err != nil {
		conn.Close()
		return nil, err
	}
	conn.silence.Store(int64(a.config.silence()))
	conn.listen() // should it fail, so does the Read under way
	a.enter(StageSession)
	return s, nil
}

func newSession(a *attempt, conn *conn) *Session {
	s := &Session{
		conn: conn,
		hub:  a.url.Address(),
		tls:  a.state,
		log:  a.config.Logger,
		turn: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
	if a.state != nil {
		s.ca = a.config.Trust.pinnedPEM(*a.state)
	}
	s.client = mqtt.NewClient(s.options(a.config))
	return s
}

// options leaves paho nothing to decide: it connects once, keeps nothing, and
// neither repairs nor closes the connection by itself. Its loggers, global to
// the process, stay the silent ones they are by default.
func (s *Session) options(config Config) *mqtt.ClientOptions {
	options := mqtt.NewClientOptions().
		AddBroker("tcp://hub"). // a name; the connection is there already
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return s.conn, nil }).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetClientID(config.ClientID).
		SetUsername(config.Username).
		SetPassword(string(config.Password)).
		SetKeepAlive(config.KeepAlive).
		SetConnectTimeout(config.ConnectTimeout).
		SetWriteTimeout(config.WriteTimeout)
	// wire notices a dead link. paho would take one for dead that answers a
	// ping late because it is busy with data.
	options.SetPingTimeout(math.MaxInt64)
	options.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { config.OnMessage(m.Topic(), m.Payload()) })
	// paho calls this once, after its own goroutines have ended.
	options.SetConnectionLostHandler(func(mqtt.Client, error) {
		s.log.Debug("session ended", keyHub, s.hub, keyError, s.conn.failure())
		close(s.done)
	})
	return options
}

// Subscribe asks for the messages that match the filters, in one packet, and
// returns when the hub has granted all of them. A refused one is an error with
// code forbidden that names it. A session that leaves a SUBSCRIBE without an
// answer until ctx ends is closed, since nobody can tell what it delivers.
func (s *Session) Subscribe(ctx context.Context, filters ...string) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.giveBack()
	wanted := make(map[string]byte, len(filters))
	for _, filter := range filters {
		wanted[filter] = 0
	}
	if len(wanted) == 0 {
		return nil
	}
	s.conn.packets.filters.Store(int32(len(wanted)))
	token := s.client.SubscribeMultiple(wanted, nil).(*mqtt.SubscribeToken)
	if err := s.await(ctx, token); err != nil {
		if ctx.Err() != nil {
			s.conn.fail(errUnanswered)
		}
		return err
	}
	var refused []string
	for filter := range wanted {
		if code, answered := token.Result()[filter]; !answered || code > 2 {
			refused = append(refused, filter)
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return sitesync.Errorf(sitesync.CodeForbidden, "check what this name may read", "the hub refused the subscription to %s", strings.Join(refused, ", "))
	}
	return nil
}

// Publish sends a message with QoS 0, after those handed in before. It returns
// when the message is written to the connection, which says nothing about the
// hub having it, or when it failed. It does not wait on a dead link for much
// longer than WriteTimeout. The payload must not be changed afterwards when ctx
// ended before. A message above MaxPacket is refused with code too_large.
func (s *Session) Publish(ctx context.Context, topic string, payload []byte) error {
	// 5 bytes of fixed header, 2 of topic length, which has 16 bits.
	if len(topic) > math.MaxUint16 || 7+len(topic)+len(payload) > MaxPacket {
		return sitesync.Errorf(sitesync.CodeTooLarge, "send it in parts", "a message of %d bytes is too large to send", len(payload))
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.giveBack()
	return s.await(ctx, s.client.Publish(topic, 0, false, payload))
}

// take waits for its turn. paho gives up on packets that wait for a slow link
// behind others; here they wait for as long as ctx allows.
func (s *Session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.unsettled == nil {
		return nil
	}
	if err := s.await(ctx, s.unsettled); err != nil {
		s.giveBack()
		return err
	}
	return nil
}

func (s *Session) giveBack() { <-s.turn }

// await waits until paho is done with a packet. Called by the holder of turn.
func (s *Session) await(ctx context.Context, token mqtt.Token) error {
	s.unsettled = nil
	select {
	case <-token.Done():
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		s.unsettled = token
		return ctx.Err()
	}
	if token.Error() == nil {
		return nil
	}
	if err := s.conn.failure(); err != nil {
		return s.lost(err)
	}
	return fmt.Errorf("mqtt: %w", token.Error())
}

// Done is closed when the session has ended and its goroutines with it.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err says why the session ended: ErrClosed after Close, an *UnreachableError
// of StageSession otherwise. It is nil until Done is closed.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.lost(s.conn.failure())
	default:
		return nil
	}
}

func (s *Session) lost(cause error) error {
	if errors.Is(cause, ErrClosed) {
		return ErrClosed
	}
	return &UnreachableError{Stage: StageSession, Hub: s.hub, Err: cause}
}

// Close says goodbye to the hub where that takes no longer than a second, and
// returns when the session has ended. It may be called again.
func (s *Session) Close() {
	s.conn.leave(farewell)
	<-s.done
}

// Traffic is the number of bytes received and sent, TLS and WebSocket included,
// without the headers of TCP and IP.
func (s *Session) Traffic() (in, out uint64) {
	return s.conn.in.Load(), s.conn.out.Load()
}

// CA is the certificate, in PEM, of the pinned authority that vouched for the
// hub, for the agent to keep. It is nil when the trust was not by a pin.
func (s *Session) CA() []byte { return s.ca }
