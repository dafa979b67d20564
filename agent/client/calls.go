package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"sitesync/agent/api"
)

// Status gives the state of the agent.
func (c *Client) Status(ctx context.Context) (st api.Status, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/status", nil, nil, &st)
	return st, err
}

// Sync begins to sync now, and gives the state of that moment.
func (c *Client) Sync(ctx context.Context) (st api.Status, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/sync", nil, nil, &st)
	return st, err
}

// Check tries the connection to the hub, step by step.
func (c *Client) Check(ctx context.Context) ([]api.Step, error) {
	var answer struct {
		Steps []api.Step `json:"steps"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/check", nil, nil, &answer)
	return answer.Steps, err
}

// Enable turns syncing on.
func (c *Client) Enable(ctx context.Context) (st api.Status, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/enable", nil, nil, &st)
	return st, err
}

// Disable turns syncing off; the application goes on writing.
func (c *Client) Disable(ctx context.Context) (st api.Status, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/disable", nil, nil, &st)
	return st, err
}

// SetSite changes the site's details on the device. Errors besides others:
// unsent, when changes wait and abandon is not set.
func (c *Client) SetSite(ctx context.Context, edit api.SiteEdit, abandon bool) (st api.Status, err error) {
	query := url.Values{}
	if abandon {
		query.Set("abandon", "1")
	}
	err = c.call(ctx, http.MethodPut, "/v1/site", query, edit, &st)
	return st, err
}

// Code makes a one-time code that signs in to the agent's page.
func (c *Client) Code(ctx context.Context) (code api.NewCode, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/session/code", nil, nil, &code)
	return code, err
}

// Outbox writes what waits for the hub, a line for each change after the
// first, and counts them.
func (c *Client) Outbox(ctx context.Context, w io.Writer) (changes uint64, err error) {
	r, err := c.request(ctx, http.MethodGet, "/v1/outbox", nil, nil)
	if err != nil {
		return 0, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, c.noAnswer(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		return 0, problem(answer, text)
	}
	lines := lineCount{w: w}
	if _, err := io.Copy(&lines, answer.Body); err != nil && lines.err == nil {
		return 0, c.noAnswer(ctx, err)
	}
	if lines.err != nil {
		return 0, lines.err
	}
	return max(lines.n, 1) - 1, nil
}

// lineCount counts the lines that go through it.
type lineCount struct {
	w   io.Writer
	n   uint64
	err error // of w
}

func (l *lineCount) Write(b []byte) (int, error) {
	l.n += uint64(bytes.Count(b, []byte{'\n'}))
	n, err := l.w.Write(b)
	l.err = err
	return n, err
}

// Tokens lists the API's tokens.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	var answer struct {
		Items []api.Token `json:"items"`
	}
	err := c.call(ctx, http.MethodGet, "/v1/tokens", nil, nil, &answer)
	return answer.Items, err
}

// CreateToken makes a token and gives its text, which is shown this once.
func (c *Client) CreateToken(ctx context.Context, name string, role api.Role) (string, error) {
	var created api.CreatedToken
	err := c.call(ctx, http.MethodPost, "/v1/tokens", nil, api.NewToken{Name: name, Role: role}, &created)
	return created.Token, err
}

// RevokeToken makes a token invalid at once.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(name), nil, nil, nil)
}
