package handover

import (
	"maps"
	"slices"
	"sync"

	"sitesync/shared/sitesync"
)

// owners knows which stores each site owns. It follows the metas and may be a
// moment behind them: nothing is decided by it, only found.
type owners struct {
	mu     *sync.RWMutex
	byItem map[sitesync.StoreID]sitesync.SiteID
	bySite map[sitesync.SiteID]map[sitesync.StoreID]bool
}

func newOwners() owners {
	return owners{mu: new(sync.RWMutex), byItem: map[sitesync.StoreID]sitesync.SiteID{}, bySite: map[sitesync.SiteID]map[sitesync.StoreID]bool{}}
}

func (o *owners) set(store sitesync.StoreID, site sitesync.SiteID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was, ok := o.byItem[store]; ok {
		delete(o.bySite[was], store)
	}
	o.byItem[store] = site
	if o.bySite[site] == nil {
		o.bySite[site] = map[sitesync.StoreID]bool{}
	}
	o.bySite[site][store] = true
}

func (o *owners) of(site sitesync.SiteID) []sitesync.StoreID {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Sorted(maps.Keys(o.bySite[site]))
}
