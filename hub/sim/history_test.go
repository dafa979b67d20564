package sim

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// history is one run of everything.
type history struct {
	*testing.T
	seed  uint64
	dir   string
	net   *network
	truth *truth
	hub   *hub
	admin *operator
	log   *slog.Logger

	sites  []*site
	stores []sitesync.StoreID

	mu      sync.Mutex
	fired   map[string]int // faults and commands by kind
	wrong   []string
	writes  int
	devices []*device
	over    chan struct{} // closed when nothing new begins
}

type site struct {
	id       sitesync.SiteID
	name     string
	password string
	device   *device // the present one; the history's mu
}

// length of a history, before it settles.
const length = 40 * time.Second

func (h *history) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(h.seed, stream)) }

func (h *history) fire(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fired[kind]++
}

func (h *history) fail(err error) {
	if err == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, err.Error())
}

func (h *history) next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	return h.writes
}

// span is a random time.
func span(rng *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(most)))
}

// pause waits a random time and reports whether the history goes on.
func (h *history) pause(rng *rand.Rand, most time.Duration) bool {
	t := time.NewTimer(span(rng, most) + time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-h.over:
		return false
	}
}

// begin starts a hub, alone in its bubble.
func begin(t *testing.T, seed uint64, dir string) *history {
	h := &history{T: t, seed: seed, dir: dir, net: newNetwork(), truth: newTruth(), log: logger(),
		fired: map[string]int{}, over: make(chan struct{})}
	h.hub = newHub(dir, h.net, h.truth, h.log.With("party", "hub"))
	h.admin = newOperator(h.net.line(time.Millisecond))
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(adminPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.hub.open(); err != nil {
		t.Fatal(err)
	}
	return h
}

// play runs a history in its bubble.
func play(t *testing.T, seed uint64, dir string) *history {
	h := begin(t, seed, dir)
	if err := h.build(); err != nil {
		t.Fatal(err)
	}
	h.live()
	h.settle()
	h.judge()
	h.end()
	return h
}

// build makes sites, their devices, and stores.
func (h *history) build() error {
	rng := h.rng(1)
	for i := range 2 + rng.IntN(2) {
		s := &site{name: fmt.Sprintf("site%d", i+1), password: fmt.Sprintf("password of %d", i)}
		args := map[string]any{"name": s.name, "password": s.password}
		if rng.IntN(2) == 0 {
			args["maxOffline"] = 4 + rng.IntN(5)
		}
		var made struct{ Site sitesync.Site }
		if err := h.admin.do("site.create", args, &made); err != nil {
			return err
		}
		s.id = made.Site.ID
		h.sites = append(h.sites, s)
		if err := h.device(s, rng); err != nil {
			return err
		}
	}
	for i := range 2 + rng.IntN(2) {
		var made struct{ Store sitesync.Store }
		if err := h.admin.do("store.create", map[string]any{"code": fmt.Sprintf("S%d", i), "name": "store"}, &made); err != nil {
			return err
		}
		h.stores = append(h.stores, made.Store.ID)
		for k := range 4 {
			h.fail(h.put(made.Store.ID, fmt.Sprint(k)))
		}
		to := h.sites[rng.IntN(len(h.sites))].id
		if err := h.admin.do("store.move", map[string]any{"store": made.Store.ID, "to": to}, nil); err != nil {
			return err
		}
	}
	return nil
}

// device gives a site a new device, which joins.
func (h *history) device(s *site, rng *rand.Rand) error {
	h.mu.Lock()
	number := len(h.devices) + 1
	h.mu.Unlock()
	d, err := newDevice(h.dir, number, s, h.net.line(time.Duration(1+rng.IntN(150))*time.Millisecond), rng.IntN(2) == 0, h.log)
	if err == nil {
		err = d.open()
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.device = d
	h.devices = append(h.devices, d)
	return nil
}

// live lets everybody do what they do, all at the same time.
func (h *history) live() {
	var all sync.WaitGroup
	run := func(stream uint64, fn func(rng *rand.Rand)) {
		all.Go(func() { fn(h.rng(stream)) })
	}
	for i := range h.devices {
		run(100+uint64(i), h.applications)
	}
	run(2, h.operate)
	run(3, h.operate)
	run(4, h.decideQuarantine)
	run(5, h.editCentrally)
	run(6, h.breakHub)
	run(7, h.fillDisk)
	for i := range h.sites {
		run(10+uint64(i), func(rng *rand.Rand) { h.breakDevices(rng, h.sites[i]) })
	}
	var readers []chan struct{}
	for i, store := range h.stores {
		moved := make(chan struct{}, 1)
		readers = append(readers, moved)
		run(20+uint64(i), func(rng *rand.Rand) { h.follow(rng, store, moved) })
	}
	h.hub.fuse.watch(func() {
		for _, moved := range readers {
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	})
	time.Sleep(length)
	close(h.over)
	all.Wait()
}

// applications write into devices, found again ones too.
func (h *history) applications(rng *rand.Rand) {
	for h.pause(rng, 500*time.Millisecond) {
		h.mu.Lock()
		d := h.devices[rng.IntN(len(h.devices))]
		h.mu.Unlock()
		h.fail(d.write(rng, h.next))
	}
}

// follow reads a store's log as it grows: now and then, and between any two
// commits of the hub, where a place in the log could be passed that is not
// written yet.
func (h *history) follow(rng *rand.Rand, store sitesync.StoreID, moved chan struct{}) {
	t := &tail{store: store, seen: map[wire.Key]string{}}
	for h.moves(rng, moved) {
		if db := h.hub.records(); db != nil {
			if err := t.follow(db); err != nil && h.hub.records() == db {
				h.fail(err)
			}
		}
	}
	h.truth.store(store).tail = t
}

// moves waits until something has moved, or a while, and reports whether the
// history goes on.
func (h *history) moves(rng *rand.Rand, moved chan struct{}) bool {
	t := time.NewTimer(span(rng, 200*time.Millisecond) + time.Millisecond)
	defer t.Stop()
	select {
	case <-moved:
		return true
	case <-t.C:
		return true
	case <-h.over:
		return false
	}
}

// summary is what happened, for people.
func (h *history) summary() string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(h.fired)) {
		out = append(out, fmt.Sprintf("%s %d", kind, h.fired[kind]))
	}
	return fmt.Sprintf("seed %d: %d sites, %d devices, %d stores, %d writes; %s", h.seed, len(h.sites), len(h.devices), len(h.stores), h.writes, strings.Join(out, ", "))
}

// end switches everything off.
func (h *history) end() {
	h.admin.close()
	for _, d := range h.devices {
		d.lock()
		h.fail(d.close())
		d.unlock()
	}
	h.fail(h.hub.close())
}

func logger() *slog.Logger {
	if !*verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
