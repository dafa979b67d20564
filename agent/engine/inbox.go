package engine

import (
	"errors"
	"slices"
	"sync"
	"time"

	"sitesync/shared/topic"
)

// inbox holds what has arrived until the session's goroutine takes it.
type inbox struct {
	ready chan struct{}

	mu    sync.Mutex
	list  []message
	bytes int
	full  bool
}

type message struct {
	topic   string
	payload []byte
	at      time.Time // when it arrived
}

// mostWaiting bounds what waits in an inbox, in bytes: several times what a
// session ever allows the hub to send ahead.
const mostWaiting = 64 << 20

var errFlooded = errors.New("the hub sends more than it was asked for")

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (in *inbox) put(topicName string, payload []byte) {
	in.mu.Lock()
	if in.bytes += len(payload); in.bytes > mostWaiting {
		in.full, in.list = true, nil
	} else {
		in.list = append(in.list, message{topicName, payload, time.Now()})
	}
	in.mu.Unlock()
	poke(in.ready)
}

// take gives all that waits.
func (in *inbox) take() ([]message, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.full {
		return nil, errFlooded
	}
	list := in.list
	in.list, in.bytes = nil, 0
	return list, nil
}

// takeWelcome takes a welcome out, wherever it stands among the others.
func (in *inbox) takeWelcome() (message, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := slices.IndexFunc(in.list, func(m message) bool { return topic.Parse(m.topic).Kind == topic.Welcome })
	if i < 0 {
		return message{}, false
	}
	m := in.list[i]
	in.list, in.bytes = slices.Delete(in.list, i, i+1), in.bytes-len(m.payload)
	return m, true
}
