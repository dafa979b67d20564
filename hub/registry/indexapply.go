package registry

import (
	"fmt"
	"strings"
)

// site gives the entry of the site that a key names, to be replaced.
func (x *index) site(key, prefix string) (siteID, indexedSite, error) {
	n, err := number(key, prefix)
	if err != nil {
		return 0, indexedSite{}, fmt.Errorf("%s: %w", key, err)
	}
	if s := x.sites[siteID(n)]; s != nil {
		return siteID(n), *s, nil
	}
	return siteID(n), indexedSite{}, nil
}

func (x *index) setSite(id siteID, s indexedSite) {
	s.view = nil
	if s.site != nil {
		s.view = s.site.join(&s.device, s.live)
	}
	x.sites[id] = &s
	x.siteOrder.set(uint64(id), s.view)
}

func (x *index) applySite(w Item, set *changeSet) error {
	id, s, err := x.site(w.Key, prefixSite)
	if err != nil {
		return err
	}
	s.site = nil
	if w.Value != nil {
		rec, err := decode[siteRecord](w)
		if err != nil {
			return err
		}
		s.site = &rec
	}
	x.setSite(id, s)
	add(&set.sites, id)
	return nil
}

func (x *index) applyDevice(w Item, set *changeSet) error {
	id, s, err := x.site(w.Key, prefixDevice)
	if err != nil {
		return err
	}
	former := s.device
	if s.device, err = decode[deviceRecord](w); err != nil {
		return err
	}
	for _, c := range former.Credentials {
		delete(x.credentials, c.Digest)
	}
	for _, c := range s.device.Credentials {
		x.credentials[c.Digest] = id
	}
	if former.Hardware != s.device.Hardware {
		leave(x.hardware, former.Hardware, id)
		if s.device.Hardware != "" {
			enter(x.hardware, s.device.Hardware, id)
		}
	}
	if former.Hardware != "" && s.device.Hardware == "" {
		add(&set.reset, id)
	}
	x.setSite(id, s)
	add(&set.sites, id)
	return nil
}

func (x *index) applyLive(w Item, _ *changeSet) error {
	id, s, err := x.site(w.Key, prefixLive)
	if err != nil {
		return err
	}
	s.live = Live{}
	if w.Value != nil {
		rec, err := decode[liveRecord](w)
		if err != nil {
			return err
		}
		s.live = rec.Live
	}
	x.setSite(id, s)
	return nil
}

func (x *index) applyName(w Item, _ *changeSet) error {
	name := strings.TrimPrefix(w.Key, prefixName)
	if w.Value == nil {
		delete(x.names, name)
		return nil
	}
	rec, err := decode[nameRecord](w)
	x.names[name] = rec.Site
	return err
}

func (x *index) applyStore(w Item, set *changeSet) error {
	n, err := number(w.Key, prefixStore)
	if err != nil {
		return fmt.Errorf("%s: %w", w.Key, err)
	}
	id := storeID(n)
	if former := x.stores[id]; former != nil {
		leave(x.storesOf, former.Site, id)
	}
	delete(x.stores, id)
	if w.Value != nil {
		rec, err := decode[storeRecord](w)
		if err != nil {
			return err
		}
		x.stores[id] = rec.store()
		enter(x.storesOf, rec.Site, id)
	}
	x.storeOrder.set(n, x.stores[id])
	add(&set.stores, id)
	return nil
}

func (x *index) applyCode(w Item, _ *changeSet) error {
	code := strings.TrimPrefix(w.Key, prefixCode)
	if w.Value == nil {
		delete(x.codes, code)
		return nil
	}
	rec, err := decode[codeRecord](w)
	x.codes[code] = rec.Store
	return err
}

func (x *index) applyIntent(w Item, set *changeSet) error {
	store, num, err := parseIntentKey(w.Key)
	if err != nil {
		return err
	}
	if w.Value == nil {
		delete(x.intents[store], num)
		if len(x.intents[store]) == 0 {
			delete(x.intents, store)
		}
		return nil
	}
	rec, err := decode[intentRecord](w)
	if err != nil {
		return err
	}
	if x.intents[store] == nil {
		x.intents[store] = make(map[uint64]Intent)
	}
	x.intents[store][num] = rec.Intent
	add(&set.intents, store)
	return nil
}

func (x *index) applyUser(w Item, set *changeSet) error {
	name := strings.TrimPrefix(w.Key, prefixUser)
	former := x.users[name]
	if former != nil {
		delete(x.tokens, former.Token)
	}
	delete(x.users, name)
	if w.Value == nil {
		add(&set.users, name)
		return nil
	}
	rec, err := decode[userRecord](w)
	if err != nil {
		return err
	}
	x.users[name] = &rec
	if rec.Kind == KindToken {
		x.tokens[rec.Token] = name
	}
	if former == nil || former.Edits != rec.Edits {
		add(&set.users, name)
	}
	return nil
}

func (x *index) applyReplay(w Item, _ *changeSet) error {
	if w.Value == nil {
		x.replays.remove(w.Key)
		return nil
	}
	rec, err := decode[replayRecord](w)
	if err != nil {
		return err
	}
	x.replays.add(w.Key, rec.At.Time)
	return nil
}

// enter and leave keep a map of sets without empty sets.
func enter[K, M comparable](sets map[K]map[M]bool, k K, member M) {
	if sets[k] == nil {
		sets[k] = make(map[M]bool)
	}
	sets[k][member] = true
}

func leave[K, M comparable](sets map[K]map[M]bool, k K, member M) {
	delete(sets[k], member)
	if len(sets[k]) == 0 {
		delete(sets, k)
	}
}
