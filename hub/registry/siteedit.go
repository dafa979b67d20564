package registry

import (
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
	MaxOffline uint64             // seconds; 0 = any time
	Mirror     bool               // not available yet
}

// SiteEdit changes what is not nil.
type SiteEdit struct {
	Site         sitesync.SiteID
	Revision     uint64 // the one the editor saw, required
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
	Effects []string // sentences for the administrator: what the edit does, or would do, but for moves of stores
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
		return SiteResult{}, ofCreate(err)
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
	return r.siteResult(done, ofCreate(err))
}

// ofCreate names the argument as site.create does.
func ofCreate(err error) error {
	if e := sitesync.AsError(err); e != nil && e.Field == "addStores" {
		e.Field = "stores"
	}
	return err
}

// UpdateSite changes a site's details, its password and the set of its stores,
// all or nothing. Errors: CodeNotFound, CodeConflict (the revision is another
// one; the message says who changed what), CodeInvalid, CodeExists,
// CodeActiveHere, CodeIDReused.
func (r *Registry) UpdateSite(a Actor, want SiteEdit) (SiteResult, error) {
	if want.Revision == 0 {
		return SiteResult{}, sitesync.Errorf(sitesync.CodeInvalid, "read the site, and send the revision you saw", "the edit does not say which revision it changes").WithField("revision")
	}
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
	if err := checkMaxOffline(w.MaxOffline); err != nil {
		return err
	}
	switch {
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
