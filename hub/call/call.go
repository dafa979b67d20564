// Package call sends an administrator's commands to a hub, as MQTT messages
// like everybody's.
package call

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// Client is a connection of one user or token. Calls may run at the same time.
type Client struct {
	session *link.Session
	name    string // of the user or token, bare

	mu      sync.Mutex
	waiting map[string]chan []byte // by the command's ID
	listen  func(topicName string, payload []byte)
}

// Dial connects. The configuration says where to and as whom: Username is
// user/NAME or token/NAME; the client ID is made up where there is none. Errors:
// those of link.Dial.
func Dial(ctx context.Context, config link.Config) (*Client, error) {
	_, name, _ := strings.Cut(config.Username, "/")
	c := &Client{name: name, waiting: map[string]chan []byte{}}
	config.ClientID = cmp.Or(config.ClientID, "cli-"+rand.Text())
	config.OnMessage = c.take
	session, err := link.Dial(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := session.Subscribe(ctx, topic.Replies(name)); err != nil {
		session.Close()
		return nil, err
	}
	c.session = session
	return c, nil
}

// Listen has take called with what is published on the topics of a filter. take
// is called on the connection's goroutine: answers wait while it does. Listen
// may be called once.
func (c *Client) Listen(ctx context.Context, filter string, take func(topicName string, payload []byte)) error {
	c.mu.Lock()
	c.listen = take
	c.mu.Unlock()
	return c.session.Subscribe(ctx, filter)
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.session.Done() }

// Close ends the connection.
func (c *Client) Close() { c.session.Close() }

// take hands an answer to the call that waits for it.
func (c *Client) take(name string, payload []byte) {
	t := topic.Parse(name)
	c.mu.Lock()
	if t.Kind != topic.Reply {
		listen := c.listen
		c.mu.Unlock()
		if listen != nil {
			listen(name, payload)
		}
		return
	}
	defer c.mu.Unlock()
	if answer := c.waiting[t.ID]; answer != nil {
		answer <- payload
		delete(c.waiting, t.ID)
	}
}

// NewID makes an ID for a command.
func NewID() string { return "cli-" + rand.Text()[:16] }

// Call carries a command out and gives its result. args is a JSON object. The
// same ID again does not carry it out twice. Errors: those of the command;
// unreachable; ctx's own, when it ended first and the command may have been
// carried out or not.
func (c *Client) Call(ctx context.Context, id, command string, args []byte) (json.RawMessage, error) {
	answer := make(chan []byte, 1)
	c.mu.Lock()
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	request := fmt.Appendf(nil, `{"id":%q,"args":%s}`, id, args)
	if err := c.session.Publish(ctx, topic.Topic{Kind: topic.Admin, Name: command}.String(), request); err != nil {
		return nil, err
	}
	select {
	case payload := <-answer:
		return result(payload)
	case <-c.session.Done():
		return nil, c.session.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Do is Call with an ID of its own and Go values.
func (c *Client) Do(ctx context.Context, command string, args, into any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	answer, err := c.Call(ctx, NewID(), command, text)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// result takes the result, or the hub's error, out of an answer.
func result(payload []byte) (json.RawMessage, error) {
	var answer struct {
		OK     bool            `json:"ok"`
		Result json.RawMessage `json:"result"`
		Error  *sitesync.Error `json:"error"`
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return nil, unreadable(err)
	}
	switch {
	case answer.OK && answer.Result != nil:
		return answer.Result, nil
	case answer.Error != nil:
		return nil, answer.Error
	}
	return nil, unreadable(errors.New("neither result nor error"))
}

func unreadable(err error) error {
	return sitesync.Errorf(sitesync.CodeInternal, "compare the versions of this program and the hub", "the hub's answer cannot be read: %w", err)
}
