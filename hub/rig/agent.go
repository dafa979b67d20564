package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sitesync/agent/api"
	"sitesync/shared/link"
	"sitesync/shared/sample"
)

// Agent is an agent that runs as a process. After Kill or Stop it can be
// started again.
type Agent struct {
	*Process
	Dir     string
	URL     string // of its local API
	Token   string
	program string
	args    []string
}

// JoinAgent joins a device with made-up hardware to a site and starts it.
// Further arguments go to run.
func JoinAgent(p Programs, dir, hardware string, j link.Join, password string, args ...string) (*Agent, error) {
	a, err := NewAgent(p, dir, hardware, args...)
	if err != nil {
		return nil, err
	}
	if out, code, err := a.Command(password, "join", j.String(), "--password-file", "-"); err != nil || code != 0 {
		return nil, errors.Join(err, fmt.Errorf("join ended with %d: %s", code, out))
	}
	return a, a.Start()
}

// NewAgent prepares a device with made-up hardware; nothing runs yet.
func NewAgent(p Programs, dir, hardware string, args ...string) (*Agent, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	facts, err := json.Marshal(map[string]string{"board_serial": hardware})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "facts.json")
	a := &Agent{Dir: filepath.Join(dir, "data"), program: p.Agent, args: append([]string{"--hardware-facts", file}, args...)}
	return a, os.WriteFile(file, facts, 0o600)
}

// Command runs another of the agent's commands to its end.
func (a *Agent) Command(stdin string, args ...string) (output string, code int, err error) {
	full := append(args, "--data", a.Dir, a.args[0], a.args[1])
	cmd := Command(a.program, full...)
	cmd.Stdin = strings.NewReader(stdin)
	return finish(cmd)
}

// finish runs a command to its end and gives what it printed.
func finish(cmd *exec.Cmd) (output string, code int, err error) {
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

// Start starts the agent.
func (a *Agent) Start() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	args := append([]string{"run", "--data", a.Dir, "--api", "127.0.0.1:0"}, a.args...)
	if a.Process, _, err = Start(ctx, "ready", Command(a.program, args...)); err != nil {
		return err
	}
	var addresses struct{ API string }
	if err := readJSON(filepath.Join(a.Dir, "addresses.json"), &addresses); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(a.Dir, "token"))
	a.URL, a.Token = addresses.API, strings.TrimSpace(string(token))
	return err
}

// Do makes a request to the local API. It gives the answer's status and body.
func (a *Agent) Do(method, path, contentType string, body io.Reader) (int, []byte, error) {
	request, err := http.NewRequest(method, a.URL+path, body)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.Token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// Status asks for the agent's status.
func (a *Agent) Status() (st api.Status, err error) {
	code, text, err := a.Do(http.MethodGet, "/v1/status", "", nil)
	if err != nil {
		return st, err
	}
	if code != http.StatusOK {
		return st, fmt.Errorf("status %d: %s", code, text)
	}
	return st, json.Unmarshal(text, &st)
}

// Stores asks for the agent's stores.
func (a *Agent) Stores() ([]api.StoreItem, error) {
	var answer struct{ Items []api.StoreItem }
	_, text, err := a.Do(http.MethodGet, "/v1/stores", "", nil)
	if err != nil {
		return nil, err
	}
	return answer.Items, json.Unmarshal(text, &answer)
}

// Lines makes the body of a bulk request of so many made-up stock lines.
func Lines(source *sample.Source, records int) *bytes.Buffer {
	var body bytes.Buffer
	for range records {
		r := source.StockLine()
		fmt.Fprintf(&body, `{"op":"put","table":%q,"id":%q,"data":%s}`+"\n", r.Table, r.ID, r.Data)
	}
	return &body
}

// Bulk writes the lines to a store.
func (a *Agent) Bulk(store string, lines io.Reader) error {
	code, text, err := a.Do(http.MethodPost, "/v1/stores/"+store+"/records", "application/x-ndjson", lines)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("bulk answered %d: %s", code, text)
	}
	return err
}

// Until waits until a condition holds.
func Until(patience time.Duration, condition func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		ok, err := condition()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(err, fmt.Errorf("it did not come true within %s", patience))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Sent waits until nothing waits for the hub any more.
func (a *Agent) Sent(patience time.Duration) error {
	return Until(patience, func() (bool, error) {
		st, err := a.Status()
		return err == nil && st.Backlog == 0, err
	})
}

// Writable waits until a store can be written.
func (a *Agent) Writable(store string, patience time.Duration) error {
	return Until(patience, func() (bool, error) {
		st, err := a.Status()
		for _, s := range st.Stores {
			if s.Code == store && s.Writable {
				return true, nil
			}
		}
		return false, err
	})
}
