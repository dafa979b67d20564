package sim

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/hubd"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/settings"
)

// errPower is what a commit answers during which the power went.
var errPower = errors.New("power cut")

// fuse is where the power of a program can be cut: at a commit, just before or
// just after it is durable.
type fuse struct {
	cut func() // takes the program off the network

	mu    sync.Mutex
	left  int // commits until it blows, 0: it does not
	after bool
	blown chan struct{} // closed by then
	made  func()        // told of every commit; nil: nobody is
}

// watch has made told of every commit, just before what it wrote can be read.
func (f *fuse) watch(made func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = made
}

func (f *fuse) arm(commits int, after bool) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.after, f.blown = commits, after, make(chan struct{})
	return f.blown
}

func (f *fuse) disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
}

// commit is what kv.Options.Commit wants.
func (f *fuse) commit(commit func() error) error {
	f.mu.Lock()
	blows := f.left == 1
	if f.left > 0 {
		f.left--
	}
	after, blown, made := f.after, f.blown, f.made
	f.mu.Unlock()
	if !blows {
		if made != nil {
			defer made()
		}
		return commit()
	}
	err := errPower
	if after {
		err = errors.Join(commit(), errPower)
	}
	f.cut()
	close(blown)
	return err
}

// timings are short, and true to each other.
var timings = settings.Timings{Keepalive: 5 * time.Second, BackoffMin: 100 * time.Millisecond, BackoffMax: 2 * time.Second,
	PullInterval: 10 * time.Second, RequestTimeout: 2 * time.Second, TombstoneRetention: time.Hour, PurgeAfter: 3 * time.Second,
	LeaseMargin: time.Second, ReplayMemory: 10 * time.Minute, StatusInterval: 2 * time.Second, CredentialRetry: 2 * time.Second,
	ReplicaWindow: 24 * time.Hour}

// adminPassword of the user admin, in a file that the hub reads.
const adminPassword = "correct horse battery"

// hub is the hub, on and off. Its lifecycle is one goroutine's at a time.
type hub struct {
	dir   string
	net   *network
	truth *truth
	fuse  fuse
	log   *slog.Logger

	running *hubd.Hub

	mu sync.Mutex
	db *records.DB // of the present run, nil while it is down
}

func newHub(dir string, net *network, truth *truth, log *slog.Logger) *hub {
	h := &hub{dir: dir, net: net, truth: truth, log: log}
	h.fuse.cut = net.crash
	return h
}

func (h *hub) open() error {
	running, err := hubd.Open(hubd.Config{Data: filepath.Join(h.dir, "hub"), MQTT: "127.0.0.1:1", Timings: timings, Version: "sim",
		AdminPasswordFile: filepath.Join(h.dir, "password"), Log: h.log, Listen: h.net.listen, Commit: h.fuse.commit,
		Argon2: registry.Argon2{Memory: 8, Time: 1, Threads: 1}, Records: h.opened})
	if err != nil {
		return err
	}
	h.running = running
	return nil
}

// opened has the records of a run followed.
func (h *hub) opened(db *records.DB) admin.Records {
	h.mu.Lock()
	h.db = db
	h.mu.Unlock()
	return h.truth.watch(db)
}

// records gives those of now, nil while the hub is down.
func (h *hub) records() *records.DB {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.db
}

// close ends the hub; after a crash its errors say nothing.
func (h *hub) close() error {
	h.mu.Lock()
	h.db = nil
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := h.running.Close(ctx)
	h.net.crash()
	return err
}
