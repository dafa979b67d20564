package hubd

import (
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// leaseInterval is how often handovers are looked at that wait for a device.
const leaseInterval = time.Second

// timer does what is due from time to time: the status of sites whose live
// data moved, saving that data, and removing old tombstones.
func (h *Hub) timer() {
	h.rates.add(h.sample())
	h.publishAll()
	status := time.NewTicker(h.config.Timings.StatusInterval)
	defer status.Stop()
	sweep := time.NewTicker(min(sweepInterval, h.config.Timings.TombstoneRetention))
	defer sweep.Stop()
	samples := time.NewTicker(sampleEvery)
	defer samples.Stop()
	lease := time.NewTicker(leaseInterval)
	defer lease.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-status.C:
			if err := h.saveLive(); err != nil {
				h.log.Error("saving when sites were last seen failed", "error", err)
			}
			h.unfinished()
			h.expireAsks()
			select {
			case h.reclaiming <- struct{}{}:
			default: // it runs
			}
			h.warnOfLeases()
			h.watchCondition()
		case <-samples.C:
			h.rates.add(h.sample())
		case <-lease.C:
			h.expireLeases()
		case <-sweep.C:
			h.sweep()
		}
	}
}

// publishAll publishes the status of every site, afresh after a start.
func (h *Hub) publishAll() {
	for after := sitesync.SiteID(0); ; {
		sites, next := h.registry.Sites(nil, after, 1000)
		for i := range sites {
			h.tellStatus(sites[i].ID)
		}
		if after = next; next == 0 {
			return
		}
	}
}

// saveLive saves and publishes what changed of the sites' live data.
func (h *Hub) saveLive() error {
	changed := h.live.Changed()
	if len(changed) == 0 {
		return nil
	}
	saved := make(map[sitesync.SiteID]registry.Live, len(changed))
	for site, l := range changed {
		saved[site] = registry.Live{LastSeen: at(l.LastSeen), LastSync: at(l.LastSync), Backlog: l.Backlog,
			ClockSkewMs: l.ClockSkew.Milliseconds(), DiskFree: l.DiskFree}
		h.tellStatus(site)
	}
	return h.registry.SaveLive(saved)
}

func at(t time.Time) *sitesync.Time {
	if t.IsZero() {
		return nil
	}
	ms := sitesync.At(t)
	return &ms
}

// sweep removes the tombstones whose retention is over.
func (h *Hub) sweep() {
	before := time.Now().Add(-h.config.Timings.TombstoneRetention)
	err := h.records.Metas(func(m records.Meta) error {
		for {
			n, err := h.records.Sweep(m.Store, before)
			if err != nil || n == 0 {
				return err
			}
		}
	})
	if err != nil {
		h.log.Error("removing old tombstones failed", "error", err)
	}
}
