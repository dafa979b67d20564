package registry

import (
	"slices"

	"sitesync/shared/sitesync"
)

// Store is a store as the registry knows it. Who owns it is its meta's to say.
type Store struct {
	ID      sitesync.StoreID
	Code    string
	Name    string
	Tags    []string        // sorted
	Site    sitesync.SiteID // where it is wanted
	Intent  uint64          // number of its newest intent
	Created sitesync.Time
}

type storeRecord struct {
	header
	ID      sitesync.StoreID `json:"id"`
	Code    string           `json:"code"`
	Former  []string         `json:"former,omitempty"` // former codes; another store may have taken one
	Name    string           `json:"name"`
	Tags    []string         `json:"tags"`
	Site    sitesync.SiteID  `json:"site"`
	Intent  uint64           `json:"intent"`
	Created sitesync.Time    `json:"created"`
}

// codeRecord says which store has or had a code.
type codeRecord struct {
	header
	Store sitesync.StoreID `json:"store"`
}

func (s *storeRecord) store() *Store {
	return &Store{ID: s.ID, Code: s.Code, Name: s.Name, Tags: s.Tags, Site: s.Site, Intent: s.Intent, Created: s.Created}
}

func (s *Store) clone() Store {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	return c
}

// Store gives a store by its ID. Errors: CodeNotFound.
func (r *Registry) Store(id sitesync.StoreID) (Store, error) {
	return r.ResolveStore(Ref{ID: uint64(id)})
}

// ResolveStore gives a store by its ID or code. Errors: CodeNotFound;
// CodeMovedCode for a former code, with the present one in Field.
func (r *Registry) ResolveStore(ref Ref) (Store, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id := sitesync.StoreID(ref.ID)
	if ref.Text != "" {
		id = r.index.codes[ref.Text]
	}
	s := r.index.stores[id]
	switch {
	case s == nil:
		return Store{}, noStore(ref)
	case ref.Text != "" && s.Code != ref.Text:
		return Store{}, sitesync.Errorf(sitesync.CodeMovedCode, "use the new code",
			"the store with the code %q has the code %q now", ref.Text, s.Code).WithField(s.Code)
	}
	return s.clone(), nil
}

func noStore(ref Ref) *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeNotFound, "list the stores, and take the ID or code from there", "there is no store %s", ref).WithField("store")
}

// Stores lists stores in the order of their IDs, as Sites does.
func (r *Registry) Stores(filter func(*Store) bool, after sitesync.StoreID, limit int) (items []Store, next sitesync.StoreID) {
	for _, s := range r.storesAfter(after) {
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

func (r *Registry) storesAfter(after sitesync.StoreID) []*Store {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.storeOrder.after(uint64(after))
}

// StoresOf lists the stores that are wanted at a site, in the order of their
// IDs.
func (r *Registry) StoresOf(site sitesync.SiteID) []Store {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ids := sorted(r.index.storesOf[site])
	stores := make([]Store, len(ids))
	for i, id := range ids {
		stores[i] = r.index.stores[id].clone()
	}
	return stores
}
