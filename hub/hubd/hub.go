package hubd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/broker"
	"sitesync/hub/command"
	"sitesync/hub/feed"
	"sitesync/hub/greet"
	"sitesync/hub/handover"
	"sitesync/hub/ingest"
	"sitesync/hub/lease"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/metrics"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// Format is the version of the data directory's form.
const Format = 1

// Hub is a running hub.
type Hub struct {
	config    Config
	log       *slog.Logger
	authority *authority
	db        *kv.DB
	registry  *registry.Registry
	records   admin.Records
	handover  *handover.Driver
	live      *session.Table
	leases    *lease.Keeper
	greet     *greet.Greet
	ingest    *ingest.Ingest
	feed      *feed.Feed
	commands  *command.Desk
	admin     *admin.Dispatcher
	broker    *broker.Broker
	table     map[topic.Kind]handler
	chores    *chores
	quota     *quota
	alarms    *alarms
	counts    *counts
	metrics   *metrics.Set
	started   time.Time
	rates     rates
	web       []*http.Server
	listeners map[string]net.Listener // "http", "https"
	addresses Addresses
	generated string // the first admin's password, to be printed once

	running sync.WaitGroup // web servers, chores, timer
	patient chan struct{}  // commands that wait for devices
	stop    chan struct{}  // ends the timer, and reclaim

	reclaiming chan struct{} // wakes reclaim
	idle       chan struct{} // ends the chores
}

// Addresses is what DIR/addresses.json says; "" where a listener is off.
type Addresses struct {
	MQTT  string `json:"mqtt"`
	MQTTS string `json:"mqtts"`
	HTTP  string `json:"http"`
	HTTPS string `json:"https"`
	CA    string `json:"ca"`
}

// Addresses gives the addresses it listens on.
func (h *Hub) Addresses() Addresses { return h.addresses }

// FirstPassword is the password of the first user admin, if it was made up in
// this start.
func (h *Hub) FirstPassword() string { return h.generated }

// Open opens a data directory, which it makes at the first start, and starts
// to serve. Errors: usage, data_locked, data_newer.
func Open(c Config) (*Hub, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &Hub{config: c, log: c.Log, live: session.NewTable(), chores: newChores(), listeners: map[string]net.Listener{},
		quota: newQuota(), alarms: newAlarms(), counts: newCounts(), started: time.Now(), patient: make(chan struct{}, mostPatient), stop: make(chan struct{}),
		reclaiming: make(chan struct{}, 1), idle: make(chan struct{})}
	for _, step := range []func() error{h.openData, h.wire, h.listen, h.start} {
		if err := step(); err != nil {
			return nil, errors.Join(err, h.Close(context.Background()))
		}
	}
	return h, nil
}

// openData opens the durable state.
func (h *Hub) openData() (err error) {
	dir := h.config.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "check the path given with --data", "the data directory cannot be made: %w", err)
	}
	dir, err = filepath.Abs(dir) // addresses.json names files in it
	if err != nil {
		return err
	}
	// The database first: its lock keeps a second hub away from the rest.
	if h.db, err = kv.Open(kv.Options{Dir: filepath.Join(dir, "db"), Kind: "hub", Format: Format, Commit: h.counts.commits(h.config.Commit), Logger: h.log}); err != nil {
		return err
	}
	if h.registry, err = registry.Open(registry.NewKV(h.db), registry.Options{ReplayMemory: h.config.Timings.ReplayMemory, Argon2: h.config.Argon2, Logger: h.log}); err != nil {
		return err
	}
	if h.authority, err = openAuthority(dir); err != nil {
		return err
	}
	password, err := h.config.adminPassword()
	if err != nil {
		return err
	}
	if h.generated, err = h.registry.EnsureAdmin(password); err != nil {
		return err
	}
	state, err := records.Open(h.db)
	if err != nil {
		return err
	}
	if h.records = state; h.config.Records != nil {
		h.records = h.config.Records(state)
	}
	h.records = &counted{Records: h.records, counts: h.counts}
	return nil
}

// wire puts the handlers together. Nothing runs yet.
func (h *Hub) wire() (err error) {
	if h.handover, err = handover.New(h.records, h.registry, h.log, h.moved); err != nil {
		return err
	}
	if h.leases, err = lease.New(h.registry, h.config.Timings.LeaseMargin); err != nil {
		return err
	}
	h.records.Watch(h.quarantined)
	h.ingest = ingest.New(h.records, h.live, h.log)
	h.feed = feed.New(h.records, h.live, h.leases)
	h.commands = command.New(command.Options{State: h.records, Registry: h.registry, Stores: h.handover.StoresOf, Reload: h.reload, Log: h.log})
	h.greet = &greet.Greet{Registry: h.registry, State: h.records, Handover: h.handover, Live: h.live, Leases: h.leases,
		Addresses: h.publicURLs, ReplicaWindow: h.config.Timings.ReplicaWindow, Log: h.log}
	h.admin = admin.New(admin.Options{Registry: h.registry, Records: h.records, Handover: h.handover, Live: h.live, Machine: h.machine, Check: h.check,
		URLs: h.publicURLs, Pin: h.authority.pin(), ReplayMemory: h.config.Timings.ReplayMemory, Log: h.log})
	h.table, h.metrics = h.routes(), h.newMetrics()
	for after := sitesync.SiteID(0); ; {
		sites, next := h.registry.Sites(nil, after, 1000)
		for i := range sites {
			h.remember(&sites[i])
		}
		if after = next; next == 0 {
			return nil
		}
	}
}

// remember takes over what was saved of a site's last contact.
func (h *Hub) remember(s *registry.Site) {
	h.live.Update(s.ID, func(l *session.Live) {
		if s.Live.LastSeen != nil {
			l.LastSeen = s.Live.LastSeen.Time
		}
		if s.Live.LastSync != nil {
			l.LastSync = s.Live.LastSync.Time
		}
		l.Backlog, l.DiskFree, l.ClockSkew = s.Live.Backlog, s.Live.DiskFree, time.Duration(s.Live.ClockSkewMs)*time.Millisecond
	})
}

// listen opens every listener, so that the addresses are known, and writes
// them down.
func (h *Hub) listen() (err error) {
	tlsConfig := h.authority.config(names(h.config.PublicAddress))
	if _, err := h.authority.certificate(time.Now()); err != nil {
		return err
	}
	h.broker, err = broker.New(broker.Options{MQTT: h.config.MQTT, MQTTS: h.config.MQTTS, TLS: tlsConfig, Listen: h.config.Listen, Handler: h, Logger: h.log})
	if err != nil {
		return inUse(err)
	}
	if err := h.listenWeb("http", h.config.HTTP, nil); err != nil {
		return err
	}
	if err := h.listenWeb("https", h.config.HTTPS, tlsConfig); err != nil {
		return err
	}
	addrs := h.broker.Addrs()
	h.addresses = Addresses{MQTT: text(addrs.MQTT), MQTTS: text(addrs.MQTTS), CA: h.authority.file}
	for name, l := range h.listeners {
		if name == "http" {
			h.addresses.HTTP = text(l.Addr())
		} else {
			h.addresses.HTTPS = text(l.Addr())
		}
	}
	b, err := json.MarshalIndent(h.addresses, "", "  ")
	if err != nil {
		return err
	}
	return kv.WriteFileDurable(filepath.Join(h.config.Data, "addresses.json"), append(b, '\n'), 0o644)
}

func (h *Hub) listenWeb(name, address string, t *tls.Config) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return inUse(err)
	}
	if t != nil {
		t = t.Clone()
		t.NextProtos = []string{"http/1.1"} // WebSockets need HTTP/1.1
		l = tls.NewListener(l, t)
	}
	h.listeners[name] = l
	return nil
}

func inUse(err error) error {
	return sitesync.Errorf(sitesync.CodeUsage, "end the program that has the address, or choose another one (see --help)", "the hub cannot listen: %w", err)
}

// text is an address to dial: a wildcard is reached on loopback.
func text(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// publicURLs lists under which URLs devices reach the hub.
func (h *Hub) publicURLs() (list []string) {
	if len(h.config.PublicURLs) > 0 {
		return h.config.PublicURLs
	}
	addrs := h.broker.Addrs()
	if addrs.MQTTS != nil {
		list = append(list, url("mqtts", h.config.publicHost(addrs.MQTTS), addrs.MQTTS, ""))
	}
	if l := h.listeners["https"]; l != nil {
		list = append(list, url("wss", h.config.publicHost(l.Addr()), l.Addr(), "/mqtt"))
	}
	if len(list) == 0 && addrs.MQTT != nil {
		list = append(list, url("mqtt", h.config.publicHost(addrs.MQTT), addrs.MQTT, ""))
	}
	return list
}

// start lets the world in. Intents that a crash left behind are taken first,
// so that nobody sees a store between two states; where there is no room for
// that, the timer tries again, and operators can see what is wrong.
func (h *Hub) start() error {
	h.registry.Watch(h.edited)
	err := errors.Join(h.handover.TakeAll(), h.settleProposals())
	if sitesync.CodeOf(err) == sitesync.CodeDiskFull {
		h.log.Error("what administrators wanted before the last end waits for room on the disk", "error", err)
	} else if err != nil {
		return fmt.Errorf("hubd: finishing what administrators wanted before the last end: %w", err)
	}
	h.running.Go(func() { h.chores.run(h.idle) })
	h.running.Go(h.timer)
	h.running.Go(h.reclaim)
	h.broker.Start()
	for _, l := range h.listeners {
		server := h.webServer()
		h.web = append(h.web, server)
		h.running.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				h.log.Error("the web server ended", "error", err)
			}
		})
	}
	return nil
}

// Close ends everything: first those who let new work in, then the handlers,
// and the database last, when nobody can write any more.
func (h *Hub) Close(ctx context.Context) error {
	var errs []error
	for _, server := range h.web {
		errs = append(errs, server.Shutdown(ctx))
	}
	if len(h.web) == 0 {
		for _, l := range h.listeners {
			errs = append(errs, l.Close())
		}
	}
	if h.broker != nil {
		errs = append(errs, h.broker.Close(ctx)) // waits for the handlers
	}
	close(h.stop)
	close(h.idle)
	h.running.Wait()
	if h.registry != nil {
		errs = append(errs, h.saveLive())
		h.registry.Close()
	}
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	return errors.Join(errs...)
}
