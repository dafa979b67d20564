package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sitesync/agent/api"
	"sitesync/shared/sitesync"
)

// ErrNotRunning is in the chain of an error when no agent answers.
var ErrNotRunning = errors.New("nothing answers")

const (
	dialTimeout = 5 * time.Second
	maxAnswer   = 8 << 20 // bytes
)

// Client calls the API of one agent.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// addresses is the file DIR/addresses.json of an agent that runs.
type addresses struct {
	API string `json:"api"`
	CA  string `json:"ca"` // path of the certificate to trust, of https alone
}

// Open reads address and token of the agent with a data directory. It does not
// connect. Errors: ErrNotRunning, usage.
func Open(dir string) (*Client, error) {
	at, err := readAddresses(dir)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(at.API)
	if err != nil || base.Host == "" || base.Scheme != "https" && !(base.Scheme == "http" && loopback(base.Hostname())) {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "start the agent anew, which writes the file",
			"the file %s names no address that a token may be sent to", filepath.Join(dir, "addresses.json"))
	}
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		return nil, unreadable(dir, err)
	}
	roots, err := readCA(at.CA)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, token: strings.TrimSpace(string(token)), http: httpClient(roots)}, nil
}

func readAddresses(dir string) (at addresses, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "addresses.json"))
	if err != nil {
		return at, unreadable(dir, err)
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return at, sitesync.Errorf(sitesync.CodeUsage, "start the agent anew, which writes the file",
			"the file %s cannot be read: %w", filepath.Join(dir, "addresses.json"), err)
	}
	return at, nil
}

// unreadable tells an agent that never ran there from a person who may not
// read its files.
func unreadable(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return notRunning(dir)
	}
	return sitesync.Errorf(sitesync.CodeUsage, "run this as the user that the agent runs as", "the agent's files cannot be read: %w", err)
}

func notRunning(where string) error {
	return sitesync.Errorf(sitesync.CodeUnreachable, "start it with sitesync-agent run, or check --data",
		"no agent is running at %s: %w", where, ErrNotRunning)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func readCA(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // those of the system
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "start the agent anew", "the certificate of the agent cannot be read: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "start the agent anew", "the file %s holds no certificate", file)
	}
	return roots, nil
}

// httpClient goes to the agent alone: by no proxy, and by no redirect, which
// would take the token along.
func httpClient(roots *x509.CertPool) *http.Client {
	dialer := net.Dialer{Timeout: dialTimeout}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots},
			TLSHandshakeTimeout: dialTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// URL is where the API is.
func (c *Client) URL() *url.URL { return c.base }

// Close ends the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call sends a request, with a body unless in is nil, and reads the answer
// into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	r, err := c.request(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return c.noAnswer(ctx, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return c.noAnswer(ctx, err)
	}
	if answer.StatusCode >= 300 {
		return problem(answer, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	to := c.base.JoinPath(path)
	to.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// noAnswer explains a connection that failed. Only one that was never made
// means that nothing runs there.
func (c *Client) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return sitesync.Errorf(sitesync.CodeTimeout, "try again", "the agent did not answer in time: %w", err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return notRunning(c.base.Host)
	}
	return sitesync.Errorf(sitesync.CodeUnreachable, "look into the agent's log", "the connection to the agent at %s broke: %w", c.base.Host, err)
}

// problem makes the error again that the API answered.
func problem(answer *http.Response, text []byte) error {
	var p api.Problem
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(text, &p) != nil || p.Code == "" {
		return sitesync.Errorf(sitesync.CodeUnreachable, "check the address in addresses.json", "what answers there is not an agent (%s)", answer.Status)
	}
	return sitesync.Errorf(p.Code, p.Next, "%s", p.Detail).WithField(p.Field).AtLine(p.Line)
}
