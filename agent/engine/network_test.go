package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// network carries links between an engine and a hub in memory, with a speed and
// a delay, and cuts them. It is used in a bubble of package synctest.
type network struct {
	rate  float64       // bytes a second, each way; 0 is no limit
	delay time.Duration // one way
	down  bool          // nothing gets through
	hub   *hub
	url   string // the last one that was dialled
	dials int
	sent  int // bytes from the engine
}

// wireLink is one link.
type wireLink struct {
	network  *network
	config   link.Config
	up, back *pipe
	session  *hubSession

	once sync.Once
	done chan struct{}
	err  error
}

var errCut = &link.UnreachableError{Stage: link.StageSession, Hub: "hub:8883", Err: errors.New("cut")}

// dial is the engine's dialer.
func (n *network) dial(ctx context.Context, c link.Config) (connection, error) {
	n.hub.mu.Lock()
	n.dials++
	n.url = c.URL
	down := n.down
	n.hub.mu.Unlock()
	select {
	case <-time.After(4 * n.delay): // TCP and TLS
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if down {
		return nil, &link.UnreachableError{Stage: link.StageConnect, Hub: "hub:8883", Err: errors.New("refused")}
	}
	l := &wireLink{network: n, config: c, done: make(chan struct{})}
	session, err := n.hub.connect(l)
	if err != nil {
		return nil, err
	}
	l.session = session
	l.up = newPipe(n, l.done, func(topicName string, payload []byte) { n.hub.take(l, topicName, payload) })
	l.back = newPipe(n, l.done, c.OnMessage)
	return l, nil
}

func (l *wireLink) Subscribe(ctx context.Context, filters ...string) error {
	select {
	case <-time.After(2 * l.network.delay):
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return l.err
	}
	return l.network.hub.subscribe(ctx, l, filters)
}

func (l *wireLink) Publish(_ context.Context, topicName string, payload []byte) error {
	select {
	case <-l.done:
		return l.err
	default:
	}
	l.network.hub.mu.Lock()
	l.network.sent += len(payload)
	l.network.hub.mu.Unlock()
	l.up.put(topicName, payload)
	return nil
}

func (l *wireLink) Done() <-chan struct{} { return l.done }
func (l *wireLink) Err() error            { return l.err }
func (l *wireLink) Close()                { l.cut(link.ErrClosed) }

// cut ends the link; what is on its way is lost.
func (l *wireLink) cut(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

// pipe is one direction of a link.
type pipe struct {
	network *network
	ready   chan struct{}
	mu      sync.Mutex
	list    []message
	free    time.Time // when what was put before has left
}

func newPipe(n *network, done chan struct{}, to func(string, []byte)) *pipe {
	p := &pipe{network: n, ready: make(chan struct{}, 1)}
	go func() {
		for {
			p.mu.Lock()
			list := p.list
			p.list = nil
			p.mu.Unlock()
			for _, m := range list {
				select {
				case <-time.After(time.Until(m.at)):
				case <-done:
					return
				}
				to(m.topic, m.payload)
			}
			if len(list) > 0 {
				continue
			}
			select {
			case <-p.ready:
			case <-done:
				return
			}
		}
	}()
	return p
}

func (p *pipe) put(topicName string, payload []byte) {
	p.mu.Lock()
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	if p.network.rate > 0 {
		p.free = p.free.Add(time.Duration(float64(len(payload)) / p.network.rate * float64(time.Second)))
	}
	p.list = append(p.list, message{topicName, payload, p.free.Add(p.network.delay)})
	p.mu.Unlock()
	poke(p.ready)
}

// refused is what a subscription to another's topics is answered with.
func refused(filters []string) error {
	return sitesync.Errorf(sitesync.CodeForbidden, "", "refused: %v", filters)
}

func isWelcome(filter string) bool { return topic.Parse(filter).Kind == topic.Welcome }
