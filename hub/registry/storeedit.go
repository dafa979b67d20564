package registry

import (
	"errors"
	"slices"

	"sitesync/shared/sitesync"
)

// NewStore is what CreateStore takes.
type NewStore struct {
	Code string
	Name string
	Tags []string
}

// StoreEdit changes what is not nil.
type StoreEdit struct {
	Store sitesync.StoreID
	Code  *string
	Name  *string
	Tags  *[]string
}

// StoreResult is what an edit of a store did.
type StoreResult struct {
	Store  Store
	Intent *Intent // nil: nothing is left to do
}

// CreateStore makes a store that is wanted at the central site, with an intent
// to create its data. Errors: CodeInvalid, CodeExists, CodeIDReused.
func (r *Registry) CreateStore(a Actor, n NewStore) (StoreResult, error) {
	tags, err := checkStore(&n.Code, &n.Name, &n.Tags)
	if err != nil {
		return StoreResult{}, err
	}
	done, err := r.perform(a, nil, false, func(e *edit) error {
		id, err := e.reserve(idStore, 1)
		if err != nil {
			return err
		}
		s := storeRecord{ID: sitesync.StoreID(id), Code: n.Code, Name: n.Name, Tags: tags, Site: sitesync.CentralSite, Created: e.at}
		if err := e.takeCode(s.Code, s.ID); err != nil {
			return err
		}
		if err := e.gain(s.Site, &s); err != nil {
			return err
		}
		if _, err := e.wish(&s, IntentCreate, s.Site); err != nil {
			return err
		}
		e.done.Store = s.ID
		e.audit(a, sitesync.Audit{Store: &s.ID, After: details{"code": s.Code, "name": s.Name, "tags": s.Tags, "site": s.Site}.json()})
		return e.put(keyStore(s.ID), s)
	})
	return r.storeResult(done, err)
}

// UpdateStore changes code, name and tags. A former code leads to the new one
// for as long as no other store takes it. Errors: CodeNotFound, CodeInvalid,
// CodeExists, CodeIDReused.
func (r *Registry) UpdateStore(a Actor, want StoreEdit) (StoreResult, error) {
	tags, err := checkStore(want.Code, want.Name, want.Tags)
	if err != nil {
		return StoreResult{}, err
	}
	done, err := r.perform(a, nil, false, func(e *edit) error {
		s, err := e.store(want.Store)
		if err != nil {
			return err
		}
		e.done.Store = s.ID
		before, after := details{}, details{}
		if want.Code != nil && *want.Code != s.Code {
			if err := e.takeCode(*want.Code, s.ID); err != nil {
				return err
			}
			before["code"], after["code"] = s.Code, *want.Code
			s.Former = append(slices.DeleteFunc(s.Former, func(code string) bool { return code == *want.Code }), s.Code)
			s.Code = *want.Code
		}
		if want.Name != nil && *want.Name != s.Name {
			before["name"], after["name"] = s.Name, *want.Name
			s.Name = *want.Name
		}
		if want.Tags != nil && !slices.Equal(tags, s.Tags) {
			before["tags"], after["tags"] = s.Tags, tags
			s.Tags = tags
		}
		if len(after) > 0 {
			e.audit(a, sitesync.Audit{Store: &s.ID, Before: before.json(), After: after.json()})
		}
		return e.put(keyStore(s.ID), s)
	})
	return r.storeResult(done, err)
}

// MoveStore wants a store at another site, with an intent to hand it over. A
// store that is wanted there already is left as it is, unless it is to be
// forced there. Errors: CodeNotFound, CodeIDReused.
func (r *Registry) MoveStore(a Actor, store sitesync.StoreID, to sitesync.SiteID, force bool) (StoreResult, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		s, err := e.store(store)
		if err != nil {
			return err
		}
		e.done.Store = store
		if s.Site == to && !force {
			return nil
		}
		return e.move(&s, to, force)
	})
	return r.storeResult(done, err)
}

// CancelHandover wants a store to stay at the site that it was to leave.
// Whether it is too late for that, the intent's outcome says. Errors:
// CodeNotFound, CodeIDReused.
func (r *Registry) CancelHandover(a Actor, h sitesync.Handover) (StoreResult, error) {
	return r.endDraining(a, h, IntentCancel, h.From)
}

// ForceHandover wants nobody to wait for what a store's site has not sent.
// Whether there is still anything to wait for, the intent's outcome says.
// Errors: CodeNotFound, CodeIDReused.
func (r *Registry) ForceHandover(a Actor, h sitesync.Handover) (StoreResult, error) {
	return r.endDraining(a, h, IntentForce, h.To)
}

func (r *Registry) endDraining(a Actor, h sitesync.Handover, kind IntentKind, site sitesync.SiteID) (StoreResult, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		s, err := e.store(h.Store)
		if err != nil {
			return err
		}
		e.done.Store = s.ID
		from := s.Site
		if from != site {
			if err := e.relocate(&s, site); err != nil {
				return err
			}
		}
		if _, err := e.wish(&s, kind, site, func(in *Intent) { in.Handover = h.ID }); err != nil {
			return err
		}
		e.audit(a, sitesync.Audit{Store: &h.Store, Before: details{"site": from, "handover": h.ID}.json(), After: details{"site": site}.json()})
		return e.put(keyStore(s.ID), s)
	})
	return r.storeResult(done, err)
}

// StoreRemoval is what DeleteStore takes.
type StoreRemoval struct {
	Store  sitesync.StoreID
	Intent uint64 // the newest one when the store was seen to be at the centre; 0 = any
	Lost   any    // what goes with it, for the audit log
}

// DeleteStore takes a store away that is wanted at the central site, with an
// intent to drop its data. Errors: CodeNotFound, CodeInUse, CodeConflict
// (somebody has moved it meanwhile), CodeIDReused.
func (r *Registry) DeleteStore(a Actor, d StoreRemoval) (StoreResult, error) {
	done, err := r.perform(a, nil, false, func(e *edit) error {
		s, err := e.store(d.Store)
		if err != nil {
			return err
		}
		if d.Intent != 0 && s.Intent != d.Intent {
			return sitesync.Errorf(sitesync.CodeConflict, "look at the store again with store.get", "the store %s was moved in this moment", s.Code).WithField("store")
		}
		if s.Site != sitesync.CentralSite {
			return sitesync.Errorf(sitesync.CodeInUse, "move it to the central site first", "the store %s belongs to site %d", s.Code, s.Site).WithField("store")
		}
		if err := e.lose(s.Site, &s); err != nil {
			return err
		}
		if _, err := e.wish(&s, IntentDelete, s.Site); err != nil {
			return err
		}
		before := details{"code": s.Code, "name": s.Name, "tags": s.Tags}
		if d.Lost != nil {
			before["lost"] = d.Lost
		}
		e.audit(a, sitesync.Audit{Store: &s.ID, Before: before.json()})
		e.done.Store, e.done.GoneStore = s.ID, s.store()
		e.remove(keyStore(s.ID))
		return e.freeCodes(&s)
	})
	return r.storeResult(done, err)
}

// SetDesired repairs where a store is wanted from its meta, after a handover
// that was cancelled or an intent that was refused. Errors: CodeNotFound.
func (r *Registry) SetDesired(a Actor, store sitesync.StoreID, site sitesync.SiteID) error {
	return r.edit(func(e *edit) error {
		e.actor = a
		s, err := e.store(store)
		if err != nil || s.Site == site {
			return err
		}
		from := s.Site
		if err := e.relocate(&s, site); err != nil {
			return err
		}
		e.audit(a, sitesync.Audit{Store: &store, Before: details{"site": from}.json(), After: details{"site": site}.json()})
		return errors.Join(e.put(keyStore(store), s), e.finishSites())
	})
}

// move wants a store elsewhere, with intent and audit entry.
func (e *edit) move(s *storeRecord, to sitesync.SiteID, force bool) error {
	from := s.Site
	if from != to {
		if err := e.relocate(s, to); err != nil {
			return err
		}
	}
	intent, err := e.wish(s, IntentMove, to, func(in *Intent) { in.Force = force })
	if err != nil {
		return err
	}
	id := s.ID
	after := details{"site": to, "handover": intent.Handover}
	if force {
		after["force"] = true
	}
	e.audit(e.actor, sitesync.Audit{Store: &id, Before: details{"site": from}.json(), After: after.json()})
	return e.put(keyStore(s.ID), *s)
}

func (e *edit) relocate(s *storeRecord, to sitesync.SiteID) error {
	if err := e.lose(s.Site, s); err != nil {
		return err
	}
	s.Site = to
	return e.gain(to, s)
}

func (e *edit) store(id sitesync.StoreID) (storeRecord, error) {
	s, known, err := get[storeRecord](e, keyStore(id))
	if err == nil && !known {
		err = noStore(Ref{ID: uint64(id)})
	}
	return s, err
}

// takeCode gives a code to a store. A code that another store had before is
// free.
func (e *edit) takeCode(code string, store sitesync.StoreID) error {
	taken, known, err := get[codeRecord](e, keyCode(code))
	if err != nil {
		return err
	}
	if known && taken.Store != store {
		other, known, err := get[storeRecord](e, keyStore(taken.Store))
		if err != nil {
			return err
		}
		if known && other.Code == code {
			return sitesync.Errorf(sitesync.CodeExists, "choose another code", "the code %q belongs to store %d", code, other.ID).WithField("code")
		}
	}
	return e.put(keyCode(code), codeRecord{Store: store})
}

// freeCodes gives the codes back that still lead to a store.
func (e *edit) freeCodes(s *storeRecord) error {
	for _, code := range append(slices.Clone(s.Former), s.Code) {
		rec, known, err := get[codeRecord](e, keyCode(code))
		if err != nil {
			return err
		}
		if known && rec.Store == s.ID {
			e.remove(keyCode(code))
		}
	}
	return nil
}

// checkStore checks what is not nil and gives the tags sorted, each once.
func checkStore(code, name *string, tags *[]string) ([]string, error) {
	if code != nil {
		if err := sitesync.CheckStoreCode(*code); err != nil {
			return nil, err
		}
	}
	if name != nil {
		if err := sitesync.CheckStoreName(*name); err != nil {
			return nil, err
		}
	}
	if tags == nil {
		return nil, nil
	}
	if err := sitesync.CheckTags(*tags); err != nil {
		return nil, err
	}
	sorted := slices.Clone(*tags)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	if sorted == nil {
		sorted = []string{}
	}
	return sorted, nil
}

func (r *Registry) storeResult(done result, err error) (StoreResult, error) {
	if err != nil {
		return StoreResult{}, err
	}
	res := StoreResult{}
	if len(done.Intents) > 0 {
		res.Intent = &done.Intents[0]
	}
	if done.GoneStore != nil {
		res.Store = done.GoneStore.clone()
		return res, nil
	}
	res.Store, err = r.Store(done.Store)
	return res, err
}
