package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
)

func openTokens(t *testing.T, dir string) *Tokens {
	t.Helper()
	tokens, err := OpenTokens(dir)
	check(t, err)
	return tokens
}

// role gives the role of a token.
func (t *Tokens) rightsOf(tt *testing.T, secret string) Role {
	tt.Helper()
	role, _, err := t.use(secret)
	check(tt, err)
	return role
}

func localToken(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "token"))
	check(t, err)
	return strings.TrimSpace(string(text))
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	tokens := openTokens(t, dir)
	app, err := tokens.Create("till", RoleApp)
	check(t, err)
	admin, err := tokens.Create("clinic.admin", RoleAdmin)
	check(t, err)
	local := localToken(t, dir)
	for range 2 {
		for secret, want := range map[string]Role{app: RoleApp, admin: RoleAdmin, local: RoleAdmin, "": "", "x": "", app + "x": "", strings.ToUpper(app): ""} {
			if got := tokens.rightsOf(t, secret); got != want {
				t.Errorf("a token has the role %q, want %q", got, want)
			}
		}
		names := ""
		for _, tok := range tokens.List() {
			names += tok.Name + " "
			if tok.Created.IsZero() || tok.LastUsed == nil {
				t.Errorf("token %+v", tok)
			}
		}
		if names != "local clinic.admin till " {
			t.Errorf("tokens %s", names)
		}
		tokens = openTokens(t, dir) // and once more from the files
		_, _, _ = tokens.use(local)
	}
	check(t, tokens.Revoke("till"))
	for _, tokens := range []*Tokens{tokens, openTokens(t, dir)} {
		if tokens.rightsOf(t, app) != "" || tokens.rightsOf(t, admin) != RoleAdmin {
			t.Error("the revoked token is good, or another is not")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	check(t, err)
	if strings.Contains(string(text), admin) || strings.Contains(string(text), admin[len(tokenPrefix):]) {
		t.Error("the file has a token in plain")
	}
	for _, name := range []string{"token", "tokens.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
	}
}

func TestLocalTokenIsReplaced(t *testing.T) {
	dir := t.TempDir()
	tokens := openTokens(t, dir)
	former := localToken(t, dir)
	check(t, tokens.Revoke(LocalToken))
	if now := localToken(t, dir); now == former || tokens.rightsOf(t, former) != "" || tokens.rightsOf(t, now) != RoleAdmin {
		t.Error("the local token was not replaced")
	}
	check(t, os.Remove(filepath.Join(dir, "token")))
	tokens = openTokens(t, dir)
	if tokens.rightsOf(t, localToken(t, dir)) != RoleAdmin {
		t.Error("no local token was made")
	}
	check(t, os.Chmod(filepath.Join(dir, "token"), 0o644))
	openTokens(t, dir)
	if info, err := os.Stat(filepath.Join(dir, "token")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the local token stays readable: %v, %v", info.Mode(), err)
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	tokens := openTokens(t, t.TempDir())
	_, err := tokens.Create("till", RoleApp)
	check(t, err)
	for _, c := range []struct {
		name string
		role Role
		code sitesync.Code
	}{
		{"till", RoleApp, sitesync.CodeExists}, {"local", RoleApp, sitesync.CodeExists}, {"", RoleApp, sitesync.CodeInvalid},
		{"a b", RoleApp, sitesync.CodeInvalid}, {"..", RoleApp, sitesync.CodeInvalid}, {"x", "", sitesync.CodeInvalid}, {"x", "root", sitesync.CodeInvalid},
	} {
		if _, err := tokens.Create(c.name, c.role); sitesync.CodeOf(err) != c.code {
			t.Errorf("%q with the role %q: error %v", c.name, c.role, err)
		}
	}
	if err := tokens.Revoke("nobody"); sitesync.CodeOf(err) != sitesync.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

func TestDamagedTokenFiles(t *testing.T) {
	for _, c := range []struct {
		file, text string
		code       sitesync.Code
	}{
		{"tokens.json", "{", sitesync.CodeInvalid},
		{"tokens.json", `{"format":2,"tokens":[]}`, sitesync.CodeDataNewer},
		{"tokens.json", `{"format":1,"tokens":[{"name":"x","role":"root","hash":"` + strings.Repeat("00", 32) + `"}]}`, sitesync.CodeInvalid},
		{"tokens.json", `{"format":1,"tokens":[{"name":"x","role":"app","hash":"00"}]}`, sitesync.CodeInvalid},
		{"tokens.json", `{"format":1,"tokens":[{"name":"x y","role":"app","hash":"` + strings.Repeat("00", 32) + `"}]}`, sitesync.CodeInvalid},
		{"token", "", sitesync.CodeInvalid},
		{"token", "short\n", sitesync.CodeInvalid},
	} {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600))
		if _, err := OpenTokens(dir); sitesync.CodeOf(err) != c.code || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s with %q: error %v", c.file, c.text, err)
		}
	}
}

// The last use is written down at most once an hour.
func TestLastUse(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		tokens := openTokens(t, dir)
		app, err := tokens.Create("till", RoleApp)
		check(t, err)
		tokens.rightsOf(t, app)
		before, err := os.Stat(filepath.Join(dir, "tokens.json"))
		check(t, err)
		time.Sleep(usedEvery / 2)
		tokens.rightsOf(t, app)
		if after, err := os.Stat(filepath.Join(dir, "tokens.json")); err != nil || !os.SameFile(before, after) {
			t.Error("the file was written again within the hour")
		}
		time.Sleep(usedEvery)
		tokens.rightsOf(t, app)
		if after, err := os.Stat(filepath.Join(dir, "tokens.json")); err != nil || os.SameFile(before, after) {
			t.Error("the file was not written after an hour")
		}
		if used := openTokens(t, dir).List()[1].LastUsed; used == nil || time.Since(used.Time) >= usedEvery {
			t.Errorf("last used %v", used)
		}
	})
}

func TestTokenCalls(t *testing.T) {
	d := newDevice(t)
	var made CreatedToken
	r := d.doAs(d.admin, "POST", "/v1/tokens", `{"name":"scale","role":"app"}`)
	r.decode(t, &made)
	if r.status != 201 || made.Name != "scale" || made.Role != RoleApp || d.tokens.rightsOf(t, made.Token) != RoleApp {
		t.Errorf("answer %d %+v", r.status, made.Name)
	}
	if strings.Contains(d.log.String(), made.Token) {
		t.Error("the log has the token")
	}
	d.doAs(d.admin, "POST", "/v1/tokens", `{"name":"scale","role":"app"}`).refused(t, 409, sitesync.CodeExists)
	d.doAs(d.admin, "POST", "/v1/tokens", `{"name":"scale2","role":"root"}`).refused(t, 400, sitesync.CodeInvalid)
	r = d.doAs(d.admin, "GET", "/v1/tokens", "")
	var l list[Token]
	r.decode(t, &l)
	if len(l.Items) != 3 || l.Items[1].Name != "scale" || strings.Contains(r.body, "hash") {
		t.Errorf("tokens %s", r.body)
	}
	d.doAs(d.admin, "DELETE", "/v1/tokens/scale", "").want(t, 200, "{}")
	d.doAs(made.Token, "GET", "/v1/status", "").refused(t, 401, sitesync.CodeToken)
	d.doAs(d.admin, "DELETE", "/v1/tokens/scale", "").refused(t, 404, sitesync.CodeNotFound)
}
