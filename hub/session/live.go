package session

import (
	"sync"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Live is what is known of a site's condition.
type Live struct {
	Online    bool
	Session   uint64
	Since     time.Time // of Online
	LastSeen  time.Time
	LastSync  time.Time // last receipt or pull that was answered
	Backlog   uint64
	ClockSkew time.Duration // device ahead of the hub
	DiskFree  uint64
	Refused   sitesync.ProblemCode // why the bound device was refused, last
	Problem   *sitesync.Problem    // of the hub's finding
	Reported  string               // problem code the device reports
}

// Table keeps the Live of every site.
type Table struct {
	mu      sync.Mutex
	sites   map[sitesync.SiteID]*Live
	dirty   map[sitesync.SiteID]bool
	loading map[sitesync.StoreID]*progress
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{sites: map[sitesync.SiteID]*Live{}, dirty: map[sitesync.SiteID]bool{}, loading: map[sitesync.StoreID]*progress{}}
}

// Get gives a copy of a site's Live.
func (t *Table) Get(site sitesync.SiteID) Live {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.sites[site]; l != nil {
		return *l
	}
	return Live{}
}

// Update changes a site's Live and marks it as changed.
func (t *Table) Update(site sitesync.SiteID, fn func(*Live)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.sites[site]
	if l == nil {
		l = &Live{}
		t.sites[site] = l
	}
	fn(l)
	t.dirty[site] = true
}

// Changed lists the sites whose Live changed since it was last asked.
func (t *Table) Changed() map[sitesync.SiteID]Live {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[sitesync.SiteID]Live, len(t.dirty))
	for site := range t.dirty {
		out[site] = *t.sites[site]
	}
	clear(t.dirty)
	return out
}

// Report takes in what a device says of its condition.
func (t *Table) Report(site sitesync.SiteID, r wire.Report, now time.Time) {
	t.Update(site, func(l *Live) {
		l.LastSeen, l.Backlog, l.DiskFree, l.Reported = now, r.Backlog, r.DiskFree, r.Problem
		if !r.Clock.IsZero() {
			l.ClockSkew = r.Clock.Sub(now).Truncate(time.Millisecond)
		}
	})
}

// Forget drops what is known of a site that was deleted, but for why its device
// is refused: that goes on trying, and is to be told of once.
func (t *Table) Forget(site sitesync.SiteID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.sites[site]; l != nil && l.Refused != "" {
		*l = Live{Refused: l.Refused}
	} else {
		delete(t.sites, site)
	}
	delete(t.dirty, site)
}
