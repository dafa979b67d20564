package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// open dials, says hello and takes the welcome in. Errors: *RefusedError; those
// of package link; errAgain, when the hub is to be dialled anew at once. stage,
// if not nil, is told of every step that succeeded. It needs the turn.
func (e *Engine) open(ctx context.Context, site *Site, url string, stage func(link.Stage, time.Duration)) (*session, error) {
	e.trying()
	secret, byCredential := site.secret()
	s := newSession(ctx, e, site)
	e.mu.Lock()
	trust := e.trust
	e.mu.Unlock()
	l, err := e.dial(ctx, link.Config{URL: url, Trust: trust, Insecure: e.Insecure, ClientID: s.clientID,
		Username: "site/" + site.Name, Password: []byte(secret), KeepAlive: e.Timings.KeepAlive,
		OnMessage: s.in.put, OnStage: stage, Dial: e.Network, Logger: e.Log})
	if err != nil {
		return nil, e.refusal(err, site)
	}
	s.link = l
	if err := s.greet(byCredential); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// trying shows that an attempt is made. While attempts fail the status goes on
// to say so, since when, and why.
func (e *Engine) trying() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.status.Link != sitesync.LinkOffline && e.status.Link != sitesync.LinkRefused {
		e.showLocked(sitesync.LinkConnecting, e.status.Problem)
	}
}

// refusal makes a RefusedError of a CONNACK that nothing but a person mends. A
// credential that the hub does not know is given up for the password, if that
// is still here.
func (e *Engine) refusal(err error, site *Site) error {
	r, ok := errors.AsType[*link.RefusedError](err)
	if !ok || sitesync.CodeOf(err) != sitesync.CodeRefused {
		return err
	}
	if _, byCredential := site.secret(); r.Code == 4 && byCredential && site.Password != "" {
		if _, err := e.learn(site, func(s *Site) { s.Fresh = true }); err != nil {
			return err
		}
		return errAgain
	}
	return &RefusedError{Problem: link.ProblemOf(err)}
}

// greet says hello and takes in the welcome that comes for it.
func (s *session) greet(byCredential bool) error {
	heard, err := s.listen()
	if err != nil {
		return err
	}
	welcome, err := s.askForWelcome()
	if err != nil {
		return err
	}
	if welcome.Refused != 0 {
		return &RefusedError{Problem: refusedProblem(welcome.Refused, s.site)}
	}
	if err := s.checkHub(welcome); err != nil {
		return err
	}
	if err := s.keep(welcome, byCredential); err != nil {
		return err
	}
	s.number, s.limits = welcome.Session, welcome.Limits
	s.engine.clock(welcome.Time)
	if welcome.Credential != "" && !byCredential {
		return errAgain // the next session shows the credential, then the password goes
	}
	if heard != welcome.Site {
		if err := s.subscribe(siteFilters(welcome.Site)); err != nil {
			return err
		}
	}
	return s.assign(&welcome.Assignment, true)
}

// listen subscribes to the welcome and, where the site's ID is known, in the
// same packet to what comes behind it: then nothing of that is lost, and a way
// to the hub and back is saved. It tells which site's messages are heard; a
// device that is refused may hear none.
func (s *session) listen() (heard sitesync.SiteID, err error) {
	filters := []string{topic.ForDevice(s.clientID, topic.Welcome)}
	if s.site.ID != 0 && s.engine.Status().Link != sitesync.LinkRefused {
		heard = s.site.ID
		filters = append(filters, siteFilters(heard)...)
	}
	began := time.Now()
	err = s.subscribe(filters)
	s.pace.begin(time.Since(began))
	if heard != 0 && sitesync.CodeOf(err) == sitesync.CodeForbidden {
		return 0, nil
	}
	return heard, err
}

// subscribe does not wait for ever: a hub that lives and does not answer would
// keep the device from trying anew.
func (s *session) subscribe(filters []string) error {
	ctx, cancel := context.WithTimeout(s.ctx, maxTries*s.engine.Timings.RequestTimeout)
	defer cancel()
	err := s.link.Subscribe(ctx, filters...)
	if err != nil && ctx.Err() != nil && s.ctx.Err() == nil {
		return errUnanswered
	}
	return err
}

func siteFilters(site sitesync.SiteID) []string {
	list := []string{topic.AllResyncs(site)}
	for _, kind := range []topic.Kind{topic.Receipt, topic.Changes, topic.Assignment, topic.Hint, topic.Command} {
		list = append(list, topic.ForSite(site, kind))
	}
	return list
}

// askForWelcome says hello, again when nothing comes.
func (s *session) askForWelcome() (*wire.Welcome, error) {
	e := s.engine
	s.asked = s.db.Moment()
	for range maxTries {
		sent := 0
		for _, page := range wire.SplitHello(e.hello(s.site)) {
			frame := wire.Encode(0, 0, page)
			if err := s.link.Publish(s.ctx, topic.ForDevice(s.clientID, topic.Hello), frame); err != nil {
				return nil, err
			}
			sent += len(frame)
		}
		timeout := time.NewTimer(s.upTimeout(sent))
		welcome, err := s.awaitWelcome(timeout.C)
		timeout.Stop()
		if err != nil || welcome != nil {
			return welcome, err
		}
	}
	return nil, errUnanswered
}

// awaitWelcome gives nil when the time is up. What else has arrived stays in
// the inbox: it may be newer than what the welcome tells.
func (s *session) awaitWelcome(timeout <-chan time.Time) (*wire.Welcome, error) {
	for {
		if m, ok := s.in.takeWelcome(); ok {
			_, welcome, err := wire.Decode[wire.Welcome](m.payload)
			if err != nil {
				return nil, fmt.Errorf("the hub's welcome: %w", err)
			}
			return welcome, nil
		}
		select {
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		case <-s.link.Done():
			return nil, s.link.Err()
		case <-timeout:
			return nil, nil
		case <-s.in.ready:
		}
	}
}
