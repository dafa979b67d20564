package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// client is a session with a hub, as a person or script.
type client struct {
	session *link.Session
	name    string
	id      string // of the first command; "" makes one up
	timeout time.Duration
	answers chan message
}

type message struct {
	topic   string
	payload []byte
}

// dial opens the session. Errors: usage, invalid, refused, unreachable.
func (r *remote) dial(ctx context.Context, t *terminal) (*client, error) {
	config, err := r.config(t)
	if err != nil {
		return nil, err
	}
	c := &client{name: r.user, id: r.id, timeout: r.timeout, answers: make(chan message, 16)}
	config.OnMessage = func(topicName string, payload []byte) {
		select {
		case c.answers <- message{topicName, payload}:
		default: // one answer is waited for at a time
		}
	}
	c.session, err = link.Dial(ctx, config)
	return c, unreached(err)
}

func (c *client) close() { c.session.Close() }

// unreached says of a failed connection what a person at the command line can
// do. The link's own advice is for a device, which tries again by itself.
func unreached(err error) error {
	if errors.Is(err, context.Canceled) {
		return interrupted()
	}
	e := sitesync.AsError(err)
	if e == nil {
		return err
	}
	switch e.Code {
	case sitesync.CodeInvalid: // of --hub
		return sitesync.Errorf(sitesync.CodeUsage, e.Next, "%s", e.Message)
	case sitesync.CodeRefused:
		return sitesync.Errorf(e.Code, "check --user and the password or token", "%s", e.Message)
	case sitesync.CodeUnreachable:
		return sitesync.Errorf(e.Code, "check that the hub runs, and that --hub or --data is right", "%s", e.Message)
	}
	return err
}

func interrupted() error {
	return sitesync.Errorf(sitesync.CodeTimeout, "", "interrupted")
}

// do sends a command and waits for its result. Errors: the hub's own; timeout,
// unreachable. edits says that it matters whether it was carried out.
func (c *client) do(ctx context.Context, command string, args []byte, edits bool) (json.RawMessage, error) {
	id := c.id
	if c.id = ""; id == "" {
		id = "cli-" + rand.Text()[:16]
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	reply := topic.Topic{Kind: topic.Reply, Name: c.name, ID: id}.String()
	if err := c.session.Subscribe(ctx, reply); err != nil {
		return nil, c.failed(ctx, err, "")
	}
	request := fmt.Appendf(nil, `{"id":%q,"args":%s}`, id, args)
	err := c.session.Publish(ctx, topic.Topic{Kind: topic.Admin, Name: command}.String(), request)
	if err != nil && sitesync.CodeOf(err) == sitesync.CodeTooLarge {
		return nil, err
	}
	hint := "try again"
	if edits {
		hint = "give the command again with --id " + id + ": if it was carried out, it is not done twice"
	}
	for err == nil {
		select {
		case m := <-c.answers:
			if m.topic == reply {
				return result(m.payload)
			}
		case <-c.session.Done():
			err = c.session.Err()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return nil, c.failed(ctx, err, hint)
}

// failed is the error of a command without an answer.
func (c *client) failed(ctx context.Context, err error, hint string) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return sitesync.Errorf(sitesync.CodeTimeout, hint, "the hub did not answer within %s", c.timeout)
	case ctx.Err() != nil:
		return interrupted()
	case sitesync.CodeOf(err) == sitesync.CodeUnreachable:
		return sitesync.Errorf(sitesync.CodeUnreachable, hint, "the connection was lost before the answer came")
	}
	return err
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
