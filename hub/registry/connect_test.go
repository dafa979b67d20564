package registry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// bench is a site and what a connect test does to it.
type bench struct {
	t           *testing.T
	r           *Registry
	site        sitesync.SiteID
	credentials []string           // as issued
	replica     sitesync.ReplicaID // of the device that logs in
}

func (b *bench) edit(e SiteEdit) {
	b.t.Helper()
	e.Site = b.site
	update(b.t, b.r, e)
}

func (b *bench) login(name, secret string, device int) Decision {
	b.t.Helper()
	d, err := b.r.Authenticate(Login{Name: name, Secret: []byte(secret), Hardware: hardware(device), ReplicaShort: b.replica.Short(), Address: "192.0.2.1"})
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// join logs in with the password and takes a credential.
func (b *bench) join(name, password string, device int) {
	b.t.Helper()
	d := b.login(name, password, device)
	if d.Outcome != Accepted || !d.ByPassword {
		b.t.Fatalf("joining: %+v", d)
	}
	credential, err := b.r.IssueCredential(d)
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.HasPrefix(credential, credentialPrefix) || len(credential) != len(credentialPrefix)+43 {
		b.t.Fatalf("credential %q", credential)
	}
	b.credentials = append(b.credentials, credential)
}

// use logs in with the nth credential under the present name.
func (b *bench) use(n int) Decision {
	b.t.Helper()
	s, err := b.r.Site(b.site)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.login(s.Name, b.credentials[n], 1)
}

func (b *bench) reset() {
	b.t.Helper()
	if _, err := b.r.ResetHardware(admin, SiteRemoval{Site: b.site}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) delete() {
	b.t.Helper()
	if _, err := b.r.DeleteSite(admin, SiteRemoval{Site: b.site}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) hello(replica byte) ReplicaStanding {
	b.t.Helper()
	facts := HelloFacts{Replica: sitesync.ReplicaID{replica}, Type: sitesync.TypeMobile, At: time.Now(), Window: time.Hour, ByPassword: true}
	standing, err := b.r.Device(b.site, facts)
	if err != nil {
		b.t.Fatal(err)
	}
	return standing
}

// hold makes the site held by two replicas new within the window. The one
// before the last has used a credential of its own.
func (b *bench) hold() {
	b.t.Helper()
	b.hello(1)
	b.hello(2)
	b.replica = sitesync.ReplicaID{2}
	b.join("Nadi", password, 1)
	b.use(len(b.credentials) - 1)
	if b.hello(3) != ReplicaHeld {
		b.t.Fatal("the site is not held")
	}
}

// step is a login and its answer. secret "#n" is the nth credential issued.
type step struct {
	name, secret string
	device       int
	outcome      Outcome
	refused      sitesync.ProblemCode
}

const otherPassword = "battery staple"

func on(b bool) SiteEdit           { return SiteEdit{Enabled: &b} }
func renamed(n string) SiteEdit    { return SiteEdit{Name: &n} }
func passworded(p string) SiteEdit { return SiteEdit{Password: &p} }

// TestConnectMatrix goes through the table of protocol.md, section Connecting.
// Each case begins with the site "Nadi", joined by device 1 with the
// credential #0, which was used.
func TestConnectMatrix(t *testing.T) {
	for _, c := range []struct {
		name  string
		given func(b *bench)
		steps []step
	}{
		{"as joined", nil, []step{
			{"Nadi", "#0", 1, Accepted, ""},
			{"nadi", "#0", 1, Accepted, ""}, // case is no part of a name
			{"Nadi", password, 1, Accepted, ""},
		}},
		{"wrong secrets", nil, []step{
			{"Nadi", "wrong password", 1, BadCredentials, ""},
			{"Nadi", "", 1, BadCredentials, ""},
			{"Nadi", credentialPrefix, 1, BadCredentials, ""},
			{"Nadi", credentialPrefix + strings.Repeat("A", 43), 1, BadCredentials, ""},
			{"Nadi", strings.Repeat("x", 100_000), 1, BadCredentials, ""},
			{"Nadi", "\xff\xfe", 1, BadCredentials, ""},
		}},
		{"unknown names", nil, []step{
			{"Suva", password, 1, BadCredentials, ""},
			{"Suva", "#0", 1, BadCredentials, ""},
			{"", password, 1, BadCredentials, ""},
			{"Na/di", password, 1, BadCredentials, ""},
			{strings.Repeat("n", 5000), "#0", 1, BadCredentials, ""},
			{"Central", password, 1, BadCredentials, ""},
			{"Central", "", 1, BadCredentials, ""},
		}},
		{"another site's name", func(b *bench) { newSite(b.t, b.r, "Suva") }, []step{
			{"Suva", "#0", 1, BadCredentials, ""},
		}},
		{"wrong secret comes before the hardware", nil, []step{
			{"Nadi", "wrong password", 2, BadCredentials, ""},
		}},
		{"another device", nil, []step{
			{"Nadi", password, 2, IdentifierRejected, ""},
			{"Nadi", "#0", 2, IdentifierRejected, ""},
			{"Nadi", "#0", 1, Accepted, ""}, // undisturbed
		}},
		{"hardware comes before disabled, name, password and hold", func(b *bench) {
			b.hold()
			b.edit(on(false))
			b.edit(renamed("Lautoka"))
			b.edit(passworded(otherPassword))
		}, []step{
			{"Nadi", "#1", 2, IdentifierRejected, ""},
			{"Nadi", otherPassword, 2, IdentifierRejected, ""},
			{"Lautoka", otherPassword, 2, IdentifierRejected, ""},
		}},
		{"disabled", func(b *bench) { b.edit(on(false)) }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemDisabled},
			{"Nadi", password, 1, Refused, sitesync.ProblemDisabled},
			{"Nadi", "wrong password", 1, BadCredentials, ""},
		}},
		{"disabled and enabled", func(b *bench) { b.edit(on(false)); b.edit(on(true)) }, []step{
			{"Nadi", "#0", 1, Accepted, ""},
		}},
		{"disabled comes before the name", func(b *bench) { b.edit(on(false)); b.edit(renamed("Lautoka")) }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemDisabled},
		}},
		{"renamed", func(b *bench) { b.edit(renamed("Lautoka")) }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemSiteRenamed},
			{"NADI", password, 1, Refused, sitesync.ProblemSiteRenamed},
			{"Nadi", "wrong password", 1, BadCredentials, ""},
			{"Lautoka", "#0", 1, Accepted, ""}, // entering the new name resumes, without a password
			{"Lautoka", password, 1, Accepted, ""},
		}},
		{"renamed in case only", func(b *bench) { b.edit(renamed("NADI")) }, []step{
			{"Nadi", "#0", 1, Accepted, ""},
			{"NADI", "#0", 1, Accepted, ""},
		}},
		{"renamed twice", func(b *bench) { b.edit(renamed("Lautoka")); b.edit(renamed("Labasa")) }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemSiteRenamed},
			{"Lautoka", "#0", 1, Refused, sitesync.ProblemSiteRenamed},
			{"Labasa", "#0", 1, Accepted, ""},
		}},
		{"old name put back", func(b *bench) { b.edit(renamed("Lautoka")); b.edit(renamed("Nadi")) }, []step{
			{"Lautoka", "#0", 1, Refused, sitesync.ProblemSiteRenamed},
			{"Nadi", "#0", 1, Accepted, ""},
		}},
		{"the name comes before the password", func(b *bench) {
			b.edit(renamed("Lautoka"))
			b.edit(passworded(otherPassword))
		}, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemSiteRenamed},
			{"Lautoka", "#0", 1, Refused, sitesync.ProblemPasswordChanged},
		}},
		{"password changed", func(b *bench) { b.edit(passworded(otherPassword)) }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", password, 1, BadCredentials, ""}, // the former password
			{"Nadi", otherPassword, 1, Accepted, ""},
			{"Nadi", "#0", 1, Refused, sitesync.ProblemPasswordChanged},
		}},
		{"password changed and entered", func(b *bench) {
			b.edit(passworded(otherPassword))
			b.join("Nadi", otherPassword, 1)
		}, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", "#1", 1, Accepted, ""},
			{"Nadi", "#0", 1, Refused, sitesync.ProblemReplaced},
		}},
		{"old password put back", func(b *bench) {
			b.edit(passworded(otherPassword))
			b.edit(passworded(password))
		}, []step{
			{"Nadi", otherPassword, 1, BadCredentials, ""},
			{"Nadi", "#0", 1, Accepted, ""},
			{"Nadi", password, 1, Accepted, ""},
		}},
		{"old password put back after a credential under the new one", func(b *bench) {
			b.edit(passworded(otherPassword))
			b.join("Nadi", otherPassword, 1) // #1, not used
			b.edit(passworded(password))
		}, []step{
			{"Nadi", "#1", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", "#0", 1, Accepted, ""},
		}},
		{"there, back and there again", func(b *bench) {
			b.edit(passworded(otherPassword))
			b.join("Nadi", otherPassword, 1)
			b.edit(passworded(password))
			b.edit(passworded(otherPassword))
		}, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", "#1", 1, Accepted, ""},
		}},
		{"an old password nobody needs any more is another password when put back", func(b *bench) {
			b.edit(passworded(otherPassword))
			b.join("Nadi", otherPassword, 1)
			b.use(1) // destroys #0, the last one under the old password
			b.edit(passworded(password))
		}, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemReplaced},
			{"Nadi", "#1", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", password, 1, Accepted, ""},
		}},
		{"the same password set again", func(b *bench) { b.edit(passworded(password)) }, []step{
			{"Nadi", "#0", 1, Accepted, ""},
		}},
		{"held", func(b *bench) { b.hold() }, []step{
			{"Nadi", "#1", 1, Refused, sitesync.ProblemTwoDevices},
			{"Nadi", password, 1, Refused, sitesync.ProblemTwoDevices},
		}},
		{"the password comes before the hold", func(b *bench) { b.hold(); b.edit(passworded(otherPassword)) }, []step{
			{"Nadi", "#1", 1, Refused, sitesync.ProblemPasswordChanged},
			{"Nadi", otherPassword, 1, Refused, sitesync.ProblemTwoDevices},
		}},
		{"reset", func(b *bench) { b.reset() }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemHardwareReset},
			{"Nadi", "#0", 2, Refused, sitesync.ProblemHardwareReset}, // destroyed comes before the hardware
			{"Suva", "#0", 1, Refused, sitesync.ProblemHardwareReset}, // and before the name
			{"Nadi", password, 2, Accepted, ""},                       // binds the new device
			{"Nadi", password, 1, IdentifierRejected, ""},
			{"Nadi", "#0", 1, Refused, sitesync.ProblemHardwareReset},
		}},
		{"reset frees a held site", func(b *bench) { b.hold(); b.reset(); b.join("Nadi", password, 1) }, []step{
			{"Nadi", "#1", 1, Refused, sitesync.ProblemHardwareReset},
			{"Nadi", "#2", 1, Accepted, ""},
		}},
		{"destroyed comes before disabled, name and password", func(b *bench) {
			b.reset()
			b.edit(on(false))
			b.edit(renamed("Lautoka"))
			b.edit(passworded(otherPassword))
		}, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemHardwareReset},
		}},
		{"deleted", func(b *bench) { b.delete() }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemDeleted},
			{"Nadi", "#0", 2, Refused, sitesync.ProblemDeleted},
			{"Nadi", password, 1, BadCredentials, ""}, // the name is unknown
		}},
		{"deleted and made anew under the name", func(b *bench) { b.delete(); newSite(b.t, b.r, "Nadi") }, []step{
			{"Nadi", "#0", 1, Refused, sitesync.ProblemDeleted},
			{"Nadi", password, 1, Accepted, ""},
		}},
		{"a new credential replaces the old at its first use", func(b *bench) { b.join("Nadi", password, 1) }, []step{
			{"Nadi", "#0", 1, Accepted, ""}, // not yet
			{"Nadi", "#1", 1, Accepted, ""},
			{"Nadi", "#0", 1, Refused, sitesync.ProblemReplaced},
			{"Nadi", "#1", 1, Accepted, ""},
		}},
		{"a refused first use replaces nothing", func(b *bench) { b.join("Nadi", password, 1) }, []step{
			{"Nadi", "#1", 2, IdentifierRejected, ""},
			{"Nadi", "#0", 1, Accepted, ""},
		}},
		{"lost welcome: two issued, the later one arrived", func(b *bench) {
			b.join("Nadi", password, 1)
			b.join("Nadi", password, 1)
		}, []step{
			{"Nadi", "#2", 1, Accepted, ""},
			{"Nadi", "#1", 1, Refused, sitesync.ProblemReplaced}, // never used
			{"Nadi", "#0", 1, Refused, sitesync.ProblemReplaced},
		}},
		{"a new replica ends the credentials of the others", func(b *bench) {
			b.replica = sitesync.ReplicaID{1}
			b.join("Nadi", password, 1)
			b.use(1)
			b.hello(1) // the first and the same end nothing
			b.hello(1)
			b.use(1)
			b.replica = sitesync.ReplicaID{2}
			b.login("Nadi", password, 1)
			b.hello(2)
			b.join("Nadi", password, 1) // not used yet
		}, []step{
			{"Nadi", "#1", 1, Refused, sitesync.ProblemReplaced},
			{"Nadi", "#2", 1, Accepted, ""},
		}},
		{"an unused later one outlives the first use of an earlier one", func(b *bench) {
			b.join("Nadi", password, 1)
			b.join("Nadi", password, 1)
		}, []step{
			{"Nadi", "#1", 1, Accepted, ""},
			{"Nadi", "#2", 1, Accepted, ""},
			{"Nadi", "#1", 1, Refused, sitesync.ProblemReplaced},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
			b.site = newSite(t, b.r, "Nadi").ID
			b.join("Nadi", password, 1)
			if d := b.use(0); d.Outcome != Accepted || d.ByPassword {
				t.Fatalf("first use: %+v", d)
			}
			if c.given != nil {
				c.given(b)
			}
			for i, s := range c.steps {
				secret := s.secret
				if n := 0; strings.HasPrefix(secret, "#") {
					fmt.Sscanf(secret, "#%d", &n)
					secret = b.credentials[n]
				}
				d := b.login(s.name, secret, s.device)
				if d.Outcome != s.outcome || d.Refused != s.refused || d.Limited {
					t.Errorf("step %d: login as %.20q with %.12q from device %d: %+v, want %d %s", i, s.name, s.secret, s.device, d, s.outcome, s.refused)
				}
				if d.Outcome == Accepted && d.ByPassword != !strings.HasPrefix(s.secret, "#") {
					t.Errorf("step %d: by password: %v", i, d.ByPassword)
				}
			}
		})
	}
}

func TestBindingIsDurable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openKV(t, dir)
	b := &bench{t: t, r: openOn(t, NewKV(db), Options{})} // with real hashes
	b.site = newSite(t, b.r, "Nadi").ID
	other := newSite(t, b.r, "Suva").ID
	d := b.login("Nadi", password, 1)
	if !d.NewlyBound || d.Site != b.site || len(d.SharedWith) != 0 {
		t.Errorf("first login: %+v", d)
	}
	if d = b.login("Nadi", password, 1); d.NewlyBound {
		t.Errorf("second login: %+v", d)
	}
	if d = b.login("Suva", password, 1); !d.NewlyBound || d.Site != other || !slices.Equal(d.SharedWith, []sitesync.SiteID{b.site}) {
		t.Errorf("one device on two sites: %+v", d)
	}
	b.join("Nadi", password, 1)
	b.join("Nadi", password, 1)
	b.use(0)
	b.use(1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	b.r = openOn(t, NewKV(openKV(t, dir)), Options{})
	if d := b.login("Nadi", password, 2); d.Outcome != IdentifierRejected {
		t.Errorf("another device after a restart: %+v", d)
	}
	if d := b.use(0); d.Refused != sitesync.ProblemReplaced {
		t.Errorf("the replaced credential after a restart: %+v", d)
	}
	if d := b.use(1); d.Outcome != Accepted {
		t.Errorf("the credential after a restart: %+v", d)
	}
}

func TestTwoDevicesRaceForASite(t *testing.T) {
	r := openTest(t)
	b := &bench{t: t, r: r, site: newSite(t, r, "Nadi").ID}
	var decisions [4]Decision
	var wg sync.WaitGroup
	for i := range decisions {
		wg.Go(func() { decisions[i] = b.login("Nadi", password, i) })
	}
	wg.Wait()
	bound := 0
	for _, d := range decisions {
		switch {
		case d.Outcome == Accepted && d.NewlyBound:
			bound++
		case d.Outcome != IdentifierRejected:
			t.Errorf("%+v", d)
		}
	}
	if bound != 1 {
		t.Errorf("%d devices were bound", bound)
	}
}
