package registry

import (
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestReplicasOfASite(t *testing.T) {
	const window = 24 * time.Hour
	type hello struct {
		after    time.Duration
		replica  byte
		standing ReplicaStanding
	}
	for name, hellos := range map[string][]hello{
		"first and same":                   {{0, 1, ReplicaFirst}, {time.Hour, 1, ReplicaSame}},
		"one new one":                      {{0, 1, ReplicaFirst}, {time.Hour, 2, ReplicaNew}, {time.Hour, 2, ReplicaSame}},
		"two new ones within the window":   {{0, 1, ReplicaFirst}, {time.Hour, 2, ReplicaNew}, {window - time.Second, 3, ReplicaHeld}, {0, 3, ReplicaHeld}},
		"two new ones apart":               {{0, 1, ReplicaFirst}, {time.Hour, 2, ReplicaNew}, {window, 3, ReplicaNew}},
		"the first one is not a new one":   {{0, 1, ReplicaFirst}, {time.Second, 2, ReplicaNew}},
		"two that take turns":              {{0, 1, ReplicaFirst}, {time.Hour, 2, ReplicaNew}, {time.Hour, 1, ReplicaHeld}},
		"two that take turns, slowly":      {{0, 1, ReplicaFirst}, {window, 2, ReplicaNew}, {window, 1, ReplicaNew}, {time.Hour, 2, ReplicaHeld}},
		"held stays held, whoever it is":   {{0, 1, ReplicaFirst}, {1, 2, ReplicaNew}, {1, 3, ReplicaHeld}, {10 * window, 2, ReplicaHeld}, {10 * window, 4, ReplicaHeld}},
		"a clock set back does not excuse": {{0, 1, ReplicaFirst}, {time.Hour, 2, ReplicaNew}, {-2 * time.Hour, 3, ReplicaHeld}},
	} {
		t.Run(name, func(t *testing.T) {
			r := openOn(t, newMemory(), cheap)
			site := newSite(t, r, "Nadi").ID
			at := time.Now()
			for i, h := range hellos {
				at = at.Add(h.after)
				facts := HelloFacts{Replica: sitesync.ReplicaID{h.replica}, Type: sitesync.TypeMobile, At: at, Window: window}
				if got, err := r.Device(site, facts); err != nil || got != h.standing {
					t.Fatalf("hello %d: standing %d, %v; want %d", i, got, err, h.standing)
				}
			}
			s, _ := r.Site(site)
			if held := hellos[len(hellos)-1].standing == ReplicaHeld; s.Held != held || s.Revision != 1 {
				t.Errorf("%+v", s)
			}
			if _, err := r.ResetHardware(admin, SiteRemoval{Site: site}); err != nil {
				t.Fatal(err)
			}
			facts := HelloFacts{Replica: sitesync.ReplicaID{9}, Type: sitesync.TypeMobile, At: at, Window: window}
			if got, err := r.Device(site, facts); err != nil || got != ReplicaFirst {
				t.Errorf("after the reset: %d, %v", got, err)
			}
		})
	}
}

func TestDeviceFacts(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	site := newSite(t, r, "Nadi").ID
	facts := HelloFacts{
		Replica: sitesync.NewReplicaID(), Type: sitesync.TypeMobile, Version: "1.2\x00", Platform: "linux\n" + strings.Repeat("é", 500),
		Evidence: map[string]string{"board": "abc"}, Test: true, At: time.Now(), Window: time.Hour,
	}
	if _, err := r.Device(site, facts); err != nil {
		t.Fatal(err)
	}
	s, _ := r.Site(site)
	if s.Type != sitesync.TypeMobile || s.Version != "1.2" || !strings.HasPrefix(s.Platform, "linuxé") || len([]rune(s.Platform)) > mostTextRunes ||
		s.Evidence["board"] != "abc" || !s.Test || s.Weak || s.Revision != 1 {
		t.Errorf("%+v", s)
	}
	commits := 0
	b.onCommit = func(Commit) { commits++ }
	if standing, err := r.Device(site, facts); err != nil || standing != ReplicaSame || commits != 0 {
		t.Errorf("the same facts again: standing %d, %v, %d commits", standing, err, commits)
	}
	facts.Type = sitesync.TypeStandalone
	if _, err := r.Device(site, facts); err != nil || commits != 1 {
		t.Errorf("%v, %d commits", err, commits)
	}
	if s, _ := r.Site(site); s.Type != sitesync.TypeStandalone {
		t.Errorf("%+v", s)
	}

	many := make(map[string]string)
	for i := range mostEvidence + 1 {
		many[strings.Repeat("f", i)] = ""
	}
	for name, change := range map[string]func(f *HelloFacts){
		"no replica":          func(f *HelloFacts) { f.Replica = sitesync.ReplicaID{} },
		"a type that grants":  func(f *HelloFacts) { f.Type = sitesync.TypeCentral },
		"a mirror by claim":   func(f *HelloFacts) { f.Type = sitesync.TypeMirror },
		"too many facts":      func(f *HelloFacts) { f.Evidence = many },
		"a fact that is long": func(f *HelloFacts) { f.Evidence = map[string]string{"board": strings.Repeat("x", 1000)} },
	} {
		bad := facts
		change(&bad)
		if _, err := r.Device(site, bad); sitesync.CodeOf(err) != sitesync.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, nobody := range []sitesync.SiteID{sitesync.CentralSite, 99} {
		_, err := r.Device(nobody, facts)
		expectCode(t, err, sitesync.CodeNotFound)
	}
}
