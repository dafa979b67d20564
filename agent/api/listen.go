package api

import (
	"crypto/tls"
	"net"
	"sync"

	"sitesync/shared/sitesync"
)

// maxConnections is how many connections are open at once; others wait to be
// accepted. Each event stream is one.
const maxConnections = 256

// Listen opens the API's listener. Beyond loopback it takes both TLS and a
// list of the host names to answer for; config is nil for plain HTTP. Port 0
// picks a free one. Errors: usage.
func Listen(address string, config *tls.Config, allowedHosts []string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "write host:port, for example 127.0.0.1:7411",
			"%q is not an address to listen on: %w", address, err).WithField("api")
	}
	if !at.IP.IsLoopback() && (config == nil || len(allowedHosts) == 0) { // no IP at all is every address
		return nil, sitesync.Errorf(sitesync.CodeUsage, "give it a certificate and a list of allowed hosts, or use 127.0.0.1",
			"the address %s can be reached from other devices", address).WithField("api")
	}
	tcp, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "stop the program that uses it, or choose another address with --api",
			"cannot listen on %s: %w", address, err).WithField("api")
	}
	var l net.Listener = &limited{Listener: tcp, room: make(chan struct{}, maxConnections), closed: make(chan struct{})}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// limited accepts no more connections than there is room for.
type limited struct {
	net.Listener
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
