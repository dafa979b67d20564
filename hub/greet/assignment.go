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
	for _, id := range slices.Concat(g.Handover.StoresOf(s.Site), g.Handover.CopiesAt(s.Site)) {
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

// assigned is what a site is told of a store, if anything.
func (g *Greet) assigned(site sitesync.SiteID, id sitesync.StoreID) (a wire.AssignedStore, listed bool, err error) {
	m, ok, err := g.State.Meta(id)
	if err != nil || !ok {
		return a, false, err
	}
	store, err := g.Registry.Store(id)
	if sitesync.CodeOf(err) == sitesync.CodeNotFound {
		return a, false, nil // deleted; it must not keep the site's other stores from it
	}
	if err != nil {
		return a, false, err
	}
	a = wire.AssignedStore{Store: id, Code: store.Code, Name: store.Name, Epoch: m.Epoch, Phase: m.Phase, Quarantined: g.State.Undecided(site, id)}
	if m.Owner != site {
		return a, g.released(site, &m, &a), nil
	}
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

// released tells a site of a store that it has lost: who has it, and whether
// the copy may go. One that is purged is listed only while somebody has to
// decide about changes that came too late. It reports whether the site has a
// copy.
func (g *Greet) released(site sitesync.SiteID, m *records.Meta, a *wire.AssignedStore) bool {
	i := slices.IndexFunc(m.Copies, func(c records.Copy) bool { return c.Site == site })
	if i < 0 || m.Copies[i].Purged && a.Quarantined == 0 {
		return false
	}
	a.Phase, a.To, a.OwnerActive = sitesync.PhaseReleased, g.siteName(m.Owner), m.Phase != sitesync.PhaseLoading
	return true
}

// siteName is for people; a site that was deleted this moment has none.
func (g *Greet) siteName(id sitesync.SiteID) string {
	site, err := g.Registry.Site(id)
	if err != nil {
		return ""
	}
	return site.Name
}
