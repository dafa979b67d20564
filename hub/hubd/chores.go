package hubd

import "sync"

// chores runs what has to follow a commit or a connection's end on a goroutine
// of its own, in order: those who ask must not wait for it, and some of them
// run inside of a commit.
type chores struct {
	mu    sync.Mutex
	queue []func()
	ready chan struct{}
}

func newChores() *chores { return &chores{ready: make(chan struct{}, 1)} }

func (c *chores) do(fn func()) {
	c.mu.Lock()
	c.queue = append(c.queue, fn)
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// run works until stop is closed, and what is queued by then is done too.
func (c *chores) run(stop <-chan struct{}) {
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, fn := range queue {
			fn()
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-c.ready:
		case <-stop:
			return
		}
	}
}
