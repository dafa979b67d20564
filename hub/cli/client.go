package cli

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"sitesync/hub/call"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// client is a session with a hub, for a person at the command line.
type client struct {
	*call.Client
	id      string // of the first command; "" makes one up
	timeout time.Duration
}

// dial opens the session. Errors: usage, invalid, refused, unreachable.
func (r *remote) dial(ctx context.Context, t *terminal) (*client, error) {
	config, err := r.config(t)
	if err != nil {
		return nil, err
	}
	return r.connect(ctx, config)
}

func (r *remote) connect(ctx context.Context, config link.Config) (*client, error) {
	c, err := call.Dial(ctx, config)
	if err = unreached(err); err != nil && r.profile != nil {
		err = r.unreachedProfile(err)
	}
	return &client{Client: c, id: r.id, timeout: r.timeout}, err
}

// unreachedProfile says what to do where the hub is one that login remembers.
func (r *remote) unreachedProfile(err error) error {
	e := sitesync.AsError(err)
	switch {
	case e == nil:
		return err
	case e.Code == sitesync.CodeRefused:
		return sitesync.Errorf(e.Code, "log in again: sitesync-hub login "+r.profile.Hub, "%s; the token of %s may have ended", e.Message, r.profile.Hub)
	case e.Code == sitesync.CodeUnreachable:
		return sitesync.Errorf(e.Code, "check that the hub runs, or give another one with --hub, --data or --profile", "%s", e.Message)
	}
	return err
}

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
		id = call.NewID()
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.Call(ctx, id, command, args)
	if err == nil {
		return answer, nil
	}
	hint := "try again"
	if edits {
		hint = "give the command again with --id " + id + ": if it was carried out, it is not done twice"
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

func unreadable(err error) error {
	return sitesync.Errorf(sitesync.CodeInternal, "compare the versions of this program and the hub", "the hub's answer cannot be read: %w", err)
}
