package engine

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// saved is the site as the file has it.
func (w *world) saved() *Site {
	w.Helper()
	s, err := LoadSite(w.dir)
	w.check(err)
	return s
}

// refusedAs waits until the device shows why it is refused.
func (w *world) refusedAs(code sitesync.ProblemCode) {
	w.Helper()
	w.until("refused as "+string(code), 3*time.Minute, func() bool {
		st := w.engine.Status()
		return st.Link == sitesync.LinkRefused && st.Problem != nil && st.Problem.Code == code && st.Problem.Message != "" && st.Problem.Next != ""
	})
}

// TestCredential follows a password: it stays until the credential is on disk
// and has connected once.
func TestCredential(t *testing.T) {
	inWorld(t, func(w *world) {
		var first *Site
		w.hub.up = func(kind topic.Kind, _ wire.Header, _ []byte) bool {
			if kind == topic.Hello && len(w.hub.links) == 2 {
				first = w.saved()
			}
			return true
		}
		w.run()
		w.online()
		if first == nil || first.Credential == "" || first.Password != "secret" {
			t.Errorf("when the credential is shown the site is %+v, want credential and password", first)
		}
		now := w.saved()
		if now.Password != "" || now.Credential == "" || now.ID != w.hub.site {
			t.Errorf("when the credential has connected the site is %+v", now)
		}
		if n := w.dials(); n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
		w.restart()
		w.online()
		if n := w.dials(); n != 3 {
			t.Errorf("%d dials after a restart, want 3", n)
		}
	})
}

// TestLostWelcome loses what the hub issued: the password brings another.
func TestLostWelcome(t *testing.T) {
	inWorld(t, func(w *world) {
		lost := 2
		w.hub.back = func(kind topic.Kind, _ wire.Header, _ []byte) bool {
			if kind == topic.Welcome {
				lost--
			}
			return lost < 0
		}
		w.run()
		w.until("online", 5*time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOnline })
		if w.hub.issued != 3 || w.saved().Password != "" {
			t.Errorf("%d credentials issued, want 3; saved %+v", w.hub.issued, w.saved())
		}
	})
}

// TestUnknownCredential has the hub forget the credential, with and without a
// password to fall back to, and for ever.
func TestUnknownCredential(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.forgetful = true
		w.run()
		w.pass(2 * time.Minute)
		if n := w.dials(); n > 60 {
			t.Errorf("%d dials in two minutes at a hub that knows no credential", n)
		}
		w.hub.do(func() { w.hub.forgetful = false })
		w.until("online", time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOnline })

		w.hub.do(func() { clear(w.hub.credentials) })
		w.hub.live().cut(errCut)
		w.refusedAs(sitesync.ProblemBadCredentials)
		dials := w.dials()
		w.pass(5 * testTimings.CredentialRetry)
		if n := w.dials() - dials; n < 3 || n > 8 {
			t.Errorf("%d attempts while refused for 5 times the waiting time", n)
		}
		w.check(w.engine.Edit(func(s *Site) error { s.Password, s.Fresh = "secret", true; return nil }))
		w.online()
		if p := w.engine.Status().Problem; p != nil {
			t.Errorf("online with the problem %+v", p)
		}
	})
}

// TestRefused shows each reason, tries again by itself, and goes on by itself
// when the reason has gone.
func TestRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		w.run()
		w.online()
		for r := wire.RefusedDeleted; r <= wire.RefusedTwoDevices; r++ {
			w.hub.do(func() { w.hub.refused = r })
			w.hub.live().cut(errCut)
			w.refusedAs(r.Problem())
			since := w.engine.Status().Since
			dials := w.dials()
			w.until("another attempt", 2*testTimings.CredentialRetry, func() bool { return w.net.dials > dials })
			w.refusedAs(r.Problem())
			if w.engine.Status().Since != since {
				t.Errorf("%v: another attempt made the refusal a new one", r.Problem())
			}
			w.hub.do(func() { w.hub.refused = 0 })
			if r%2 == 0 {
				w.engine.SyncNow()
			}
			w.until("online again", 2*testTimings.CredentialRetry, func() bool { return w.engine.Status().Link == sitesync.LinkOnline })
			if p := w.engine.Status().Problem; p != nil {
				t.Errorf("online with the problem %+v", p)
			}
		}
		if w.saved().Credential == "" {
			t.Error("a refusal took the credential")
		}
		w.hub.do(func() { w.hub.connack = 2 })
		w.hub.live().cut(errCut)
		w.refusedAs(sitesync.ProblemHardwareMismatch)
		w.hub.do(func() { w.hub.connack = 3 }) // busy is no refusal
		w.engine.SyncNow()
		w.until("offline", time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOffline })
		w.hub.do(func() { w.hub.connack = 0 })
		w.online()
	})
}

// TestOffline shows since when and why there is no link, while attempts go on.
func TestOffline(t *testing.T) {
	inWorld(t, func(w *world) {
		w.run()
		w.online()
		w.hub.do(func() { w.net.down = true })
		w.hub.live().cut(errCut)
		w.until("offline", time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOffline })
		since := w.engine.Status().Since
		dials := w.dials()
		w.pass(5 * time.Minute)
		st := w.engine.Status()
		if st.Link != sitesync.LinkOffline || st.Since != since || st.Problem == nil || st.Problem.Code != sitesync.ProblemUnreachable {
			t.Errorf("after five minutes offline: %+v, problem %+v", st, st.Problem)
		}
		if n := w.dials() - dials; n < 10 || n > 60 {
			t.Errorf("%d attempts in five minutes with waits of up to %s", n, testTimings.BackoffMax)
		}
		w.hub.do(func() { w.net.down = false })
		w.engine.SyncNow()
		w.until("online", 2*time.Second, func() bool { return w.engine.Status().Link == sitesync.LinkOnline })
	})
}

// TestNoSuback meets a hub that lives and answers no SUBSCRIBE.
func TestNoSuback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.mute = true
		w.run()
		w.until("offline", 2*time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOffline })
		w.hub.do(func() { w.hub.mute = false })
		w.online()
	})
}

// TestOtherHub meets another hub, another site and an older copy of the hub.
func TestOtherHub(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.add(3, "A")
		w.started(3)
		w.put(3, "a", `{}`)
		w.sent(time.Minute)
		replica := w.db.Replica()
		change := func(fn func()) {
			w.hub.do(fn)
			w.hub.live().cut(errCut)
		}
		change(func() { w.hub.generation = 2 })
		w.online()
		change(func() { w.hub.generation = 1 })
		w.refusedAs(sitesync.ProblemDiverged)
		w.hub.do(func() { w.hub.generation = 2 })
		w.engine.SyncNow()
		w.online()
		for _, other := range []struct{ there, back func() }{
			{func() { w.hub.id[0] = 2 }, func() { w.hub.id[0] = 1 }},
			{func() { w.hub.site = 7 }, func() { w.hub.site = 6 }},
		} {
			change(other.there)
			w.refusedAs(sitesync.ProblemDiverged)
			if w.store(3).Records != 1 || w.db.Replica() != replica {
				t.Error("another hub made the device forget")
			}
			w.hub.do(other.back)
			w.engine.SyncNow()
			w.online()
		}

		// A person wants to change over: with something unsent it has to wait.
		w.hub.do(func() { w.net.down = true })
		w.hub.live().cut(errCut)
		w.put(3, "b", `{}`)
		w.hub.do(func() { w.net.down, w.hub.site = false, 7 })
		w.check(w.engine.Edit(func(s *Site) error { s.Switch = true; return nil }))
		w.refusedAs(sitesync.ProblemDiverged)
		w.hub.do(func() { w.hub.site = 6 })
		w.engine.SyncNow()
		w.sent(time.Minute)
		change(func() { w.hub.site, w.hub.stores = 7, nil })
		w.check(w.engine.Edit(func(s *Site) error { s.Switch = true; return nil }))
		w.until("changed over", time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOnline && len(w.db.Stores()) == 0 })
		if site := w.saved(); site.ID != 7 || site.Switch || w.db.Replica() == replica {
			t.Errorf("changed over to %+v, replica new: %v", site, w.db.Replica() != replica)
		}
	})
}

// TestAddresses tries the address it was joined with first, then those that the
// hub told, stays with one that works, and begins anew after an edit.
func TestAddresses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.addresses = []string{"wss://hub:8443/mqtt", "mqtts://hub:8883"}
		w.check(w.engine.Edit(func(s *Site) error { s.Pins = []string{"00" + string(slices.Repeat([]byte("ab"), 31))}; return nil }))
		w.run()
		w.online()
		w.hub.do(func() { w.net.down = true })
		w.hub.live().cut(errCut)
		w.until("the other address", time.Minute, func() bool { return w.net.url == "wss://hub:8443/mqtt" })
		w.hub.do(func() { w.net.down = false })
		w.online()
		worked := w.net.url
		for range 3 {
			w.hub.live().cut(errCut)
			w.pass(time.Second)
			w.online()
			if w.net.url != worked {
				t.Errorf("it left %s, which works, for %s", worked, w.net.url)
			}
		}
		w.check(w.engine.Edit(func(s *Site) error { s.Code = "new"; return nil }))
		w.pass(time.Second)
		w.online()
		if w.net.url != "mqtts://hub:8883" {
			t.Errorf("after an edit it dials %s", w.net.url)
		}
	})
}

// TestManyStores has an assignment of several pages, and a newer one that
// overtakes the welcome.
func TestManyStores(t *testing.T) {
	inWorld(t, func(w *world) {
		w.hub.pages = 3
		w.hub.add(3, "A")
		w.hub.add(4, "B")
		w.hub.add(5, "C")
		w.started(3, 4, 5)

		w.hub.do(func() { w.hub.pages = 1 })
		w.hub.add(6, "D")
		w.hub.back = func(kind topic.Kind, _ wire.Header, frame []byte) bool {
			if kind == topic.Welcome {
				w.hub.back = nil
				w.hub.stores[6].gone = false
				w.hub.assign(w.hub.links[len(w.hub.links)-1])
			}
			return true
		}
		w.hub.do(func() { w.hub.stores[6].gone = true })
		w.hub.live().cut(errCut)
		w.writable(6)
	})
}

// TestJoin keeps nothing of a refused attempt, and saves one at a hub that is
// not reached.
func TestJoin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.check(os.Remove(siteFile(w.dir)))
		w.check(w.db.Close())
		w.open()
		w.run()
		w.until("unjoined", time.Second, func() bool { return w.engine.Status().Link == sitesync.LinkUnjoined })
		next := Site{Hub: "mqtts://hub:8883", Name: "Nadi", Password: "wrong", Fresh: true}
		if _, err := w.engine.Join(context.Background(), next, true); sitesync.CodeOf(err) != sitesync.CodeRefused {
			t.Errorf("joining with a wrong password: %v", err)
		}
		if s := w.saved(); s != nil || w.engine.Site() != nil {
			t.Errorf("a refused join left %+v", s)
		}
		next.Password = "secret"
		w.net.down = true
		steps, err := w.engine.Join(context.Background(), next, false)
		if s := w.saved(); sitesync.CodeOf(err) != sitesync.CodeUnreachable || s != nil || w.engine.Site() != nil {
			t.Errorf("a join that was not to be kept: %v, left %+v", err, s)
		}
		if len(steps) == 0 || steps[len(steps)-1].Problem == nil {
			t.Errorf("how far it came: %+v", steps)
		}
		if _, err := w.engine.Join(context.Background(), next, true); sitesync.CodeOf(err) != sitesync.CodeUnreachable {
			t.Errorf("joining a hub that is away: %v", err)
		}
		if s := w.saved(); s == nil || s.Password != "secret" {
			t.Errorf("the details were not kept: %+v", s)
		}
		w.hub.do(func() { w.net.down = false })
		w.online()

		// Again, over a device that has joined.
		next.Password = "wrong"
		if _, err := w.engine.Join(context.Background(), next, true); sitesync.CodeOf(err) != sitesync.CodeRefused {
			t.Errorf("joining with a wrong password: %v", err)
		}
		if s := w.saved(); s == nil || s.Credential == "" || s.Password != "" {
			t.Errorf("a refused join took the former details: %+v", s)
		}
		w.online()
		next.Password = "secret"
		steps, err = w.engine.Join(context.Background(), next, true)
		w.check(err)
		for _, s := range steps {
			if s.Problem != nil {
				t.Errorf("a join that succeeded: %+v", steps)
			}
		}
		if s := w.saved(); s.Credential == "" || s.Password != "" {
			t.Errorf("after a join: %+v", s)
		}
		w.online()
	})
}
