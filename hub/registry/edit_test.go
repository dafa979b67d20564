package registry

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"sitesync/shared/sitesync"
)

// TestEditRunsAgain lets another commit come between an edit's reads and its
// commit.
func TestEditRunsAgain(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	site := newSite(t, r, "Nadi")
	meddle := 3
	b.onCommit = func(Commit) {
		if meddle--; meddle < 0 {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		rec, err := decode[siteRecord](Item{Key: keySite(site.ID), Value: b.values[keySite(site.ID)]})
		if err != nil {
			t.Fatal(err)
		}
		rec.Created.Time = rec.Created.Add(1e6)
		b.values[keySite(site.ID)], _ = encode(rec)
	}
	res, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 1, Name: pointer("Lautoka")})
	if err != nil || meddle != -1 || res.Site.Revision != 2 || !res.Site.Created.Equal(site.Created.Add(3e6)) {
		t.Errorf("%+v, %v, %d", res.Site, err, meddle)
	}
	if entries, _, _ := r.AuditList(AuditFilter{Site: &site.ID}, 10, ""); len(entries) != 2 {
		t.Errorf("%d audit entries", len(entries))
	}

	b.onCommit = func(Commit) {
		b.mu.Lock()
		defer b.mu.Unlock()
		meddle++
		b.values[keySite(site.ID)] = fmt.Appendf(nil, `{"format":1,"id":2,"name":"Lautoka","revision":2,"stores":%d}`, meddle)
	}
	_, err = r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 2, Name: pointer("Labasa")})
	expectCode(t, err, sitesync.CodeOverload)
}

// TestBackendFailures: what cannot be made durable is not shown.
func TestBackendFailures(t *testing.T) {
	db := openKV(t, t.TempDir())
	r := openOn(t, NewKV(db), cheap)
	if _, err := r.EnsureAdmin(password); err != nil {
		t.Fatal(err)
	}
	site := newSite(t, r, "Nadi")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.UpdateSite(admin, SiteEdit{Site: site.ID, Revision: 1, Name: pointer("Lautoka")}); sitesync.CodeOf(err) != sitesync.CodeInternal {
		t.Error(err)
	}
	if _, err := r.Authenticate(Login{Name: "Nadi", Secret: []byte(password), Hardware: hardware(1)}); err == nil {
		t.Error("a device was bound without a disk")
	}
	if _, _, err := r.AuditList(AuditFilter{}, 10, ""); err == nil {
		t.Error("the audit log was read without a disk")
	}
	if _, err := r.NextSession(); err == nil {
		t.Error("a session was numbered without a disk")
	}
	if s, err := r.Site(site.ID); err != nil || s.Name != "Nadi" || s.HardwareID != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, outcome, err := r.AuthenticateUser(KindUser, "admin", []byte(password), ""); outcome != Accepted || err != nil {
		t.Errorf("a user cannot log in because the use cannot be noted: %d, %v", outcome, err)
	}
}

func TestFormats(t *testing.T) {
	for raw, want := range map[string]sitesync.Code{
		`{"format":1,"site":6}`:   "",
		`{"format":2,"site":6}`:   sitesync.CodeDataNewer,
		`{"site":6}`:              sitesync.CodeInternal,
		`{"format":0,"site":6}`:   sitesync.CodeInternal,
		`{"format":"1","site":6}`: sitesync.CodeInternal,
		`{"format":-1,"site":6}`:  sitesync.CodeInternal,
		`{`:                       sitesync.CodeInternal,
	} {
		rec, err := decode[nameRecord](Item{Key: "R/name/x", Value: []byte(raw)})
		if sitesync.CodeOf(err) != want || err == nil && rec.Site != 6 {
			t.Errorf("%s: %+v, %v", raw, rec, err)
		}
	}
	b := newMemory()
	openOn(t, b, cheap)
	b.values[keySite(7)] = []byte(`{"format":2}`)
	_, err := Open(b, cheap)
	expectCode(t, err, sitesync.CodeDataNewer)
	b.values[keySite(7)] = []byte(`{"format":1`)
	if _, err := Open(b, cheap); err == nil || !strings.Contains(err.Error(), keySite(7)) {
		t.Errorf("a damaged value: %v", err)
	}
}

func TestPasswordHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(DefaultArgon2)
	phc := h.hash("Zürich 8000")
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s", phc)
	}
	for password, want := range map[string]bool{
		"Zürich 8000":       true,
		"Zu\u0308rich 8000": true, // the same letters, typed on another keyboard
		"zürich 8000":       false,
		"Zürich 8000 ":      false,
	} {
		if got, err := h.matches(phc, password); got != want || err != nil {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	// A hash that another program made: argon2 -id -t 2 -k 64 -p 1 -l 24.
	const foreign = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$"
	for _, bad := range []string{"x", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", foreign, foreign + "!!!",
		"$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := h.matches(bad, password); !errors.Is(err, errPHC) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestGeneratedPasswords(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		p := generatePassword()
		if err := CheckPassword(p); err != nil || seen[p] {
			t.Fatalf("%q: %v", p, err)
		}
		seen[p] = true
	}
}

func TestTicksNeverGoBack(t *testing.T) {
	var clock ticks
	clock.since(keyAudit(auditPlace(math.MaxInt64 - 10)))
	if a, b := clock.next(), clock.next(); a != math.MaxInt64-9 || b != math.MaxInt64-8 {
		t.Errorf("%d, %d", a, b)
	}
	if auditPlace(2) >= auditPlace(1) {
		t.Error("the newest is not first")
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"Nadi", "Bā", "ΐ", "\u0390\u03b0", "İstanbul", "ﬃ", "a\u0304", "\u1e9e", strings.Repeat("\u0390", 100), "\xff", "\u0345"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		normal, err := NormalName(name)
		if err != nil {
			if sitesync.CodeOf(err) != sitesync.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		if again, err := NormalName(normal); again != normal || err != nil {
			t.Fatalf("%q is %q, then %q, %v", name, normal, again, err)
		}
		folded := foldName(normal)
		if foldName(folded) != folded || foldName(name) != folded || !utf8.ValidString(folded) {
			t.Fatalf("%q folds to %q, that to %q", normal, folded, foldName(folded))
		}
		if n := len(keyName(folded)); n > 1000 {
			t.Fatalf("a key of %d bytes", n)
		}
	})
}

// TestARefusalRestsOnOneMoment lets another commit come between the reads of
// an edit that is refused: by what it reads after, but not before.
func TestARefusalRestsOnOneMoment(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	runs := 0
	err := r.edit(func(e *edit) error {
		runs++
		if _, known, err := get[nameRecord](e, "R/name/first"); err != nil || known {
			return err
		}
		if runs == 1 {
			b.values["R/name/first"] = []byte(`{"format":1,"site":7}`)
			b.values["R/name/second"] = []byte(`{"format":1,"site":7}`)
		}
		if _, known, err := get[nameRecord](e, "R/name/second"); err != nil || !known {
			return err
		}
		return e.nameTaken("second", sitesync.CentralSite)
	})
	if err != nil || runs != 2 {
		t.Errorf("%v after %d runs", err, runs)
	}
}
