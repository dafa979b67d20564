package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"sitesync/agent/engine"
	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// device is an agent with the application that writes into it. One goroutine
// at a time uses it: whoever holds use.
type device struct {
	name string
	dir  string
	site *site
	line *line
	fuse fuse
	log  *slog.Logger
	use  chan struct{}

	trusted bool // clock
	boot    int
	booted  time.Time

	db     *localdb.DB // nil while it is off
	engine *engine.Engine
	stop   context.CancelFunc
	ended  chan error

	made   map[place]map[uint64]made // what the application was told is durable, by n
	unsure []localdb.Write           // and what it was told nothing about
	store  sitesync.StoreID          // of unsure
	began  time.Time                 // of unsure
	lost   bool                      // another device has its site

	imported bool // lost, and found: its outbox was imported
}

type place struct {
	store sitesync.StoreID
	epoch sitesync.Epoch
}

type made struct {
	at    time.Time // before it was durable
	write localdb.Write
}

func newDevice(dir string, number int, s *site, l *line, trusted bool, log *slog.Logger) (*device, error) {
	d := &device{name: fmt.Sprintf("%s/%d", s.name, number), dir: filepath.Join(dir, fmt.Sprintf("%s-%d", s.name, number)), site: s, line: l,
		log: log.With("device", fmt.Sprintf("%s/%d", s.name, number)), use: make(chan struct{}, 1), trusted: trusted, booted: time.Now(), made: map[place]map[uint64]made{}}
	d.fuse.cut = func() { l.power(false) }
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	return d, (&engine.Site{Hub: "mqtt://127.0.0.1:1", Name: s.name, Password: s.password, Fresh: true}).Save(d.dir)
}

func (d *device) lock()   { d.use <- struct{}{} }
func (d *device) unlock() { <-d.use }

// clock is that of the device: it begins anew with each boot.
func (d *device) clock() localdb.Moment {
	now := time.Now()
	return localdb.Moment{Boot: fmt.Sprint(d.boot), Since: now.Sub(d.booted), Wall: now}
}

func (d *device) open() (err error) {
	d.db, err = localdb.Open(localdb.Options{Dir: filepath.Join(d.dir, "db"), Clock: d.clock, TrustClock: d.trusted, Commit: d.fuse.commit, Log: d.log})
	if err != nil {
		return err
	}
	t := &timings
	d.engine, err = engine.New(engine.Options{Dir: d.dir, DB: d.db, Insecure: true, Log: d.log, Network: d.line.dial,
		Device: engine.Device{Hardware: hardware(d.name), Type: sitesync.TypeMobile, Platform: "sim", Version: "sim"},
		Timings: engine.Timings{KeepAlive: t.Keepalive, BackoffMin: t.BackoffMin, BackoffMax: t.BackoffMax, PullInterval: t.PullInterval,
			RequestTimeout: t.RequestTimeout, CredentialRetry: t.CredentialRetry, PurgeAfter: t.PurgeAfter}})
	if err != nil {
		return err
	}
	if err := d.settleUnsure(); err != nil {
		return err
	}
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	d.ended = make(chan error, 1)
	d.line.power(true)
	running := d.engine
	go func() {
		var group errgroup.Group
		group.Go(func() error { return running.Run(ctx) })
		group.Go(func() error { running.KeepHouse(ctx); return nil })
		d.ended <- group.Wait()
	}()
	return nil
}

func hardware(name string) sitesync.HardwareID {
	var sum [32]byte
	copy(sum[:], name)
	return sitesync.NewHardwareID(sum)
}

// close ends the device's programs; after a crash the error says nothing.
func (d *device) close() error {
	if d.db == nil {
		return nil
	}
	d.stop()
	err := errors.Join(<-d.ended, d.db.Close())
	d.db = nil
	return err
}

// reboot has the device's clock begin anew.
func (d *device) reboot() {
	d.boot++
	d.booted = time.Now()
}

// mayRefuse are the answers that an application expects.
var mayRefuse = map[sitesync.Code]bool{sitesync.CodeStoreMoving: true, sitesync.CodeStoreLoading: true, sitesync.CodeStoreReleased: true,
	sitesync.CodeLeaseExpired: true, sitesync.CodeNotFound: true, sitesync.CodeNoSuchStore: true}

// write has the application write a little into one of the stores. It answers
// what nobody expects.
func (d *device) write(rng *rand.Rand, next func() int) error {
	d.lock()
	defer d.unlock()
	if d.db == nil || d.unsure != nil {
		return nil
	}
	stores := d.db.Stores()
	if len(stores) == 0 {
		return nil
	}
	store := stores[rng.IntN(len(stores))].ID
	writes := make([]localdb.Write, 1+rng.IntN(4))
	for i := range writes {
		writes[i] = localdb.Write{Op: sitesync.OpPut, Table: "t", ID: fmt.Sprint(rng.IntN(8)), Data: fmt.Appendf(nil, `{"v":"%s %d"}`, d.name, next())}
		if rng.IntN(5) == 0 {
			writes[i] = localdb.Write{Op: sitesync.OpDelete, Table: "t", ID: writes[i].ID}
		}
	}
	began := time.Now()
	written, err := d.db.Write(store, writes)
	switch {
	case err == nil:
		for i := range written {
			d.keep(place{store, written[i].Epoch}, written[i].N, made{began, writes[i]})
		}
	case mayRefuse[sitesync.CodeOf(err)]:
	case definite(err):
		return fmt.Errorf("%s: store %d: %w", d.name, store, err)
	default:
		d.unsure, d.store, d.began = writes, store, began
	}
	return nil
}

func (d *device) keep(at place, n uint64, m made) {
	if d.made[at] == nil {
		d.made[at] = map[uint64]made{}
	}
	d.made[at][n] = m
}

// outbox is what waits, as an export shows it.
func (d *device) outbox() (head localdb.ExportHead, lines []localdb.ExportLine, err error) {
	site, err := engine.LoadSite(d.dir)
	if err != nil {
		return head, nil, err
	}
	var out bytes.Buffer
	if _, err := d.db.Export(&out, site.ID, site.HubID); err != nil {
		return head, nil, err
	}
	in := json.NewDecoder(&out)
	if err := in.Decode(&head); err != nil {
		return head, nil, err
	}
	for in.More() {
		var l localdb.ExportLine
		if err := in.Decode(&l); err != nil {
			return head, nil, err
		}
		lines = append(lines, l)
	}
	return head, lines, nil
}

// settleUnsure finds out whether what the device was writing when its power
// went is there: all of it, or nothing.
func (d *device) settleUnsure() error {
	_, lines, err := d.outbox()
	if err != nil {
		return err
	}
	found := 0
	for i := range lines {
		l := &lines[i]
		at := place{l.Store, l.Epoch}
		if _, known := d.made[at][l.N]; known || l.Quarantine != 0 {
			continue
		}
		if found == len(d.unsure) || l.Store != d.store || !is(l, &d.unsure[found]) {
			return fmt.Errorf("%s: its outbox has a change that nobody made: %+v", d.name, l)
		}
		d.keep(at, l.N, made{d.began, d.unsure[found]})
		found++
	}
	if found != 0 && found != len(d.unsure) {
		return fmt.Errorf("%s: of %d changes made in one transaction %d are there", d.name, len(d.unsure), found)
	}
	d.unsure = nil
	return nil
}

func is(l *localdb.ExportLine, w *localdb.Write) bool {
	return l.Op == w.Op.String() && l.Table == w.Table && l.ID == w.ID && string(l.Data) == string(w.Data)
}
