package admin

import (
	"strings"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// siteCreate is what site.create takes.
type siteCreate struct {
	Name       string             `json:"name" about:"unique name, with which the device signs in"`
	Code       string             `json:"code,omitempty" about:"free short text"`
	Password   string             `json:"password" secret:"true" about:"password of the site, at least 8 characters"`
	Stores     []Ref              `json:"stores,omitempty" about:"stores to move there from the central site"`
	Transport  sitesync.Transport `json:"transport,omitempty" about:"auto, tls, wss or tcp"`
	MaxOffline Seconds            `json:"maxOffline,omitempty" about:"longest time without contact before its stores become read-only, 0 for any"`
	Mirror     bool               `json:"mirror,omitempty" about:"keeps a read-only copy of everything"`
}

func (c *call) createSite(in siteCreate) (out SiteResult, err error) {
	n := registry.NewSite{Name: in.Name, Code: in.Code, Password: in.Password, Transport: in.Transport,
		MaxOffline: uint64(in.MaxOffline), Mirror: in.Mirror}
	plan := c.plan()
	if n.Stores, err = plan.move(in.Stores, "stores", nil, 0, in.Name); err != nil {
		return out, err
	}
	res, err := c.Registry.CreateSite(c.actor, n)
	if e := sitesync.AsError(err); e != nil && e.Field == "addStores" {
		return out, inField(e, "stores")
	}
	if err != nil {
		return out, err
	}
	c.made = true
	if _, err := plan.carryOut(res.Intents); err != nil {
		return out, err
	}
	out.Site, err = c.Site(res.Site)
	return out, err
}

// siteUpdate is what site.update takes. What is left out stays as it is.
type siteUpdate struct {
	Site         Ref                 `json:"site" about:"the site"`
	Revision     uint64              `json:"revision" about:"the site's revision, as you know it"`
	Name         *string             `json:"name,omitempty" about:"new name; a device that uses the old one stops"`
	Code         *string             `json:"code,omitempty" about:"free short text"`
	Password     *string             `json:"password,omitempty" secret:"true" about:"new password; a device that uses the old one stops"`
	Enabled      *bool               `json:"enabled,omitempty" about:"whether the site may sync"`
	Transport    *sitesync.Transport `json:"transport,omitempty" about:"auto, tls, wss or tcp"`
	MaxOffline   *Seconds            `json:"maxOffline,omitempty" about:"longest time without contact before its stores become read-only, 0 for any"`
	Mirror       *bool               `json:"mirror,omitempty" about:"keeps a read-only copy of everything"`
	AddStores    []Ref               `json:"addStores,omitempty" about:"stores to move to the site"`
	RemoveStores []Ref               `json:"removeStores,omitempty" about:"stores to move from the site to the central site"`
	DryRun       bool                `json:"dryRun,omitempty" about:"only tell what would happen"`
}

func (c *call) updateSite(in siteUpdate) (out SiteEdited, err error) {
	if in.Revision == 0 { // which the registry takes for any
		return out, invalid("revision", "give the revision that the site had when you looked at it", "no site has revision 0")
	}
	e := registry.SiteEdit{Revision: in.Revision, Name: in.Name, Code: in.Code, Password: in.Password, Enabled: in.Enabled,
		Transport: in.Transport, MaxOffline: (*uint64)(in.MaxOffline), Mirror: in.Mirror, DryRun: in.DryRun}
	site, err := c.findSite(in.Site, "site")
	if err != nil {
		return out, err
	}
	e.Site = site.ID
	plan := c.plan()
	if e.AddStores, err = plan.move(in.AddStores, "addStores", nil, site.ID, site.Name); err != nil {
		return out, err
	}
	if e.RemoveStores, err = plan.move(in.RemoveStores, "removeStores", &site, sitesync.CentralSite, ""); err != nil {
		return out, err
	}
	res, err := c.Registry.UpdateSite(c.actor, e)
	if err != nil {
		return out, err
	}
	out.Effects, out.Handovers = append(append([]string{}, res.Effects...), plan.effects...), []sitesync.Handover{}
	if !in.DryRun {
		c.made = true
		if out.Handovers, err = plan.carryOut(res.Intents); err != nil {
			return out, err
		}
	}
	out.Site, err = c.Site(res.Site)
	return out, err
}

// siteOnly is what commands take that need no more than a site.
type siteOnly struct {
	Site Ref `json:"site" about:"the site"`
}

func (c *call) getSite(in siteOnly) (out SiteResult, err error) {
	site, err := c.findSite(in.Site, "site")
	if err != nil {
		return out, err
	}
	out.Site, err = c.Site(site)
	return out, err
}

// siteList is what site.list takes.
type siteList struct {
	State sitesync.SiteState `json:"state,omitempty" about:"only sites in this state: online, offline, never, refused, disabled or held"`
	Q     string             `json:"q,omitempty" about:"only sites with this text in name or code"`
	Limit *int               `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string             `json:"after,omitempty" about:"next of the former page"`
}

func (c *call) listSites(in siteList) (out Page[sitesync.Site], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	after, err := p.number()
	if err != nil {
		return out, err
	}
	if !knownState(in.State) {
		return out, invalid("state", "use online, offline, never, refused, disabled or held", "there is no such state of sites")
	}
	q := strings.ToLower(in.Q)
	sites, next := c.Registry.Sites(func(site *registry.Site) bool {
		if !site.Contains(q) {
			return false
		}
		if in.State != "" {
			if live := c.condition(site); state(site, &live) != in.State {
				return false
			}
		}
		return true
	}, sitesync.SiteID(after), p.limit)
	for i := range sites {
		shape, err := c.site(&sites[i])
		if err != nil {
			return out, err
		}
		full, err := out.add(shape)
		if err != nil {
			return out, err
		}
		if full && i+1 < len(sites) {
			next = shape.ID
			break
		}
	}
	out.Next = nextNumber(next)
	return out, nil
}

func knownState(s sitesync.SiteState) bool {
	switch s {
	case "", sitesync.StateOnline, sitesync.StateOffline, sitesync.StateNever, sitesync.StateRefused, sitesync.StateDisabled, sitesync.StateHeld:
		return true
	}
	return false
}

// siteRemove is what site.delete and site.reset-hardware take.
type siteRemove struct {
	Site     Ref    `json:"site" about:"the site"`
	Revision uint64 `json:"revision,omitempty" about:"do it only if the site still has this revision"`
	Force    bool   `json:"force,omitempty" about:"do it even though the device has changes that it has not sent"`
}

func (c *call) resetHardware(in siteRemove) (SiteResult, error) {
	return c.remove(in, c.Registry.ResetHardware)
}

func (c *call) deleteSite(in siteRemove) (SiteResult, error) {
	return c.remove(in, c.Registry.DeleteSite)
}

func (c *call) remove(in siteRemove, do func(registry.Actor, registry.SiteRemoval) (registry.SiteResult, error)) (out SiteResult, err error) {
	site, err := c.findSite(in.Site, "site")
	if err != nil {
		return out, err
	}
	res, err := do(c.actor, registry.SiteRemoval{Site: site.ID, Revision: in.Revision, Backlog: c.condition(&site).Backlog,
		Force: in.Force, Stores: c.Handover.StoresOf(site.ID)})
	if err != nil {
		return out, err
	}
	c.made = true
	if _, err := c.plan().carryOut(res.Intents); err != nil {
		return out, err
	}
	out.Site, err = c.Site(res.Site)
	return out, err
}

// findSite finds the site an argument names. Errors: not_found, naming the field.
func (c *call) findSite(ref Ref, field string) (registry.Site, error) {
	site, err := c.Registry.ResolveSite(ref)
	if err != nil && c.known {
		return registry.Site{ID: sitesync.SiteID(ref.ID)}, nil // the memory of the edit knows it
	}
	if err != nil {
		return site, inField(err, field)
	}
	return site, nil
}
