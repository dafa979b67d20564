package e2e

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// badLink is how a proxy treats what goes through it. The zero value is a good
// link.
type badLink struct {
	rate  int           // bytes a second, each way; 0 is any
	delay time.Duration // one way
	every int64         // cut all connections each time so many bytes have passed, both ways; 0 is never
}

// proxy is the link between a device and a hub.
type proxy struct {
	address  string
	bad      badLink
	target   string
	listener net.Listener
	running  sync.WaitGroup

	passed atomic.Int64 // bytes, both ways
	cuts   atomic.Int64

	mu     sync.Mutex
	open   map[*circuit]bool
	closed bool // nobody gets through
}

// circuit is a connection through the proxy.
type circuit struct {
	near, far net.Conn
	dead      atomic.Bool // takes everything and delivers nothing
}

func (c *circuit) close() {
	c.near.Close()
	c.far.Close()
}

// ended follows the end of one side. Of a dead circuit the other does not hear
// of it.
func (c *circuit) ended(side net.Conn) {
	if c.dead.Load() {
		side.Close()
		return
	}
	c.close()
}

// newProxy lets devices reach an address by a bad link, until the test ends.
func newProxy(t *testing.T, target string, bad badLink) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	p := &proxy{address: l.Addr().String(), bad: bad, target: target, listener: l, open: map[*circuit]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if closed {
			near.Close()
			continue
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		c := &circuit{near: near, far: far}
		p.mu.Lock()
		p.open[c] = true
		p.mu.Unlock()
		p.running.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { p.carry(c, near, far) })
			both.Go(func() { p.carry(c, far, near) })
			both.Wait()
			p.mu.Lock()
			delete(p.open, c)
			p.mu.Unlock()
		})
	}
}

// parcel is what is on its way.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry takes bytes from one side to the other until the circuit closes. What
// is on its way then is lost.
func (p *proxy) carry(c *circuit, from, to net.Conn) {
	defer c.ended(from)
	way := make(chan parcel, 64)
	var delivery sync.WaitGroup
	delivery.Go(func() {
		for one := range way {
			time.Sleep(time.Until(one.due))
			if c.dead.Load() {
				continue
			}
			if _, err := to.Write(p.count(one.bytes)); err != nil {
				c.ended(to)
			}
		}
	})
	for {
		b := make([]byte, 2<<10)
		n, err := from.Read(b)
		if err != nil {
			close(way)
			delivery.Wait()
			return
		}
		if p.bad.rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(p.bad.rate))
		}
		way <- parcel{b[:n], time.Now().Add(p.bad.delay)}
	}
}

// count gives what of the bytes still passes, and cuts the link when it is time.
func (p *proxy) count(b []byte) []byte {
	n := int64(len(b))
	after := p.passed.Add(n)
	if p.bad.every == 0 {
		return b
	}
	if over := after - after/p.bad.every*p.bad.every; over < n {
		p.cuts.Add(1)
		p.cut()
		return b[:n-over]
	}
	return b
}

// shut cuts the link, and lets nobody through until it is opened again.
func (p *proxy) shut(closed bool) {
	p.mu.Lock()
	p.closed = closed
	p.mu.Unlock()
	if closed {
		p.cut()
	}
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.close()
	}
}

// swallow makes all connections that are open now take everything and deliver
// nothing, without an end, as a gateway does that has forgotten them.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.dead.Store(true)
	}
}
