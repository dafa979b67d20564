package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitesync/shared/sitesync"
)

var transports = []string{"mqtt", "mqtts", "wss"}

type message struct {
	topic   string
	payload []byte
}

// inbox is an OnMessage that enqueues.
func inbox(size int) (chan message, func(string, []byte)) {
	messages := make(chan message, size)
	return messages, func(topic string, payload []byte) { messages <- message{topic, payload} }
}

func receive(t *testing.T, messages <-chan message) message {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return message{}
	}
}

// TestSession talks over every transport: a large message, then many small
// ones, which must come back as they went, in order.
func TestSession(t *testing.T) {
	const many = 10_000
	h := startHub(t)
	trust := h.trust(t)
	for _, scheme := range transports {
		t.Run(scheme, func(t *testing.T) {
			messages, onMessage := inbox(many)
			s := mustDial(t, Config{URL: h.url[scheme], Trust: trust, OnMessage: onMessage})
			if err := s.Subscribe(t.Context(), "echo/#", "other"); err != nil {
				t.Fatal(err)
			}
			large := bytes.Repeat([]byte("sitesync"), 4<<20/8)
			if err := s.Publish(t.Context(), "echo/large", large); err != nil {
				t.Fatal(err)
			}
			if m := receive(t, messages); m.topic != "echo/large" || !bytes.Equal(m.payload, large) {
				t.Fatalf("got %d bytes on %s", len(m.payload), m.topic)
			}
			for i := range many {
				if err := s.Publish(t.Context(), "echo/small", binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
					t.Fatal(err)
				}
			}
			for i := range many {
				if got := binary.BigEndian.Uint64(receive(t, messages).payload); got != uint64(i) {
					t.Fatalf("message %d came as number %d", got, i)
				}
			}
			if in, out := s.Traffic(); in < 4<<20+many*8 || out < 4<<20+many*8 || in > 6<<20 || out > 6<<20 {
				t.Errorf("traffic is %d in, %d out", in, out)
			}
			if s.Err() != nil {
				t.Errorf("Err of an open session is %v", s.Err())
			}
			s.Close()
			if !errors.Is(s.Err(), ErrClosed) {
				t.Errorf("Err after Close is %v", s.Err())
			}
			if err := s.Publish(t.Context(), "echo", nil); !errors.Is(err, ErrClosed) {
				t.Errorf("Publish after Close: %v", err)
			}
			s.Close()
			noGoroutines(t)
		})
	}
}

func TestStages(t *testing.T) {
	h := startHub(t)
	for scheme, want := range map[string]string{
		"mqtt":  "resolve connect login",
		"mqtts": "resolve connect tls login",
		"wss":   "resolve connect tls websocket login",
	} {
		var stages []string
		mustDial(t, Config{URL: h.url[scheme], Trust: h.trust(t), OnStage: func(stage Stage, _ time.Duration) {
			stages = append(stages, string(stage))
		}})
		if got := strings.Join(stages, " "); got != want {
			t.Errorf("%s: stages %q, want %q", scheme, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	h := startHub(t)
	for _, test := range []struct {
		user string
		code byte
		want sitesync.ProblemCode
		exit int
	}{
		{"refuse/2", 2, sitesync.ProblemHardwareMismatch, 3},
		{"refuse/3", 3, sitesync.ProblemUnreachable, 4},
		{"refuse/4", 4, sitesync.ProblemBadCredentials, 3},
		{"refuse/5", 5, sitesync.ProblemBadCredentials, 3},
		{"refuse/137", 137, sitesync.ProblemUnreachable, 4}, // paho takes it for success
	} {
		for _, scheme := range transports {
			_, err := Dial(t.Context(), Config{URL: h.url[scheme], Trust: h.trust(t), ClientID: "x", Username: test.user})
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || refused.Code != test.code {
				t.Fatalf("%s over %s: %v", test.user, scheme, err)
			}
			if got := ProblemOf(err); got.Code != test.want || got.Message == "" || got.Next == "" {
				t.Errorf("%s: problem %+v", test.user, got)
			}
			if got := sitesync.ExitCode(sitesync.CodeOf(err)); got != test.exit {
				t.Errorf("%s: exit code %d", test.user, got)
			}
		}
	}
	noGoroutines(t)
}

func TestSubscribeRefused(t *testing.T) {
	h := startHub(t)
	s := mustDial(t, Config{URL: h.url["mqtt"]})
	err := s.Subscribe(t.Context(), "allowed/1", "forbidden/1", "allowed/2", "forbidden/2")
	if sitesync.CodeOf(err) != sitesync.CodeForbidden || !strings.Contains(err.Error(), "forbidden/1, forbidden/2") || strings.Contains(err.Error(), "allowed") {
		t.Errorf("got %v", err)
	}
	if err := s.Subscribe(t.Context(), "allowed/3", "allowed/3"); err != nil {
		t.Errorf("a session goes on after a refused subscription: %v", err)
	}
	if err := s.Subscribe(t.Context()); err != nil {
		t.Errorf("no filters: %v", err)
	}
}

func TestSubscribeUnanswered(t *testing.T) {
	url := fakeHub(t, accepted, func(c net.Conn) { io.Copy(io.Discard, c) })
	s := mustDial(t, Config{URL: url})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Subscribe(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	wait(t, s.Done(), "the end of the session")
}

func TestLost(t *testing.T) {
	h := startHub(t)
	for _, scheme := range transports {
		t.Run(scheme, func(t *testing.T) {
			s := mustDial(t, Config{URL: h.url[scheme], Trust: h.trust(t)})
			client, ok := h.Clients.Get(t.Name())
			if !ok {
				t.Fatal("the hub does not know the client")
			}
			client.Stop(errors.New("power cut"))
			wait(t, s.Done(), "the end of the session")
			lost, ok := errors.AsType[*UnreachableError](s.Err())
			if !ok || lost.Stage != StageSession {
				t.Fatalf("Err is %v", s.Err())
			}
			if got := ProblemOf(s.Err()); got.Code != sitesync.ProblemUnreachable {
				t.Errorf("problem %+v", got)
			}
			if err := s.Publish(t.Context(), "x", nil); err == nil {
				t.Error("Publish on a lost session succeeded")
			}
			if err := s.Subscribe(t.Context(), "x"); err == nil {
				t.Error("Subscribe on a lost session succeeded")
			}
			s.Close()
			noGoroutines(t)
		})
	}
}

// TestBlackHole publishes to a hub that accepted and reads nothing any more.
func TestBlackHole(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	url := fakeHub(t, accepted, func(net.Conn) { <-hold })
	const patience = 200 * time.Millisecond
	s := mustDial(t, Config{URL: url, WriteTimeout: patience})
	payload := make([]byte, 7<<20) // more than loopback's buffers hold
	var err error
	for range 10 {
		started := time.Now()
		err = s.Publish(t.Context(), "x", payload)
		// TestTrickle measures it exactly; a busy machine does not.
		if took := time.Since(started); took > patience+8*time.Second {
			t.Fatalf("Publish blocked for %v", took)
		}
		if err != nil {
			break
		}
	}
	if lost, ok := errors.AsType[*UnreachableError](err); !ok || lost.Stage != StageSession {
		t.Fatalf("Publish: %v", err)
	}
	wait(t, s.Done(), "the end of the session")
	noGoroutines(t)
}

// TestClosedUnderneath: the end of Dial's time closes the connection without
// asking anybody; paho alone would take that for its own doing, and stay.
func TestClosedUnderneath(t *testing.T) {
	h := startHub(t)
	for _, scheme := range transports {
		s := mustDial(t, Config{URL: h.url[scheme], Trust: h.trust(t)})
		s.conn.wire.Close()
		wait(t, s.Done(), "the end of the session over "+scheme)
	}
	noGoroutines(t)
}

// TestCloseWhileWriting: Close does not wait for a write that is stuck.
func TestCloseWhileWriting(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	url := fakeHub(t, accepted, func(net.Conn) { <-hold })
	s := mustDial(t, Config{URL: url, WriteTimeout: time.Hour})
	published := make(chan error)
	go func() {
		for {
			if err := s.Publish(context.Background(), "x", make([]byte, 7<<20)); err != nil {
				published <- err
				return
			}
		}
	}()
	wait(t, stuck(s), "a stuck write")
	s.Close()
	if err := <-published; !errors.Is(err, ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	noGoroutines(t)
}

// stuck is closed when a write has made no progress for a while.
func stuck(s *Session) <-chan struct{} {
	still := make(chan struct{})
	go func() {
		defer close(still)
		last := uint64(0)
		for tick := time.Tick(50 * time.Millisecond); ; <-tick {
			_, out := s.Traffic()
			if out > 1<<20 && out == last {
				return
			}
			last = out
		}
	}()
	return still
}

func TestPublishTooLarge(t *testing.T) {
	h := startHub(t)
	s := mustDial(t, Config{URL: h.url["mqtt"]})
	if err := s.Publish(t.Context(), "x", make([]byte, MaxPacket)); sitesync.CodeOf(err) != sitesync.CodeTooLarge {
		t.Errorf("payload: %v", err)
	}
	if err := s.Publish(t.Context(), strings.Repeat("x", 1<<16), nil); sitesync.CodeOf(err) != sitesync.CodeTooLarge {
		t.Errorf("topic: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	silent := listen(t) // accepts by backlog, answers nothing
	h := startHub(t)
	// The near end of a connection: nobody listens there, nor can begin to.
	taken, err := net.Dial("tcp", strings.TrimPrefix(h.url["mqtt"], "mqtt://"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	hangUp := fakeHub(t, nil, func(c net.Conn) { c.Close() })
	for _, test := range []struct {
		name, url string
		stage     Stage
	}{
		{"refused port", "mqtt://" + taken.LocalAddr().String(), StageConnect},
		{"no such host", "mqtt://no-such-host.invalid", StageResolve},
		{"silent before CONNACK", "mqtt://" + silent.Addr().String(), StageLogin},
		{"silent before TLS", "mqtts://" + silent.Addr().String(), StageTLS},
		{"silent before TLS of wss", "wss://" + silent.Addr().String(), StageTLS},
		{"not TLS", "mqtts" + strings.TrimPrefix(fakeHub(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), func(net.Conn) {}), "mqtt"), StageTLS},
		{"no WebSocket there", h.url["wss"] + "/elsewhere", StageWebSocket},
		{"hangs up", hangUp, StageLogin},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := Config{URL: test.url, Insecure: true, Trust: h.trust(t)}
			if strings.HasPrefix(test.name, "silent") {
				config.ConnectTimeout = 300 * time.Millisecond
			}
			_, err := Dial(t.Context(), config)
			unreachable, ok := errors.AsType[*UnreachableError](err)
			if !ok || unreachable.Stage != test.stage {
				t.Fatalf("got %v, want stage %s", err, test.stage)
			}
			if got := ProblemOf(err); got.Code != sitesync.ProblemUnreachable || got.Message == "" || got.Next == "" {
				t.Errorf("problem %+v", got)
			}
			if sitesync.CodeOf(err) != sitesync.CodeUnreachable {
				t.Errorf("code %s", sitesync.CodeOf(err))
			}
		})
	}
	noGoroutines(t)
}

func TestDialCancelled(t *testing.T) {
	silent := listen(t)
	for _, scheme := range transports {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := Dial(ctx, Config{URL: scheme + "://" + silent.Addr().String()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", scheme, err)
		}
		stop.Stop()
		cancel()
	}
	noGoroutines(t)
}

func TestDialRefusesPlainBeyondLoopback(t *testing.T) {
	if _, err := Dial(t.Context(), Config{URL: "mqtt://192.0.2.1:1883"}); sitesync.CodeOf(err) != sitesync.CodeInvalid {
		t.Errorf("got %v", err)
	}
}

func TestPahoIsSilent(t *testing.T) {
	for _, logger := range []mqtt.Logger{mqtt.CRITICAL, mqtt.ERROR, mqtt.WARN, mqtt.DEBUG} {
		if logger != (mqtt.NOOPLogger{}) {
			t.Errorf("paho logs to %T", logger)
		}
	}
}
