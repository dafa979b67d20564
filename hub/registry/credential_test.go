package registry

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestIssueNeedsAnUnchangedSite(t *testing.T) {
	for name, change := range map[string]func(b *bench){
		"reset":                     (*bench).reset,
		"deleted":                   (*bench).delete,
		"disabled":                  func(b *bench) { b.edit(on(false)) },
		"renamed":                   func(b *bench) { b.edit(renamed("Lautoka")) },
		"held":                      (*bench).hold,
		"another password":          func(b *bench) { b.edit(passworded(otherPassword)) },
		"reset and bound elsewhere": func(b *bench) { b.reset(); b.login("Nadi", password, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
			b.site = newSite(t, b.r, "Nadi").ID
			d := b.login("Nadi", password, 1)
			if again := b.r.Recheck(d); again.Outcome != Accepted || !again.ByPassword {
				t.Fatalf("recheck of an unchanged site: %+v", again)
			}
			change(b)
			if again := b.r.Recheck(d); again.Outcome != Refused || again.Refused == "" {
				t.Errorf("recheck: %+v", again)
			}
			if credential, err := b.r.IssueCredential(d); err == nil || credential != "" {
				t.Error("a credential was issued")
			}
		})
	}
}

func TestRecheckOfACredentialSession(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *bench)
		want   sitesync.ProblemCode
	}{
		"nothing":      {func(*bench) {}, ""},
		"code":         {func(b *bench) { b.edit(SiteEdit{Code: pointer("X")}) }, ""},
		"reset":        {(*bench).reset, sitesync.ProblemHardwareReset},
		"deleted":      {(*bench).delete, sitesync.ProblemDeleted},
		"disabled":     {func(b *bench) { b.edit(on(false)) }, sitesync.ProblemDisabled},
		"renamed":      {func(b *bench) { b.edit(renamed("X")) }, sitesync.ProblemSiteRenamed},
		"new password": {func(b *bench) { b.edit(passworded(otherPassword)) }, sitesync.ProblemPasswordChanged},
		"new replica":  {func(b *bench) { b.hello(1); b.hello(2) }, sitesync.ProblemReplaced},
		"replaced":     {func(b *bench) { b.join("Nadi", password, 1); b.use(1) }, sitesync.ProblemReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
			b.site = newSite(t, b.r, "Nadi").ID
			b.join("Nadi", password, 1)
			d := b.use(0)
			c.change(b)
			again := b.r.Recheck(d)
			if again.Refused != c.want || (again.Outcome == Accepted) != (c.want == "") {
				t.Errorf("%+v, want %q", again, c.want)
			}
		})
	}
}

// TestFormerPasswordsAreKeptWhileNeeded: a hash is kept while a living
// credential was issued under its password, and no longer.
func TestFormerPasswordsAreKeptWhileNeeded(t *testing.T) {
	b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
	b.site = newSite(t, b.r, "Nadi").ID
	kept := func() int { return len(b.r.index.sites[b.site].device.Passwords) }
	b.join("Nadi", password, 1)
	b.use(0)
	b.edit(passworded(otherPassword))
	if kept() != 2 {
		t.Errorf("%d passwords are kept while a credential was issued under the former", kept())
	}
	res := update(t, b.r, SiteEdit{Site: b.site, Password: pointer(password)})
	if res.Site.Revision != 3 || len(res.Effects) != 1 || !strings.Contains(res.Effects[0], "resumes") || kept() != 1 {
		t.Errorf("the former password put back: revision %d, effects %q, %d kept", res.Site.Revision, res.Effects, kept())
	}
	b.edit(passworded(otherPassword))
	b.join("Nadi", otherPassword, 1)
	if b.use(1); kept() != 1 {
		t.Errorf("%d passwords are kept when the last credential under the former is gone", kept())
	}
}

func TestCredentialsOfASiteAreBounded(t *testing.T) {
	b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
	b.site = newSite(t, b.r, "Nadi").ID
	b.join("Nadi", password, 1)
	b.use(0)
	for range 3 * mostCredentials {
		b.join("Nadi", password, 1) // a device that loses each one
	}
	if n := len(b.r.index.sites[b.site].device.Credentials); n != mostCredentials {
		t.Errorf("%d credentials are kept", n)
	}
	if n := len(b.r.index.credentials); n != mostCredentials {
		t.Errorf("%d credentials are found", n)
	}
	if d := b.use(0); d.Outcome != Accepted {
		t.Errorf("the one in use was forgotten: %+v", d)
	}
	if d := b.use(len(b.credentials) - 1); d.Outcome != Accepted {
		t.Errorf("the newest was forgotten: %+v", d)
	}
}

func TestADecisionHoldsNoSecret(t *testing.T) {
	b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
	b.site = newSite(t, b.r, "Nadi").ID
	b.join("Nadi", password, 1)
	d := b.use(0)
	if text := fmt.Appendf(nil, "%+v %s", d, d.proof.credential); bytes.Contains(text, []byte(b.credentials[0])) {
		t.Error("a decision shows the credential")
	}
}

func TestACredentialCostsMicroseconds(t *testing.T) {
	b := &bench{t: t, r: openTest(t)}
	b.site = newSite(t, b.r, "Nadi").ID
	b.join("Nadi", password, 1)
	b.use(0)
	const logins = 2000
	begin := time.Now()
	for range logins {
		if d := b.login("Nadi", b.credentials[0], 1); d.Outcome != Accepted {
			t.Fatal(d)
		}
	}
	each := time.Since(begin) / logins
	t.Logf("a credential login takes %v", each)
	if each > time.Millisecond {
		t.Errorf("a credential login takes %v", each)
	}
}
