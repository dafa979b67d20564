package engine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
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
	PurgeAfter      time.Duration // that the copy of a store is kept once its new site is active
}

// Options of an engine.
type Options struct {
	Dir      string // data directory, of the site file
	DB       *localdb.DB
	Device   Device
	Timings  Timings
	Insecure bool // plain mqtt:// beyond loopback
	Log      *slog.Logger
	LogTail  func(lines int) []string // the newest lines of the log; nil has none

	// Network opens connections; nil is the device's network.
	Network func(ctx context.Context, network, address string) (net.Conn, error)
}

// Engine keeps the local database in step with the hub.
type Engine struct {
	Options
	dial  dialer
	wake  chan struct{} // look again at once: the site was edited, or sync now
	wrote chan struct{} // something was queued, or a copy purged

	purged atomic.Bool // copies of stores may have been purged that the hub was not told of

	turn chan struct{} // held by the one who dials and has a session
	pace pace          // of the link, as far as the last session knew; belongs to the holder of turn

	mu     sync.Mutex
	site   *Site // as saved; replaced, never changed
	trust  link.Trust
	status Status
	drop   context.CancelCauseFunc // ends the session of now
	pauses int                     // how many want that there is none
	asked  bool                    // a person wants to sync now

	sending      progress // of the changes that wait; zero while none is on its way
	loading      progress // of the store that arrives
	loadingStore sitesync.StoreID
}

// New makes an engine of a data directory. Errors: data_newer, invalid.
func New(o Options) (*Engine, error) {
	if o.Timings.ProbeInterval == 0 {
		o.Timings.ProbeInterval = time.Hour
	}
	if o.LogTail == nil {
		o.LogTail = func(int) []string { return nil }
	}
	e := &Engine{Options: o, dial: dialHub, wake: make(chan struct{}, 1), wrote: make(chan struct{}, 1),
		turn: make(chan struct{}, 1), pace: newPace()}
	site, err := LoadSite(o.Dir)
	if err != nil || site == nil {
		e.show(sitesync.LinkUnjoined, nil)
		return e, err
	}
	if e.trust, err = site.trust(); err != nil {
		return nil, err
	}
	e.site, e.status.LastSync = site, site.LastSync.Time
	e.show(site.idle(), nil)
	return e, nil
}

// Run syncs until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	watch := e.DB.Watch(func(_ sitesync.StoreID, events []localdb.Event) {
		for i := range events {
			if events[i].Kind == localdb.EventReset {
				e.purged.Store(true)
			}
			if events[i].Local || events[i].Kind == localdb.EventReset {
				poke(e.wrote)
				return
			}
		}
	})
	defer watch.Stop()
	a := attempts{backoff: link.Backoff{Min: e.Timings.BackoffMin, Max: e.Timings.BackoffMax}}
	for ctx.Err() == nil {
		e.sleep(ctx, e.attempt(ctx, &a))
		if e.askedToSync() {
			a.backoff.Reset()
		}
	}
	return nil
}

// attempt has one session with the hub, if there is to be one, and says how
// long to wait until the next.
func (e *Engine) attempt(ctx context.Context, a *attempts) (wait time.Duration) {
	if e.take(ctx) != nil {
		return untilWoken
	}
	defer e.giveBack()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	site := e.begin(cancel)
	if site == nil {
		return untilWoken
	}
	s, err := e.open(ctx, site, a.url(site), nil)
	e.tried()
	if err == nil {
		began := time.Now()
		err = s.run()
		s.learn()
		s.close()
		a.served(time.Since(began))
	}
	e.saveLastSync()
	switch {
	case errors.Is(context.Cause(ctx), errDropped):
		e.show(sitesync.LinkConnecting, nil)
		a.edited()
		return 0
	case ctx.Err() != nil:
		return untilWoken // for good
	}
	return e.after(err, a)
}

// errDropped is the cause of a session's end that a person wants, to edit the
// site or to have none for a while.
var errDropped = errors.New("the session was dropped")

// errAgain ends a session that is to be dialled anew at once.
var errAgain = errors.New("dial again")

// begin makes the way free for a session, which drop ends. It gives the site to
// dial as, or nil when there is to be no session: whoever changes that pokes
// wake.
func (e *Engine) begin(drop context.CancelCauseFunc) *Site {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pauses > 0 {
		return nil
	}
	if e.site == nil || e.site.Disabled {
		e.showLocked(e.site.idle(), nil)
		return nil
	}
	e.drop = drop
	return e.site
}

// after shows what ended a session, or kept it from being opened, and says how
// long to wait until the next.
func (e *Engine) after(err error, a *attempts) time.Duration {
	if errors.Is(err, errWiped) {
		return untilWoken
	}
	if errors.Is(err, errAgain) {
		e.trying()
		return a.again()
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		e.show(sitesync.LinkRefused, &refused.Problem)
		e.Log.Warn("the hub refuses this device", "code", refused.Problem.Code, "message", refused.Problem.Message, "next", refused.Problem.Next)
		return jitter(e.Timings.CredentialRetry)
	}
	problem := problemOf(err)
	wait := a.failed()
	e.show(sitesync.LinkOffline, &problem)
	level := slog.LevelDebug
	if sitesync.AsError(err) == nil && !isClosed(err) {
		level = slog.LevelWarn // not the link's fault
	}
	e.Log.Log(context.Background(), level, "no session with the hub", "error", err, "retry_in", wait)
	return wait
}

// take waits for the right to dial and to have a session, until ctx ends.
func (e *Engine) take(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) giveBack() { <-e.turn }

// untilWoken is a wait that only a poke ends.
const untilWoken = -1

// sleep waits, unless a poke ends it.
func (e *Engine) sleep(ctx context.Context, d time.Duration) {
	var after <-chan time.Time
	if d != untilWoken {
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

// askedToSync reports, once, whether a person wants to sync now.
func (e *Engine) askedToSync() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.asked
	e.asked = false
	return asked
}

// poke wakes whoever waits on a channel of capacity 1.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
