package registry

import (
	"fmt"
	"slices"

	"sitesync/shared/sitesync"
)

// NewSite is what CreateSite takes.
type NewSite struct {
	Name       string
	Code       string
	Password   string
	Stores     []sitesync.StoreID // to be moved there
	Transport  sitesync.Transport // "" = auto
	MaxOffline uint64             // seconds; not available yet
	Mirror     bool               // not available yet
}

// SiteEdit changes what is not nil.
type SiteEdit struct {
	Site         sitesync.SiteID
	Revision     uint64 // the one the editor saw
	Name         *string
	Code         *string
	Password     *string
	Enabled      *bool
	Transport    *sitesync.Transport
	MaxOffline   *uint64
	Mirror       *bool
	AddStores    []sitesync.StoreID
	RemoveStores []sitesync.StoreID // to the central site
	DryRun       bool               // check and tell the effects, change nothing

	password *chosen
}

// SiteResult is what an edit of a site did.
type SiteResult struct {
	Site    Site
	Effects []string // sentences for the administrator: what the edit does, or would do
	Intents []Intent // what it wished for stores
}

// mostStores bounds the stores of one edit, and with them its commit.
const mostStores = 500

// CreateSite makes a site: its details, its password, and intents to move the
// stores to it. Errors: CodeInvalid, CodeExists, CodeNotFound (stores),
// CodeIDReused.
func (r *Registry) CreateSite(a Actor, n NewSite) (SiteResult, error) {
	if n.Transport == "" {
		n.Transport = sitesync.TransportAuto
	}
	want := SiteEdit{Name: &n.Name, Code: &n.Code, Password: &n.Password, Transport: &n.Transport,
		MaxOffline: &n.MaxOffline, Mirror: &n.Mirror, AddStores: n.Stores}
	if err := want.check(); err != nil {
		return SiteResult{}, err
	}
	want.password = r.choose(n.Password)
	done, err := r.perform(a, want.password, false, func(e *edit) error {
		id, err := e.reserve(idSite, 1)
		if err != nil {
			return err
		}
		c := e.addSite(siteRecord{ID: sitesync.SiteID(id), Enabled: true, Created: e.at})
		device := deviceRecord{Site: c.rec.ID}
		e.done.Site = c.rec.ID
		if err := e.apply(c, &device, want); err != nil {
			return err
		}
		e.done.Effects = nil
		return e.put(keyDevice(c.rec.ID), device)
	})
	return r.siteResult(done, err)
}

// UpdateSite changes a site's details, its password and the set of its stores,
// all or nothing. Errors: CodeNotFound, CodeConflict (the revision is another
// one; the message says who changed what), CodeInvalid, CodeExists,
// CodeActiveHere, CodeIDReused.
func (r *Registry) UpdateSite(a Actor, want SiteEdit) (SiteResult, error) {
	if err := want.check(); err != nil {
		return SiteResult{}, err
	}
	if want.Password != nil {
		want.password = r.choose(*want.Password)
	}
	var would *Site
	done, err := r.perform(a, want.password, want.DryRun, func(e *edit) error {
		c, err := e.changeSite(want.Site)
		if err != nil {
			return err
		}
		if err := e.checkRevision(c, want.Revision); err != nil {
			return err
		}
		device, err := need[deviceRecord](e, keyDevice(want.Site))
		if err != nil {
			return err
		}
		e.done.Site = want.Site
		if err := e.apply(c, &device, want); err != nil {
			return err
		}
		would = c.rec.join(&device, Live{})
		return e.put(keyDevice(want.Site), device)
	})
	if err != nil || !want.DryRun || done.again {
		return r.siteResult(done, err)
	}
	return SiteResult{Site: would.clone(), Effects: done.Effects, Intents: done.Intents}, nil
}

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

func (e *edit) applyStores(c *siteChange, want SiteEdit) error {
	for _, id := range want.AddStores {
		s, err := e.store(id)
		if err != nil {
			return inField(err, "addStores")
		}
		if s.Site == c.rec.ID {
			continue
		}
		if s.Site == sitesync.CentralSite {
			e.effect("store %s goes to %q from the central site at once", s.Code, c.rec.Name)
		} else {
			e.effect("store %s goes to %q once the device of site %d has sent everything", s.Code, c.rec.Name, s.Site)
		}
		if err := e.move(&s, c.rec.ID); err != nil {
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
		e.effect("store %s goes to the central site once the device has sent everything", s.Code)
		if err := e.move(&s, sitesync.CentralSite); err != nil {
			return err
		}
	}
	return nil
}

func inField(err error, field string) error {
	if e := sitesync.AsError(err); e != nil {
		return e.WithField(field)
	}
	return err
}

// check holds an edit against the rules that need no look at the registry, and
// normalises its name.
func (w *SiteEdit) check() error {
	if w.Name != nil {
		name, err := NormalName(*w.Name)
		if err != nil {
			return err
		}
		w.Name = &name
	}
	if w.Code != nil {
		if err := sitesync.CheckSiteCode(*w.Code); err != nil {
			return err
		}
	}
	if w.Password != nil {
		if err := CheckPassword(*w.Password); err != nil {
			return err
		}
	}
	if w.Transport != nil && transportText(*w.Transport) == "" {
		return sitesync.Errorf(sitesync.CodeInvalid, "use auto, tls, wss or tcp", "there is no such transport").WithField("transport")
	}
	return w.checkRest()
}

func (w *SiteEdit) checkRest() error {
	switch {
	case w.MaxOffline != nil && *w.MaxOffline != 0:
		return sitesync.Errorf(sitesync.CodeInvalid, "leave it out or set it to 0: a longest time offline is not available yet", "maxOffline cannot be set").WithField("maxOffline")
	case w.Mirror != nil && *w.Mirror:
		return sitesync.Errorf(sitesync.CodeInvalid, "leave it out or set it to false: mirror sites are not available yet", "mirror cannot be set").WithField("mirror")
	case len(w.AddStores)+len(w.RemoveStores) > mostStores:
		return sitesync.Errorf(sitesync.CodeTooLarge, "use several edits", "one edit can move at most %d stores", mostStores).WithField("addStores")
	}
	for _, id := range w.AddStores {
		if slices.Contains(w.RemoveStores, id) {
			return sitesync.Errorf(sitesync.CodeInvalid, "name each store once", "store %d is both added and removed", id).WithField("removeStores")
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

func (r *Registry) siteResult(done result, err error) (SiteResult, error) {
	if err != nil {
		return SiteResult{}, err
	}
	res := SiteResult{Effects: done.Effects, Intents: done.Intents}
	if done.GoneSite != nil {
		res.Site = done.GoneSite.clone()
		return res, nil
	}
	res.Site, err = r.Site(done.Site)
	return res, err
}
