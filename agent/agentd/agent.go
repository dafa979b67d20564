package agentd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"sitesync/agent/api"
	"sitesync/agent/engine"
	"sitesync/agent/localdb"
	"sitesync/agent/page"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// Agent is an opened data directory, with what is needed to sync it.
type Agent struct {
	config Config
	device engine.Device
	db     *localdb.DB
	engine *engine.Engine

	traffic traffic
}

// Open opens a data directory, which it makes at the first start. Errors:
// usage, data_locked, data_newer.
func Open(c Config) (*Agent, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check the path given with --data", "the data directory cannot be made: %w", err)
	}
	// The database first: its lock keeps a second agent away from the rest.
	db, err := localdb.Open(localdb.Options{Dir: filepath.Join(c.Data, "db"), Clock: moment, TrustClock: c.TrustClock, Log: c.Log})
	if err != nil {
		return nil, err
	}
	a := &Agent{config: c, db: db}
	if a.device, err = c.device(); err == nil {
		a.engine, err = engine.New(engine.Options{Dir: c.Data, DB: db, Device: a.device, Timings: c.timings(), Insecure: c.Insecure,
			Log: c.Log, Network: a.traffic.dial, LogTail: c.Tail.Lines})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

// Close ends what Open began.
func (a *Agent) Close() error { return a.db.Close() }

// DB is the agent's database.
func (a *Agent) DB() *localdb.DB { return a.db }

// Engine is what syncs it.
func (a *Agent) Engine() *engine.Engine { return a.engine }

// Run serves the local API and syncs until ctx ends. ready is called with the
// API's URL once it is served. The API ends first and the engine with it; the
// database is closed by Close, after both.
func (a *Agent) Run(ctx context.Context, ready func(url string)) error {
	tokens, err := api.OpenTokens(a.config.Data)
	if err != nil {
		return err
	}
	pages, err := page.Pages()
	if err != nil {
		return err
	}
	config, err := a.config.tls()
	if err != nil {
		return err
	}
	l, err := api.Listen(a.config.API, config, a.config.AllowedHosts)
	if err != nil {
		return err
	}
	numbers, stop := a.newMetrics()
	defer stop()
	server := api.New(api.Options{DB: a.db, Agent: (*control)(a), Tokens: tokens, Page: pages, Metrics: numbers.Handler(),
		AllowedHosts: a.config.AllowedHosts, Log: a.config.Log})
	url, err := a.writeAddress(l.Addr(), config != nil)
	if err != nil {
		server.Close()
		return errors.Join(err, l.Close())
	}
	// Once nobody answers there, whoever takes the port next must not be handed
	// the token of somebody who believes this file.
	defer os.Remove(a.addressFile())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, l) })
	group.Go(func() error { return a.engine.Run(ctx) })
	group.Go(func() error { a.engine.KeepHouse(ctx); return nil })
	ready(url)
	return group.Wait()
}

func (a *Agent) writeAddress(address net.Addr, secure bool) (string, error) {
	url := "http://" + address.String()
	if secure {
		url = "https://" + address.String()
	}
	b, err := json.MarshalIndent(map[string]string{"api": url}, "", "  ")
	if err != nil {
		return "", err
	}
	return url, kv.WriteFileDurable(a.addressFile(), append(b, '\n'), 0o644)
}

func (a *Agent) addressFile() string { return filepath.Join(a.config.Data, "addresses.json") }

func (c *Config) tls() (*tls.Config, error) {
	if c.TLSCert == "" && c.TLSKey == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check --tls-cert and --tls-key", "the API's certificate cannot be read: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
