package registry

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

var updateGolden = flag.Bool("update", false, "write the golden file of the present format anew")

// golden is a small registry with a value under every kind of key, as a
// program of its format left it, and the secrets to enter it.
type golden struct {
	Password   string                     `json:"password"` // of site and user
	Credential string                     `json:"credential"`
	Token      string                     `json:"token"`
	Values     map[string]json.RawMessage `json:"values"`
}

// TestGoldenFormats opens the registry of every released format. A new format
// gets a new file; the old ones stay.
func TestGoldenFormats(t *testing.T) {
	t.Parallel()
	if *updateGolden {
		writeGolden(t, "testdata/format1.json")
	}
	files, err := filepath.Glob("testdata/format*.json")
	if err != nil || len(files) != formatNow {
		t.Fatalf("%d golden files for %d formats, %v", len(files), formatNow, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(raw, &g); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, g)
		})
	}
}

func checkGolden(t *testing.T, g golden) {
	b := newMemory()
	kinds := make(map[string]bool)
	for key, value := range g.Values {
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			t.Fatal(err)
		}
		b.values[key] = compact.Bytes()
		kind, _, _ := strings.Cut(key[2:], "/")
		kinds[kind] = true
		checkGoldenValue(t, Item{key, compact.Bytes()})
	}
	if want := []string{"admins", "audit", "code", "count", "device", "hub", "intent", "live", "name", "replay", "site", "store", "user"}; !slices.Equal(sorted(kinds), want) {
		t.Errorf("kinds of keys %v, want %v", sorted(kinds), want)
	}

	r := openOn(t, b, Options{})
	site, err := r.ResolveSite(Ref{Text: "lautoka"})
	if err != nil || site.ID != 2 || site.Code != "LTK" || site.Revision != 3 || !slices.Equal(site.Former, []string{"Nadi"}) ||
		site.Type != sitesync.TypeMobile || site.HardwareID != hardware(1) || len(site.Replicas) != 1 || site.Evidence["board"] == "" ||
		site.Live.Backlog != 12 || site.Live.LastSeen == nil || site.Version != "1.0.0" {
		t.Errorf("site %+v, %v", site, err)
	}
	store, err := r.ResolveStore(Ref{Text: "LTK1"})
	if err != nil || store.Site != site.ID || store.Name != "Lautoka" || !slices.Equal(store.Tags, []string{"region:west"}) {
		t.Errorf("store %+v, %v", store, err)
	}
	if intents := r.PendingIntents(store.ID, 0); len(intents) != 2 || intents[1].Kind != IntentMove || intents[1].Handover != 1 {
		t.Errorf("intents %+v", intents)
	}
	for secret, outcome := range map[string]Outcome{g.Credential: Accepted, g.Password: Accepted, "wrong password": BadCredentials} {
		if d, err := r.Authenticate(Login{Name: "Lautoka", Secret: []byte(secret), Hardware: hardware(1)}); err != nil || d.Outcome != outcome {
			t.Errorf("login with %q: %+v, %v", secret, d, err)
		}
	}
	if u, outcome, err := r.AuthenticateUser(KindUser, "admin", []byte(g.Password), ""); outcome != Accepted || u.Role != RoleAdmin || err != nil {
		t.Errorf("user %+v, %d, %v", u, outcome, err)
	}
	if u, outcome, err := r.AuthenticateUser(KindToken, "script", []byte(g.Token), ""); outcome != Accepted || !u.Data || u.Expires == nil || err != nil {
		t.Errorf("token %+v, %d, %v", u, outcome, err)
	}
	audit, _, err := r.AuditList(AuditFilter{Site: &site.ID, By: "anna"}, 10, "")
	if err != nil || len(audit) != 3 || audit[2].Command != "site.create" {
		t.Errorf("audit %+v, %v", audit, err)
	}
	if next := newSite(t, r, "Nausori"); next.ID != 3 {
		t.Errorf("next site %d", next.ID)
	}
}

// goldenTypes give the type under each kind of key.
var goldenTypes = map[string]func(Item) (value, error){
	keyHub: as[hubRecord], keyAdmins: as[adminsRecord], prefixCount: as[countRecord], prefixSite: as[siteRecord],
	prefixDevice: as[deviceRecord], prefixLive: as[liveRecord], prefixName: as[nameRecord], prefixStore: as[storeRecord],
	prefixCode: as[codeRecord], prefixIntent: as[intentRecord], prefixUser: as[userRecord], prefixAudit: as[auditRecord],
	prefixReplay: as[replayRecord],
}

func as[T value](item Item) (value, error) { return decode[T](item) }

// checkGoldenValue reads a value and writes it again. In the present format
// nothing may be lost, renamed or added by that.
func checkGoldenValue(t *testing.T, item Item) {
	t.Helper()
	read := goldenTypes[item.Key]
	if read == nil {
		read = goldenTypes[item.Key[:strings.IndexByte(item.Key[2:], '/')+3]]
	}
	v, err := read(item)
	if err != nil {
		t.Fatal(err)
	}
	again, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	if v.format() == formatNow && !bytes.Equal(again, item.Value) {
		t.Errorf("%s\nwas  %s\nis   %s\nThe stored form has changed: raise formatNow, keep reading the former one, and add a golden file.", item.Key, item.Value, again)
	}
}

func writeGolden(t *testing.T, file string) {
	b := newMemory()
	r := openOn(t, b, Options{})
	g := golden{Password: password, Values: make(map[string]json.RawMessage)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.EnsureAdmin(password)
	must(err)
	site, err := r.CreateSite(command("site.create", "c1", "{}"), NewSite{Name: "Nadi", Password: password})
	must(err)
	bench := &bench{t: t, r: r, site: site.Site.ID}
	bench.join("Nadi", password, 1)
	bench.use(0)
	g.Credential = bench.credentials[0]
	_, err = r.Device(bench.site, HelloFacts{Replica: sitesync.NewReplicaID(), Type: sitesync.TypeMobile, Version: "1.0.0", Platform: "android/arm64",
		Evidence: map[string]string{"board": "0123456789abcdef"}, Weak: true, At: time.Now(), Window: time.Hour})
	must(err)
	_, err = r.UpdateSite(command("site.update", "c2", "{}"), SiteEdit{Site: bench.site, Revision: 1, Name: pointer("Lautoka"), Code: pointer("LTK")})
	must(err)
	store, err := r.CreateStore(command("store.create", "c3", "{}"), NewStore{Code: "NAD1", Name: "Lautoka", Tags: []string{"region:west"}})
	must(err)
	_, err = r.UpdateStore(command("store.update", "c4", "{}"), StoreEdit{Store: store.Store.ID, Code: pointer("LTK1")})
	must(err)
	move := command("store.move", "c5", "{}")
	_, err = r.MoveStore(move, store.Store.ID, bench.site, false)
	must(err)
	must(r.SaveAnswer(move, json.RawMessage(`{"handover":{"id":1}}`)))
	seen := sitesync.At(time.Now())
	must(r.SaveLive(map[sitesync.SiteID]Live{bench.site: {LastSeen: &seen, LastSync: &seen, Backlog: 12, ClockSkewMs: -40, DiskFree: 1 << 30}}))
	expires := sitesync.At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	_, g.Token, err = r.CreateToken(command("token.create", "c6", "{}"), NewToken{Name: "script", Role: RoleViewer, Data: true, Expires: &expires})
	must(err)
	for key, value := range b.values {
		g.Values[key] = value
	}
	raw, err := json.MarshalIndent(g, "", "\t")
	must(err)
	must(os.MkdirAll(filepath.Dir(file), 0o755))
	must(os.WriteFile(file, append(raw, '\n'), 0o644))
}
