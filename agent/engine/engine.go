// Package engine syncs the local database with the hub: it dials, says hello,
// pushes the outbox, reads what is new, loads stores that are given to the
// site, and dials again when the link is lost.
//
// One goroutine owns a session and everything in it; others reach it through
// channels. What has to last is in the local database and in the site file, so
// that an end at any moment costs no more than what was on its way.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Device is what the agent knows of the device it runs on.
type Device struct {
	Hardware   sitesync.HardwareID
	Evidence   map[string]string
	Test, Weak bool
	Type       sitesync.SiteType // mobile or standalone
	Platform   string
	Version    string // of the agent
}

// Timings are the waiting times of the engine.
type Timings struct {
	KeepAlive       time.Duration
	BackoffMin      time.Duration
	BackoffMax      time.Duration
	PullInterval    time.Duration
	RequestTimeout  time.Duration
	CredentialRetry time.Duration // between the attempts of a device that is refused
	ProbeInterval   time.Duration // between the attempts of a store that is held back; 0 is an hour
}

// Options of an engine.
type Options struct {
	Dir      string // data directory, of the site file
	DB       *localdb.DB
	Device   Device
	Timings  Timings
	Insecure bool // plain mqtt:// beyond loopback
	Log      *slog.Logger
}

// Engine keeps the local database in step with the hub.
type Engine struct {
	Options
	wake  chan struct{} // settings changed, or sync now: look again at once
	wrote chan struct{} // something was queued

	running sync.Mutex   // held while a session is dialled and served
	paused  atomic.Int32 // how many want none

	mu       sync.Mutex
	site     *Site // as saved; replaced, never changed
	trust    link.Trust
	status   Status
	dropping context.CancelCauseFunc // ends the session of now
	edits    int                     // grows with every edit of the site
	sync     bool                    // sync now was asked for
}

// Status is the engine's part of the agent's status.
type Status struct {
	Link      sitesync.LinkState
	Since     time.Time // of Link
	LastSync  time.Time // the hub answered last that all was in step, or took something
	Problem   *sitesync.Problem
	ClockSkew time.Duration // this device ahead of the hub
	HubTime   time.Time     // when ClockSkew was taken; zero: never
}

// New makes an engine of a data directory. Errors: data_newer, invalid.
func New(o Options) (*Engine, error) {
	if o.Timings.ProbeInterval == 0 {
		o.Timings.ProbeInterval = time.Hour
	}
	e := &Engine{Options: o, wake: make(chan struct{}, 1), wrote: make(chan struct{}, 1)}
	site, err := LoadSite(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := e.use(site); err != nil {
		return nil, err
	}
	e.setLink(e.idle(), nil)
	return e, nil
}

// use takes a site over in memory.
func (e *Engine) use(site *Site) error {
	var trust link.Trust
	if site != nil {
		var err error
		if trust, err = site.trust(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.site, e.trust = site, trust
	return nil
}

// idle is the state of the link while nothing is tried.
func (e *Engine) idle() sitesync.LinkState {
	switch site := e.Site(); {
	case site == nil:
		return sitesync.LinkUnjoined
	case site.Disabled:
		return sitesync.LinkDisabled
	default:
		return sitesync.LinkConnecting
	}
}

// Site gives the site this device belongs to; nil before it has joined.
func (e *Engine) Site() *Site {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.site == nil {
		return nil
	}
	site := *e.site
	return &site
}

// edit changes the site file, durably.
func (e *Engine) edit(fn func(*Site)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.site == nil {
		return errors.New("engine: no site to edit")
	}
	next := *e.site
	fn(&next)
	if err := next.Save(e.Dir); err != nil {
		return err
	}
	e.site = &next
	return nil
}

// Run syncs until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	watch := e.DB.Watch(func(_ sitesync.StoreID, events []localdb.Event) {
		for i := range events {
			if events[i].Local {
				poke(e.wrote)
				return
			}
		}
	})
	defer watch.Stop()
	backoff := link.Backoff{Min: e.Timings.BackoffMin, Max: e.Timings.BackoffMax}
	attempt := 0 // of the hub's addresses; one that works is kept
	for ctx.Err() == nil {
		if link := e.idle(); link != sitesync.LinkConnecting {
			e.setLink(link, nil)
			backoff.Reset()
			e.sleep(ctx, 0)
			continue
		}
		began, edits := time.Now(), e.editCount()
		err := e.once(ctx, attempt)
		if lasted := time.Since(began); sitesync.CodeOf(err) == sitesync.CodeUnreachable && e.Status().Link != sitesync.LinkOnline {
			attempt++
		} else {
			backoff.Stable(lasted)
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errPaused) {
			e.sleep(ctx, 0)
			continue
		}
		if errors.Is(err, errAgain) || edits != e.editCount() {
			backoff.Reset()
			continue
		}
		e.sleep(ctx, e.after(err, &backoff))
		if e.askedToSync() {
			backoff.Reset()
		}
	}
	return nil
}

// errAgain ends a session that is to be dialled anew at once.
var errAgain = errors.New("dial again")

// errPaused is a session that was not dialled because of a Pause, which wakes
// Run when it ends.
var errPaused = errors.New("paused")

// once runs one session with the next of the hub's addresses.
func (e *Engine) once(ctx context.Context, attempt int) error {
	e.running.Lock()
	defer e.running.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.mu.Lock()
	e.dropping = cancel
	e.mu.Unlock()
	if e.paused.Load() > 0 { // whoever paused before has not seen this cancel
		return errPaused
	}
	urls := e.Site().candidates()
	s, err := e.open(ctx, urls[attempt%len(urls)], nil)
	if err == nil {
		err = s.run(ctx)
		s.close()
	}
	if cause := context.Cause(ctx); ctx.Err() != nil && errors.Is(cause, errAgain) {
		return errAgain
	}
	return err
}

// after shows what ended a session and says how long to wait.
func (e *Engine) after(err error, backoff *link.Backoff) time.Duration {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		e.setLink(sitesync.LinkRefused, &refused.Problem)
		e.Log.Warn("the hub refuses this device", "code", refused.Problem.Code, "message", refused.Problem.Message, "next", refused.Problem.Next)
		return jitter(e.Timings.CredentialRetry)
	}
	problem := link.ProblemOf(err)
	wait := backoff.Next()
	e.setLink(sitesync.LinkOffline, &problem)
	e.Log.Debug("no session with the hub", "error", err, "retry_in", wait)
	return wait
}

// RefusedError is a device that the hub does not take, with the reason for a
// person.
type RefusedError struct{ Problem sitesync.Problem }

func (r *RefusedError) Error() string { return r.Problem.Message + "; " + r.Problem.Next }

// Unwrap makes it an error of code refused.
func (r *RefusedError) Unwrap() error {
	return sitesync.Errorf(sitesync.CodeRefused, r.Problem.Next, "%s", r.Problem.Message)
}

// sleep waits; 0 is for ever. A poke ends it.
func (e *Engine) sleep(ctx context.Context, d time.Duration) {
	var after <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-ctx.Done():
	case <-e.wake:
	case <-after:
	}
}

func (e *Engine) editCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.edits
}

// askedToSync reports, once, whether a person asked to sync now.
func (e *Engine) askedToSync() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.sync
	e.sync = false
	return asked
}

// setLink shows the state of the link. The problem of a link that is being
// tried again stays until it is known to be gone.
func (e *Engine) setLink(state sitesync.LinkState, p *sitesync.Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.status.Link != state {
		if state == sitesync.LinkOnline || e.status.Link == sitesync.LinkOnline {
			e.Log.Info("link to the hub", "state", state)
		}
		e.status.Link, e.status.Since = state, time.Now()
	}
	e.status.Problem = p
}

// Status gives the engine's part of the agent's status.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

func (e *Engine) synced() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.LastSync = time.Now()
}

// hello makes what the agent says of itself when a session begins.
func (e *Engine) hello(site *Site) wire.Hello {
	h := wire.Hello{Replica: e.DB.Replica(), Version: e.Device.Version, Type: e.Device.Type, Platform: e.Device.Platform,
		Evidence: e.Device.Evidence, Test: e.Device.Test, Weak: e.Device.Weak,
		Generation: site.Generation, GenerationProof: site.Proof, Report: e.report()}
	for _, s := range e.DB.Stores() {
		state := wire.StoreState{Store: s.ID, Loaded: s.Loaded, Cursor: s.Cursor, Digest: s.Digest, Blocked: s.Blocked != nil}
		for _, o := range append(s.Past, s.Outbox) {
			state.Outbox = append(state.Outbox, wire.OutboxState{Epoch: o.Epoch, Confirmed: o.Confirmed, Chain: o.ConfirmedChain, Last: o.Last})
		}
		h.Stores = append(h.Stores, state)
	}
	return h
}

func (e *Engine) report() wire.Report {
	r := wire.Report{Backlog: e.DB.Backlog(), Clock: time.Now(), DiskFree: e.DB.DiskFree()}
	for _, s := range e.DB.Stores() {
		if s.Blocked != nil {
			r.Problem = string(s.Blocked.Code)
		}
	}
	return r
}

// poke wakes whoever waits on a channel of capacity 1.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
