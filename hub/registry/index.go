package registry

import (
	"strings"

	"sitesync/shared/sitesync"
)

// index is the registry in memory, for reads. It is built by apply alone, at
// the start from a listing and then from each commit, so that both give the
// same. What it points to is never changed, only replaced.
type index struct {
	hub         hubRecord
	sites       map[siteID]*indexedSite
	siteOrder   order[Site]
	names       map[string]siteID // folded, present and former
	credentials map[digest]siteID
	hardware    map[sitesync.HardwareID]map[siteID]bool

	stores     map[storeID]*Store
	storeOrder order[Store]
	codes      map[string]storeID // present and former
	storesOf   map[siteID]map[storeID]bool
	intents    map[storeID]map[uint64]Intent

	users  map[string]*userRecord
	tokens map[digest]string

	replays replayQueue

	asks map[siteID]map[uint64]*Ask
}

// indexedSite is a site, or what is left of a deleted one: its device.
type indexedSite struct {
	site   *siteRecord
	device deviceRecord
	live   Live
	view   *Site // the three joined; nil when deleted
}

func newIndex() *index {
	return &index{
		sites:       make(map[siteID]*indexedSite),
		names:       make(map[string]siteID),
		credentials: make(map[digest]siteID),
		hardware:    make(map[sitesync.HardwareID]map[siteID]bool),
		stores:      make(map[storeID]*Store),
		codes:       make(map[string]storeID),
		storesOf:    make(map[siteID]map[storeID]bool),
		intents:     make(map[storeID]map[uint64]Intent),
		users:       make(map[string]*userRecord),
		tokens:      make(map[digest]string),
		asks:        make(map[siteID]map[uint64]*Ask),
	}
}

// applying says how a write to the keys with a prefix changes the index.
// Prefixes that are not here are read from the Backend when needed.
var applying = map[string]func(x *index, w Item, set *changeSet) error{
	prefixSite:   (*index).applySite,
	prefixDevice: (*index).applyDevice,
	prefixLive:   (*index).applyLive,
	prefixName:   (*index).applyName,
	prefixStore:  (*index).applyStore,
	prefixCode:   (*index).applyCode,
	prefixIntent: (*index).applyIntent,
	prefixUser:   (*index).applyUser,
	prefixReplay: (*index).applyReplay,
	prefixAsk:    (*index).applyAsk,
}

const loadPage = 2000

func (x *index) load(b Backend) error {
	for prefix := range applying {
		after := ""
		for {
			items, err := b.List(prefix, after, loadPage)
			if err != nil {
				return err
			}
			for _, item := range items {
				if err := x.apply(item, new(changeSet)); err != nil {
					return err
				}
			}
			if len(items) < loadPage {
				break
			}
			after = items[len(items)-1].Key
		}
	}
	x.replays.sort()
	raw, _, err := b.Get(keyHub)
	if err != nil {
		return err
	}
	return x.apply(Item{Key: keyHub, Value: raw}, new(changeSet))
}

func (x *index) apply(w Item, set *changeSet) error {
	if w.Key == keyHub {
		hub, err := decode[hubRecord](w)
		if err == nil {
			x.hub = hub
		}
		return err
	}
	// "R/kind/rest"
	if end := strings.IndexByte(w.Key[2:], '/'); end > 0 {
		if fn := applying[w.Key[:2+end+1]]; fn != nil {
			return fn(x, w, set)
		}
	}
	return nil
}
