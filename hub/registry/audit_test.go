package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestAuditOfAnEdit(t *testing.T) {
	r := openTest(t)
	site := newSite(t, r, "Nadi")
	a := command("site.update", "c1", "{}")
	if _, err := r.UpdateSite(a, SiteEdit{Site: site.ID, Revision: 1, Name: pointer("Lautoka"), Password: pointer(otherPassword)}); err != nil {
		t.Fatal(err)
	}
	got, _, err := r.AuditList(AuditFilter{Site: &site.ID}, 1, "")
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	e := got[0]
	if e.By != "anna" || e.From != "192.0.2.7" || e.Command != "site.update" || e.ID != "c1" || *e.Site != site.ID || e.Store != nil || time.Since(e.At.Time) > time.Minute {
		t.Errorf("%+v", e)
	}
	if string(e.Before) != `{"name":"Nadi","revision":1}` || string(e.After) != `{"name":"Lautoka","password":"changed","revision":2}` {
		t.Errorf("before %s after %s", e.Before, e.After)
	}
	if shape, err := json.Marshal(e); err != nil || !bytes.Contains(shape, []byte(`"store":null`)) {
		t.Errorf("%s, %v", shape, err)
	}
}

func TestAuditListPagesAndFilters(t *testing.T) {
	r := openTest(t)
	nadi, suva := newSite(t, r, "Nadi"), newSite(t, r, "Suva")
	for i := range 25 {
		site := []sitesync.SiteID{nadi.ID, suva.ID}[i%2]
		by := fmt.Sprint("user", i%3)
		if err := r.AppendAudit(sitesync.Audit{By: by, Command: fmt.Sprint(i), Site: &site}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(f AuditFilter, limit int) (commands []string) {
		after := ""
		for {
			page, next, err := r.AuditList(f, limit, after)
			if err != nil || len(page) > limit {
				t.Fatalf("%d entries, %v", len(page), err)
			}
			for _, e := range page {
				commands = append(commands, e.Command)
			}
			if next == "" {
				return commands
			}
			after = next
		}
	}
	for limit := 1; limit < 8; limit++ {
		if got := read(AuditFilter{Site: &nadi.ID}, limit); len(got) != 14 || got[0] != "24" || got[12] != "0" {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	if got := read(AuditFilter{Site: &suva.ID, By: "user1"}, 2); fmt.Sprint(got) != "[19 13 7 1]" {
		t.Errorf("by user1 at Suva: %v", got)
	}
	page, _, _ := r.AuditList(AuditFilter{By: "user0"}, 3, "")
	since := page[2].At.Time
	if got := read(AuditFilter{By: "user0", Since: since}, 2); len(got) < 3 || got[0] != "24" {
		t.Errorf("since: %v", got)
	}
	if got := read(AuditFilter{Since: time.Now().Add(time.Hour)}, 2); len(got) != 0 {
		t.Errorf("since the future: %v", got)
	}
	_, _, err := r.AuditList(AuditFilter{}, 10, "not a place")
	expectCode(t, err, sitesync.CodeInvalid)
	if err := r.AppendAudit(sitesync.Audit{After: json.RawMessage("{")}); err == nil {
		t.Error("an entry that is not JSON was taken")
	}
}

func TestAuditGoesOnWhenTheClockIsSetBack(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	r.ticks.last = time.Now().Add(time.Hour).UnixNano()
	for _, command := range []string{"before", "after"} {
		if err := r.AppendAudit(sitesync.Audit{Command: command}); err != nil {
			t.Fatal(err)
		}
		r = openOn(t, b, cheap)
	}
	if got, _, err := r.AuditList(AuditFilter{}, 2, ""); err != nil || len(got) != 2 || got[0].Command != "after" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestNoSecretIsStored looks for every secret in all stored bytes: in the
// values, in the database's files, and in the log.
func TestNoSecretIsStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openKV(t, dir)
	var log bytes.Buffer
	o := cheap
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := openOn(t, NewKV(db), o)
	b := &bench{t: t, r: r}
	var secrets []string

	adminPassword, err := r.EnsureAdmin("")
	if err != nil {
		t.Fatal(err)
	}
	create := command("site.create", "c1", "{}")
	res, err := r.CreateSite(create, NewSite{Name: "Nadi", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	b.site = res.Site.ID
	if err := r.SaveAnswer(create, json.RawMessage(`{"site":{"id":2}}`)); err != nil {
		t.Fatal(err)
	}
	b.join("Nadi", password, 1)
	b.use(0)
	b.edit(passworded(otherPassword))
	b.join("Nadi", otherPassword, 1)
	b.use(1)
	_, token, err := r.CreateToken(command("token.create", "c2", "{}"), NewToken{Name: "script", Role: RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	_, generated, err := r.CreateUser(command("user.create", "c3", "{}"), NewUser{Name: "bob", Role: RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.UpdateUser(command("user.update", "c4", "{}"), UserEdit{Name: "bob", Password: pointer("a third password")}); err != nil {
		t.Fatal(err)
	}
	b.login("Nadi", "a wrong password", 2)
	b.reset()
	secrets = append(secrets, adminPassword, password, otherPassword, "a third password", "a wrong password", token, generated)
	secrets = append(secrets, b.credentials...)

	items, err := r.backend.List("", "", 10_000)
	if err != nil || len(items) < 20 {
		t.Fatalf("%d values, %v", len(items), err)
	}
	var stored bytes.Buffer
	for _, item := range items {
		fmt.Fprintf(&stored, "%s %s\n", item.Key, item.Value)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(filesIn(t, dir), []byte("Nadi")) {
		t.Fatal("the files do not even show the site's name")
	}
	for what, content := range map[string][]byte{"values": stored.Bytes(), "files": filesIn(t, dir), "log": log.Bytes()} {
		for i, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("secret %d is in the %s", i, what)
			}
		}
	}
}

func filesIn(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all = append(all, content...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
