package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

func TestMe(t *testing.T) {
	h := newHub(t)
	if _, err := h.Registry.EnsureAdmin("the first password"); err != nil {
		t.Fatal(err)
	}
	must[UserResult](h, "user.create", `{"name":"clerk","role":"viewer","data":true,"password":"pass words"}`)
	for c, role := range map[Caller]registry.Role{admin: registry.RoleAdmin, clerk: registry.RoleViewer} {
		if u := result[UserResult](h, h.do(c, "user.me", `{}`)).User; u.Name != c.Name || u.Role != role || u.Kind != registry.KindUser {
			t.Errorf("%s is told %+v", c.Name, u)
		}
	}
}

func TestUsers(t *testing.T) {
	h := newHub(t)
	if _, err := h.Registry.EnsureAdmin("the first password"); err != nil {
		t.Fatal(err)
	}
	made := must[UserResult](h, "user.create", `{"name":"anna","role":"viewer"}`)
	if u := made.User; u.Name != "anna" || u.Kind != registry.KindUser || u.Role != registry.RoleViewer || u.Data || !u.Enabled || len(made.Password) < 20 {
		t.Errorf("%+v", made)
	}
	if given := must[UserResult](h, "user.create", `{"name":"bob","role":"viewer","data":true,"password":"pass words"}`); given.Password != "" || !given.User.Data {
		t.Errorf("a password that was given is shown: %+v", given)
	}
	tests := []struct {
		command, args string
		code          sitesync.Code
		field, text   string
	}{
		{"user.create", `{"name":"anna","role":"admin"}`, sitesync.CodeExists, "name", "choose another"},
		{"user.create", `{"name":"a/b","role":"admin"}`, sitesync.CodeInvalid, "name", ""},
		{"user.create", `{"name":"c","role":"king"}`, sitesync.CodeInvalid, "role", "admin or viewer"},
		{"user.create", `{"name":"c","role":"admin","password":"short"}`, sitesync.CodeInvalid, "password", "a few words are easy to type"},
		{"user.create", `{"name":"c","role":"admin","password":""}`, sitesync.CodeInvalid, "password", "at least 8"},
		{"user.update", `{"name":"nobody","role":"admin"}`, sitesync.CodeNotFound, "name", ""},
		{"user.update", `{"name":"admin","role":"viewer"}`, sitesync.CodeInUse, "name", "last administrator"},
		{"user.update", `{"name":"admin","enabled":false}`, sitesync.CodeInUse, "name", "last administrator"},
		{"user.update", `{"name":"anna","password":"short"}`, sitesync.CodeInvalid, "password", ""},
		{"user.delete", `{"name":"admin"}`, sitesync.CodeInUse, "name", "last administrator"},
		{"user.delete", `{"name":"nobody"}`, sitesync.CodeNotFound, "name", ""},
	}
	for _, tt := range tests {
		h.fails(h.do(admin, tt.command, tt.args), tt.code, tt.field, tt.text)
	}
	if u := must[UserResult](h, "user.update", `{"name":"anna","role":"admin","data":true,"password":"other words"}`).User; u.Role != registry.RoleAdmin || !u.Data {
		t.Errorf("%+v", u)
	}
	if u := must[UserResult](h, "user.delete", `{"name":"admin"}`).User; u.Name != "admin" {
		t.Errorf("deleted %+v", u)
	}
	var names []string
	for after := ""; ; {
		p := must[Page[registry.User]](h, "user.list", fmt.Sprintf(`{"limit":1,"after":%q}`, after))
		for _, u := range p.Items {
			names = append(names, u.Name)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if strings.Join(names, " ") != "anna bob" {
		t.Errorf("users %q", names)
	}
}

func TestTokens(t *testing.T) {
	h := newHub(t)
	request := `{"id":"once","args":{"name":"script","role":"viewer","expires":"2999-01-31"}}`
	first := h.send(admin, "token.create", request)
	made := result[TokenResult](h, first)
	if made.Token == "" || made.User.Kind != registry.KindToken || made.User.Expires == nil || made.User.Expires.Format(time.DateOnly) != "2999-01-31" {
		t.Errorf("%+v", made)
	}
	if again := h.send(admin, "token.create", request); string(again.Result) != string(first.Result) {
		t.Errorf("again %s, first %s", again.Result, first.Result)
	}
	user, outcome, err := h.Registry.AuthenticateUser(registry.KindToken, "script", []byte(made.Token), "")
	if err != nil || outcome != registry.Accepted || user.Role != registry.RoleViewer {
		t.Fatalf("%+v, %v, %v", user, outcome, err)
	}
	items := must[Page[registry.User]](h, "token.list", `{}`).Items
	if len(items) != 1 || items[0].LastUsed == nil {
		t.Errorf("tokens %+v", items)
	}
	if a := h.do(admin, "token.list", `{}`); strings.Contains(string(a.Result), made.Token) {
		t.Error("the token is shown again")
	}
	h.fails(h.do(admin, "token.create", `{"name":"script","role":"viewer"}`), sitesync.CodeExists, "name", "")
	h.fails(h.do(admin, "token.create", `{"name":"b","role":"viewer","expires":"2001-01-31T12:00:00Z"}`), sitesync.CodeInvalid, "expires", "time to come")
	h.fails(h.do(admin, "token.create", `{"name":"b","role":"viewer","expires":"soon"}`), sitesync.CodeInvalid, "expires", "2030-01-31")
	h.fails(h.do(admin, "token.create", `{"name":"b","role":"king"}`), sitesync.CodeInvalid, "role", "")
	h.fails(h.do(admin, "user.delete", `{"name":"script"}`), sitesync.CodeNotFound, "name", "")
	h.fails(h.do(admin, "user.update", `{"name":"script","password":"pass words"}`), sitesync.CodeInvalid, "password", "a token has no password")
	if r := must[TokenResult](h, "token.revoke", `{"name":"script"}`); r.User.Name != "script" || r.Token != "" {
		t.Errorf("%+v", r)
	}
	h.fails(h.do(admin, "token.revoke", `{"name":"script"}`), sitesync.CodeNotFound, "name", "")
	if _, outcome, _ := h.Registry.AuthenticateUser(registry.KindToken, "script", []byte(made.Token), ""); outcome != registry.BadCredentials {
		t.Errorf("a revoked token: outcome %v", outcome)
	}
}
