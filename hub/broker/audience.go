package broker

import (
	"errors"
	"slices"
	"sync"
)

// audience is the persons who listen, and the retained messages that wait for
// the next to come. Both are under one lock, so that everybody hears the
// messages of a topic in the order in which they were published, a newcomer
// too.
type audience struct {
	mu       sync.Mutex
	persons  map[string]map[*Client]struct{} // by name
	retained map[string][]byte               // by topic
}

func newAudience() *audience {
	return &audience{persons: map[string]map[*Client]struct{}{}, retained: map[string][]byte{}}
}

// join refuses when the person has limit connections already.
func (a *audience) join(c *Client, limit int) Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.persons[c.Name]) >= limit {
		return RefuseUnavailable
	}
	if a.persons[c.Name] == nil {
		a.persons[c.Name] = map[*Client]struct{}{}
	}
	a.persons[c.Name][c] = struct{}{}
	return 0
}

// leave may be called for one who has not joined.
func (a *audience) leave(c *Client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.persons[c.Name], c)
	if len(a.persons[c.Name]) == 0 {
		delete(a.persons, c.Name)
	}
}

// clients gives the connections of one person.
func (a *audience) clients(name string) []*Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	var clients []*Client
	for c := range a.persons[name] {
		clients = append(clients, c)
	}
	return clients
}

// count is the number of connections of all persons.
func (a *audience) count() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, clients := range a.persons {
		n += len(clients)
	}
	return n
}

// publish gives a message to all who have subscribed to its topic, and keeps
// it for others when retain is set: an empty one then clears the topic. dropped
// is how many had no room for it.
func (a *audience) publish(topicName string, payload []byte, retain bool) (dropped int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if retain && len(payload) > 0 {
		a.retained[topicName] = payload
	} else if retain {
		delete(a.retained, topicName)
	}
	for _, clients := range a.persons {
		for c := range clients {
			s, ok := c.subscribed(topicName)
			if !ok {
				continue
			}
			if lost(c.push(&outgoing{topicName: topicName, payload: payload, retain: retain && s.keepRetain})) {
				dropped++
			}
		}
	}
	return dropped
}

// topics gives the topics with a retained message that a filter covers.
func (a *audience) topics(filter replay) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for name := range a.retained {
		if matches(string(filter), name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// replay sends the retained messages that a filter covers to one client. It
// runs on the goroutine that reads from that client and waits when the queue
// is full: a newcomer misses none, and holds up nobody but itself.
func (a *audience) replay(c *Client, filter replay) {
	for _, name := range a.topics(filter) {
		for errors.Is(a.offer(c, name), ErrQueueFull) {
			select {
			case <-c.queue.wait():
			case <-c.ctx.Done():
				return
			}
		}
	}
}

// offer queues what a topic retains now.
func (a *audience) offer(c *Client, topicName string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	payload, ok := a.retained[topicName]
	if !ok {
		return nil
	}
	return c.push(&outgoing{topicName: topicName, payload: payload, retain: true})
}
