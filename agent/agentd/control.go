package agentd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sitesync/agent/api"
	"sitesync/agent/engine"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// control is the agent as the local API sees it.
type control Agent

var _ api.Agent = (*control)(nil)

// Status implements api.Agent.
func (c *control) Status() api.Status { return (*Agent)(c).Status() }

// Status is the engine's part of the status, in the API's shape.
func (a *Agent) Status() api.Status {
	e := a.engine.Status()
	s := api.Status{HardwareID: a.device.Hardware, Link: e.Link, Since: sitesync.At(e.Since), Problem: e.Problem,
		ClockSkewMs: e.ClockSkew.Milliseconds(), Rates: api.Rates{Send: e.SendRate, Loading: e.Loading, Load: e.LoadRate}}
	s.LastSync, s.LastTry = when(e.LastSync), when(e.LastTry)
	if site := a.engine.Site(); site != nil {
		s.Site = &api.Site{ID: site.ID, Name: site.Name, Code: site.Code}
		s.Hub = site.Hub
	}
	return s
}

func when(t time.Time) *sitesync.Time {
	if t.IsZero() {
		return nil
	}
	at := sitesync.At(t)
	return &at
}

// Sync implements api.Agent.
func (c *control) Sync() error {
	if c.engine.Site() == nil {
		return notJoined()
	}
	c.engine.SyncNow()
	return nil
}

// Check implements api.Agent.
func (c *control) Check(ctx context.Context) ([]api.Step, error) { return (*Agent)(c).Check(ctx) }

// Check tries the connection step by step.
func (a *Agent) Check(ctx context.Context) ([]api.Step, error) {
	if a.engine.Site() == nil {
		return nil, notJoined()
	}
	return stepsOf(a.engine.Check(ctx)), nil
}

func stepsOf(steps []engine.Step) []api.Step {
	shown := make([]api.Step, 0, len(steps))
	for _, s := range steps {
		shown = append(shown, api.Step{Step: s.Name, OK: s.Problem == nil, Ms: s.Took.Milliseconds(), Problem: s.Problem})
	}
	return shown
}

// Details implements api.Agent.
func (c *control) Details() api.Details {
	d := api.Details{HardwareID: c.device.Hardware, TestHardware: c.device.Test, Type: c.device.Type,
		Platform: c.device.Platform, Version: c.device.Version, Trust: api.TrustSystem}
	site := c.engine.Site()
	if site == nil {
		return d
	}
	d.Site, d.Hub, d.Enabled = &api.Site{ID: site.ID, Name: site.Name, Code: site.Code}, site.Hub, !site.Disabled
	switch {
	case site.CA != "":
		d.Trust = api.TrustCA
	case len(site.Pins) > 0:
		d.Trust = api.TrustFingerprint
	}
	return d
}

// SetEnabled implements api.Agent.
func (c *control) SetEnabled(_ context.Context, on bool) error { return c.engine.Enable(on) }

// SetSite implements api.Agent.
func (c *control) SetSite(ctx context.Context, edit api.SiteEdit, abandon bool) error {
	a := (*Agent)(c)
	_, other, err := a.edited(a.engine.Site(), edit)
	if err != nil {
		return err
	}
	apply := func(s *engine.Site) (err error) {
		*s, _, err = a.edited(s, edit) // s may be newer than what was looked at above
		return err
	}
	waiting := a.db.Backlog()
	switch {
	case !other || waiting == 0:
		return a.engine.Edit(apply)
	case !abandon:
		return sitesync.Errorf(sitesync.CodeUnsent, "let them be sent first, or export them with sitesync-agent outbox export; abandon=1 exports and forgets them",
			"%d changes have not reached the hub yet, and they belong to the present site", waiting)
	}
	return a.engine.Pause(ctx, func() error {
		if err := a.abandon(); err != nil {
			return err
		}
		return a.engine.Edit(func(s *engine.Site) error {
			s.Forget()
			return apply(s)
		})
	})
}

// edited is a site with an edit made; nil is that of a device that has not
// joined. other says that it may be another hub or site than before.
func (a *Agent) edited(now *engine.Site, edit api.SiteEdit) (next engine.Site, other bool, err error) {
	if now != nil {
		next = *now
	}
	set := func(into *string, value *string) (changed bool) {
		if value == nil || *value == *into {
			return false
		}
		*into = *value
		return true
	}
	joined := next.Name != ""
	hub := set(&next.Hub, edit.Hub)
	set(&next.CA, edit.CA)
	name := set(&next.Name, edit.Name)
	set(&next.Code, edit.Code)
	if edit.Password != nil {
		next.Password, next.Fresh = *edit.Password, true
	}
	switch {
	case next.Hub == "":
		return next, false, missing("hub")
	case next.Name == "":
		return next, false, missing("name")
	case next.Password == "" && next.Credential == "":
		return next, false, missing("password")
	}
	if _, err := link.ParseURL(next.Hub, a.config.Insecure); err != nil {
		return next, false, err
	}
	if edit.CA != nil && *edit.CA != "" {
		if _, err := link.TrustCA([]byte(*edit.CA)); err != nil {
			return next, false, err
		}
	}
	// A new name alone keeps the credential, which belongs to one site: that is
	// a renamed site. With a password it can be any.
	other = joined && (hub || name && edit.Password != nil)
	if other {
		next.Switch = true
		if hub {
			next.Addresses = nil
		}
	}
	return next, other, nil
}

func missing(field string) error {
	return sitesync.Errorf(sitesync.CodeInvalid, "send hub, name and password the first time", "the site's %s is missing", field).WithField(field)
}

// abandon exports what waits, then forgets all that is here. No session may run.
func (a *Agent) abandon() error {
	file := filepath.Join(a.config.Data, fmt.Sprintf("abandoned-%s.ndjson", time.Now().UTC().Format("20060102-150405")))
	n, err := a.Export(file)
	if err != nil {
		return err
	}
	a.config.Log.Warn("unsent changes were exported and given up, as was asked for", "changes", n, "file", file)
	return a.db.ClearUnless(n)
}

// Export implements api.Agent.
func (c *control) Export(w io.Writer) error {
	_, err := (*Agent)(c).write(w)
	return err
}

// Export writes what waits in the outbox to a new file, durably.
func (a *Agent) Export(file string) (n uint64, err error) {
	err = ToNewFile(file, func(w io.Writer) error {
		n, err = a.write(w)
		return err
	})
	return n, err
}

func (a *Agent) write(w io.Writer) (n uint64, err error) {
	site := engine.Site{}
	if s := a.engine.Site(); s != nil {
		site = *s
	}
	return a.db.Export(w, site.ID, site.HubID)
}

// ToNewFile has a file written that is not there yet, durably and for this user
// alone. After an error there is none. Error: usage.
func ToNewFile(file string, write func(io.Writer) error) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "choose a new file in a folder that exists", "the export cannot be written: %w", err)
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

func notJoined() error {
	return sitesync.Errorf(sitesync.CodeInvalid, "join a site first: sitesync-agent join, or PUT /v1/site", "this device has not joined a site")
}
