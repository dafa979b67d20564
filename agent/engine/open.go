package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// open dials, says hello and takes the welcome in. Errors: *RefusedError; those
// of package link; errAgain, when a credential was issued and is to be used
// from now on. stage, if not nil, is told of every step that succeeded.
func (e *Engine) open(ctx context.Context, url string, stage func(link.Stage, time.Duration)) (*session, error) {
	site := e.Site()
	secret, byCredential := site.secret()
	if e.Status().Link != sitesync.LinkConnecting {
		e.setLink(sitesync.LinkConnecting, e.Status().Problem)
	}
	in := newInbox()
	clientID := sitesync.ClientID(e.Device.Hardware, e.DB.Replica())
	e.mu.Lock()
	trust := e.trust
	e.mu.Unlock()
	l, err := link.Dial(ctx, link.Config{URL: url, Trust: trust, Insecure: e.Insecure, ClientID: clientID,
		Username: "site/" + site.Name, Password: []byte(secret), KeepAlive: e.Timings.KeepAlive,
		OnMessage: in.put, OnStage: stage, Logger: e.Log})
	if err != nil {
		return nil, e.refusal(err, byCredential)
	}
	s := newSession(e, l, in, clientID)
	if err := s.greet(ctx, site, byCredential); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// refusal makes a RefusedError of a CONNACK that nothing but a person mends. A
// credential that the hub does not know is given up for the password, if that
// is still here.
func (e *Engine) refusal(err error, byCredential bool) error {
	r, ok := errors.AsType[*link.RefusedError](err)
	if !ok || r.Code == 1 || r.Code == 3 {
		return err
	}
	if site := e.Site(); r.Code == 4 && byCredential && site.Password != "" {
		if err := e.edit(func(s *Site) { s.Fresh = true }); err != nil {
			return err
		}
		return errAgain
	}
	return &RefusedError{Problem: link.ProblemOf(err)}
}

// greet says hello until a welcome comes.
func (s *session) greet(ctx context.Context, site *Site, byCredential bool) error {
	filters := []string{topic.ForDevice(s.clientID, topic.Welcome)}
	if err := s.link.Subscribe(ctx, filters...); err != nil {
		return err
	}
	welcome, err := s.askForWelcome(ctx, site)
	if err != nil {
		return err
	}
	if welcome.Refused != 0 {
		return &RefusedError{Problem: refusedProblem(welcome.Refused, site)}
	}
	if err := s.engine.checkHub(site, welcome); err != nil {
		return err
	}
	if err := s.keep(site, welcome, byCredential); err != nil {
		return err
	}
	s.number, s.site, s.limits = welcome.Session, welcome.Site, welcome.Limits
	now := time.Now()
	s.engine.mu.Lock()
	s.engine.status.ClockSkew, s.engine.status.HubTime = now.Sub(welcome.Time), now
	s.engine.mu.Unlock()
	if welcome.Credential != "" {
		return errAgain // the next session proves the credential, then the password goes
	}
	if err := s.link.Subscribe(ctx, s.filters()...); err != nil {
		return err
	}
	return s.assign(&welcome.Assignment)
}

func (s *session) filters() []string {
	var list []string
	for _, kind := range []topic.Kind{topic.Receipt, topic.Changes, topic.Assignment, topic.Hint, topic.Command} {
		list = append(list, topic.ForSite(s.site, kind))
	}
	return append(list, topic.AllResyncs(s.site))
}

func (s *session) askForWelcome(ctx context.Context, site *Site) (*wire.Welcome, error) {
	for range maxTries {
		hello := s.engine.hello(site)
		for _, page := range wire.SplitHello(hello) {
			if err := s.link.Publish(ctx, topic.ForDevice(s.clientID, topic.Hello), wire.Encode(0, 0, page)); err != nil {
				return nil, err
			}
		}
		timeout := time.NewTimer(s.engine.Timings.RequestTimeout)
		welcome, err := s.awaitWelcome(ctx, timeout.C)
		timeout.Stop()
		if err != nil || welcome != nil {
			return welcome, err
		}
	}
	return nil, errUnanswered
}

// awaitWelcome gives nil when the time is up.
func (s *session) awaitWelcome(ctx context.Context, timeout <-chan time.Time) (*wire.Welcome, error) {
	for {
		for _, m := range s.in.take() {
			if topic.Parse(m.topic).Kind != topic.Welcome {
				continue
			}
			_, welcome, err := wire.Decode[wire.Welcome](m.payload)
			if err != nil {
				return nil, fmt.Errorf("the hub's welcome: %w", err)
			}
			return welcome, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.link.Done():
			return nil, s.link.Err()
		case <-timeout:
			return nil, nil
		case <-s.in.ready:
		}
	}
}

// checkHub refuses a hub that is not the one this directory's data belongs to,
// or an older copy of it. A person who wants to change over to another hub or
// site gets there with an empty outbox, and what is here is forgotten: it is at
// the former hub.
func (e *Engine) checkHub(site *Site, w *wire.Welcome) error {
	known := site.HubID != ""
	switch other := site.HubID != hex.EncodeToString(w.Hub[:]) || site.ID != w.Site; {
	case known && other && site.Switch && e.DB.Backlog() == 0:
		if err := e.DB.Clear(); err != nil {
			return err
		}
		if err := e.edit(func(s *Site) { s.HubID, s.ID, s.Generation, s.Proof, s.Switch = "", 0, 0, nil, false }); err != nil {
			return err
		}
		return errAgain
	case known && other:
		return &RefusedError{sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: "This is another hub, or another site, than the one this device's data belongs to.",
			Next:    "Correct the hub's address and the site's name; to change over, let what waits be sent first or export it."}}
	case known && w.Generation < site.Generation:
		return &RefusedError{sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: fmt.Sprintf("The hub is an older copy of the one this device knows (generation %d, known is %d).", w.Generation, site.Generation),
			Next:    "Ask the hub's operator; everything written here stays on this device until then."}}
	}
	return nil
}

// keep saves what the welcome told. A credential is saved beside the password;
// a session that the credential opened removes the password.
func (s *session) keep(site *Site, w *wire.Welcome, byCredential bool) error {
	same := true
	err := s.engine.edit(func(kept *Site) {
		if same = kept.Hub == site.Hub && kept.Name == site.Name; !same {
			return // the details were changed meanwhile
		}
		kept.ID, kept.Name, kept.Code = w.Site, w.Name, w.Code
		kept.HubID, kept.Generation, kept.Proof = hex.EncodeToString(w.Hub[:]), w.Generation, w.GenerationProof
		kept.Addresses = w.Assignment.Addresses
		for _, pin := range w.Assignment.CAPins {
			if text := hex.EncodeToString(pin[:]); !slices.Contains(kept.Pins, text) {
				kept.Pins = append(slices.Clone(kept.Pins), text)
			}
		}
		kept.Switch = false
		switch {
		case byCredential:
			kept.Password = ""
		case w.Credential != "":
			kept.Credential, kept.Fresh = w.Credential, false
		}
	})
	if err == nil && !same {
		return errAgain
	}
	return err
}

// refusedProblem puts a refused welcome into words.
func refusedProblem(r wire.Refused, site *Site) sitesync.Problem {
	p := sitesync.Problem{Code: r.Problem()}
	switch r {
	case wire.RefusedDeleted:
		p.Message, p.Next = "The site was deleted at the hub.", "Ask the hub's operator; export what waits here before joining another site."
	case wire.RefusedHardwareReset:
		p.Message, p.Next = "The hub's operator freed the site for a new device.", "If this device is to go on, enter the site's password here again."
	case wire.RefusedReplaced:
		p.Message, p.Next = "Another installation on this device took the site over.", "If this one is the right one, enter the site's password here again."
	case wire.RefusedDisabled:
		p.Message, p.Next = "The site is disabled at the hub.", "Ask the hub's operator; it goes on by itself once the site is enabled."
	case wire.RefusedSiteRenamed:
		p.Message = fmt.Sprintf("The site has another name at the hub than %q.", site.Name)
		p.Next = "Enter the site's new name on this device, or have the old one put back; no password is needed."
	case wire.RefusedPasswordChanged:
		p.Message, p.Next = "The site's password was changed at the hub.", "Enter the new password on this device, or have the old one put back."
	case wire.RefusedTwoDevices:
		p.Message, p.Next = "Two installations use this site in turn, so the hub holds both.", "Ask the hub's operator to decide which one is right and to reset the site's hardware."
	}
	return p
}
