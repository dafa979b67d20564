package admin

import (
	"sitesync/hub/handover"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// plan is the moves of stores that an edit wants. They are tried on the
// machine before the edit commits, so that the edit is made whole or not at
// all; what another edit changes in between is found when they are carried out.
type plan struct {
	call   *call
	before map[sitesync.StoreID]records.Meta
}

func (c *call) plan() *plan { return &plan{call: c, before: map[sitesync.StoreID]records.Meta{}} }

// move finds the stores that an argument names and tries their moves to a
// site (0: one that does not exist yet). Of stores that are to leave a site, it
// tries those that are there; the registry refuses the others. Errors:
// not_found, moved_code, handover_state.
func (p *plan) move(refs []Ref, field string, from *registry.Site, to sitesync.SiteID) ([]sitesync.StoreID, error) {
	var ids []sitesync.StoreID
	for _, ref := range refs {
		store, err := p.call.findStore(ref, field)
		if err != nil {
			return nil, err
		}
		if from == nil || store.Site == from.ID {
			if err := p.try(&store, field, to); err != nil {
				return nil, err
			}
		}
		ids = append(ids, store.ID)
	}
	return ids, nil
}

func (p *plan) try(store *registry.Store, field string, to sitesync.SiteID) error {
	if p.call.known {
		return nil // it was made before, whatever the store's state is by now
	}
	m, err := p.call.meta(store)
	if err != nil {
		return err
	}
	p.before[store.ID] = m
	now := handover.State{Owner: m.Owner, Replica: m.Replica, Epoch: m.Epoch, Phase: m.Phase, Handover: m.Handover}
	_, err = handover.Next(now, handover.Event{Kind: handover.Move, To: to}, m.Epoch.Generation())
	return cannotMove(store, field, err)
}

func cannotMove(store *registry.Store, field string, err error) error {
	e := sitesync.AsError(err)
	if e == nil || e.Code != sitesync.CodeHandoverState {
		return err
	}
	return sitesync.Errorf(e.Code, e.Next, "store %s cannot be moved now: %s", store.Code, e.Message).WithField(field)
}

// carryOut takes the intents of an edit that is durable, and lists the
// handovers that they began, or ended without another. Error: handover_state,
// when a store was moved by somebody else in the meantime; the others are
// under way all the same.
func (p *plan) carryOut(intents []registry.Intent) ([]sitesync.Handover, error) {
	out := []sitesync.Handover{}
	var refused error
	for _, in := range intents {
		h, err := p.take(in)
		if e := sitesync.AsError(err); e != nil && refused == nil {
			refused = sitesync.Errorf(e.Code, "look at the store with store.get; everything else of this command was done",
				"store %d was moved by another command at the same time: %s", in.Store, e.Message)
		} else if err != nil && e == nil {
			return out, err
		}
		if h != nil {
			out = append(out, *h)
		}
	}
	return out, refused
}

func (p *plan) take(in registry.Intent) (*sitesync.Handover, error) {
	m, err := p.call.Handover.Take(in.Store, in.Number)
	if err != nil {
		return nil, err
	}
	if m.Handover != nil && m.Handover.ID == in.Handover {
		return m.Handover, nil
	}
	ended := in.Handover
	if before := p.before[in.Store].Handover; before != nil && m.Handover == nil {
		ended = before.ID // called off: the store is back at the centre
	}
	h, ok, err := p.call.Records.Handover(in.Store, ended)
	if err != nil || !ok {
		return nil, err
	}
	return &h, nil
}
