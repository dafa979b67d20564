package api

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
)

// newCode has a code made, as sitesync-agent open does.
func (d *device) newCode(token string) string {
	d.t.Helper()
	var made NewCode
	d.doAs(token, "POST", "/v1/session/code", "").decode(d.t, &made)
	if !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(made.Code) {
		d.t.Fatalf("the code %q", made.Code)
	}
	if life := time.Until(made.Expires.Time); life > codeLife || life < codeLife-time.Minute {
		d.t.Errorf("the code expires in %v", life)
	}
	return made.Code
}

// signIn exchanges a code, or a token.
func (d *device) signIn(field, value string) reply {
	body, _ := json.Marshal(map[string]string{field: value})
	return d.doAs("", "POST", "/v1/session", string(body))
}

// session signs in and gives the session.
func (d *device) session(field, value string) Session {
	d.t.Helper()
	var s Session
	r := d.signIn(field, value)
	if r.status != 201 {
		d.t.Fatalf("signing in answered %d %s", r.status, r.body)
	}
	r.decode(d.t, &s)
	return s
}

func TestSignInByCode(t *testing.T) {
	d := newDevice(t)
	code := d.newCode(d.admin)
	s := d.session("code", strings.ToLower(strings.ReplaceAll(code, "-", "  ")))
	if s.Role != RoleAdmin || !strings.HasPrefix(s.Token, "sas_") || time.Until(s.Expires.Time) < 11*time.Hour {
		t.Errorf("session %+v", s)
	}
	if r := d.doAs(s.Token, "PUT", "/v1/site", `{"name":"Nadi"}`); r.status != 200 {
		t.Errorf("an admin's call: %d %s", r.status, r.body)
	}
	if p := d.signIn("code", code).refused(t, 401, sitesync.CodeToken); p.Field != "code" || p.Next == "" {
		t.Errorf("the code a second time: %+v", p)
	}
	if r := d.doAs(s.Token, "DELETE", "/v1/session", ""); r.status != 200 {
		t.Errorf("signing out: %d %s", r.status, r.body)
	}
	d.doAs(s.Token, "GET", "/v1/status", "").refused(t, 401, sitesync.CodeToken)
	for _, secret := range []string{code, s.Token} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// A code that was made anew ends the former one.
func TestNewestCodeCounts(t *testing.T) {
	d := newDevice(t)
	former, code := d.newCode(d.admin), d.newCode(d.admin)
	d.signIn("code", former).refused(t, 401, sitesync.CodeToken)
	d.session("code", code)
}

func TestSignInByToken(t *testing.T) {
	d := newDevice(t)
	s := d.session("token", " "+d.app+"\n")
	if s.Role != RoleApp {
		t.Errorf("role %s", s.Role)
	}
	if r := d.doAs(s.Token, "GET", "/v1/status", ""); r.status != 200 {
		t.Errorf("status: %d %s", r.status, r.body)
	}
	d.doAs(s.Token, "POST", "/v1/disable", "").refused(t, 403, sitesync.CodeForbidden)
	d.doAs(s.Token, "POST", "/v1/session/code", "").refused(t, 403, sitesync.CodeForbidden)
	d.doAs(d.app, "DELETE", "/v1/session", "").refused(t, 400, sitesync.CodeInvalid)
	d.signIn("token", s.Token).refused(t, 401, sitesync.CodeToken) // a session makes no further ones
	d.signIn("token", d.app+"x").refused(t, 401, sitesync.CodeToken)
	for body, code := range map[string]sitesync.Code{`{}`: "invalid", `{"code":"A","token":"B"}`: "invalid", `[]`: "invalid", `{"code":1}`: "invalid",
		`{"code":"A","role":"admin"}`: "unknown_field"} {
		d.doAs("", "POST", "/v1/session", body).refused(t, 400, code)
	}
	d.doAs("", "POST", "/v1/session", `{"code":"A"}`, "Content-Type", "text/plain").refused(t, 415, sitesync.CodeContentType)
	d.doAs("", "POST", "/v1/session", `{"code":"A"}`, "Origin", "http://evil.example").refused(t, 403, sitesync.CodeForbidden)
}

// A browser that stays signed in has a token of its own, and may give it back.
func TestKeptSignIn(t *testing.T) {
	d := newDevice(t)
	kept, err := d.tokens.Create("page-1a2b", RoleApp)
	check(t, err)
	if r := d.doAs(kept, "DELETE", "/v1/session", ""); r.status != 200 {
		t.Errorf("signing out: %d %s", r.status, r.body)
	}
	d.doAs(kept, "GET", "/v1/status", "").refused(t, 401, sitesync.CodeToken)
	d.doAs(d.admin, "DELETE", "/v1/session", "").refused(t, 400, sitesync.CodeInvalid)
}

// A session ends with the token it was made from, and so does a code.
func TestSessionEndsWithItsToken(t *testing.T) {
	d := newDevice(t)
	boss, err := d.tokens.Create("boss", RoleAdmin)
	check(t, err)
	s, own := d.session("code", d.newCode(boss)), d.session("code", d.newCode(d.admin))
	code := d.newCode(boss)
	check(t, d.tokens.Revoke("boss"))
	d.doAs(s.Token, "GET", "/v1/status", "").refused(t, 401, sitesync.CodeToken)
	d.signIn("code", code).refused(t, 401, sitesync.CodeToken)
	if r := d.doAs(own.Token, "GET", "/v1/status", ""); r.status != 200 {
		t.Errorf("another session: %d %s", r.status, r.body)
	}
	check(t, d.tokens.Revoke(LocalToken))
	d.doAs(own.Token, "GET", "/v1/status", "").refused(t, 401, sitesync.CodeToken)
}

// Guessing gets nowhere: after a few, even the right code has to wait. What is
// right does not use up what wrong ones may try.
func TestGuesses(t *testing.T) {
	d := newDevice(t)
	for range 2 * guessBurst {
		d.session("code", d.newCode(d.admin))
	}
	code := d.newCode(d.admin)
	for range guessBurst {
		d.signIn("code", "0000-0000").refused(t, 401, sitesync.CodeToken)
	}
	d.signIn("code", "0000-0001").refused(t, 503, sitesync.CodeOverload)
	d.signIn("token", d.admin).refused(t, 503, sitesync.CodeOverload)
	d.signIn("code", code).refused(t, 503, sitesync.CodeOverload)
}

// Many at once with the right code: one of them gets in.
func TestCodeIsTakenOnce(t *testing.T) {
	c := newCodes()
	code, _ := c.make(hash{1}, time.Now())
	var taken atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, ok := c.take(code, time.Now()); ok {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if taken.Load() != 1 {
		t.Errorf("the code was taken %d times", taken.Load())
	}
}

func TestTimesOfCodesAndSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCodes()
		parent := hash{7}
		code, until := c.make(parent, time.Now())
		if _, ok := c.take(code, until); ok {
			t.Error("a code that is too old was taken")
		}
		if got, ok := c.take(code, until.Add(-time.Nanosecond)); !ok || got != parent {
			t.Error("a code was not taken in its time")
		}
		for range guessBurst {
			c.guessed(time.Now())
		}
		if c.mayGuess(time.Now()) {
			t.Error("the guesses have no end")
		}
		if time.Sleep(guessEvery); !c.mayGuess(time.Now()) {
			t.Error("who waits may not try again")
		}

		s := sessions{open: map[hash]session{}}
		secret, _ := s.begin(parent, time.Now())
		for range 10 { // used now and then
			time.Sleep(sessionIdle - time.Minute)
			if got, ok := s.use(secret, time.Now()); !ok || got != parent {
				t.Fatal("a session that is used ended")
			}
		}
		if time.Sleep(sessionIdle); len(s.open) != 1 {
			t.Fatal(len(s.open))
		}
		if _, ok := s.use(secret, time.Now()); ok || len(s.open) != 0 {
			t.Error("a session that is not used goes on")
		}

		first, _ := s.begin(parent, time.Now())
		for range maxSessions {
			time.Sleep(time.Second)
			s.begin(parent, time.Now())
		}
		if _, ok := s.use(first, time.Now()); ok || len(s.open) != maxSessions {
			t.Errorf("%d sessions are open", len(s.open))
		}
	})
}

func TestPageIsForEverybody(t *testing.T) {
	d := newDevice(t)
	for _, path := range []string{"/", "/assets/1/view.js"} {
		d.doAs("", "GET", path, "").want(t, 200, "page "+path)
		d.doAs("", "GET", path, "", "Host", "evil.example").refused(t, 421, sitesync.CodeHost)
		d.doAs("", "POST", path, "").refused(t, 401, sitesync.CodeToken)
	}
}

// FuzzSignIn sends anything where a code is expected: nothing gets in but the
// code, however it is written.
func FuzzSignIn(f *testing.F) {
	for _, seed := range []string{"ABCD-EFGH", "abcd efgh", "OIL0-1234", "", "-", "\x00", "ＡＢＣＤ-EFGH", strings.Repeat("A", 1000), "ſ", "İ"} {
		f.Add(seed, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, blanks uint8) {
		c, now := newCodes(), time.Now()
		code, _ := c.make(hash{1}, now)
		if _, ok := c.take(text, now); ok && plainCode(text) != plainCode(code) {
			t.Fatalf("%q was taken for %q", text, code)
		}
		for _, r := range plainCode(text) {
			if strings.ContainsRune(" -OIL\n", r) {
				t.Fatalf("%q is read as %q", text, plainCode(text))
			}
		}
		code, _ = c.make(hash{1}, now)
		typed := strings.Repeat(" ", int(blanks%16)) + strings.NewReplacer("0", "o", "1", "l", "-", "\u2011").Replace(strings.ToLower(code))
		if _, ok := c.take(typed, now); !ok {
			t.Fatalf("%q was not taken for %q", typed, code)
		}
	})
}
