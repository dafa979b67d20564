package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sitesync/agent/engine"
	"sitesync/shared/sitesync"
)

// breakHub crashes and restarts the hub.
func (h *history) breakHub(rng *rand.Rand) {
	for h.pause(rng, 12*time.Second) {
		clean := rng.IntN(4) == 0
		if clean {
			h.fire("hub restarted")
		} else if !h.blow(rng, &h.hub.fuse, 12) {
			continue
		} else {
			h.fire("hub crashed in a commit")
		}
		if err := h.hub.close(); clean {
			h.fail(err)
		}
		h.pause(rng, 3*time.Second)
		if err := h.hub.open(); err != nil {
			h.fail(fmt.Errorf("the hub does not open: %w", err))
			return
		}
	}
}

// fillDisk has the hub's disk full for moments, when there is room for a small
// transaction and perhaps none for a batch.
func (h *history) fillDisk(rng *rand.Rand) {
	defer h.truth.fill(nil)
	batches := h.rng(8)
	for h.pause(rng, 3*time.Second) {
		h.truth.fill(func() bool {
			full := batches.IntN(2) == 0
			if full {
				h.fire("hub's disk full")
			}
			return full
		})
		h.pause(rng, 2*time.Second)
		h.truth.fill(nil)
	}
}

// blow waits until a fuse has blown at one of the next commits, or does not.
func (h *history) blow(rng *rand.Rand, f *fuse, commits int) bool {
	blown := f.arm(1+rng.IntN(commits), rng.IntN(2) == 0)
	t := time.NewTimer(10 * time.Second)
	defer t.Stop()
	select {
	case <-blown:
		return true
	case <-h.over:
	case <-t.C:
	}
	f.disarm()
	select {
	case <-blown:
		return true
	default:
		return false
	}
}

// breakDevices does everything bad to a site's devices and their lines.
func (h *history) breakDevices(rng *rand.Rand, s *site) {
	for h.pause(rng, 5*time.Second) {
		h.mu.Lock()
		d := s.device
		h.mu.Unlock()
		switch rng.IntN(11) {
		case 0, 1:
			h.fire("connection cut")
			d.line.cut()
		case 2, 3:
			h.fire("half of a connection cut")
			for _, p := range d.line.open() {
				p.ghost(span(rng, 4*time.Second))
			}
		case 4, 5:
			h.fire("partition")
			d.line.part(rng.IntN(2) == 0)
			h.pause(rng, 12*time.Second)
			if rng.IntN(2) == 0 {
				d.line.cut()
			}
			d.line.heal()
		case 6:
			h.fire("device restarted")
			h.restart(rng, d, true, 6*time.Second)
		case 7, 8:
			if h.blow(rng, &d.fuse, 12) {
				h.fire("device crashed in a commit")
				h.restart(rng, d, false, 6*time.Second)
			}
		case 9:
			h.fail(h.replace(rng, s, d))
		case 10:
			h.silence(rng, s, d)
		}
	}
}

// silence keeps a device from the hub for longer than a lease, while its stores
// are wanted elsewhere and its applications go on.
func (h *history) silence(rng *rand.Rand, s *site, d *device) {
	h.fire("device silent for long")
	d.line.part(rng.IntN(2) == 0)
	defer d.line.heal()
	others := slices.DeleteFunc(slices.Clone(h.sites), func(other *site) bool { return other == s })
	to := others[rng.IntN(len(others))].id
	h.pause(rng, time.Second)
	for _, store := range h.stores {
		h.fail(h.command("store.move", map[string]any{"store": store, "to": to}, nil))
	}
	h.pause(rng, 30*time.Second)
	d.line.cut()
	d.line.heal()
	if h.blow(rng, &d.fuse, 4) {
		h.fire("device crashed as it heard from the hub again")
		d.line.part(true)
		h.restart(rng, d, false, time.Second)
		h.pause(rng, 8*time.Second)
	}
}

// restart closes and opens a device, which may be booted meanwhile.
func (h *history) restart(rng *rand.Rand, d *device, clean bool, off time.Duration) {
	d.lock()
	defer d.unlock()
	if err := d.close(); clean {
		h.fail(err)
	}
	h.pause(rng, off)
	if rng.IntN(2) == 0 {
		h.fire("device booted")
		d.reboot()
	}
	if err := d.open(); err != nil {
		h.fail(fmt.Errorf("%s does not open: %w", d.name, err))
	}
}

// replace gives a site another device. The former goes on as if nothing had
// happened, with or without a network.
func (h *history) replace(rng *rand.Rand, s *site, d *device) error {
	known, err := engine.LoadSite(d.dir)
	if err != nil {
		return err
	}
	if known.Password != "" || rng.IntN(2) == 0 { // with the password it could join again before the new one
		d.line.part(true)
	}
	h.fire("device replaced")
	if err := h.command("site.reset-hardware", map[string]any{"site": s.id, "force": true}, nil); err != nil {
		return err
	}
	h.mu.Lock()
	d.lost = true
	h.mu.Unlock()
	return h.device(s, rng)
}

// usual are the answers to a command that came at the wrong moment.
var usual = map[sitesync.Code]bool{sitesync.CodeHandoverState: true, sitesync.CodeConflict: true, sitesync.CodeInUse: true, sitesync.CodeNotFound: true,
	sitesync.CodeMovedCode: true, sitesync.CodeNotHere: true, sitesync.CodeActiveHere: true}

// command gives a command that may come at the wrong moment.
func (h *history) command(name string, args map[string]any, into any) error {
	err := h.admin.do(name, args, into)
	if usual[sitesync.CodeOf(err)] {
		h.fire(name + " refused")
		return nil
	}
	if err == nil {
		h.fire(name)
	}
	return err
}

// operate moves stores about, and changes its mind.
func (h *history) operate(rng *rand.Rand) {
	for h.pause(rng, 4*time.Second) {
		s := h.sites[rng.IntN(len(h.sites))]
		to := s.id
		if rng.IntN(3) == 0 {
			to = sitesync.CentralSite
		}
		store := h.stores[rng.IntN(len(h.stores))]
		switch rng.IntN(12) {
		case 0, 1, 2, 3, 4:
			h.fail(h.command("store.move", map[string]any{"store": store, "to": to}, nil))
		case 5:
			h.fail(h.command("store.move", map[string]any{"store": store, "to": to, "force": true}, nil))
		case 6, 7:
			h.decideHandover(rng, "handover.cancel")
		case 8:
			h.decideHandover(rng, "handover.force")
		case 9:
			h.update(s, map[string]any{"addStores": []any{store, h.stores[rng.IntN(len(h.stores))]}})
		case 10:
			h.update(s, map[string]any{"enabled": false})
			h.pause(rng, 5*time.Second)
			h.update(s, map[string]any{"enabled": true})
		case 11:
			h.update(s, map[string]any{"maxOffline": []int{0, 4, 8}[rng.IntN(3)]})
		}
	}
}

func (h *history) update(s *site, args map[string]any) {
	var now struct{ Site sitesync.Site }
	h.fail(h.command("site.get", map[string]any{"site": s.id}, &now))
	args["site"], args["revision"] = s.id, now.Site.Revision
	h.fail(h.command("site.update", args, nil))
}

// decideHandover is about one that was under way a moment ago.
func (h *history) decideHandover(rng *rand.Rand, command string) {
	var page struct{ Items []sitesync.Handover }
	h.fail(h.command("handover.list", map[string]any{"limit": 5}, &page))
	var open []uint64
	for _, it := range page.Items {
		if it.Ended == nil {
			open = append(open, it.ID)
		}
	}
	if len(open) > 0 {
		h.fail(h.command(command, map[string]any{"handover": open[rng.IntN(len(open))]}, nil))
	}
}

// decideQuarantine applies and discards some of what is in quarantine.
func (h *history) decideQuarantine(rng *rand.Rand) {
	for h.pause(rng, 6*time.Second) {
		var page struct{ Items []sitesync.Quarantined }
		h.fail(h.command("quarantine.list", map[string]any{"state": []string{"open", "stale"}[rng.IntN(2)], "limit": 20}, &page))
		if len(page.Items) == 0 {
			continue
		}
		command := "quarantine.apply"
		if rng.IntN(4) == 0 {
			command = "quarantine.discard"
		}
		h.fail(h.command(command, map[string]any{"item": page.Items[rng.IntN(len(page.Items))].ID}, nil))
	}
}

// editCentrally writes into stores that are at the centre, several at a time.
func (h *history) editCentrally(rng *rand.Rand) {
	for h.pause(rng, time.Second) {
		store := h.stores[rng.IntN(len(h.stores))]
		done := make(chan error)
		n := 1 + rng.IntN(6)
		for range n {
			key := fmt.Sprint(rng.IntN(8))
			go func() { done <- h.put(store, key) }()
		}
		for range n {
			h.fail(<-done)
		}
	}
}

func (h *history) put(store sitesync.StoreID, key string) error {
	data := json.RawMessage(fmt.Sprintf(`{"v":"centre %d"}`, h.next()))
	return h.command("record.put", map[string]any{"store": store, "table": "t", "record": key, "data": data}, nil)
}
