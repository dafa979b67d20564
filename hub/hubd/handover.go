package hubd

import (
	"errors"
	"slices"
	"time"

	"sitesync/hub/broker"
	"sitesync/hub/handover"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// moved follows an arrow of the handover machine: the sites that had, have and
// will have the store are told, and everybody who listens.
func (h *Hub) moved(m handover.Moved) {
	h.chores.do(func() {
		sites := []sitesync.SiteID{m.Before.Owner, m.After.Owner}
		if m.After.Phase == sitesync.PhaseActive {
			for _, c := range m.After.Copies {
				sites = append(sites, c.Site) // their copies may go
			}
		}
		slices.Sort(sites)
		for _, site := range slices.Compact(sites) { // each once: it is told whole
			h.reassign(site)
			h.publishStatus(site)
		}
		for _, e := range h.handoverEvents(m) {
			h.publish(nil, e)
		}
		if m.After.Owner == sitesync.CentralSite {
			if err := h.records.SettleProposals(m.Store, time.Now()); err != nil {
				h.log.Error("deciding what was proposed for a store failed; it is tried again", "store", m.Store, "error", err)
			}
		}
	})
}

// handoverEvents puts an arrow into words.
func (h *Hub) handoverEvents(m handover.Moved) (out []session.Message) {
	store := h.storeText(m.Store)
	for _, e := range m.Ended {
		to := h.siteText(e.To)
		switch e.State {
		case sitesync.HandoverCancelled:
			out = append(out, session.Event(sitesync.EventHandoverEnded, e.To, m.Store, "", "handover %d was cancelled: store %s does not go to %s", e.ID, store, to))
		case sitesync.HandoverForced:
			out = append(out, session.Event(sitesync.EventHandoverForced, e.To, m.Store,
				"What comes from the former site too late will be in quarantine: look there.",
				"handover %d is done without waiting for %s: store %s is active at %s", e.ID, h.siteText(e.From), store, to))
		default:
			out = append(out, session.Event(sitesync.EventHandoverDone, e.To, m.Store, "", "handover %d is done: store %s is active at %s", e.ID, store, to))
		}
	}
	n, was := m.After.Handover, m.Before.Handover
	switch {
	case n == nil:
	case n.State == sitesync.HandoverDraining && (was == nil || was.ID != n.ID):
		out = append(out, session.Event(sitesync.EventHandoverDrain, n.From, m.Store, "",
			"handover %d: store %s goes from %s to %s once everything written there is here", n.ID, store, h.siteText(n.From), h.siteText(n.To)))
	case n.State == sitesync.HandoverLoading && m.After.Epoch != m.Before.Epoch:
		out = append(out, session.Event(sitesync.EventHandoverLoading, n.To, m.Store, "",
			"handover %d: store %s is being delivered to %s", n.ID, store, h.siteText(n.To)))
	}
	return out
}

// siteText and storeText name things for people, by ID where they are gone.
func (h *Hub) siteText(id sitesync.SiteID) string {
	if site, err := h.registry.Site(id); err == nil {
		return site.Name
	}
	return "site " + id.String()
}

func (h *Hub) storeText(id sitesync.StoreID) string {
	if store, err := h.registry.Store(id); err == nil {
		return store.Code
	}
	return id.String()
}

// expireLeases completes the handovers away from devices that have become
// read-only for sure. A connection that such a device still has is closed
// first: an answer on it could renew the lease before the device hears that its
// store is gone, which the welcome of another session tells it in time.
func (h *Hub) expireLeases() {
	for _, store := range h.handover.Draining() {
		m, ok, err := h.records.Meta(store)
		if err == nil && ok && m.Phase == sitesync.PhaseDraining && h.leases.Over(m.Owner, m.Replica) {
			if client, open := h.broker.Live(m.Owner); open {
				client.Close(broker.ByHub)
				continue // next time
			}
			err = h.handover.LeaseOver(store, m.Handover.ID)
		}
		if err != nil {
			h.log.Error("taking a store over after its site's lease failed; it is tried again", "store", store, "error", err)
		}
	}
}

// warnOfLeases tells of devices that will make their stores read-only soon.
func (h *Hub) warnOfLeases() {
	for _, e := range h.leases.Expiring() {
		h.publish(nil, session.Event(sitesync.EventLeaseExpiring, e.Site, 0,
			"Bring the device online, if its site is to go on writing.",
			"%s was not heard from for most of its longest time offline: its device makes its stores read-only at %s",
			h.siteText(e.Site), e.At.UTC().Format(sitesync.TimeFormat)))
	}
}

// settleProposals decides what was proposed for stores that are at the centre
// by now.
func (h *Hub) settleProposals() error {
	var errs []error
	for _, store := range h.handover.StoresOf(sitesync.CentralSite) {
		errs = append(errs, h.records.SettleProposals(store, time.Now()))
	}
	return errors.Join(errs...)
}

// quarantined follows what becomes of quarantined changes: the site that they
// came from is told how many are left, and the store's is asked to take over
// what is proposed to it. Nothing else is sent there: what a strange device
// pushes must not burden its link.
func (h *Hub) quarantined(site sitesync.SiteID, store sitesync.StoreID) {
	h.chores.do(func() {
		h.reassign(site)
		h.publishStatus(site)
		if m, ok, err := h.records.Meta(store); err == nil && ok && m.Owner != site {
			h.remind(m.Owner)
		}
	})
}

// unfinished goes on with what a failure left undone.
func (h *Hub) unfinished() {
	if err := errors.Join(h.handover.TakeAll(), h.settleProposals()); err != nil {
		h.log.Error("going on with what administrators wanted failed; it is tried again", "error", err)
	}
}
