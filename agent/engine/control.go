package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"sitesync/shared/sitesync"
)

// SyncNow asks for everything at once: an attempt to dial, a push of what
// waits, a pull, and another try of what is held back.
func (e *Engine) SyncNow() {
	e.mu.Lock()
	e.sync = true
	e.mu.Unlock()
	poke(e.wake)
}

// Enable turns the sync on or off. Off: local work goes on, nothing connects.
func (e *Engine) Enable(on bool) error {
	if e.Site() == nil {
		return sitesync.Errorf(sitesync.CodeInvalid, "join a site first", "this device has not joined a site")
	}
	if e.Site().Disabled == !on {
		return nil
	}
	if err := e.edit(func(s *Site) { s.Disabled = !on }); err != nil {
		return err
	}
	e.changed()
	return nil
}

// changed ends the session of now and looks again at what is to be done.
func (e *Engine) changed() {
	e.mu.Lock()
	e.edits++
	drop := e.dropping
	e.mu.Unlock()
	if drop != nil {
		drop(errAgain)
	}
	poke(e.wake)
}

// Pause ends the session of now and runs fn while none is dialled.
func (e *Engine) Pause(fn func() error) error {
	e.paused.Add(1)
	defer poke(e.wake)
	defer e.paused.Add(-1)
	e.mu.Lock()
	drop := e.dropping
	e.mu.Unlock()
	if drop != nil {
		drop(errAgain)
	}
	e.running.Lock()
	defer e.running.Unlock()
	return fn()
}

// SetSite replaces the site's details: another hub, name or password. The
// caller has made sure that nothing unsent is lost by it. A credential is kept
// while the hub stays the same, so that a new name alone needs no password.
func (e *Engine) SetSite(next Site) error {
	if err := next.Save(e.Dir); err != nil {
		return err
	}
	if err := e.use(&next); err != nil {
		return err
	}
	e.changed()
	return nil
}

// Join makes one attempt with new details and keeps them unless the hub
// refuses. Errors: refused (nothing is kept), unreachable (kept; Run goes on
// trying).
func (e *Engine) Join(ctx context.Context, next Site) error {
	before := e.Site()
	if err := next.Save(e.Dir); err != nil {
		return err
	}
	if err := e.use(&next); err != nil {
		return err
	}
	s, err := e.open(ctx, next.Hub, nil)
	if errors.Is(err, errAgain) {
		return nil // welcomed with a credential, which is saved
	}
	if err != nil {
		if sitesync.CodeOf(err) != sitesync.CodeRefused {
			return err
		}
		return errors.Join(err, e.restore(before))
	}
	s.close()
	return nil
}

// restore puts the former site back.
func (e *Engine) restore(before *Site) error {
	if before == nil {
		if err := removeSite(e.Dir); err != nil {
			return err
		}
	} else if err := before.Save(e.Dir); err != nil {
		return err
	}
	return e.use(before)
}

// jitter spreads a duration over the half around it.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(max(d/2, 1))
}
