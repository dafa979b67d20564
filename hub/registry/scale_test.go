package registry

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

const manySites = 20_000

// fill writes sites with devices, and a store for every tenth, past the
// registry: as commands they would take minutes.
func fill(tb testing.TB, b Backend, n int) {
	tb.Helper()
	r := openOn(tb, b, cheap)
	r.Close()
	phc := r.choose(password).hash()
	evidence := map[string]string{"board": strings.Repeat("0123456789abcdef", 4), "disk": strings.Repeat("fedcba9876543210", 4)}
	at := sitesync.At(time.Now())
	var writes []Item
	put := func(key string, v value) {
		raw, err := encode(v)
		if err != nil {
			tb.Fatal(err)
		}
		writes = append(writes, Item{key, raw})
	}
	for i := range n {
		id, name := siteID(i+2), fmt.Sprintf("Facility %05d", i)
		credential := r.credentialDigest(fmt.Append(nil, credentialPrefix, i))
		put(keySite(id), siteRecord{ID: id, Name: name, Code: "F", Enabled: true, Transport: sitesync.TransportAuto, Stores: 1, Revision: 2, Created: at})
		put(keyDevice(id), deviceRecord{
			Site: id, Password: 1, LastPassword: 1, Passwords: []passwordVersion{{1, phc}}, Type: sitesync.TypeMobile,
			Hardware: hardware(i), Evidence: evidence, Version: "1.0.0", Platform: "linux/arm64",
			Replicas:    []Replica{{sitesync.NewReplicaID(), at}},
			Credentials: []credentialRecord{{Number: 1, Digest: credential, Password: 1, Issued: at, Used: &at}}, LastCredential: 1,
		})
		put(keyLive(id), liveRecord{Live: Live{LastSeen: &at, LastSync: &at, Backlog: uint64(i % 7)}})
		put(keyName(foldName(name)), nameRecord{Site: id})
		if store := storeID(i/10 + 1); i%10 == 0 {
			put(keyStore(store), storeRecord{ID: store, Code: name[:1] + name[9:], Tags: []string{"region:west"}, Site: id, Created: at})
		}
	}
	put(keyCount(idSite), countRecord{Next: uint64(n) + 2})
	put(keyCount(idStore), countRecord{Next: uint64(n)/10 + 1})
	for chunk := range slices.Chunk(writes, 4000) {
		if err := b.Commit(Commit{Write: chunk}); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestTwentyThousandSites holds the reads of a large registry to their speed.
// The bounds are wide, for a busy machine and the race detector; the times are
// printed.
func TestTwentyThousandSites(t *testing.T) {
	t.Parallel()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of the time would be its collector's
	b := NewKV(openKV(t, t.TempDir()))
	fill(t, b, manySites)
	var r *Registry
	measure(t, "open", 20*time.Second, func() { r = openOn(t, b, cheap) })
	if sites, _ := r.Sites(nil, 0, 0); len(sites) != manySites+1 || len(r.StoresOf(502)) != 1 {
		t.Fatalf("%d sites", len(sites))
	}
	const slow = 200 * time.Millisecond
	measure(t, "the first page", slow, func() {
		if page, next := r.Sites(nil, 0, 100); len(page) != 100 || next != 100 {
			t.Fatal(len(page), next)
		}
	})
	measure(t, "a page of those that match, found last", slow, func() {
		page, next := r.Sites(func(s *Site) bool { return strings.Contains(s.Name, "19999") }, 0, 100)
		if len(page) != 1 || next != 0 {
			t.Fatal(len(page), next)
		}
	})
	measure(t, "a page of stores by site", slow, func() {
		if page, _ := r.Stores(func(s *Store) bool { return s.Site == manySites-8 }, 0, 100); len(page) != 1 {
			t.Fatal(len(page))
		}
	})
	measure(t, "a site by its name", slow, func() {
		if _, err := r.ResolveSite(Ref{Text: "FACILITY 12345"}); err != nil {
			t.Fatal(err)
		}
	})
	measure(t, "2,000 credential logins", 10*time.Second, func() {
		for i := range 2000 {
			d, err := r.Authenticate(Login{Name: fmt.Sprintf("Facility %05d", i), Secret: fmt.Append(nil, credentialPrefix, i), Hardware: hardware(i)})
			if err != nil || d.Outcome != Accepted {
				t.Fatal(d, err)
			}
		}
	})
	measure(t, "live facts of 2,000 sites", 10*time.Second, func() {
		live := make(map[sitesync.SiteID]Live)
		for i := range 2000 {
			live[siteID(manySites-i)] = Live{Backlog: 9}
		}
		if err := r.SaveLive(live); err != nil {
			t.Fatal(err)
		}
	})
	if s, _ := r.Site(manySites); s.Live.Backlog != 9 {
		t.Errorf("%+v", s)
	}
}

func measure(t *testing.T, what string, most time.Duration, fn func()) {
	t.Helper()
	begin := time.Now()
	fn()
	took := time.Since(begin)
	t.Logf("%s: %v", what, took)
	if took > most {
		t.Errorf("%s took %v, more than %v", what, took, most)
	}
}

func BenchmarkSitesFiltered(b *testing.B) {
	back := newMemory()
	fill(b, back, manySites)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := openOn(b, back, cheap)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		r.Sites(func(s *Site) bool { return strings.Contains(s.Name, "19999") }, 0, 100)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-index")
}
