package registry

import (
	"fmt"
	"slices"

	"sitesync/shared/sitesync"
)

// apply brings what is wanted into a site that is new or known.
func (e *edit) apply(c *siteChange, d *deviceRecord, want SiteEdit) error {
	if err := e.applyName(c, want.Name); err != nil {
		return err
	}
	if err := e.applyPassword(c, d, want.password); err != nil {
		return err
	}
	if err := e.applyEnabled(c, want.Enabled); err != nil {
		return err
	}
	if want.Code != nil && *want.Code != c.rec.Code {
		c.note("code", c.rec.Code, *want.Code)
		e.effect("the code becomes %q", *want.Code)
		c.rec.Code = *want.Code
	}
	if want.Transport != nil && *want.Transport != c.rec.Transport {
		c.note("transport", c.rec.Transport, *want.Transport)
		e.effect("the device may connect by %s from its next connection on", transportText(*want.Transport))
		c.rec.Transport = *want.Transport
	}
	if err := e.applyMaxOffline(c, want.MaxOffline); err != nil {
		return err
	}
	return e.applyStores(c, want)
}

func (e *edit) effect(format string, args ...any) {
	e.done.Effects = append(e.done.Effects, fmt.Sprintf(format, args...))
}

func (e *edit) applyName(c *siteChange, name *string) error {
	if name == nil || *name == c.rec.Name {
		return nil
	}
	if err := e.takeName(*name, c.rec.ID); err != nil {
		return err
	}
	if c.rec.Name == "" {
		c.note("name", nil, *name)
		c.rec.Name = *name
		return nil
	}
	c.note("name", c.rec.Name, *name)
	folded := foldName(*name)
	c.rec.Former = slices.DeleteFunc(slices.Clone(c.rec.Former), func(former string) bool { return foldName(former) == folded })
	if foldName(c.rec.Name) != folded {
		c.rec.Former = append(c.rec.Former, c.rec.Name)
		e.effect("a device that uses the name %q stops until %q is entered on it", c.rec.Name, *name)
	}
	c.rec.Name = *name
	return nil
}

func (e *edit) applyPassword(c *siteChange, d *deviceRecord, password *chosen) error {
	if password == nil {
		return nil
	}
	if c.rec.ActiveHere {
		return sitesync.Errorf(sitesync.CodeInvalid, "leave the password out", "the central site has no password: no device is it").WithField("password")
	}
	first := d.Password == 0
	changed, back, err := d.setPassword(password)
	if err != nil {
		return err
	}
	e.done.secret = d.passwordHash()
	switch {
	case !changed:
	case first:
		c.note("password", nil, "set")
	case back:
		c.note("password", nil, "changed")
		e.effect("a device that uses this former password resumes; one that uses the later one stops")
	default:
		c.note("password", nil, "changed")
		e.effect("a device that uses the old password stops until the new one is entered on it")
	}
	return nil
}

func (e *edit) applyEnabled(c *siteChange, enabled *bool) error {
	switch {
	case enabled == nil || *enabled == c.rec.Enabled:
		return nil
	case c.rec.ActiveHere:
		return sitesync.Errorf(sitesync.CodeActiveHere, "stop the hub instead", "the central site cannot be disabled").WithField("enabled")
	case *enabled:
		e.effect("the device may sync again; it notices when it next tries")
	default:
		e.effect("the device stops syncing at once; it goes on working offline")
	}
	c.note("enabled", c.rec.Enabled, *enabled)
	c.rec.Enabled = *enabled
	return nil
}

// applyStores moves stores. What becomes of them depends on where they are,
// which whoever asks the stores' metas can say.
func (e *edit) applyStores(c *siteChange, want SiteEdit) error {
	for _, id := range want.AddStores {
		s, err := e.store(id)
		if err != nil {
			return inField(err, "addStores")
		}
		if s.Site == c.rec.ID {
			continue
		}
		if err := e.move(&s, c.rec.ID, false); err != nil {
			return err
		}
	}
	for _, id := range want.RemoveStores {
		s, err := e.store(id)
		if err != nil {
			return inField(err, "removeStores")
		}
		if s.Site != c.rec.ID || s.Site == sitesync.CentralSite {
			return sitesync.Errorf(sitesync.CodeInvalid, "read the site again", "store %s cannot be removed from %q: it is at site %d", s.Code, c.rec.Name, s.Site).WithField("removeStores")
		}
		if err := e.move(&s, sitesync.CentralSite, false); err != nil {
			return err
		}
	}
	return nil
}

func transportText(t sitesync.Transport) string {
	switch t {
	case sitesync.TransportAuto:
		return "TLS or WebSocket"
	case sitesync.TransportTLS:
		return "TLS only"
	case sitesync.TransportWSS:
		return "WebSocket only"
	case sitesync.TransportTCP:
		return "plain TCP only"
	}
	return ""
}
