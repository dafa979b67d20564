package handover

import (
	"maps"
	"slices"
	"sync"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

// owners knows which stores each site owns. It follows the metas and may be a
// moment behind them: nothing is decided by it, only found.
type owners struct {
	mu      *sync.RWMutex
	byStore map[sitesync.StoreID]owner
	bySite  map[sitesync.SiteID]map[sitesync.StoreID]bool
}

// owner is whom a meta of a version names.
type owner struct {
	site    sitesync.SiteID
	version uint64
}

func newOwners() owners {
	return owners{mu: new(sync.RWMutex), byStore: map[sitesync.StoreID]owner{}, bySite: map[sitesync.SiteID]map[sitesync.StoreID]bool{}}
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
	delete(o.bySite[was.site], m.Store)
	o.byStore[m.Store] = owner{m.Owner, m.Version}
	if o.bySite[m.Owner] == nil {
		o.bySite[m.Owner] = map[sitesync.StoreID]bool{}
	}
	o.bySite[m.Owner][m.Store] = true
}

func (o *owners) of(site sitesync.SiteID) []sitesync.StoreID {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Sorted(maps.Keys(o.bySite[site]))
}
