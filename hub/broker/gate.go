package broker

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
)

// gate bounds the connections that have not said yet who they are.
type gate struct {
	places     chan struct{} // one is taken before a connection is accepted
	perAddress int
	open       atomic.Int64

	mu        sync.Mutex
	addresses map[netip.Prefix]int
}

func newGate(places, perAddress int) *gate {
	return &gate{places: make(chan struct{}, places), perAddress: perAddress, addresses: map[netip.Prefix]int{}}
}

// wait takes a place when there is one.
func (g *gate) wait(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try takes a place if there is one now.
func (g *gate) try() bool {
	select {
	case g.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *gate) giveBack() { <-g.places }

// enter counts a connection from remote ("address:port") that has a place. It
// gives the place back when the address has too many; otherwise leave does, at
// its first call.
func (g *gate) enter(remote string) (leave func(), ok bool) {
	from := neighbourhood(remote)
	g.mu.Lock()
	defer g.mu.Unlock()
	if from.IsValid() && g.addresses[from] >= g.perAddress {
		g.giveBack()
		return nil, false
	}
	g.open.Add(1)
	if from.IsValid() {
		g.addresses[from]++
	}
	return sync.OnceFunc(func() { g.exit(from) }), true
}

func (g *gate) exit(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open.Add(-1)
	g.giveBack()
	if !from.IsValid() {
		return
	}
	if g.addresses[from]--; g.addresses[from] == 0 {
		delete(g.addresses, from)
	}
}

// neighbourhood is what counts as one address: an IPv4 address, or the /64 that
// one IPv6 subscriber has. Loopback, where proxies stand, is none.
func neighbourhood(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil || at.Addr().Unmap().IsLoopback() {
		return netip.Prefix{}
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
