package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"sitesync/hub/call"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// operator gives commands over a network that only fails with the hub. Its
// methods may be called from any goroutine.
type operator struct {
	line *line

	mu     sync.Mutex
	number int
	turn   chan struct{} // held by the one who dials
	client *call.Client
}

func newOperator(l *line) *operator { return &operator{line: l, turn: make(chan struct{}, 1)} }

func (o *operator) connected(ctx context.Context) (*call.Client, error) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	if o.client != nil {
		return o.client, nil
	}
	c, err := call.Dial(ctx, link.Config{URL: "mqtt://127.0.0.1:1", Username: "user/admin", Password: []byte(adminPassword), Dial: o.line.dial})
	if err == nil {
		o.client = c
	}
	return c, err
}

func (o *operator) hangUp(c *call.Client) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	if o.client == c && c != nil {
		c.Close()
		o.client = nil
	}
}

// attempts is how often a command is tried, a second or more apart.
const attempts = 100

// do gives a command, again and again with the same ID, until it is known what
// became of it.
func (o *operator) do(command string, args map[string]any, into any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.number++
	id := fmt.Sprintf("sim-%d", o.number)
	o.mu.Unlock()
	for range attempts {
		var answer json.RawMessage
		if answer, err = o.try(id, command, text); definite(err) && sitesync.CodeOf(err) != sitesync.CodeUnreachable {
			if err != nil || into == nil {
				return err
			}
			return json.Unmarshal(answer, into)
		}
		time.Sleep(time.Second)
	}
	return fmt.Errorf("%s %s: no answer: %w", command, text, err)
}

func (o *operator) try(id, command string, args []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := o.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial: %v", err)
	}
	answer, err := c.Call(ctx, id, command, args)
	if !definite(err) || sitesync.CodeOf(err) == sitesync.CodeUnreachable {
		o.hangUp(c)
	}
	return answer, err
}

func (o *operator) close() { o.hangUp(o.client) }
