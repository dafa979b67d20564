package agentpage

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gate is a way to an address that can be shut, and narrow.
type gate struct {
	address string
	target  string
	rate    atomic.Int64 // bytes a second, each way; 0 is any

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
	running  sync.WaitGroup
}

// newGate opens a way to an address, until the test ends.
func newGate(t *testing.T, target string, rate int) *gate {
	t.Helper()
	g := &gate{address: "127.0.0.1:0", target: target, open: map[net.Conn]bool{}}
	g.rate.Store(int64(rate))
	g.reopen(t)
	t.Cleanup(func() {
		g.shut()
		g.running.Wait()
	})
	return g
}

// reopen lets connections through again, at the address of before.
func (g *gate) reopen(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", g.address)
	check(t, err)
	g.mu.Lock()
	g.listener, g.address = l, l.Addr().String()
	g.mu.Unlock()
	g.running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			g.running.Go(func() { g.carry(near) })
		}
	})
}

// shut cuts all connections, and takes no more.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener.Close()
	for c := range g.open {
		c.Close()
	}
}

// widen makes it a good link.
func (g *gate) widen() { g.rate.Store(0) }

func (g *gate) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer far.Close()
	g.mu.Lock()
	g.open[near], g.open[far] = true, true
	g.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(far, &narrow{near, &g.rate}); far.Close() })
	both.Go(func() { io.Copy(near, &narrow{far, &g.rate}); near.Close() })
	both.Wait()
	g.mu.Lock()
	delete(g.open, near)
	delete(g.open, far)
	g.mu.Unlock()
}

// narrow reads no faster than so many bytes a second.
type narrow struct {
	io.Reader
	rate *atomic.Int64
}

func (n *narrow) Read(p []byte) (int, error) {
	rate := n.rate.Load()
	if rate == 0 {
		return n.Reader.Read(p)
	}
	got, err := n.Reader.Read(p[:min(len(p), 1+int(rate)/10)])
	time.Sleep(time.Duration(got) * time.Second / time.Duration(rate))
	return got, err
}
