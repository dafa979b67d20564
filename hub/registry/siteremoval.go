package registry

import (
	"fmt"
	"slices"
	"strings"

	"sitesync/shared/sitesync"
)

// SiteRemoval is what DeleteSite and ResetHardware take.
type SiteRemoval struct {
	Site     sitesync.SiteID
	Revision uint64             // the one the administrator saw; 0 = any
	Backlog  uint64             // changes the device last reported as not sent
	Force    bool               // go on although there is a backlog
	Stores   []sitesync.StoreID // those whose meta names the site as owner
}

// DeleteSite takes a site away and destroys its credentials; its names become
// free. Errors: CodeNotFound, CodeActiveHere, CodeConflict, CodeInUse (it owns
// stores, or some are wanted there; the message names them), CodeBacklog
// unless Force, CodeIDReused.
func (r *Registry) DeleteSite(a Actor, d SiteRemoval) (SiteResult, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		c, device, err := e.beginRemoval(d)
		if err != nil {
			return err
		}
		if c.rec.Stores > 0 || len(d.Stores) > 0 {
			return sitesync.Errorf(sitesync.CodeInUse, "move them to another site first", "the site %q still has stores: %s", c.rec.Name, r.storeNames(d)).WithField("site")
		}
		if err := d.checkBacklog(c); err != nil {
			return err
		}
		e.done.Site, e.done.GoneSite = d.Site, c.rec.join(&device, Live{})
		c.removed = true
		c.note("name", c.rec.Name, nil)
		c.note("code", c.rec.Code, nil)
		c.note("revision", c.rec.Revision, nil)
		for _, name := range append(slices.Clone(c.rec.Former), c.rec.Name) {
			e.remove(keyName(foldName(name)))
		}
		e.remove(keySite(d.Site))
		e.remove(keyLive(d.Site))
		device.free(sitesync.ProblemDeleted)
		device.Password, device.Passwords = 0, nil
		return e.put(keyDevice(d.Site), device)
	})
	return r.siteResult(done, err)
}

// ResetHardware frees a site for a new device: hardware ID, evidence, replica
// history and hold go, its credentials are destroyed, and each store in Stores
// gets an intent for a new replica. Errors: CodeNotFound, CodeActiveHere,
// CodeConflict, CodeBacklog unless Force, CodeIDReused.
func (r *Registry) ResetHardware(a Actor, d SiteRemoval) (SiteResult, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		c, device, err := e.beginRemoval(d)
		if err != nil {
			return err
		}
		if err := d.checkBacklog(c); err != nil {
			return err
		}
		e.done.Site = d.Site
		c.note("hardwareId", device.Hardware, "")
		device.free(sitesync.ProblemHardwareReset)
		for _, id := range d.Stores {
			s, err := e.store(id)
			if err != nil {
				return err
			}
			if _, err := e.wish(&s, IntentNewReplica, d.Site); err != nil {
				return err
			}
			if err := e.put(keyStore(id), s); err != nil {
				return err
			}
		}
		return e.put(keyDevice(d.Site), device)
	})
	return r.siteResult(done, err)
}

// ReloadStores gives stores of a site a new epoch, so that its device loads
// them anew. Nothing of what the device has not sent is applied then: the
// caller has seen to it that there is nothing. Errors: CodeNotFound.
func (r *Registry) ReloadStores(a Actor, site sitesync.SiteID, stores []sitesync.StoreID) ([]Intent, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		for _, id := range stores {
			s, err := e.store(id)
			if err != nil {
				return err
			}
			if _, err := e.wish(&s, IntentNewReplica, site); err != nil {
				return err
			}
			e.audit(a, sitesync.Audit{Site: &site, Store: &id, After: details{"loadedAnew": true}.json()})
			if err := e.put(keyStore(id), s); err != nil {
				return err
			}
		}
		return nil
	})
	return done.Intents, err
}

func (e *edit) beginRemoval(d SiteRemoval) (*siteChange, deviceRecord, error) {
	c, err := e.changeSite(d.Site)
	if err != nil {
		return nil, deviceRecord{}, err
	}
	if c.rec.ActiveHere {
		return nil, deviceRecord{}, sitesync.Errorf(sitesync.CodeActiveHere, "choose another site", "the site %q is this hub itself", c.rec.Name).WithField("site")
	}
	if err := e.checkRevision(c, d.Revision); err != nil {
		return nil, deviceRecord{}, err
	}
	device, err := need[deviceRecord](e, keyDevice(d.Site))
	return c, device, err
}

func (d *SiteRemoval) checkBacklog(c *siteChange) error {
	if d.Backlog == 0 || d.Force {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeBacklog,
		"let the device connect once more, or export its outbox there; with force the hub goes on without them",
		"the device of %q last reported %d changes that it had not sent", c.rec.Name, d.Backlog)
}

// free makes a device record that of no device.
func (d *deviceRecord) free(why sitesync.ProblemCode) {
	d.Hardware, d.Evidence, d.Test, d.Weak = "", nil, false, false
	d.Replicas, d.Held = nil, false
	d.destroyCredentials(why)
}

// storeNames names the stores that keep a site from being deleted.
func (r *Registry) storeNames(d SiteRemoval) string {
	codes := make(map[string]bool)
	for _, s := range r.StoresOf(d.Site) {
		codes[s.Code] = true
	}
	for _, id := range d.Stores {
		if s, err := r.Store(id); err == nil {
			codes[s.Code] = true
		}
	}
	const most = 20
	names := sorted(codes)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
