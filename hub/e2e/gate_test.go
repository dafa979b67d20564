package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// gate is a link that knows what it carries, and stops before a certain message:
// nothing passes any more, in either direction, until it is opened. Then what
// was stopped still arrives, if there is anybody left to take it.
type gate struct {
	address  string
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool
	wanted  []message     // to come one after the other; the gate stops before the last
	reached chan struct{} // closed when it does
	closed  chan struct{} // while it is: closed when it opens
}

// message describes one.
type message func(up bool, t topic.Topic, payload []byte) bool

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	g := &gate{address: l.Addr().String(), target: target, listener: l, open: map[net.Conn]bool{}}
	g.running.Go(g.accept)
	t.Cleanup(func() {
		l.Close()
		g.pass()
		g.mu.Lock()
		for c := range g.open {
			c.Close()
		}
		g.mu.Unlock()
		g.running.Wait()
	})
	return g
}

func (g *gate) accept() {
	for {
		near, err := g.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", g.target)
		if err != nil {
			near.Close()
			continue
		}
		g.running.Go(func() { g.carry(true, near, far) })
		g.running.Go(func() { g.carry(false, far, near) })
	}
}

// carry takes packets from one side to the other until one of them ends.
func (g *gate) carry(up bool, from, to net.Conn) {
	g.mu.Lock()
	g.open[from] = true
	g.mu.Unlock()
	defer func() {
		from.Close()
		to.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.open, from)
	}()
	for in := bufio.NewReader(from); ; {
		packet, err := readPacket(in)
		if err != nil {
			return
		}
		g.wait(up, packet)
		if _, err := to.Write(packet); err != nil {
			return
		}
	}
}

// readPacket reads an MQTT packet: a byte, a length of up to four bytes, and
// as much.
func readPacket(in *bufio.Reader) ([]byte, error) {
	kind, err := in.ReadByte()
	if err != nil {
		return nil, err
	}
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	packet := binary.AppendUvarint([]byte{kind}, length)
	head := len(packet)
	packet = append(packet, make([]byte, length)...)
	_, err = io.ReadFull(in, packet[head:])
	return packet, err
}

// wait stops a packet while the gate is closed, and closes it where it is the
// one that was wanted.
func (g *gate) wait(up bool, packet []byte) {
	for {
		g.mu.Lock()
		if closed := g.closed; closed != nil {
			g.mu.Unlock()
			<-closed
			continue
		}
		if len(g.wanted) == 0 || !isWanted(g.wanted[0], up, packet) {
			g.mu.Unlock()
			return
		}
		if g.wanted = g.wanted[1:]; len(g.wanted) > 0 {
			g.mu.Unlock()
			return
		}
		closed := make(chan struct{})
		g.closed = closed
		close(g.reached)
		g.mu.Unlock()
		<-closed
		return
	}
}

// isWanted looks into what is published, with QoS 0 as everything is that
// devices and hub tell each other.
func isWanted(m message, up bool, packet []byte) bool {
	const published = 3
	if packet[0]>>4 != published {
		return false
	}
	_, size := binary.Uvarint(packet[1:])
	body := packet[1+size:]
	length := binary.BigEndian.Uint16(body)
	return m(up, topic.Parse(string(body[2:2+length])), body[2+length:])
}

// pass opens the gate. It stops again before the last of the messages, if any;
// the channel is closed when it does.
func (g *gate) pass(wanted ...message) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted, g.reached = wanted, make(chan struct{})
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
	return g.reached
}

// sent is a message of a device, of a kind.
func sent(kind topic.Kind) message {
	return func(up bool, t topic.Topic, _ []byte) bool { return up && t.Kind == kind }
}

// come is a message of the hub, of a kind.
func come(kind topic.Kind) message {
	return func(up bool, t topic.Topic, _ []byte) bool { return !up && t.Kind == kind }
}

// whatever is any message.
func whatever(bool, topic.Topic, []byte) bool { return true }

// reported is a device's report of a step of a handover.
func reported(step wire.Step) message {
	return func(up bool, t topic.Topic, payload []byte) bool {
		_, m, err := wire.Decode[wire.Handover](payload)
		return up && t.Kind == topic.Handover && err == nil && m.Step == step
	}
}

// told is an assignment that says of one of the stores that it is in a phase,
// as a message of its own or in a welcome; a released one must say, too, whether
// its new owner has everything, where that is wanted.
func told(phase sitesync.Phase, mayGo bool) message {
	return func(_ bool, t topic.Topic, payload []byte) bool {
		var a *wire.Assignment
		var err error
		switch t.Kind {
		case topic.Assignment:
			_, a, err = wire.Decode[wire.Assignment](payload)
		case topic.Welcome:
			var w *wire.Welcome
			if _, w, err = wire.Decode[wire.Welcome](payload); err == nil {
				a = &w.Assignment
			}
		}
		if a == nil || err != nil {
			return false
		}
		for i := range a.Stores {
			if a.Stores[i].Phase == phase && (a.Stores[i].OwnerActive || !mayGo) {
				return true
			}
		}
		return false
	}
}
