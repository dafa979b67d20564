package registry

import (
	"errors"
	"strconv"

	"sitesync/shared/sitesync"
)

// siteChange collects what one command does to one site, so that the site's
// revision grows by one and the audit log has one entry.
type siteChange struct {
	rec           siteRecord
	removed       bool
	before, after details
	gained, lost  []string // codes of stores
}

// changeSite begins to change a site, or goes on.
func (e *edit) changeSite(id sitesync.SiteID) (*siteChange, error) {
	if c := e.sites[id]; c != nil {
		return c, nil
	}
	rec, known, err := get[siteRecord](e, keySite(id))
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, noSite(Ref{ID: uint64(id)})
	}
	return e.addSite(rec), nil
}

func (e *edit) addSite(rec siteRecord) *siteChange {
	c := &siteChange{rec: rec, before: details{}, after: details{}}
	if e.sites == nil {
		e.sites = make(map[siteID]*siteChange)
	}
	e.sites[rec.ID] = c
	e.touched = append(e.touched, rec.ID)
	return c
}

// note says what changed, for the audit log. A nil before or after is left
// out.
func (c *siteChange) note(field string, before, after any) {
	if before != nil {
		c.before[field] = before
	}
	if after != nil {
		c.after[field] = after
	}
}

func (e *edit) gain(site sitesync.SiteID, s *storeRecord) error {
	c, err := e.changeSite(site)
	if err == nil {
		c.rec.Stores++
		c.gained = append(c.gained, s.Code)
	}
	return err
}

func (e *edit) lose(site sitesync.SiteID, s *storeRecord) error {
	c, err := e.changeSite(site)
	if err == nil {
		c.rec.Stores--
		c.lost = append(c.lost, s.Code)
	}
	return err
}

// finishSites writes the changed sites and their audit entries.
func (e *edit) finishSites() error {
	var errs []error
	for _, id := range e.touched {
		errs = append(errs, e.finishSite(e.sites[id]))
	}
	return errors.Join(errs...)
}

func (e *edit) finishSite(c *siteChange) error {
	if len(c.gained) > 0 {
		c.after["storesAdded"] = c.gained
	}
	if len(c.lost) > 0 {
		c.after["storesRemoved"] = c.lost
	}
	if len(c.before)+len(c.after) == 0 {
		return nil
	}
	id := c.rec.ID
	if c.removed {
		e.audit(e.actor, sitesync.Audit{Site: &id, Before: c.before.json()})
		return nil
	}
	if c.rec.Revision == 0 {
		c.before = nil // a new site was nothing before
	} else {
		c.before["revision"] = c.rec.Revision
	}
	c.rec.Revision++
	c.after["revision"] = c.rec.Revision
	e.audit(e.actor, sitesync.Audit{Site: &id, Before: c.before.json(), After: c.after.json()})
	return e.put(keySite(id), c.rec)
}

// checkRevision answers CodeConflict when others have edited the site since,
// and says what they did. A wanted revision of 0 is any.
func (e *edit) checkRevision(c *siteChange, want uint64) error {
	if want == 0 || want == c.rec.Revision {
		return nil
	}
	next := "read the site again, look at what changed, and send the edit with revision " + strconv.FormatUint(c.rec.Revision, 10)
	if want > c.rec.Revision {
		return sitesync.Errorf(sitesync.CodeConflict, next, "site %q has revision %d, not %d", c.rec.Name, c.rec.Revision, want).WithField("revision")
	}
	since, err := e.r.changedSince(c.rec.ID, want)
	if err != nil {
		return err
	}
	if since == "" {
		since = "someone edited it"
	}
	return sitesync.Errorf(sitesync.CodeConflict, next, "site %q has changed since revision %d: %s", c.rec.Name, want, since).WithField("revision")
}
