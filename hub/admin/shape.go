package admin

import (
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// Site is the shape S of a site: what the registry, the metas and the live
// table know of it.
func (d *Dispatcher) Site(site registry.Site) (sitesync.Site, error) {
	return d.site(&site)
}

func (d *Dispatcher) site(site *registry.Site) (sitesync.Site, error) {
	live := d.condition(site)
	out := sitesync.Site{
		ID: site.ID, Code: site.Code, Name: site.Name, Type: site.Type, Enabled: site.Enabled,
		Transport: site.Transport, State: state(site, &live), LastSeen: instant(live.LastSeen), LastSync: instant(live.LastSync),
		Backlog: live.Backlog, Version: site.Version, Platform: site.Platform, ClockSkewMs: live.ClockSkew.Milliseconds(),
		Problem: siteProblem(site, &live, d.Records.Undecided(site.ID, 0)), Revision: site.Revision, ActiveHere: site.ActiveHere,
		MaxOffline: site.MaxOffline, Mirror: site.Mirror, Test: site.Test, DiskFree: live.DiskFree,
	}
	if live.Online {
		out.Since = instant(live.Since)
	}
	for _, a := range d.Registry.Asks(site.ID) {
		if a.State == registry.AskWaiting {
			out.Asked++
		}
	}
	if site.HardwareID != "" {
		hardware := site.HardwareID
		out.HardwareID = &hardware
	}
	if site.Mirror {
		out.Type = sitesync.TypeMirror // a grant, whatever the agent reports
	}
	var err error
	out.Stores, err = d.siteStores(site.ID)
	return out, err
}

// condition is the Live of a site's bound device. Without one there is nobody
// to be refused, and nothing that it has not sent.
func (d *Dispatcher) condition(site *registry.Site) session.Live {
	live := d.Live.Get(site.ID)
	if site.HardwareID == "" {
		live.Refused, live.Backlog = "", 0
	}
	return live
}

// state is the first that holds, of the bound device.
func state(site *registry.Site, live *session.Live) sitesync.SiteState {
	switch {
	case site.ID == sitesync.CentralSite:
		return sitesync.StateOnline
	case !site.Enabled:
		return sitesync.StateDisabled
	case site.Held:
		return sitesync.StateHeld
	case live.Refused != "":
		return sitesync.StateRefused
	case live.Online:
		return sitesync.StateOnline
	case site.HardwareID != "":
		return sitesync.StateOffline
	}
	return sitesync.StateNever
}

// siteProblem is the hub's own finding, else why the device is kept out, else
// what the device reports, else that something waits in quarantine.
func siteProblem(site *registry.Site, live *session.Live, quarantined uint64) *sitesync.Problem {
	if live.Problem != nil {
		return live.Problem
	}
	codes := []sitesync.ProblemCode{live.Refused, sitesync.ProblemCode(live.Reported)}
	if site.Held {
		codes = append([]sitesync.ProblemCode{sitesync.ProblemTwoDevices}, codes...)
	}
	for _, code := range codes {
		if p := problem(code); p != nil {
			return p
		}
	}
	return inQuarantine(quarantined)
}

// siteStores lists the stores whose meta names the site as owner.
func (d *Dispatcher) siteStores(site sitesync.SiteID) ([]sitesync.SiteStore, error) {
	out := []sitesync.SiteStore{}
	for _, id := range d.Handover.StoresOf(site) {
		m, ok, err := d.Records.Meta(id)
		if err != nil {
			return nil, err
		}
		if !ok || m.Owner != site {
			continue // it moved on this moment
		}
		store, err := d.Registry.Store(id)
		if sitesync.CodeOf(err) == sitesync.CodeNotFound {
			continue // it is being deleted
		}
		if err != nil {
			return nil, err
		}
		out = append(out, sitesync.SiteStore{ID: id, Code: store.Code, Name: store.Name, Epoch: m.Epoch, Phase: m.Phase})
	}
	return out, nil
}

// Store is the shape T of a store.
func (d *Dispatcher) Store(store registry.Store) (sitesync.Store, error) { return d.store(&store) }

func (d *Dispatcher) store(store *registry.Store) (sitesync.Store, error) {
	m, err := d.meta(store)
	if err != nil {
		return sitesync.Store{}, err
	}
	if m.Handover != nil {
		shown := d.shown(*m.Handover)
		m.Handover = &shown
	}
	tags := store.Tags
	if tags == nil {
		tags = []string{}
	}
	return sitesync.Store{
		ID: store.ID, Code: store.Code, Name: store.Name, Tags: tags, Site: m.Owner, Epoch: m.Epoch, Phase: m.Phase,
		Handover: m.Handover, Records: m.Records, Bytes: m.Bytes, Head: m.Head().String(), Digest: m.Digest,
	}, nil
}

// meta reads a store's meta. A store gets it with its first intent, which a
// crash may have left behind.
func (d *Dispatcher) meta(store *registry.Store) (records.Meta, error) {
	m, ok, err := d.Records.Meta(store.ID)
	if err != nil || ok {
		return m, err
	}
	return d.Handover.Take(store.ID, store.Intent)
}

func instant(t time.Time) *sitesync.Time {
	if t.IsZero() {
		return nil
	}
	at := sitesync.At(t)
	return &at
}
