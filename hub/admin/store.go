package admin

import (
	"fmt"
	"time"

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

// storeDelete is what store.delete takes.
type storeDelete struct {
	Store Ref  `json:"store" about:"the store"`
	Force bool `json:"force,omitempty" about:"do it even though the store holds records, which are lost"`
}

// lost is what goes with a store, for the audit log.
type lost struct {
	Records int64           `json:"records"`
	Bytes   int64           `json:"bytes"`
	Digest  sitesync.Digest `json:"digest"`
}

// deleteStore answers with the store as it was.
func (c *call) deleteStore(in storeDelete) (out StoreResult, err error) {
	store, err := c.findStore(in.Store, "store")
	if err != nil && !c.known {
		return out, err
	}
	d := registry.StoreRemoval{Store: store.ID, Intent: store.Intent}
	if !c.known {
		// Nobody could decide about a proposal to a store that is gone.
		if err := c.Records.SettleProposals(store.ID, time.Now()); err != nil {
			return out, err
		}
		if out.Store, err = c.store(&store); err != nil {
			return out, err
		}
		if err := c.mayDelete(&out.Store, in.Force); err != nil {
			return out, err
		}
		d.Lost = lost{Records: out.Store.Records, Bytes: out.Store.Bytes, Digest: out.Store.Digest}
	}
	res, err := c.Registry.DeleteStore(c.actor, d)
	if err != nil {
		return out, err
	}
	c.made = true
	if c.known {
		out.Store = sitesync.Store{ID: res.Store.ID, Code: res.Store.Code, Name: res.Store.Name, Tags: res.Store.Tags, Site: sitesync.CentralSite, Phase: sitesync.PhaseActive}
	}
	_, err = c.plan().carryOut([]registry.Intent{*res.Intent})
	return out, err
}

// mayDelete refuses to delete a store that somebody still works with, and one
// with records unless it is to be forced.
func (c *call) mayDelete(store *sitesync.Store, force bool) error {
	switch {
	case store.Handover != nil:
		return sitesync.Errorf(sitesync.CodeHandoverState, "wait until it is over, or cancel it", "store %s is on its way from %s to %s",
			store.Code, quoted(store.Handover.FromName), quoted(store.Handover.ToName)).WithField("store")
	case store.Site != sitesync.CentralSite:
		return sitesync.Errorf(sitesync.CodeInUse, "move it to the central site first", "store %s is active at %s", store.Code, quoted(c.nameOf(store.Site))).WithField("store")
	case store.Records > 0 && !force:
		return sitesync.Errorf(sitesync.CodeInUse, "with force they are deleted with it, and nothing brings them back", "store %s holds %s",
			store.Code, plural(uint64(store.Records), "record", "records")).WithField("store")
	}
	return nil
}

// plural is a number of things, in words.
func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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
