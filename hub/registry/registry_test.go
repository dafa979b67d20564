package registry

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// cheap makes passwords cost nothing, where a test hashes many.
var cheap = Options{Argon2: Argon2{Memory: 64, Time: 1, Threads: 1}}

// openTest opens a registry on a real database.
func openTest(t *testing.T) *Registry {
	t.Helper()
	return openOn(t, NewKV(openKV(t, t.TempDir())), cheap)
}

func openOn(t testing.TB, b Backend, o Options) *Registry {
	t.Helper()
	r, err := Open(b, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// admin is an administrator whose commands have no ID.
var admin = Actor{Kind: ActorUser, Name: "anna", From: "192.0.2.7", Command: "test"}

// command is an administrator's command with an ID and arguments.
func command(name, id, args string) Actor {
	return Actor{Kind: ActorUser, Name: "anna", From: "192.0.2.7", Command: name, CommandID: id, ArgsHash: sha256.Sum256([]byte(args))}
}

const password = "correct horse"

func newSite(t testing.TB, r *Registry, name string) Site {
	t.Helper()
	res, err := r.CreateSite(admin, NewSite{Name: name, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return res.Site
}

func newStore(t testing.TB, r *Registry, code string) Store {
	t.Helper()
	res, err := r.CreateStore(admin, NewStore{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	return res.Store
}

// update edits a site at its present revision.
func update(t testing.TB, r *Registry, e SiteEdit) SiteResult {
	t.Helper()
	s, err := r.Site(e.Site)
	if err != nil {
		t.Fatal(err)
	}
	e.Revision = s.Revision
	res, err := r.UpdateSite(admin, e)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func hardware(n int) sitesync.HardwareID {
	return sitesync.NewHardwareID(sha256.Sum256(fmt.Append(nil, "device ", n)))
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func expectCode(t failer, err error, want sitesync.Code) {
	t.Helper()
	if sitesync.CodeOf(err) != want {
		t.Fatalf("error %v (code %q), want code %q", err, sitesync.CodeOf(err), want)
	}
	if e := sitesync.AsError(err); e != nil && e.Next == "" {
		t.Errorf("%q says nothing of what to do next", e.Message)
	}
}

func pointer[T any](v T) *T { return &v }

func TestFirstOpenMakesCentralSiteAndIdentity(t *testing.T) {
	dir := t.TempDir()
	db := openKV(t, dir)
	r := openOn(t, NewKV(db), cheap)
	central, err := r.Site(sitesync.CentralSite)
	if err != nil {
		t.Fatal(err)
	}
	if central.Name != "Central" || central.Type != sitesync.TypeCentral || !central.ActiveHere || !central.Enabled {
		t.Errorf("central site: %+v", central)
	}
	site := newSite(t, r, "Nadi")
	if site.ID != 2 || site.Revision != 1 {
		t.Errorf("first site: %+v", site)
	}
	before := r.Identity()
	proof := r.GenerationProof(1)
	if before.Generation != 1 || before.Hub == [16]byte{} || len(proof) != 16 {
		t.Errorf("identity %+v, proof %x", before, proof)
	}
	if !r.CheckGenerationProof(1, proof) || r.CheckGenerationProof(2, proof) || r.CheckGenerationProof(1, nil) {
		t.Error("generation proofs do not tell generations apart")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	again := openOn(t, NewKV(openKV(t, dir)), cheap)
	if after := again.Identity(); after != before {
		t.Errorf("identity was %+v and is %+v after a restart", before, after)
	}
	if !again.CheckGenerationProof(1, proof) {
		t.Error("the hub key changed with a restart")
	}
	if got, err := again.ResolveSite(Ref{Text: "nadi"}); err != nil || got.ID != site.ID || got.Revision != site.Revision {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
}

func TestNumbersAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seen := make(map[uint64]bool)
	highest := uint64(0)
	for range 3 {
		db := openKV(t, dir)
		r := openOn(t, NewKV(db), cheap)
		for range 5000 {
			n, err := r.NextSession()
			if err != nil || n <= highest {
				t.Fatalf("session %d after %d: %v", n, highest, err)
			}
			highest = n
		}
		store := newStore(t, r, fmt.Sprintf("S%d", len(seen)))
		site := newSite(t, r, fmt.Sprintf("site %d", len(seen)))
		for i := range 300 {
			n, err := r.NextID(IDHandover)
			if err != nil || seen[n] {
				t.Fatalf("handover %d again: %v", n, err)
			}
			seen[n] = true
			if i%100 == 0 { // handovers numbered within an edit
				to := []sitesync.SiteID{site.ID, sitesync.CentralSite}[i/100%2]
				res, err := r.MoveStore(admin, store.ID, to, false)
				if err != nil || res.Intent == nil || seen[res.Intent.Handover] {
					t.Fatalf("move: %+v, %v", res.Intent, err)
				}
				seen[res.Intent.Handover] = true
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewGenerationJumpsAhead(t *testing.T) {
	r := openTest(t)
	session, _ := r.NextSession()
	site := newSite(t, r, "before")
	identity, err := r.NewGeneration(7)
	if err != nil || identity.Generation != 8 || r.Identity() != identity {
		t.Fatalf("%+v, %v", identity, err)
	}
	later, err := r.NextSession()
	if err != nil || later < session+jumpSessions {
		t.Errorf("session %d after %d: %v", later, session, err)
	}
	if after := newSite(t, r, "after"); after.ID < site.ID+jumpIDs {
		t.Errorf("site %d after %d", after.ID, site.ID)
	}
}

func TestWatchTellsWhatChanged(t *testing.T) {
	r := openTest(t)
	var got []Change
	stop := r.Watch(func(c Change) { got = append(got, c) })
	last := func() Change {
		t.Helper()
		if len(got) == 0 {
			t.Fatal("nothing was told")
		}
		c := got[len(got)-1]
		got = nil
		return c
	}
	site := newSite(t, r, "Nadi")
	if c := last(); !slices.Equal(c.Sites, []sitesync.SiteID{site.ID}) || len(c.Stores) > 0 {
		t.Errorf("creating a site: %+v", c)
	}
	store := newStore(t, r, "N1")
	if c := last(); !slices.Equal(c.Stores, []sitesync.StoreID{store.ID}) || !slices.Equal(c.Intents, c.Stores) ||
		!slices.Equal(c.Sites, []sitesync.SiteID{sitesync.CentralSite}) {
		t.Errorf("creating a store: %+v", c)
	}
	if _, err := r.MoveStore(admin, store.ID, site.ID, false); err != nil {
		t.Fatal(err)
	}
	if c := last(); !slices.Equal(c.Sites, []sitesync.SiteID{sitesync.CentralSite, site.ID}) {
		t.Errorf("moving a store: %+v", c)
	}
	if _, _, err := r.CreateUser(admin, NewUser{Name: "bob", Role: RoleAdmin, Password: password}); err != nil {
		t.Fatal(err)
	}
	if c := last(); !slices.Equal(c.Users, []string{"bob"}) {
		t.Errorf("creating a user: %+v", c)
	}
	if err := r.SaveLive(map[sitesync.SiteID]Live{site.ID: {Backlog: 3}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.AuthenticateUser(KindUser, "bob", []byte(password), ""); err != nil {
		t.Fatal(err)
	}
	if len(got) != 0 {
		t.Errorf("live facts and uses were told: %+v", got)
	}
	stop()
	newSite(t, r, "Suva")
	if len(got) != 0 {
		t.Errorf("told after the end: %+v", got)
	}
}

func TestLiveFactsAreKept(t *testing.T) {
	dir := t.TempDir()
	db := openKV(t, dir)
	r := openOn(t, NewKV(db), cheap)
	site := newSite(t, r, "Nadi")
	seen := sitesync.At(time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC))
	live := map[sitesync.SiteID]Live{site.ID: {LastSeen: &seen, Backlog: 12, ClockSkewMs: -40}, 999: {Backlog: 1}}
	if err := r.SaveLive(live); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r = openOn(t, NewKV(openKV(t, dir)), cheap)
	got, err := r.Site(site.ID)
	if err != nil || !got.Live.LastSeen.Equal(seen.Time) || got.Live.Backlog != 12 || got.Live.ClockSkewMs != -40 || got.Live.LastSync != nil {
		t.Errorf("%+v, %v", got.Live, err)
	}
	if got.Revision != site.Revision {
		t.Error("live facts raised the revision")
	}
	if _, err := r.Site(999); sitesync.CodeOf(err) != sitesync.CodeNotFound {
		t.Errorf("live facts made a site: %v", err)
	}
}
