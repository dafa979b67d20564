package admin

import (
	"time"

	"sitesync/hub/handover"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// HandoverResult is the result of commands about one handover.
type HandoverResult struct {
	Handover sitesync.Handover `json:"handover"`
}

// handoverList is what handover.list takes.
type handoverList struct {
	Store *Ref                   `json:"store,omitempty" about:"only handovers of this store"`
	State sitesync.HandoverState `json:"state,omitempty" about:"only handovers in this state: draining, loading, done, cancelled or forced"`
	Limit *int                   `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string                 `json:"after,omitempty" about:"next of the former page"`
}

func (c *call) listHandovers(in handoverList) (out Page[sitesync.Handover], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	before, err := p.number()
	if err != nil {
		return out, err
	}
	switch in.State {
	case "", sitesync.HandoverDraining, sitesync.HandoverLoading, sitesync.HandoverDone, sitesync.HandoverCancelled, sitesync.HandoverForced:
	default:
		return out, invalid("state", "use draining, loading, done, cancelled or forced", "there is no such state of handovers")
	}
	var of sitesync.StoreID
	if in.Store != nil {
		store, err := c.findStore(*in.Store, "store")
		if err != nil {
			return out, err
		}
		of = store.ID
	}
	full := false
	err = c.Records.Handovers(of, before, func(h sitesync.Handover) (bool, error) {
		if in.State != "" && h.State != in.State {
			return true, nil
		}
		if full || len(out.Items) == p.limit {
			out.Next = nextNumber(out.Items[len(out.Items)-1].ID)
			return false, nil
		}
		full, err = out.add(c.shown(h))
		return true, err
	})
	return out, err
}

// shown is a handover with how far it has come, and names for people.
func (d *Dispatcher) shown(h sitesync.Handover) sitesync.Handover {
	d.Live.Progress(&h, time.Now())
	h.Code, h.FromName, h.ToName = d.codeOf(h.Store), d.nameOf(h.From), d.nameOf(h.To)
	return h
}

// codeOf is a store's code, "" when it is gone.
func (d *Dispatcher) codeOf(id sitesync.StoreID) string {
	store, err := d.Registry.Store(id)
	if err != nil {
		return ""
	}
	return store.Code
}

// nameOf is a site's name, "" when it is gone.
func (d *Dispatcher) nameOf(id sitesync.SiteID) string {
	site, err := d.Registry.Site(id)
	if err != nil {
		return ""
	}
	return site.Name
}

// handoverOnly is what commands take that need no more than a handover.
type handoverOnly struct {
	Handover uint64 `json:"handover" about:"number of the handover"`
}

func (c *call) getHandover(in handoverOnly) (out HandoverResult, err error) {
	h, err := c.findHandover(in.Handover)
	out.Handover = c.shown(h)
	return out, err
}

func (c *call) findHandover(id uint64) (sitesync.Handover, error) {
	h, ok, err := c.Records.Handover(id)
	if err == nil && !ok {
		err = sitesync.Errorf(sitesync.CodeNotFound, "list them with handover.list", "there is no handover %d", id).WithField("handover")
	}
	return h, err
}

func (c *call) cancelHandover(in handoverOnly) (HandoverResult, error) {
	return c.endDraining(in, handover.Cancel, c.Registry.CancelHandover)
}

func (c *call) forceHandover(in handoverOnly) (HandoverResult, error) {
	return c.endDraining(in, handover.Force, c.Registry.ForceHandover)
}

// endDraining asks the machine before the registry, so that a wish that comes
// too late changes nothing.
func (c *call) endDraining(in handoverOnly, kind handover.EventKind, wish func(registry.Actor, sitesync.Handover) (registry.StoreResult, error)) (out HandoverResult, err error) {
	h, err := c.findHandover(in.Handover)
	if err != nil {
		return out, err
	}
	plan := c.plan()
	if !c.known {
		m, _, err := c.Records.Meta(h.Store)
		if err != nil {
			return out, err
		}
		if _, err := handover.Next(handover.StateOf(&m), handover.Event{Kind: kind, Handover: h.ID}, m.Epoch.Generation()); err != nil {
			return out, inField(err, "handover")
		}
	}
	res, err := wish(c.actor, h)
	if err != nil {
		return out, err
	}
	c.made = true
	if _, err := plan.carryOut([]registry.Intent{*res.Intent}); err != nil {
		return out, err
	}
	return c.getHandover(in)
}
