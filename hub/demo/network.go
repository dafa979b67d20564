package demo

import (
	"io"
	"net"
	"sync"
)

// network stands between the agents and the hub, so that the demonstration can
// take an agent's link away and give it back.
type network struct {
	listener net.Listener
	mu       sync.Mutex
	hub      string // address; "" before it is known
	cut      bool
	open     map[net.Conn]bool
	running  sync.WaitGroup
}

func newNetwork() (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &network{listener: l, open: map[net.Conn]bool{}}
	n.running.Go(n.accept)
	return n, nil
}

// url is the hub's as an agent sees it.
func (n *network) url() string { return "mqtts://" + n.listener.Addr().String() }

// lead leads to a hub from now on.
func (n *network) lead(hub string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hub = hub
}

func (n *network) target() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hub
}

func (n *network) accept() {
	for {
		device, err := n.listener.Accept()
		if err != nil {
			return
		}
		hub, err := net.Dial("tcp", n.target())
		if err != nil || !n.enter(device, hub) {
			device.Close()
			if hub != nil {
				hub.Close()
			}
			continue
		}
		n.running.Go(func() { n.pass(device, hub) })
		n.running.Go(func() { n.pass(hub, device) })
	}
}

// enter lets a connection in unless the link is cut.
func (n *network) enter(conns ...net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return false
	}
	for _, c := range conns {
		n.open[c] = true
	}
	return true
}

// pass copies one direction; its end is the end of both.
func (n *network) pass(from, to net.Conn) {
	io.Copy(to, from)
	from.Close()
	to.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, from)
}

// set cuts the link or mends it.
func (n *network) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut {
		for c := range n.open {
			c.Close()
		}
	}
}

func (n *network) close() {
	n.listener.Close()
	n.set(true)
	n.running.Wait()
}
