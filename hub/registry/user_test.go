package registry

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
)

func TestEnsureAdmin(t *testing.T) {
	r := openTest(t)
	generated, err := r.EnsureAdmin("")
	if err != nil || len(generated) != 24 || strings.ContainsAny(generated, "0O1lI") {
		t.Fatalf("%q, %v", generated, err)
	}
	u, outcome, err := r.AuthenticateUser(KindUser, "admin", []byte(generated), "")
	if err != nil || outcome != Accepted || u.Role != RoleAdmin {
		t.Errorf("%+v, %d, %v", u, outcome, err)
	}
	if again, err := r.EnsureAdmin("another password"); err != nil || again != "" {
		t.Errorf("a second start: %q, %v", again, err)
	}
	if _, outcome, _ := r.AuthenticateUser(KindUser, "admin", []byte("another password"), ""); outcome != BadCredentials {
		t.Error("a second start changed the password")
	}

	r = openTest(t)
	if generated, err := r.EnsureAdmin(password); err != nil || generated != "" {
		t.Errorf("with a given password: %q, %v", generated, err)
	}
	if _, outcome, _ := r.AuthenticateUser(KindUser, "admin", []byte(password), ""); outcome != Accepted {
		t.Error("the given password is not the password")
	}
	_, err = openTest(t).EnsureAdmin("short")
	expectCode(t, err, sitesync.CodeInvalid)
}

func TestUsers(t *testing.T) {
	r := openTest(t)
	if _, err := r.EnsureAdmin(password); err != nil {
		t.Fatal(err)
	}
	login := func(name, secret string) Outcome {
		t.Helper()
		u, outcome, err := r.AuthenticateUser(KindUser, name, []byte(secret), "")
		if err != nil || (outcome == Accepted) != (u.Name == name) {
			t.Fatalf("%+v, %d, %v", u, outcome, err)
		}
		return outcome
	}
	u, generated, err := r.CreateUser(admin, NewUser{Name: "bob", Role: RoleViewer, Data: true})
	if err != nil || generated == "" || u.Role != RoleViewer || !u.Data || !u.Enabled || u.Kind != KindUser {
		t.Fatalf("%+v, %q, %v", u, generated, err)
	}
	if login("bob", generated) != Accepted || login("bob", password) != BadCredentials || login("nobody", password) != BadCredentials {
		t.Error("logins")
	}
	if got, _ := r.User("bob"); got.LastUsed == nil || got.Edits != u.Edits {
		t.Errorf("after a login: %+v", got)
	}
	edited, err := r.UpdateUser(admin, UserEdit{Name: "bob", Password: pointer(otherPassword), Role: pointer(RoleAdmin), Data: pointer(false)})
	if err != nil || edited.Role != RoleAdmin || edited.Data || edited.Edits <= u.Edits {
		t.Fatalf("%+v, %v", edited, err)
	}
	if login("bob", generated) != BadCredentials || login("bob", otherPassword) != Accepted {
		t.Error("logins after a new password")
	}
	if _, err := r.UpdateUser(admin, UserEdit{Name: "bob", Enabled: pointer(false)}); err != nil {
		t.Fatal(err)
	}
	if login("bob", otherPassword) != NotAuthorized || login("bob", password) != BadCredentials {
		t.Error("logins of a disabled user")
	}
	for name, c := range map[string]struct {
		user NewUser
		code sitesync.Code
	}{
		"a name in use":    {NewUser{Name: "bob", Role: RoleViewer}, sitesync.CodeExists},
		"a bad name":       {NewUser{Name: "a/b", Role: RoleViewer}, sitesync.CodeInvalid},
		"no role":          {NewUser{Name: "carl"}, sitesync.CodeInvalid},
		"a short password": {NewUser{Name: "carl", Role: RoleViewer, Password: "x"}, sitesync.CodeInvalid},
	} {
		if _, _, err := r.CreateUser(admin, c.user); sitesync.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if items, next := r.Users(nil, "", 1); len(items) != 1 || items[0].Name != "admin" || next != "admin" {
		t.Errorf("%+v, %q", items, next)
	}
	if items, next := r.Users(nil, "admin", 1); len(items) != 1 || items[0].Name != "bob" || next != "" {
		t.Errorf("%+v, %q", items, next)
	}
	if gone, err := r.DeleteUser(admin, "bob"); err != nil || gone.Name != "bob" {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = r.DeleteUser(admin, "bob")
	expectCode(t, err, sitesync.CodeNotFound)
}

func TestLastAdministratorStays(t *testing.T) {
	r := openTest(t)
	if _, err := r.EnsureAdmin(password); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.CreateToken(admin, NewToken{Name: "script", Role: RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	edits := map[string]func(name string) error{
		"delete": func(name string) error { _, err := r.DeleteUser(admin, name); return err },
		"demote": func(name string) error {
			_, err := r.UpdateUser(admin, UserEdit{Name: name, Role: pointer(RoleViewer)})
			return err
		},
		"disable": func(name string) error {
			_, err := r.UpdateUser(admin, UserEdit{Name: name, Enabled: pointer(false)})
			return err
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) { expectCode(t, edit("admin"), sitesync.CodeInUse) })
	}
	// Two administrators who take each other away at the same moment.
	for range 20 {
		if _, _, err := r.CreateUser(admin, NewUser{Name: "bob", Role: RoleAdmin, Password: password}); err != nil {
			t.Fatal(err)
		}
		var errs [2]error
		var wg sync.WaitGroup
		wg.Go(func() { errs[0] = edits["demote"]("admin") })
		wg.Go(func() { errs[1] = edits["delete"]("bob") })
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("both or neither: %v", errors.Join(errs[:]...))
		}
		if errs[0] == nil {
			if _, err := r.UpdateUser(admin, UserEdit{Name: "admin", Role: pointer(RoleAdmin)}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.DeleteUser(admin, "bob"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openOn(t, newMemory(), cheap)
		expires := sitesync.At(time.Now().Add(time.Hour))
		u, token, err := r.CreateToken(admin, NewToken{Name: "script", Role: RoleViewer, Expires: &expires})
		if err != nil || !strings.HasPrefix(token, tokenPrefix) || u.Kind != KindToken || !u.Expires.Equal(expires.Time) {
			t.Fatalf("%+v, %q, %v", u, token, err)
		}
		login := func(kind UserKind, name, secret string) Outcome {
			_, outcome, err := r.AuthenticateUser(kind, name, []byte(secret), "")
			if err != nil {
				t.Fatal(err)
			}
			return outcome
		}
		if login(KindToken, "script", token) != Accepted || login(KindToken, "script", token+"x") != BadCredentials ||
			login(KindToken, "other", token) != BadCredentials || login(KindUser, "script", token) != BadCredentials ||
			login("robot", "script", token) != BadCredentials {
			t.Error("logins")
		}
		first, _ := r.User("script")
		time.Sleep(lastUsedEvery / 2)
		login(KindToken, "script", token)
		if u, _ := r.User("script"); !u.LastUsed.Equal(first.LastUsed.Time) {
			t.Error("each use is written")
		}
		time.Sleep(lastUsedEvery)
		login(KindToken, "script", token)
		if u, _ := r.User("script"); !u.LastUsed.After(first.LastUsed.Time) {
			t.Error("a later use is not written")
		}
		_, err = r.UpdateUser(admin, UserEdit{Name: "script", Password: pointer(password)})
		expectCode(t, err, sitesync.CodeInvalid)
		_, err = r.DeleteUser(admin, "script")
		expectCode(t, err, sitesync.CodeNotFound)
		_, _, err = r.CreateUser(admin, NewUser{Name: "script", Role: RoleViewer}) // one name space
		expectCode(t, err, sitesync.CodeExists)
		time.Sleep(time.Hour)
		if login(KindToken, "script", token) != NotAuthorized {
			t.Error("an expired token is good")
		}
		_, _, err = r.CreateToken(admin, NewToken{Name: "late", Role: RoleViewer, Expires: &expires})
		expectCode(t, err, sitesync.CodeInvalid)
		if _, err := r.RevokeToken(admin, "script"); err != nil {
			t.Fatal(err)
		}
		if login(KindToken, "script", token) != BadCredentials {
			t.Error("a revoked token is good")
		}
	})
}
