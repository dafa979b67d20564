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
	"sitesync/shared/link"
	"sitesync/shared/sample"
)

// site is one facility: an agent, its link, and the application that writes.
type site struct {
	demo   *demo
	name   string
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

// write has the site's application write records through the local API.
func (s *site) write(ctx context.Context, records int) error {
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
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api+"/v1/stores/"+s.store+"/records", &body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("%s could not write: %s", s.name, text)
	}
	return nil
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
