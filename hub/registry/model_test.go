package registry

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
)

// model is what the registry must look like, in the simplest form there is:
// names and codes in lists that are searched.
type model struct {
	r      *Registry
	b      *memory
	sites  []*modelSite
	stores []*modelStore
	lastID sitesync.SiteID
	checks int
}

type modelSite struct {
	id       sitesync.SiteID
	names    []string // the present one last
	revision uint64
}

type modelStore struct {
	id      sitesync.StoreID
	codes   []string // the present one last; a former one that was taken is gone
	site    sitesync.SiteID
	intents uint64
}

func (s *modelSite) name() string  { return s.names[len(s.names)-1] }
func (s *modelStore) code() string { return s.codes[len(s.codes)-1] }

// holder gives the site that has or had a name.
func (m *model) holder(name string) *modelSite {
	for _, s := range m.sites {
		if slices.ContainsFunc(s.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return s
		}
	}
	return nil
}

func (m *model) site(id sitesync.SiteID) *modelSite {
	for _, s := range m.sites {
		if s.id == id {
			return s
		}
	}
	return nil
}

// names has few names, some of which are one: by case, or by how an accent is
// composed.
var (
	names = rapid.SampledFrom([]string{"Nadi", "NADI", "nadi", "Suva", "Labasa", "Bā", "Ba\u0304", "BĀ"})
	codes = rapid.SampledFrom([]string{"A", "a", "B", "C", "D"})
)

func (m *model) drawSite(t *rapid.T) *modelSite {
	return rapid.SampledFrom(m.sites).Draw(t, "site")
}

func (m *model) createSite(t *rapid.T) {
	name := names.Draw(t, "name")
	res, err := m.r.CreateSite(admin, NewSite{Name: name, Password: password})
	if m.holder(fromNFD(name)) != nil {
		expectCode(t, err, sitesync.CodeExists)
		return
	}
	if err != nil || res.Site.ID <= m.lastID {
		t.Fatalf("%+v after %d: %v", res.Site, m.lastID, err)
	}
	m.lastID = res.Site.ID
	m.sites = append(m.sites, &modelSite{res.Site.ID, []string{fromNFD(name)}, 1})
}

func fromNFD(name string) string { return strings.ReplaceAll(name, "a\u0304", "ā") }

func (m *model) rename(t *rapid.T) {
	s, name := m.drawSite(t), names.Draw(t, "name")
	stale := rapid.Bool().Draw(t, "stale")
	revision := s.revision
	if stale {
		revision--
	}
	res, err := m.r.UpdateSite(admin, SiteEdit{Site: s.id, Revision: max(revision, 1), Name: &name})
	name = fromNFD(name)
	switch holder := m.holder(name); {
	case max(revision, 1) != s.revision:
		expectCode(t, err, sitesync.CodeConflict)
	case holder != nil && holder != s:
		expectCode(t, err, sitesync.CodeExists)
	case err != nil:
		t.Fatal(err)
	case name != s.name():
		s.revision++
		s.names = append(slices.DeleteFunc(s.names, func(n string) bool { return strings.EqualFold(n, name) }), name)
		fallthrough
	default:
		if res.Site.Revision != s.revision {
			t.Fatalf("revision %d, want %d", res.Site.Revision, s.revision)
		}
	}
}

func (m *model) deleteSite(t *rapid.T) {
	s := m.drawSite(t)
	_, err := m.r.DeleteSite(admin, SiteRemoval{Site: s.id})
	switch {
	case s.id == sitesync.CentralSite:
		expectCode(t, err, sitesync.CodeActiveHere)
	case slices.ContainsFunc(m.stores, func(st *modelStore) bool { return st.site == s.id }):
		expectCode(t, err, sitesync.CodeInUse)
	case err != nil:
		t.Fatal(err)
	default:
		m.sites = slices.DeleteFunc(m.sites, func(other *modelSite) bool { return other == s })
	}
}

func (m *model) codeTaken(code string, but *modelStore) bool {
	return slices.ContainsFunc(m.stores, func(s *modelStore) bool { return s != but && s.code() == code })
}

// takeCode takes a code away from the store that had it formerly.
func (m *model) takeCode(code string) {
	for _, s := range m.stores {
		s.codes = slices.DeleteFunc(s.codes, func(c string) bool { return c == code })
	}
}

func (m *model) createStore(t *rapid.T) {
	code := codes.Draw(t, "code")
	res, err := m.r.CreateStore(admin, NewStore{Code: code})
	if m.codeTaken(code, nil) {
		expectCode(t, err, sitesync.CodeExists)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.takeCode(code)
	m.stores = append(m.stores, &modelStore{res.Store.ID, []string{code}, sitesync.CentralSite, 1})
	m.site(sitesync.CentralSite).revision++
}

func (m *model) drawStore(t *rapid.T) *modelStore {
	if len(m.stores) == 0 {
		t.Skip("no store")
	}
	return rapid.SampledFrom(m.stores).Draw(t, "store")
}

func (m *model) recode(t *rapid.T) {
	s, code := m.drawStore(t), codes.Draw(t, "code")
	_, err := m.r.UpdateStore(admin, StoreEdit{Store: s.id, Code: &code})
	if m.codeTaken(code, s) {
		expectCode(t, err, sitesync.CodeExists)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if code != s.code() {
		m.takeCode(code)
		s.codes = append(s.codes, code)
	}
}

func (m *model) moveStore(t *rapid.T) {
	s, to := m.drawStore(t), m.drawSite(t)
	res, err := m.r.MoveStore(admin, s.id, to.id, false)
	if err != nil {
		t.Fatal(err)
	}
	if s.site == to.id {
		if res.Intent != nil {
			t.Fatal("an intent to move a store to where it is")
		}
		return
	}
	m.site(s.site).revision++
	to.revision++
	s.site = to.id
	s.intents++
}

// editStores adds and removes in one edit.
func (m *model) editStores(t *rapid.T) {
	s, to := m.drawStore(t), m.drawSite(t)
	e := SiteEdit{Site: to.id, Revision: to.revision, AddStores: []sitesync.StoreID{s.id}}
	if s.site == to.id {
		e.AddStores, e.RemoveStores = nil, e.AddStores
	}
	_, err := m.r.UpdateSite(admin, e)
	if s.site == to.id && to.id == sitesync.CentralSite {
		expectCode(t, err, sitesync.CodeInvalid)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	target := to.id
	if s.site == to.id {
		target = sitesync.CentralSite
	}
	m.site(s.site).revision++
	m.site(target).revision++
	s.site = target
	s.intents++
}

// check compares everything, in the registry at work and in one that reads
// what is stored.
func (m *model) check(t *rapid.T) {
	registries := []*Registry{m.r}
	if m.checks++; m.checks%5 == 0 {
		registries = append(registries, m.reopened(t))
	}
	for _, r := range registries {
		sites, _ := r.Sites(nil, 0, 0)
		if len(sites) != len(m.sites) || sites[0].ID != sitesync.CentralSite {
			t.Fatalf("%d sites, the first is %d; want %d", len(sites), sites[0].ID, len(m.sites))
		}
		for _, s := range sites {
			want := m.site(s.ID)
			if want == nil || s.Name != want.name() || s.Revision != want.revision || len(s.Former) != len(want.names)-1 {
				t.Fatalf("site %+v, want %+v", s, want)
			}
			for _, name := range want.names {
				if got, err := r.ResolveSite(Ref{Text: strings.ToUpper(name)}); err != nil || got.ID != s.ID {
					t.Fatalf("%q gives site %d, %v; want %d", name, got.ID, err, s.ID)
				}
			}
			m.checkStores(t, r, s.ID)
		}
		if !reflect.DeepEqual(storesIn(m.r), storesIn(r)) {
			t.Fatal("the stores in memory are not those stored")
		}
	}
}

func (m *model) checkStores(t *rapid.T, r *Registry, site sitesync.SiteID) {
	var want []*modelStore
	for _, s := range m.stores {
		if s.site == site {
			want = append(want, s)
		}
	}
	got := r.StoresOf(site)
	if len(got) != len(want) || r.index.sites[site].site.Stores != len(want) {
		t.Fatalf("site %d has %d stores, counted %d; want %d", site, len(got), r.index.sites[site].site.Stores, len(want))
	}
	for i, s := range got {
		if s.ID != want[i].id || s.Code != want[i].code() || s.Intent != want[i].intents || len(r.PendingIntents(s.ID, 0)) != int(s.Intent) {
			t.Fatalf("store %+v, want %+v", s, want[i])
		}
		for j, code := range want[i].codes {
			_, err := r.ResolveStore(Ref{Text: code})
			if j == len(want[i].codes)-1 && err != nil {
				t.Fatal(err)
			} else if j < len(want[i].codes)-1 {
				expectCode(t, err, sitesync.CodeMovedCode)
				if sitesync.AsError(err).Field != s.Code {
					t.Fatalf("%q leads to %q", code, sitesync.AsError(err).Field)
				}
			}
		}
	}
}

func storesIn(r *Registry) []Store {
	stores, _ := r.Stores(nil, 0, 0)
	return stores
}

func (m *model) reopened(t *rapid.T) *Registry {
	r, err := Open(m.b, cheap)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	return r
}

// TestNamesCodesAndRevisions drives random edits against the model.
func TestNamesCodesAndRevisions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newMemory()
		r, err := Open(b, cheap)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{r: r, b: b, lastID: sitesync.CentralSite,
			sites: []*modelSite{{sitesync.CentralSite, []string{"Central"}, 1}}}
		t.Repeat(map[string]func(*rapid.T){
			"":            m.check,
			"create site": m.createSite, "rename": m.rename, "delete site": m.deleteSite,
			"create store": m.createStore, "recode": m.recode, "move": m.moveStore, "edit stores": m.editStores,
		})
	})
}

// TestEditsThatMeet lets many edit the same things at once: each conflict runs
// an edit again, and none is lost.
func TestEditsThatMeet(t *testing.T) {
	t.Parallel()
	r := openTest(t)
	const workers, stores = 8, 10
	site := newSite(t, r, "Nadi")
	done := make(chan error)
	for w := range workers {
		go func() {
			var err error
			for i := range stores {
				var res StoreResult
				if res, err = r.CreateStore(admin, NewStore{Code: fmt.Sprintf("S%d.%d", w, i)}); err != nil {
					break
				}
				if _, err = r.MoveStore(admin, res.Store.ID, site.ID, false); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got, err := r.Site(site.ID)
	if err != nil || got.Revision != site.Revision+workers*stores || len(r.StoresOf(site.ID)) != workers*stores {
		t.Errorf("revision %d, %d stores, %v", got.Revision, len(r.StoresOf(site.ID)), err)
	}
}
