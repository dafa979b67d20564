package greet

import (
	"slices"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Assignment tells a session, whole, which stores are its site's. A store that
// came to the site since its hello begins to load without another one, unless
// the session is about to be closed: then its replica is not the one that the
// store waits for.
func (g *Greet) Assignment(s *session.Session) ([]session.Message, error) {
	if g.Registry.Recheck(s.Decision).Outcome == registry.Accepted {
		if err := g.Handover.Arrive(s.Site, s.Replica); err != nil {
			return nil, err
		}
	}
	pages, err := g.assignment(s)
	var out []session.Message
	for _, page := range pages {
		out = append(out, s.To(topic.Assignment, 0, page))
	}
	return out, err
}

// assignment lists the stores that a site owns and those of which it has a copy
// still. What it grants is written down before anybody can read it.
func (g *Greet) assignment(s *session.Session) ([]*wire.Assignment, error) {
	site, err := g.Registry.Site(s.Site)
	if err != nil {
		return nil, err
	}
	a := wire.Assignment{Version: s.NextAssignment(), Addresses: g.Addresses(), Lease: time.Duration(site.MaxOffline) * time.Second}
	if err := g.Leases.Grant(s, a.Version, a.Lease); err != nil {
		return nil, err
	}
	for _, id := range g.listed(s.Site) {
		assigned, listed, err := g.assigned(s.Site, id)
		if err != nil {
			return nil, err
		}
		if listed {
			a.Stores = append(a.Stores, assigned)
		}
	}
	return wire.SplitAssignment(a), nil
}

// mostElsewhere is how many stores a site is told of that are neither its own
// nor have a copy there: far above what a device can have come by honestly.
const mostElsewhere = 100

// noEpoch stands in for the epoch of a store of which a site is told nothing
// else; the wire has none without.
var noEpoch = sitesync.NewEpoch(1, 1)

// listed finds the stores that a site is told of. Of those that are not its any
// more, or are deleted, it is told as long as somebody has to decide about
// changes that came from it.
func (g *Greet) listed(site sitesync.SiteID) []sitesync.StoreID {
	ids := slices.Concat(g.Handover.StoresOf(site), g.Handover.CopiesAt(site))
	for _, id := range g.State.UndecidedAt(site, mostElsewhere) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// assigned is what a site is told of a store, if anything.
func (g *Greet) assigned(site sitesync.SiteID, id sitesync.StoreID) (a wire.AssignedStore, listed bool, err error) {
	a = wire.AssignedStore{Store: id, Epoch: noEpoch, Phase: sitesync.PhaseReleased, Quarantined: g.State.Undecided(site, id)}
	m, ok, err := g.State.Meta(id)
	if err != nil {
		return a, false, err
	}
	copied := slices.IndexFunc(m.Copies, func(c records.Copy) bool { return c.Site == site })
	if !ok || m.Owner != site && copied < 0 {
		return a, a.Quarantined > 0, nil // a site learns nothing of what is not its own
	}
	store, err := g.Registry.Store(id)
	if sitesync.CodeOf(err) == sitesync.CodeNotFound {
		return a, a.Quarantined > 0, nil // deleted; it must not keep the site's other stores from it
	}
	if err != nil {
		return a, false, err
	}
	a.Code, a.Name, a.Epoch = store.Code, store.Name, m.Epoch
	if m.Owner != site {
		// One that is purged is listed only while somebody has to decide.
		a.To, a.OwnerActive = g.siteName(m.Owner), m.Phase != sitesync.PhaseLoading
		return a, !m.Copies[copied].Purged || a.Quarantined > 0, nil
	}
	a.Phase = m.Phase
	a.Tags, a.Replica, a.Settled, a.Chain, a.Head = store.Tags, m.Replica, m.Settled, m.Chain, m.Head()
	a.Records, a.Bytes = uint64(m.Records), uint64(m.Bytes)
	if m.Handover != nil {
		a.Handover = m.Handover.ID
	}
	if m.Phase == sitesync.PhaseDraining {
		a.To = g.siteName(m.Handover.To)
	}
	return a, true, nil
}

// siteName is for people; a site that was deleted this moment has none.
func (g *Greet) siteName(id sitesync.SiteID) string {
	site, err := g.Registry.Site(id)
	if err != nil {
		return ""
	}
	return site.Name
}
