package admin

import (
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// storeCreate is what store.create takes.
type storeCreate struct {
	Code string   `json:"code" about:"unique code: 1 to 40 of A-Z a-z 0-9 . _ -"`
	Name string   `json:"name" about:"free text"`
	Tags []string `json:"tags,omitempty" about:"tags, each key:value"`
}

func (c *call) createStore(in storeCreate) (out StoreResult, err error) {
	res, err := c.Registry.CreateStore(c.actor, registry.NewStore{Code: in.Code, Name: in.Name, Tags: in.Tags})
	if err != nil {
		return out, err
	}
	return c.editedStore(res)
}

// storeUpdate is what store.update takes. What is left out stays as it is.
type storeUpdate struct {
	Store Ref       `json:"store" about:"the store"`
	Code  *string   `json:"code,omitempty" about:"new code; the old one leads to it until another store has it"`
	Name  *string   `json:"name,omitempty" about:"free text"`
	Tags  *[]string `json:"tags,omitempty" about:"tags, each key:value; they replace all it has"`
}

func (c *call) updateStore(in storeUpdate) (out StoreResult, err error) {
	store, err := c.findStore(in.Store, "store")
	if err != nil {
		return out, err
	}
	res, err := c.Registry.UpdateStore(c.actor, registry.StoreEdit{Store: store.ID, Code: in.Code, Name: in.Name, Tags: in.Tags})
	if err != nil {
		return out, err
	}
	return c.editedStore(res)
}

func (c *call) editedStore(res registry.StoreResult) (out StoreResult, err error) {
	c.made = true
	if res.Intent != nil {
		if _, err := c.plan().carryOut([]registry.Intent{*res.Intent}); err != nil {
			return out, err
		}
	}
	out.Store, err = c.Store(res.Store)
	return out, err
}

// storeOnly is what store.get takes.
type storeOnly struct {
	Store Ref `json:"store" about:"the store"`
}

func (c *call) getStore(in storeOnly) (out StoreResult, err error) {
	store, err := c.findStore(in.Store, "store")
	if err != nil {
		return out, err
	}
	out.Store, err = c.Store(store)
	return out, err
}

// storeList is what store.list takes.
type storeList struct {
	Site  *Ref   `json:"site,omitempty" about:"only stores of this site"`
	Q     string `json:"q,omitempty" about:"only stores with this text in code or name"`
	Limit *int   `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string `json:"after,omitempty" about:"next of the former page"`
}

func (c *call) listStores(in storeList) (out Page[sitesync.Store], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	after, err := p.number()
	if err != nil {
		return out, err
	}
	of, err := c.storesOf(in.Site)
	if err != nil {
		return out, err
	}
	stores, next := c.Registry.Stores(func(store *registry.Store) bool {
		return (of == nil || of[store.ID]) && (in.Q == "" || contains(in.Q, store.Code, store.Name))
	}, sitesync.StoreID(after), p.limit)
	for i := range stores {
		shape, err := c.store(&stores[i])
		if err != nil {
			return out, err
		}
		full, err := out.add(shape)
		if err != nil {
			return out, err
		}
		if full && i+1 < len(stores) {
			next = shape.ID
			break
		}
	}
	out.Next = nextNumber(next)
	return out, nil
}

// storesOf is the set of stores that a site owns, nil where no site was named.
func (c *call) storesOf(ref *Ref) (map[sitesync.StoreID]bool, error) {
	if ref == nil {
		return nil, nil
	}
	site, err := c.findSite(*ref, "site")
	if err != nil {
		return nil, err
	}
	of := map[sitesync.StoreID]bool{}
	for _, id := range c.Handover.StoresOf(site.ID) {
		of[id] = true
	}
	return of, nil
}

// storeMove is what store.move takes.
type storeMove struct {
	Store Ref  `json:"store" about:"the store"`
	To    Ref  `json:"to" about:"the site it goes to"`
	Force bool `json:"force,omitempty" about:"do not wait for what the present site has not sent"`
}

// moveStore answers after the arrow.
func (c *call) moveStore(in storeMove) (out MoveResult, err error) {
	to, err := c.findSite(in.To, "to")
	if err != nil {
		return out, err
	}
	store, err := c.findStore(in.Store, "store")
	if err != nil {
		return out, err
	}
	plan := c.plan()
	if err := plan.try(&store, "store", to.ID, in.Force); err != nil {
		return out, err
	}
	res, err := c.Registry.MoveStore(c.actor, store.ID, to.ID, in.Force)
	if err != nil {
		return out, err
	}
	c.made = true
	if res.Intent == nil {
		shape, err := c.store(&store)
		return MoveResult{Handover: shape.Handover}, err
	}
	handovers, err := plan.carryOut([]registry.Intent{*res.Intent})
	if err != nil || len(handovers) == 0 {
		return out, err
	}
	return MoveResult{Handover: &handovers[0]}, nil
}

// findStore finds the store an argument names. Errors: not_found, naming the
// field; moved_code.
func (c *call) findStore(ref Ref, field string) (registry.Store, error) {
	store, err := c.Registry.ResolveStore(ref)
	return store, inField(err, field)
}
