package registry

import (
	"maps"
	"slices"
	"strings"

	"sitesync/shared/sitesync"
)

// Site is a site as the registry knows it. What is live of it (state, problem,
// the stores it owns) is others' to add.
type Site struct {
	ID         sitesync.SiteID
	Name       string
	Former     []string // former names, still reserved
	Code       string
	Enabled    bool
	Transport  sitesync.Transport
	MaxOffline uint64 // seconds; 0 = off
	Mirror     bool
	Revision   uint64 // grows with each administrator's edit
	ActiveHere bool   // the site of this data directory
	Created    sitesync.Time

	Type       sitesync.SiteType   // as last reported; "" = never
	HardwareID sitesync.HardwareID // "" = none bound
	Evidence   map[string]string   // fact name -> hash of the fact
	Test, Weak bool                // hardware facts from a file; no strong facts
	Version    string
	Platform   string
	Replicas   []Replica // since the last reset, the present one last
	Held       bool      // until reset: two devices shared its identity
	Live       Live

	search string // name and code, in lower case
}

// Contains reports whether name or code contains a text that is in lower case,
// without regard to case.
func (s *Site) Contains(lower string) bool { return strings.Contains(s.search, lower) }

// Live is what is remembered of a site's last session.
type Live struct {
	LastSeen    *sitesync.Time `json:"lastSeen,omitempty"`
	LastSync    *sitesync.Time `json:"lastSync,omitempty"`
	Backlog     uint64         `json:"backlog"`     // changes queued at the device
	ClockSkewMs int64          `json:"clockSkewMs"` // device minus hub
	DiskFree    uint64         `json:"diskFree"`    // bytes
}

// siteRecord is what administrators edit of a site.
type siteRecord struct {
	header
	ID         sitesync.SiteID    `json:"id"`
	Name       string             `json:"name"`
	Former     []string           `json:"former,omitempty"`
	Code       string             `json:"code"`
	Enabled    bool               `json:"enabled"`
	Transport  sitesync.Transport `json:"transport"`
	MaxOffline uint64             `json:"maxOffline"`
	Mirror     bool               `json:"mirror"`
	ActiveHere bool               `json:"activeHere,omitempty"`
	Stores     int                `json:"stores"` // how many are wanted here
	Revision   uint64             `json:"revision"`
	Created    sitesync.Time      `json:"created"`
}

type liveRecord struct {
	header
	Live
}

// site joins what is stored of a site. The result shares memory with the
// records.
func (s *siteRecord) join(d *deviceRecord, live Live) *Site {
	return &Site{
		ID: s.ID, Name: s.Name, Former: s.Former, Code: s.Code, Enabled: s.Enabled, Transport: s.Transport,
		MaxOffline: s.MaxOffline, Mirror: s.Mirror, Revision: s.Revision, ActiveHere: s.ActiveHere, Created: s.Created,
		Type: d.Type, HardwareID: d.Hardware, Evidence: d.Evidence, Test: d.Test, Weak: d.Weak,
		Version: d.Version, Platform: d.Platform, Replicas: d.Replicas, Held: d.Held, Live: live,
		search: strings.ToLower(s.Name + "\x00" + s.Code),
	}
}

func (s *Site) clone() Site {
	c := *s
	c.Former = slices.Clone(s.Former)
	c.Evidence = maps.Clone(s.Evidence)
	c.Replicas = slices.Clone(s.Replicas)
	c.Live.LastSeen = clonePointer(s.Live.LastSeen)
	c.Live.LastSync = clonePointer(s.Live.LastSync)
	return c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Site gives a site by its ID. Errors: CodeNotFound.
func (r *Registry) Site(id sitesync.SiteID) (Site, error) {
	return r.ResolveSite(Ref{ID: uint64(id)})
}

// ResolveSite gives a site by its ID, its name or a former name. Errors:
// CodeNotFound.
func (r *Registry) ResolveSite(ref Ref) (Site, error) {
	id := sitesync.SiteID(ref.ID)
	if ref.Text != "" {
		if name, err := NormalName(ref.Text); err == nil {
			id = r.siteOfName(foldName(name))
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if s := r.index.sites[id]; s != nil && s.view != nil {
		return s.view.clone(), nil
	}
	return Site{}, noSite(ref)
}

func noSite(ref Ref) *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeNotFound, "list the sites, and take the ID or name from there", "there is no site %s", ref).WithField("site")
}

// Sites lists sites in the order of their IDs, so that the central site is
// first: at most limit (0 = all) of those after the ID after for which filter
// holds (nil = all). next is the after of the next page, 0 on the last. The
// filter must not change or keep what it is shown.
func (r *Registry) Sites(filter func(*Site) bool, after sitesync.SiteID, limit int) (items []Site, next sitesync.SiteID) {
	for _, s := range r.sitesAfter(after) {
		if filter != nil && !filter(s) {
			continue
		}
		if limit > 0 && len(items) == limit {
			return items, items[limit-1].ID
		}
		items = append(items, s.clone())
	}
	return items, 0
}

// sitesAfter gives one moment's sites; the filter runs outside the lock.
func (r *Registry) sitesAfter(after sitesync.SiteID) []*Site {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.siteOrder.after(uint64(after))
}

// SaveLive keeps what is known of several sites' sessions, in one commit for
// each 200 of them. It tells no watcher. Sites that are gone are left out.
func (r *Registry) SaveLive(live map[sitesync.SiteID]Live) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(live)), 200) {
		err := r.edit(func(e *edit) error {
			for _, id := range ids {
				if _, known, err := get[siteRecord](e, keySite(id)); err != nil {
					return err
				} else if !known {
					continue
				}
				if err := e.put(keyLive(id), liveRecord{Live: live[id]}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
