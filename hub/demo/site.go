package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sitesync/agent/agentd"
	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// site is one facility: an agent, its link, and the application that writes.
type site struct {
	demo   *demo
	name   string
	short  string // of name
	code   string
	store  string
	kind   string
	source *sample.Source

	id      uint64
	link    *network
	agent   *agentd.Agent
	api     string
	token   string
	running sync.WaitGroup
	note    string // what just happens there
}

// start registers the site, joins an agent to it, and runs it.
func (s *site) start(ctx, run context.Context) error {
	d := s.demo
	password := "demonstration-" + s.code
	var made struct{ Site struct{ ID uint64 } }
	if err := d.command(ctx, "site.create", map[string]any{"name": s.name, "code": s.code, "password": password}, &made); err != nil {
		return err
	}
	s.id = made.Site.ID
	if err := d.command(ctx, "store.create", map[string]any{"code": s.store, "name": s.name + " store"}, nil); err != nil {
		return err
	}
	if err := d.command(ctx, "store.move", map[string]any{"store": s.store, "to": made.Site.ID}, nil); err != nil {
		return err
	}
	var join struct{ Join string }
	if err := d.command(ctx, "site.join", map[string]any{"site": made.Site.ID}, &join); err != nil {
		return err
	}
	j, err := link.ParseJoin(join.Join)
	if err != nil {
		return err
	}
	j.URLs = []string{s.link.url()}
	return s.startAgent(ctx, run, j, password)
}

func (s *site) startAgent(ctx, run context.Context, j link.Join, password string) error {
	c, err := s.demo.agentConfig(strings.ToLower(s.code), s.kind)
	if err != nil {
		return err
	}
	if s.agent, err = agentd.Open(c); err != nil {
		return err
	}
	if _, err := s.agent.Join(ctx, agentd.JoinRequest{Join: &j, Password: password, Keep: true}); err != nil {
		return err
	}
	ready := make(chan string, 1)
	s.running.Go(func() {
		if err := s.agent.Run(run, func(url string) { ready <- url }); err != nil {
			s.demo.failed <- fmt.Errorf("the agent of %s ended: %w", s.name, err)
		}
	})
	select {
	case s.api = <-ready:
	case err := <-s.demo.failed:
		return err
	}
	token, err := os.ReadFile(filepath.Join(c.Data, "token"))
	s.token = strings.TrimSpace(string(token))
	return err
}

// holds finds a store of the site, by its code.
func (s *site) holds(code string) (localdb.Store, bool) {
	for _, st := range s.agent.DB().Stores() {
		if st.Code == code {
			return st, true
		}
	}
	return localdb.Store{}, false
}

func (s *site) mayWrite(code string) bool {
	st, here := s.holds(code)
	return here && s.agent.DB().Writable(&st) == nil
}

// write has the site's application write records through the local API.
func (s *site) write(ctx context.Context, store string, records int) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	for range records {
		r := s.source.Any()
		line := map[string]any{"op": "put", "table": r.Table, "id": r.ID, "data": json.RawMessage(r.Data)}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	if _, err := s.do(ctx, http.MethodPost, "/v1/stores/"+store+"/records", &body); err != nil {
		return fmt.Errorf("%s could not write: %w", s.name, err)
	}
	return nil
}

// problem is what the site's status says is wrong, nil when all is well.
func (s *site) problem(ctx context.Context) (*sitesync.Problem, error) {
	text, err := s.do(ctx, http.MethodGet, "/v1/status", nil)
	if err != nil {
		return nil, err
	}
	var status struct{ Problem *sitesync.Problem }
	return status.Problem, json.Unmarshal(text, &status)
}

// do makes a request to the local API.
func (s *site) do(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.api+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.4000s", response.StatusCode, text)
	}
	return text, err
}

func (s *site) close() error {
	if s.link != nil {
		s.link.close()
	}
	s.running.Wait()
	if s.agent == nil {
		return nil
	}
	return errors.Join(s.agent.Close())
}
