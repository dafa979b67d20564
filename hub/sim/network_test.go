package sim

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// network connects devices and administrators with the hub. Its connections
// keep the order of bytes, as TCP does; what they do to time, to their ends and
// to whole parties is up to the test.
type network struct {
	mu     sync.Mutex
	server *listener // nil while the hub is down
	lines  []*line
}

// line is how one party reaches the hub.
type line struct {
	net  *network
	addr *net.TCPAddr

	mu    sync.Mutex
	pipes map[*pipe]bool
	off   bool          // the party itself is
	down  bool          // nothing can be dialled
	hole  bool          // while down, a dial hangs instead of failing
	delay time.Duration // one way
	rate  int           // bytes a second and way, 0 for any number
	got   [2]int        // bytes that arrived: up, down
	lost  [2]int        // bytes that went over the line and were lost behind it
	dials int
}

func newNetwork() *network { return &network{} }

func (n *network) line(delay time.Duration) *line {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &line{net: n, addr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(len(n.lines)+1)), Port: 1000}, pipes: map[*pipe]bool{}, delay: delay}
	n.lines = append(n.lines, l)
	return l
}

// listener takes the hub's connections.
type listener struct {
	net    *network
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// listen is a broker.ListenFunc.
func (n *network) listen(context.Context, string, string) (net.Listener, error) {
	l := &listener{net: n, accept: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.server = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// crash cuts everybody off the hub, at once: nothing that it sends from now on
// arrives.
func (n *network) crash() {
	n.mu.Lock()
	n.server = nil
	lines := n.lines
	n.mu.Unlock()
	for _, l := range lines {
		l.cut()
	}
}

// dial is what link.Config.Dial wants.
func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	l.mu.Lock()
	delay := l.delay
	l.dials++
	from := *l.addr
	from.Port += l.dials
	l.mu.Unlock()
	for l.silent() { // TCP asks again and again
		if err := wait(ctx, time.Second); err != nil {
			return nil, err
		}
	}
	if err := wait(ctx, 2*delay); err != nil {
		return nil, err
	}
	l.net.mu.Lock()
	server := l.net.server
	l.net.mu.Unlock()
	if l.isDown() || server == nil {
		return nil, syscall.ECONNREFUSED
	}
	p := newPipe(l, &from)
	select {
	case server.accept <- p.hub:
	case <-server.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	l.pipes[p] = true
	down := l.down
	l.mu.Unlock()
	if down {
		p.hold(true)
	}
	return p.site, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// silent reports whether nobody answers who dials.
func (l *line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off || l.down && l.hole
}

func (l *line) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

func (l *line) open() (list []*pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pipes {
		list = append(list, p)
	}
	return list
}

// cut ends every connection for both sides; what was on its way is lost.
func (l *line) cut() {
	for _, p := range l.open() {
		p.cut()
	}
}

// power switches the party itself off, or on again.
func (l *line) power(on bool) {
	l.mu.Lock()
	l.off = !on
	l.mu.Unlock()
	if !on {
		l.cut()
	}
}

// part makes the hub unreachable, with or without a word, until heal. What is
// on its way comes then.
func (l *line) part(hole bool) {
	l.mu.Lock()
	l.down, l.hole = true, hole
	l.mu.Unlock()
	for _, p := range l.open() {
		p.hold(true)
	}
}

func (l *line) heal() {
	l.mu.Lock()
	l.down = false
	l.mu.Unlock()
	for _, p := range l.open() {
		p.hold(false)
	}
}

// pipe is a connection.
type pipe struct {
	line      *line
	site, hub *end
	up, down  *stream
}

func newPipe(l *line, from net.Addr) *pipe {
	p := &pipe{line: l, up: newStream(l, 0), down: newStream(l, 1)}
	to := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	p.site = &end{pipe: p, in: p.down, out: p.up, local: from, remote: to}
	p.hub = &end{pipe: p, in: p.up, out: p.down, local: to, remote: from}
	return p
}

func (p *pipe) cut() {
	for _, s := range []*stream{p.up, p.down} {
		s.fail(syscall.ECONNRESET, true)
		s.refuse(syscall.ECONNRESET)
	}
	p.forget()
}

// ghost ends the connection for the device alone. The hub goes on for some
// time: what was on its way still arrives there, and what it sends is lost.
func (p *pipe) ghost(lag time.Duration) {
	p.up.refuse(syscall.ECONNRESET)
	p.down.fail(syscall.ECONNRESET, true)
	p.down.swallow()
	time.AfterFunc(lag, func() {
		p.up.fail(syscall.ECONNRESET, false)
		p.down.refuse(syscall.ECONNRESET)
		p.forget()
	})
}

func (p *pipe) hold(on bool) {
	p.up.hold(on)
	p.down.hold(on)
}

func (p *pipe) forget() {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	delete(p.line.pipes, p)
}

// stream is one way of a connection. To write never blocks: the broker and the
// client library hold locks while they write.
type stream struct {
	line *line
	way  int

	mu       sync.Mutex
	queue    []segment
	free     time.Time // when the line has sent what was written
	err      error     // for the reader, when the queue is empty
	refused  error     // for the writer
	lost     bool      // what is written goes nowhere
	held     bool
	deadline time.Time
	changed  chan struct{}
}

type segment struct {
	at    time.Time
	bytes []byte
}

func newStream(l *line, way int) *stream {
	return &stream{line: l, way: way, changed: make(chan struct{}, 1)}
}

func (s *stream) change(fn func()) {
	s.mu.Lock()
	fn()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *stream) fail(err error, drop bool) {
	s.change(func() {
		if s.err == nil {
			s.err = err
		}
		if s.held = s.held && !drop; drop {
			s.drop()
		}
	})
}

// drop loses what has not arrived; what was written and is not yet on the line
// never was there.
func (s *stream) drop() {
	now := time.Now()
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	for i := range s.queue {
		if q := &s.queue[i]; !q.at.Add(-s.line.delay).After(now) {
			s.line.lost[s.way] += len(q.bytes)
		}
	}
	s.queue = nil
}

func (s *stream) refuse(err error) {
	s.change(func() {
		if s.refused == nil {
			s.refused = err
		}
	})
}

func (s *stream) swallow()     { s.change(func() { s.lost = true; s.drop() }) }
func (s *stream) hold(on bool) { s.change(func() { s.held = on }) }

// piece is how much goes into one segment of a slow line.
const piece = 1400

func (s *stream) write(b []byte) (int, error) {
	s.line.mu.Lock()
	delay, rate := s.line.delay, s.line.rate
	s.line.mu.Unlock()
	var err error
	s.change(func() {
		if err = s.refused; err != nil || s.lost {
			return
		}
		for rest := b; len(rest) > 0; {
			n := len(rest)
			if s.free = later(s.free, time.Now()); rate > 0 {
				n = min(n, piece)
				s.free = s.free.Add(time.Duration(n) * time.Second / time.Duration(rate))
			}
			s.queue = append(s.queue, segment{s.free.Add(delay), append([]byte(nil), rest[:n]...)})
			rest = rest[n:]
		}
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *stream) read(b []byte) (int, error) {
	for {
		n, due, err := s.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		var timer <-chan time.Time
		if !due.IsZero() {
			t := time.NewTimer(time.Until(due))
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-s.changed:
		case <-timer:
		}
	}
}

// take takes what has arrived; else due is when there may be more.
func (s *stream) take(b []byte) (n int, due time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.queue) > 0 && !s.held {
		if first := &s.queue[0]; !first.at.After(now) {
			n = copy(b, first.bytes)
			if first.bytes = first.bytes[n:]; len(first.bytes) == 0 {
				s.queue = s.queue[1:]
			}
			s.line.mu.Lock()
			s.line.got[s.way] += n
			s.line.mu.Unlock()
			return n, due, nil
		}
		due = s.queue[0].at
	} else if len(s.queue) == 0 && s.err != nil {
		return 0, due, s.err
	}
	if !s.deadline.IsZero() {
		if !s.deadline.After(now) {
			return 0, due, errDeadline
		}
		if due.IsZero() || s.deadline.Before(due) {
			due = s.deadline
		}
	}
	return 0, due, nil
}

var errDeadline = &timeoutError{}

type timeoutError struct{}

func (*timeoutError) Error() string   { return "i/o timeout" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

// end is one side of a connection.
type end struct {
	pipe          *pipe
	in, out       *stream
	local, remote net.Addr
}

func (e *end) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }

// Close ends both ways; the other side still gets what was sent before.
func (e *end) Close() error {
	e.in.fail(net.ErrClosed, true)
	e.in.refuse(syscall.ECONNRESET)
	e.out.refuse(net.ErrClosed)
	e.out.fail(errEnd, false)
	e.pipe.forget()
	return nil
}

var errEnd = errors.New("the other side closed the connection")

func (e *end) LocalAddr() net.Addr              { return e.local }
func (e *end) RemoteAddr() net.Addr             { return e.remote }
func (e *end) SetWriteDeadline(time.Time) error { return nil }
func (e *end) SetReadDeadline(at time.Time) error {
	e.in.change(func() { e.in.deadline = at })
	return nil
}
func (e *end) SetDeadline(at time.Time) error { return e.SetReadDeadline(at) }

// TestNetwork holds the network to what the tests rely on.
func TestNetwork(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNetwork()
		l := n.line(100 * time.Millisecond)
		server, _ := n.listen(t.Context(), "", "")
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				c, err := server.Accept()
				if err != nil {
					close(accepted)
					return
				}
				accepted <- c
			}
		}()
		dial := func() (site, hub net.Conn) {
			t.Helper()
			c, err := l.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			return c, <-accepted
		}
		b := make([]byte, 10)
		site, hub := dial()
		began := time.Now()
		site.Write([]byte("abc"))
		if k, err := hub.Read(b); string(b[:k]) != "abc" || err != nil || time.Since(began) != 100*time.Millisecond {
			t.Errorf("read %q, %v after %s", b[:k], err, time.Since(began))
		}
		site.Write([]byte("late"))
		for _, p := range l.open() {
			p.ghost(time.Second)
		}
		if _, err := site.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the device of a ghost reads: %v", err)
		}
		if _, err := hub.Write([]byte("lost")); err != nil {
			t.Errorf("the hub of a ghost cannot write: %v", err)
		}
		if k, err := hub.Read(b); string(b[:k]) != "late" || err != nil {
			t.Errorf("the hub of a ghost reads %q, %v", b[:k], err)
		}
		if _, err := hub.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the hub of a ghost reads at last: %v", err)
		}
		site, hub = dial()
		l.part(false)
		site.Write([]byte("held"))
		hub.SetReadDeadline(time.Now().Add(time.Minute))
		var timeout net.Error
		if _, err := hub.Read(b); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("the hub reads over a partition: %v", err)
		}
		if _, err := l.dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialled over a partition: %v", err)
		}
		l.heal()
		hub.SetReadDeadline(time.Time{})
		if k, err := hub.Read(b); string(b[:k]) != "held" || err != nil {
			t.Errorf("after the partition %q, %v", b[:k], err)
		}
		site.Write([]byte("gone"))
		l.cut()
		if _, err := hub.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after the cut: %v", err)
		}
		server.Close()
	})
}
