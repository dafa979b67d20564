package broker

import (
	"errors"
	"sync"
)

// Why a message was not taken for a client.
var (
	ErrClosed        = errors.New("the client is gone")
	ErrNotSubscribed = errors.New("the client has not subscribed to the topic")
	ErrQueueFull     = errors.New("the client's queue is full")
	ErrTooLarge      = errors.New("the message is larger than the client or the queue takes")
)

// frame is an encoded PUBLISH. The payload may be shared with other clients.
type frame struct{ header, payload []byte }

func (f frame) size() int { return len(f.header) + len(f.payload) }

// queue holds what waits to be sent to one client. While there is something, a
// goroutine writes it; an idle client has none.
type queue struct {
	mu       sync.Mutex
	frames   []frame
	messages int // queued or being written
	bytes    int // of them
	running  bool
	closed   bool
	room     chan struct{} // closed when a frame has left; nil when nobody waits
}

// push adds a frame. start must begin a drain; it is called with the lock held
// when none is running, and never once close has returned.
func (q *queue) push(f frame, limits *Limits, start func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case f.size() > limits.QueueBytes:
		return ErrTooLarge
	case q.messages >= limits.QueueMessages || q.bytes+f.size() > limits.QueueBytes:
		return ErrQueueFull
	}
	q.frames = append(q.frames, f)
	q.messages++
	q.bytes += f.size()
	if !q.running {
		q.running = true
		start()
	}
	return nil
}

// drain writes until nothing is left.
func (q *queue) drain(write func(frame) error) {
	for batch := q.take(); len(batch) > 0; batch = q.take() {
		for _, f := range batch {
			if err := write(f); err != nil {
				q.close()
				return
			}
			q.left(f)
		}
	}
}

func (q *queue) take() []frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.frames
	q.frames = nil
	q.running = len(batch) > 0
	return batch
}

func (q *queue) left(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages--
	q.bytes -= f.size()
	q.wake()
}

// wait gives a channel that is closed when a frame has left, or the queue has
// been closed.
func (q *queue) wait() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room == nil {
		q.room = make(chan struct{})
	}
	room := q.room
	if q.closed || q.messages == 0 {
		q.wake()
	}
	return room
}

// empty reports whether nothing is queued or being written.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.messages == 0
}

func (q *queue) wake() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// close lets nothing in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.frames = true, nil
	q.wake()
}
