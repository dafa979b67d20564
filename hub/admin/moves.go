package admin

import (
	"fmt"
	"slices"

	"sitesync/hub/handover"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// plan is the moves of stores that an edit wants. They are tried on the
// machine before the edit commits, so that the edit is made whole or not at
// all; what another edit changes in between is found when they are carried out.
type plan struct {
	call    *call
	before  map[sitesync.StoreID]records.Meta
	effects []string // sentences: what becomes of the stores
}

func (c *call) plan() *plan { return &plan{call: c, before: map[sitesync.StoreID]records.Meta{}} }

// move finds the stores that an argument names and tries their moves to a
// site of a name (0: one that does not exist yet). Of stores that are to leave a site, it
// tries those that are there; the registry refuses the others. Errors:
// not_found, moved_code, handover_state.
func (p *plan) move(refs []Ref, field string, from *registry.Site, to sitesync.SiteID, name string) ([]sitesync.StoreID, error) {
	var ids []sitesync.StoreID
	for _, ref := range refs {
		store, err := p.call.findStore(ref, field)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, store.ID) {
			continue // by its ID and its code, say
		}
		if from == nil || store.Site == from.ID {
			if err := p.try(&store, field, to, false); err != nil {
				return nil, err
			}
			p.say(&store, to, name)
		}
		ids = append(ids, store.ID)
	}
	return ids, nil
}

func (p *plan) try(store *registry.Store, field string, to sitesync.SiteID, force bool) error {
	if p.call.known {
		return nil // it was made before, whatever the store's state is by now
	}
	m, err := p.call.meta(store)
	if err != nil {
		return err
	}
	p.before[store.ID] = m
	_, err = handover.Steps(handover.StateOf(&m), handover.Event{Kind: handover.Move, To: to}, force, m.Epoch.Generation())
	return cannotMove(store, field, err)
}

// say puts into words what moving a store will do.
func (p *plan) say(store *registry.Store, to sitesync.SiteID, name string) {
	m, known := p.before[store.ID]
	if !known {
		return // the command is a repeat: it was done before
	}
	what := fmt.Sprintf("store %s (%d records)", store.Code, m.Records)
	then := "is active there at once"
	if to != sitesync.CentralSite {
		then = "is delivered to " + quoted(name)
	}
	target := m.Owner
	if m.Handover != nil {
		target = m.Handover.To
	}
	switch {
	case target == to:
	case m.Phase == sitesync.PhaseDraining && m.Owner == to:
		p.effects = append(p.effects, fmt.Sprintf("%s stays at %s: its move to %s is cancelled", what, quoted(name), quoted(p.call.nameOf(target))))
	case m.Phase == sitesync.PhaseLoading:
		p.effects = append(p.effects, fmt.Sprintf("the delivery of %s to %s is cancelled, and it %s", what, quoted(p.call.nameOf(target)), then))
	case m.Owner == sitesync.CentralSite:
		p.effects = append(p.effects, fmt.Sprintf("%s %s from the central site", what, then))
	default:
		if to == sitesync.CentralSite {
			then = "is active at the central site"
		}
		p.effects = append(p.effects, fmt.Sprintf("%s takes no more changes at %s; once everything written there is here%s, it %s",
			what, quoted(p.call.nameOf(m.Owner)), p.waiting(m.Owner), then))
	}
}

// waiting says what a site's device has not sent, as far as is known.
func (p *plan) waiting(site sitesync.SiteID) string {
	live := p.call.Live.Get(site)
	switch {
	case live.Backlog > 0 && !live.Online:
		return fmt.Sprintf(" (its device is offline, and last said that %d changes wait there)", live.Backlog)
	case !live.Online:
		return " (its device is offline)"
	case live.Backlog > 0:
		return fmt.Sprintf(" (%d changes wait there)", live.Backlog)
	}
	return ""
}

func quoted(name string) string { return fmt.Sprintf("%q", name) }

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
	// The one that the intent began or is about; the one that goes on in its
	// place; or the one that it ended without another.
	ids := []uint64{in.Handover}
	for _, h := range []*sitesync.Handover{m.Handover, p.before[in.Store].Handover} {
		if h != nil {
			ids = append(ids, h.ID)
		}
	}
	for _, id := range ids {
		h, ok, err := p.call.Records.Handover(id)
		if err != nil {
			return nil, err
		}
		if ok {
			h = p.call.shown(h)
			return &h, nil
		}
	}
	return nil, nil
}
