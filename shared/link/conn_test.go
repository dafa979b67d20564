package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// pipe opens a session with a hub at the other end of a pipe, which answers the
// CONNECT and then does as it is told.
func pipe(t *testing.T, config Config, hub func(net.Conn)) *Session {
	t.Helper()
	here, there := net.Pipe()
	u, err := ParseURL("mqtt://localhost", false)
	if err != nil {
		t.Fatal(err)
	}
	a := newAttempt(u, config.withDefaults())
	a.wire = newWire(here, a.config.WriteTimeout, a.config.ConnectTimeout)
	var hubSide sync.WaitGroup
	hubSide.Go(func() {
		if _, err := packets.ReadPacket(there); err != nil {
			return
		}
		if _, err := there.Write(accepted); err == nil {
			hub(there)
		}
	})
	s, err := a.login(newConn(a.wire, a.wire))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		there.Close()
		hubSide.Wait()
	})
	return s
}

// swallow reads everything and says nothing.
func swallow(hub net.Conn) { io.Copy(io.Discard, hub) }

// TestDeadLink: the hub's side takes everything and says nothing any more.
func TestDeadLink(t *testing.T) {
	for _, test := range []struct{ keepAlive, dead time.Duration }{
		{0, 90 * time.Second}, // the default, 60 s
		{time.Second, 4 * time.Second},
		{20 * time.Second, 30 * time.Second},
		{10 * time.Minute, 10*time.Minute + 30*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := pipe(t, Config{KeepAlive: test.keepAlive}, swallow)
			started := time.Now()
			<-s.Done()
			if took := time.Since(started).Round(time.Second); took != test.dead {
				t.Errorf("keepalive %v: dead after %v, want %v", test.keepAlive, took, test.dead)
			}
			if lost, ok := errors.AsType[*UnreachableError](s.Err()); !ok || !errors.Is(lost, os.ErrDeadlineExceeded) {
				t.Errorf("Err is %v", s.Err())
			}
		})
	}
}

// TestQuietLink: a hub behind a satellite answers each ping 600 ms later.
func TestQuietLink(t *testing.T) {
	for _, keepAlive := range []time.Duration{time.Second, DefaultKeepAlive} {
		synctest.Test(t, func(t *testing.T) {
			pings := 0
			s := pipe(t, Config{KeepAlive: keepAlive}, func(hub net.Conn) {
				for {
					packet, err := packets.ReadPacket(hub)
					if err != nil {
						return
					}
					if _, ok := packet.(*packets.PingreqPacket); ok {
						pings++
						time.Sleep(600 * time.Millisecond)
						packets.NewControlPacket(packets.Pingresp).Write(hub)
					}
				}
			})
			const periods = 60
			time.Sleep(periods * keepAlive)
			if s.Err() != nil {
				t.Fatalf("the session ended: %v", s.Err())
			}
			s.Close()
			synctest.Wait()
			if pings < periods/3 || pings > periods {
				t.Errorf("%d pings in %d keepalives", pings, periods)
			}
		})
	}
}

// TestSlowUpload: a hub that reads 1 KiB a second and says nothing meanwhile.
// Nothing came in for ten minutes, but the link is not dead; then it is.
func TestSlowUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipe(t, Config{}, func(hub net.Conn) {
			for buffer := make([]byte, 1<<10); ; time.Sleep(time.Second) {
				if _, err := io.ReadFull(hub, buffer); err != nil {
					return
				}
			}
		})
		started := time.Now()
		if err := s.Publish(t.Context(), "x", make([]byte, 600<<10)); err != nil {
			t.Fatalf("after %v: %v", time.Since(started), err)
		}
		if took := time.Since(started); took < 9*time.Minute {
			t.Fatalf("took only %v", took)
		}
		ended := time.Now()
		<-s.Done()
		if took := time.Since(ended); took > 3*time.Minute {
			t.Errorf("dead after %v", took)
		}
	})
}

// TestPublishGivenUp: callers that stop waiting leave messages in a slow link
// that take longer than the write timeout; the next one goes out behind them.
func TestPublishGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipe(t, Config{}, func(hub net.Conn) {
			for buffer := make([]byte, 1<<10); ; time.Sleep(time.Second) {
				if _, err := hub.Read(buffer); err != nil {
					return
				}
			}
		})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.Publish(ctx, "x", make([]byte, 100<<10)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		if err := s.Publish(t.Context(), "x", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestSlowDownload: a large message comes in at 2 KiB a second, and the answers
// to pings wait behind it.
func TestSlowDownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		messages, onMessage := inbox(1)
		packet := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		packet.TopicName, packet.Payload = "x", make([]byte, 1<<20)
		var bytes bytes.Buffer
		packet.Write(&bytes)
		s := pipe(t, Config{OnMessage: onMessage}, func(hub net.Conn) {
			var reader sync.WaitGroup
			reader.Go(func() { swallow(hub) })
			for bytes.Len() > 0 {
				hub.Write(bytes.Next(2 << 10))
				time.Sleep(time.Second)
			}
			reader.Wait()
		})
		select {
		case m := <-messages:
			if len(m.payload) != 1<<20 {
				t.Errorf("got %d bytes", len(m.payload))
			}
		case <-s.Done():
			t.Errorf("the session ended: %v", s.Err())
		}
	})
}

// TestTrickle: a hub that takes a byte now and then is dead too.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipe(t, Config{}, func(hub net.Conn) {
			for buffer := make([]byte, 1); ; time.Sleep(time.Second) {
				if _, err := hub.Read(buffer); err != nil {
					return
				}
			}
		})
		started := time.Now()
		if err := s.Publish(t.Context(), "x", make([]byte, 1<<20)); err == nil {
			t.Error("Publish succeeded")
		}
		if took := time.Since(started); took != DefaultWriteTimeout {
			t.Errorf("Publish took %v", took)
		}
		<-s.Done()
	})
}
