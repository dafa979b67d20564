package records

import (
	"sync"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// undecided counts the quarantined changes on which nobody has decided, by site
// and store, and those that are proposed, by store. It is counted once, at the
// start, and follows commits; nothing is decided by it.
type undecided struct {
	mu       *sync.Mutex
	bySite   map[sitesync.SiteID]map[sitesync.StoreID]uint64
	proposed map[sitesync.StoreID]int64
}

func newUndecided() undecided {
	return undecided{mu: new(sync.Mutex), bySite: map[sitesync.SiteID]map[sitesync.StoreID]uint64{}, proposed: map[sitesync.StoreID]int64{}}
}

// Undecided implements State.
func (d *DB) Undecided(site sitesync.SiteID, store sitesync.StoreID) (n uint64) {
	u := &d.undecided
	u.mu.Lock()
	defer u.mu.Unlock()
	if store != 0 {
		return u.bySite[site][store]
	}
	if site != 0 {
		return sum(u.bySite[site])
	}
	for _, stores := range u.bySite {
		n += sum(stores)
	}
	return n
}

func sum(stores map[sitesync.StoreID]uint64) (n uint64) {
	for _, count := range stores {
		n += count
	}
	return n
}

// UndecidedAt implements State.
func (d *DB) UndecidedAt(site sitesync.SiteID, most int) (list []sitesync.StoreID) {
	u := &d.undecided
	u.mu.Lock()
	defer u.mu.Unlock()
	for store := range u.bySite[site] {
		if len(list) == most {
			break
		}
		list = append(list, store)
	}
	return list
}

// move counts an item that was in one state and is in another; "" is none.
func (u *undecided) move(it *item, from, to sitesync.QuarantineState) {
	waits := func(s sitesync.QuarantineState) bool { return s != "" && !s.Decided() }
	u.mu.Lock()
	defer u.mu.Unlock()
	switch site := it.Origin.Site; {
	case !waits(from) && waits(to):
		if u.bySite[site] == nil {
			u.bySite[site] = map[sitesync.StoreID]uint64{}
		}
		u.bySite[site][it.Store]++
	case waits(from) && !waits(to):
		if u.bySite[site][it.Store]--; u.bySite[site][it.Store] == 0 {
			delete(u.bySite[site], it.Store)
		}
		if len(u.bySite[site]) == 0 {
			delete(u.bySite, site)
		}
	}
	if to == sitesync.QuarantineProposed && from != to {
		u.proposed[it.Store]++
	}
	if from == sitesync.QuarantineProposed && from != to {
		u.proposed[it.Store]--
	}
	if u.proposed[it.Store] == 0 {
		delete(u.proposed, it.Store)
	}
}

func (u *undecided) proposals(store sitesync.StoreID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.proposed[store] > 0
}

// count reads every item.
func (u *undecided) count(tx *kv.Tx) error {
	return tx.Iterate(kv.Range{Prefix: quarantineIndex, Prefetch: 100}, func(_, place []byte) (bool, error) {
		if place[0] != storesPrefix[0] {
			return true, nil // a frame
		}
		var it item
		ok, err := getJSON(tx, place, &it)
		if ok {
			u.move(&it, "", it.State)
		}
		return err == nil, err
	})
}
