package engine

import (
	"context"
	"errors"
	"reflect"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

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

// SyncNow asks for everything at once: an attempt to dial, a push of what
// waits, a pull, and another try of what is held back.
func (e *Engine) SyncNow() {
	e.mu.Lock()
	e.asked = true
	e.mu.Unlock()
	poke(e.wake)
}

// Enable turns the sync on or off, durably. Off: local work goes on, nothing
// connects.
func (e *Engine) Enable(on bool) error {
	return e.Edit(func(s *Site) error {
		if s.Name == "" {
			return sitesync.Errorf(sitesync.CodeInvalid, "join a site first", "this device has not joined a site")
		}
		s.Disabled = !on
		return nil
	})
}

// Edit changes the site's details, durably, and dials anew with them. fn gets
// those of now, empty before the first join, and nothing comes between. The
// caller has made sure that nothing unsent is lost by it. A credential stays
// good for another name of the same site, so that one needs no password.
func (e *Engine) Edit(fn func(*Site) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var next Site
	if e.site != nil {
		next = *e.site
	}
	if err := fn(&next); err != nil {
		return err
	}
	e.asked = true
	defer poke(e.wake)
	if e.site != nil && reflect.DeepEqual(next, *e.site) {
		return nil
	}
	if err := e.replaceLocked(&next); err != nil {
		return err
	}
	e.showLocked(next.idle(), nil)
	e.dropLocked()
	return nil
}

// Pause ends the session of now and runs fn while there is none.
func (e *Engine) Pause(ctx context.Context, fn func() error) error {
	e.mu.Lock()
	e.pauses++
	e.dropLocked()
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.pauses--
		e.mu.Unlock()
		poke(e.wake)
	}()
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.giveBack()
	return fn()
}

// dropLocked ends the session of now, or its dialling.
func (e *Engine) dropLocked() {
	if e.drop != nil {
		e.drop(errDropped)
	}
}

// Join makes one attempt with new details and keeps them unless the hub
// refuses; where it is not reached they are kept if keep says so. It tells how
// far the attempt came. Errors: refused (nothing is kept), unreachable (Run
// goes on trying, with keep).
func (e *Engine) Join(ctx context.Context, next Site, keep bool) (steps []Step, err error) {
	paused := e.Pause(ctx, func() error {
		before, err := e.use(&next)
		if err != nil {
			return err
		}
		steps, err = e.greeted(ctx)
		switch {
		case err == nil:
			return nil
		case !keep || sitesync.CodeOf(err) == sitesync.CodeRefused:
			return errors.Join(err, e.restore(before))
		default:
			return errors.Join(err, e.save())
		}
	})
	return steps, paused
}

// greeted dials until the hub has said welcome and has nothing more to settle,
// which is mostly twice: with the password, then with the credential that came
// for it. The steps are those of the last time.
func (e *Engine) greeted(ctx context.Context) (steps []Step, err error) {
	for range 1 + mostAtOnce {
		c := newCheck()
		err = c.run(ctx, e)
		if steps = c.steps; !errors.Is(err, errAgain) {
			break
		}
	}
	if site := e.now(); err != nil && site.Credential != "" && sitesync.CodeOf(err) != sitesync.CodeRefused {
		return steps, nil // welcomed all the same; Run shows the credential
	}
	return steps, err
}

// now is the site as it is, not to be changed.
func (e *Engine) now() *Site {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.site
}

// use takes a site over without saving it, and gives the former one.
func (e *Engine) use(next *Site) (before *Site, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	trust, err := e.trustLocked(next)
	if err != nil {
		return nil, err
	}
	before = e.site
	e.site, e.trust = next, trust
	return before, nil
}

func (e *Engine) save() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.site.Save(e.Dir)
}

// restore puts a former site back, nil for none.
func (e *Engine) restore(before *Site) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before != nil {
		return e.replaceLocked(before)
	}
	e.site, e.trust = nil, link.Trust{}
	e.showLocked(sitesync.LinkUnjoined, nil)
	return removeSite(e.Dir)
}

// learn changes the site durably by what the hub told, unless it is no longer
// the one that the session began with: then errAgain.
func (e *Engine) learn(site *Site, fn func(*Site)) (*Site, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.site != site {
		return nil, errAgain
	}
	next := *site
	if fn(&next); reflect.DeepEqual(next, *site) {
		return site, nil
	}
	return &next, e.replaceLocked(&next)
}

// replaceLocked saves a site and puts it in the place of the one of now.
func (e *Engine) replaceLocked(next *Site) error {
	trust, err := e.trustLocked(next)
	if err != nil {
		return err
	}
	if err := next.Save(e.Dir); err != nil {
		return err
	}
	e.site, e.trust = next, trust
	return nil
}

// trustLocked is whom a site trusts: the trust of now where that is the same,
// since it keeps what lets the next TLS handshake be short.
func (e *Engine) trustLocked(next *Site) (link.Trust, error) {
	if e.site != nil && next.trusts(e.site) {
		return e.trust, nil
	}
	return next.trust()
}
