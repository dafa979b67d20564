package hubd

import (
	"context"
	"errors"
	"time"

	"sitesync/hub/broker"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// mostPatient bounds the commands that wait for devices at the same time.
const mostPatient = 256

// check asks a site's device how it is. Errors: offline, timeout.
func (h *Hub) check(ctx context.Context, site sitesync.SiteID) (wire.CheckResult, time.Duration, error) {
	offline := sitesync.Errorf(sitesync.CodeOffline, "", "the device of site %d is not connected", site)
	c, open := h.broker.Live(site)
	if !open {
		return wire.CheckResult{}, 0, offline
	}
	s := c.Data.(*session.Session)
	if !s.Greeted() {
		return wire.CheckResult{}, 0, offline
	}
	return h.commands.Check(ctx, s, func(m session.Message) error {
		err := h.broker.Send(c, m.Topic.String(), m.Bytes())
		if errors.Is(err, broker.ErrNotSubscribed) || errors.Is(err, broker.ErrClosed) {
			return offline
		}
		return err
	})
}

// reload gives stores of a site a new epoch, as an administrator asked.
func (h *Hub) reload(a *registry.Ask, stores []sitesync.StoreID) error {
	actor := registry.Actor{Kind: registry.ActorSystem, Name: a.By, Command: "site." + a.Command}
	intents, err := h.registry.ReloadStores(actor, a.Site, stores)
	if err != nil {
		return err
	}
	for _, in := range intents {
		if _, err := h.handover.Take(in.Store, in.Number); err != nil {
			return err
		}
	}
	return nil
}

// expireAsks ends what waited too long for a device.
func (h *Hub) expireAsks() {
	for _, number := range h.registry.OverdueAsks(time.Now()) {
		if err := h.registry.EndAsk(number, nil, nil); err != nil {
			h.log.Error("ending what a device was asked for failed; it is tried again", "asked", number, "error", err)
		}
	}
}

// patiently runs a command that may wait for a device on its own, so that its
// caller's others go on; with too many of those, in its caller's turn.
func (h *Hub) patiently(run func()) {
	select {
	case h.patient <- struct{}{}:
		h.running.Go(func() {
			defer func() { <-h.patient }()
			run()
		})
	default:
		run()
	}
}
