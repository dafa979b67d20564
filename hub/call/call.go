// Package call sends an administrator's commands to a hub, as MQTT messages
// like everybody's.
package call

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// Options say where the hub is and who calls.
type Options struct {
	URL      string
	Trust    link.Trust
	Insecure bool   // plain mqtt:// beyond loopback
	User     string // with its kind: user/NAME or token/NAME
	Secret   string
}

// Client is a connection of one caller. Calls may run at the same time.
type Client struct {
	session *link.Session
	user    string // bare

	mu      sync.Mutex
	waiting map[string]chan []byte // by the command's ID
}

// Dial connects. Errors: refused, unreachable, invalid (the URL).
func Dial(ctx context.Context, o Options) (*Client, error) {
	_, name, _ := strings.Cut(o.User, "/")
	c := &Client{user: name, waiting: map[string]chan []byte{}}
	session, err := link.Dial(ctx, link.Config{URL: o.URL, Trust: o.Trust, Insecure: o.Insecure, ClientID: "cli-" + rand.Text(),
		Username: o.User, Password: []byte(o.Secret), OnMessage: c.take})
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

// Close ends the connection.
func (c *Client) Close() { c.session.Close() }

// take hands an answer to the call that waits for it.
func (c *Client) take(name string, payload []byte) {
	t := topic.Parse(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.waiting[t.ID]; answer != nil {
		answer <- payload
		delete(c.waiting, t.ID)
	}
}

// Call carries a command out and gives its result. args is marshalled to JSON;
// nil sends none. Errors: those of the command, timeout, unreachable.
func (c *Client) Call(ctx context.Context, command string, args any) (json.RawMessage, error) {
	id := rand.Text()
	request := map[string]any{"id": id}
	if args != nil {
		request["args"] = args
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	answer := make(chan []byte, 1)
	c.mu.Lock()
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := c.session.Publish(ctx, topic.Topic{Kind: topic.Admin, Name: command}.String(), payload); err != nil {
		return nil, err
	}
	select {
	case payload := <-answer:
		return result(payload)
	case <-c.session.Done():
		return nil, c.session.Err()
	case <-ctx.Done():
		return nil, sitesync.Errorf(sitesync.CodeTimeout, "try again; the command may have been carried out", "the hub did not answer %s in time", command)
	}
}

func result(payload []byte) (json.RawMessage, error) {
	var answer struct {
		OK     bool            `json:"ok"`
		Result json.RawMessage `json:"result"`
		Error  *sitesync.Error `json:"error"`
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return nil, fmt.Errorf("the hub's answer cannot be read: %w", err)
	}
	if answer.OK || answer.Error == nil {
		return answer.Result, nil
	}
	return nil, answer.Error
}
