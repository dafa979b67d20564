package handover

import (
	"maps"
	"slices"
	"sync"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

// owners knows which stores each site owns, and of which it has a copy, and
// which handovers are under way. It follows the metas and may be a moment
// behind them: nothing is decided by it, only found.
type owners struct {
	mu       *sync.RWMutex
	byStore  map[sitesync.StoreID]known
	bySite   sites
	copiesAt sites
	underWay map[uint64]sitesync.StoreID // by handover
}

// known is what a meta of a version says.
type known struct {
	version  uint64
	owner    sitesync.SiteID
	copies   []records.Copy
	handover uint64 // 0: none
	draining bool
}

// sites are the stores of each site.
type sites map[sitesync.SiteID]map[sitesync.StoreID]bool

func (s sites) add(site sitesync.SiteID, store sitesync.StoreID) {
	if s[site] == nil {
		s[site] = map[sitesync.StoreID]bool{}
	}
	s[site][store] = true
}

func (s sites) remove(site sitesync.SiteID, store sitesync.StoreID) {
	delete(s[site], store)
	if len(s[site]) == 0 {
		delete(s, site)
	}
}

func newOwners() owners {
	return owners{mu: new(sync.RWMutex), byStore: map[sitesync.StoreID]known{}, bySite: sites{}, copiesAt: sites{}, underWay: map[uint64]sitesync.StoreID{}}
}

// set follows a meta. Two that were written at once may come in any order: the
// newer one stays.
func (o *owners) set(m *records.Meta) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.byStore[m.Store]
	if m.Version < was.version {
		return
	}
	now := known{version: m.Version, owner: m.Owner, copies: m.Copies, draining: m.Phase == sitesync.PhaseDraining}
	if m.Handover != nil {
		now.handover = m.Handover.ID
	}
	o.byStore[m.Store] = now
	o.bySite.remove(was.owner, m.Store)
	o.bySite.add(now.owner, m.Store)
	for _, c := range was.copies {
		o.copiesAt.remove(c.Site, m.Store)
	}
	for _, c := range now.copies {
		o.copiesAt.add(c.Site, m.Store)
	}
	delete(o.underWay, was.handover)
	if now.handover != 0 {
		o.underWay[now.handover] = m.Store
	}
}

// forget drops a store that is no more.
func (o *owners) forget(store sitesync.StoreID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.byStore[store]
	delete(o.byStore, store)
	o.bySite.remove(was.owner, store)
	for _, c := range was.copies {
		o.copiesAt.remove(c.Site, store)
	}
	delete(o.underWay, was.handover)
}

func (o *owners) of(site sitesync.SiteID) []sitesync.StoreID {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Sorted(maps.Keys(o.bySite[site]))
}

// StoresOf lists the stores a site owns, by ID.
func (d *Driver) StoresOf(site sitesync.SiteID) []sitesync.StoreID { return d.owners.of(site) }

// CopiesAt lists the stores that went elsewhere and of which a site may have a
// copy still, by ID.
func (d *Driver) CopiesAt(site sitesync.SiteID) []sitesync.StoreID {
	d.owners.mu.RLock()
	defer d.owners.mu.RUnlock()
	return slices.Sorted(maps.Keys(d.owners.copiesAt[site]))
}

// Draining lists the stores that are being drained, by ID.
func (d *Driver) Draining() (list []sitesync.StoreID) {
	d.owners.mu.RLock()
	defer d.owners.mu.RUnlock()
	for _, store := range d.owners.underWay {
		if d.owners.byStore[store].draining {
			list = append(list, store)
		}
	}
	slices.Sort(list)
	return list
}
