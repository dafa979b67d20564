package greet

import (
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

func (g *Greet) assignment(s *session.Session) ([]*wire.Assignment, error) {
	a := wire.Assignment{Version: s.NextAssignment(), Addresses: g.Addresses()}
	for _, id := range g.Handover.StoresOf(s.Site) {
		m, ok, err := g.State.Meta(id)
		if err != nil {
			return nil, err
		}
		if !ok || m.Owner != s.Site {
			continue // it moved on this moment; the next assignment says so
		}
		store, err := g.Registry.Store(id)
		if sitesync.CodeOf(err) == sitesync.CodeNotFound {
			continue // deleted; it must not keep the site's other stores from it
		}
		if err != nil {
			return nil, err
		}
		assigned := wire.AssignedStore{Store: id, Code: store.Code, Name: store.Name, Tags: store.Tags, Epoch: m.Epoch, Phase: m.Phase,
			Replica: m.Replica, Settled: m.Settled, Chain: m.Chain, Head: m.Head(), Records: uint64(m.Records), Bytes: uint64(m.Bytes)}
		if m.Handover != nil {
			assigned.Handover = m.Handover.ID
		}
		a.Stores = append(a.Stores, assigned)
	}
	return wire.SplitAssignment(a), nil
}
