package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"sitesync/shared/sitesync"
)

// TestHostileHub: whatever a hub sends ends the session at most, with a reason.
func TestHostileHub(t *testing.T) {
	for name, bytes := range map[string]string{
		"huge length":            "\x30\xff\xff\xff\x7f",
		"endless length":         "\x30\xff\xff\xff\xff\xff",
		"above the limit":        "\x30\x81\x80\x80\x04",
		"second CONNACK":         "\x20\x02\x00\x00",
		"SUBACK, none asked for": "\x90\x03\x00\x01\x00",
		"QoS 1":                  "\x32\x05\x00\x01x\x00\x01",
		"QoS 2":                  "\x34\x05\x00\x01x\x00\x01",
		"QoS 3":                  "\x36\x05\x00\x01x\x00\x01",
		"topic beyond packet":    "\x30\x05\x00\xffabc",
		"PUBLISH without topic":  "\x30\x00",
		"CONNECT":                "\x10\x00",
		"PUBACK":                 "\x40\x02\x00\x01",
		"DISCONNECT":             "\xe0\x00",
		"AUTH":                   "\xf0\x00",
		"no packet":              "HTTP/1.1 200 OK\r\n\r\n",
		"PINGRESP with a body":   "\xd0\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			url := fakeHub(t, append(accepted, bytes...), func(c net.Conn) { io.Copy(io.Discard, c) })
			s, err := Dial(t.Context(), Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			wait(t, s.Done(), "the end of the session")
			if errors.Is(s.Err(), ErrClosed) || ProblemOf(s.Err()).Code != sitesync.ProblemUnreachable || !strings.Contains(s.Err().Error(), "the hub") {
				t.Errorf("Err is %v", s.Err())
			}
			s.Close()
		})
	}
	noGoroutines(t)
}

// TestHostileSuback: paho would panic at an answer with more codes than filters.
func TestHostileSuback(t *testing.T) {
	for _, codes := range []string{"", "\x00", "\x00\x00\x00"} {
		url := fakeHub(t, accepted, func(c net.Conn) {
			if _, err := packets.ReadPacket(c); err == nil {
				c.Write(append([]byte{packetSuback << 4, byte(2 + len(codes)), 0, 1}, codes...))
			}
			io.Copy(io.Discard, c)
		})
		s, err := Dial(t.Context(), Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Subscribe(t.Context(), "a", "b"); err == nil {
			t.Errorf("an answer with %d codes was accepted", len(codes))
		}
		s.Close()
	}
	noGoroutines(t)
}

func TestNotGreeted(t *testing.T) {
	for name, bytes := range map[string]string{
		"PUBLISH first": "\x30\x03\x00\x01x",
		"long CONNACK":  "\x20\x03\x00\x00\x00",
		"cut off":       "\x20\x02\x00",
	} {
		url := fakeHub(t, []byte(bytes), func(c net.Conn) { c.Close() })
		_, err := Dial(t.Context(), Config{URL: url})
		if unreachable, ok := errors.AsType[*UnreachableError](err); !ok || unreachable.Stage != StageLogin {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzPacketReader: what gets through is what came, paho can read it, and it
// never allocates for more than came and MaxPacket.
func FuzzPacketReader(f *testing.F) {
	f.Add([]byte("\x20\x02\x00\x00\x30\x05\x00\x01xab\xd0\x00\x90\x03\x00\x01\x00"))
	f.Add([]byte("\x20\x02\x00\x05"))
	f.Add([]byte("\x20\x02\x00\x00\x30\xff\xff\xff\x7f"))
	f.Add([]byte("\x20\x02\x00\x00\x30\x05\x00\xffabc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, in := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data))} {
			r := newPacketReader(in)
			r.filters.Store(1)
			passed, err := io.ReadAll(r)
			if !bytes.HasPrefix(data, passed) {
				t.Fatalf("%x came, %x got through", data, passed)
			}
			// Nothing but the beginning of a header may be left at the end.
			if err == nil && len(data)-len(passed) > 4 {
				t.Fatalf("%x came, %x got through without an error", data, passed)
			}
			for again := bytes.NewReader(passed); ; {
				packet, err := packets.ReadPacket(again)
				if err != nil {
					break
				}
				if publish, ok := packet.(*packets.PublishPacket); ok && publish.Qos != 0 {
					t.Fatal("QoS above 0 got through")
				}
			}
		}
	})
}
