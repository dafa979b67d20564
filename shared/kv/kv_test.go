package kv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sitesync/shared/sitesync"
)

// Both configurations hold every promise.
var configurations = []struct {
	name  string
	small bool
}{{"hub", false}, {"agent", true}}

func testOptions(dir string, small bool) Options {
	o := Options{Dir: dir, Kind: kindHub, Format: 1, Small: small}
	if small {
		o.Kind = kindAgent
	}
	return o
}

func open(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openSmall(t testing.TB) *DB { t.Helper(); return open(t, testOptions(t.TempDir(), true)) }

func set(t testing.TB, db *DB, pairs ...string) {
	t.Helper()
	err := db.Update(func(tx *Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			tx.Set([]byte(pairs[i]), []byte(pairs[i+1]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// want checks what a View has at key; "-" means nothing.
func want(t testing.TB, db *DB, key, value string) {
	t.Helper()
	err := db.View(func(tx *Tx) error { return has(tx, key, value) })
	if err != nil {
		t.Error(err)
	}
}

func has(tx *Tx, key, value string) error {
	got, ok, err := tx.Get([]byte(key))
	switch {
	case err != nil:
		return err
	case !ok && value != "-":
		return fmt.Errorf("%.60q: nothing, want %.60q", key, value)
	case ok && string(got) != value:
		return fmt.Errorf("%.60q: %.60q, want %.60q", key, got, value)
	}
	return nil
}

func wantCode(t testing.TB, err error, code sitesync.Code) {
	t.Helper()
	e := sitesync.AsError(err)
	if e == nil || e.Code != code || e.Message == "" || e.Next == "" {
		t.Errorf("error %v, want code %s and what to do", err, code)
	}
}

func TestReopen(t *testing.T) {
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t.TempDir(), c.small)
			large := bytes.Repeat([]byte("0123456789abcdef"), mib/16)
			db := open(t, o)
			set(t, db, "a", "1", "b", "2", "empty", "", "large", string(large))
			set(t, db, "a", "3")
			err := db.Update(func(tx *Tx) error { tx.Delete([]byte("b")); return nil })
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				want(t, db, "a", "3")
				want(t, db, "b", "-")
				want(t, db, "empty", "")
				want(t, db, "large", string(large))
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				db = open(t, o)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	db := openSmall(t)
	viewing, release := make(chan bool), make(chan bool)
	viewed := make(chan error, 1)
	go func() {
		viewed <- db.View(func(tx *Tx) error {
			viewing <- true
			<-release
			return has(tx, "a", "-")
		})
	}()
	<-viewing
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	await(func() bool { return db.View(func(*Tx) error { return nil }) != nil })
	select {
	case <-closed:
		t.Error("Close did not wait for a View")
	default:
	}
	close(release)
	if err := errors.Join(<-viewed, <-closed, db.Close()); err != nil {
		t.Error(err)
	}
	if err := db.Update(func(*Tx) error { t.Error("ran"); return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := db.View(func(*Tx) error { t.Error("ran"); return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("View: %v", err)
	}
}

func TestFormat(t *testing.T) {
	with := func(text string) func(t *testing.T, o *Options) {
		return func(t *testing.T, o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, "FORMAT"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		edit func(t *testing.T, o *Options)
		code sitesync.Code
	}{
		{"same", func(*testing.T, *Options) {}, ""},
		{"other kind", func(_ *testing.T, o *Options) { o.Kind = kindHub }, sitesync.CodeInvalid},
		{"newer directory", with("sitesync agent 3\n"), sitesync.CodeDataNewer},
		{"newer program", func(_ *testing.T, o *Options) { o.Format = 3 }, ""},
		{"empty", with(""), sitesync.CodeInvalid},
		{"unknown kind", with("sitesync mirror 1\n"), sitesync.CodeInvalid},
		{"zero", with("sitesync agent 0\n"), sitesync.CodeInvalid},
		{"sign", with("sitesync agent +2\n"), sitesync.CodeInvalid},
		{"too large", with("sitesync agent 99999999999999999999\n"), sitesync.CodeInvalid},
		{"more", with("sitesync agent 2\nand more\n"), sitesync.CodeInvalid},
		{"endless", with("sitesync agent 2\n" + string(make([]byte, 1<<20))), sitesync.CodeInvalid},
		{"missing", func(t *testing.T, o *Options) {
			if err := os.Remove(filepath.Join(o.Dir, "FORMAT")); err != nil {
				t.Fatal(err)
			}
		}, sitesync.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t.TempDir(), true)
			o.Format = 2
			db := open(t, o)
			set(t, db, "a", "1")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			c.edit(t, &o)
			db, err := Open(o)
			if c.code != "" {
				wantCode(t, err, c.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, db, "a", "1")
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(filepath.Join(o.Dir, "FORMAT"))
			if want := fmt.Sprintf("sitesync agent %d\n", o.Format); err != nil || string(text) != want {
				t.Errorf("FORMAT: %q, %v, want %q", text, err, want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for _, o := range []Options{
		{Kind: kindHub, Format: 1},
		{Dir: dir, Kind: "mirror", Format: 1},
		{Dir: dir, Kind: kindHub},
	} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// Where the directory was there before, open to all, badger's files are not.
func TestPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "wide")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, testOptions(dir, true))
	for name, want := range map[string]os.FileMode{".": 0o755, "FORMAT": 0o600, "data": 0o700} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, fi.Mode(), err, want)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Errorf("directory holds %v, %v", names, err)
	}
}

func TestStats(t *testing.T) {
	db := openSmall(t)
	set(t, db, "a", "1")
	set(t, db, "b", string(make([]byte, 100*kib)))
	if err := db.Update(func(tx *Tx) error { return has(tx, "a", "1") }); err != nil {
		t.Fatal(err)
	}
	s := db.Stats()
	if s.Commits != 2 || s.Groups != 2 || s.Bytes < 100*kib || s.DiskFree == 0 {
		t.Errorf("%+v", s)
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, text := range []string{"", "sitesync hub 1\n", "sitesync agent 42\n", "sitesync agent 042\n", "sitesync hub 1", "hub 1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kind, format, ok := parseFormat(text)
		if ok && (format < 1 || text != fmt.Sprintf("sitesync %s %d\n", kind, format)) {
			t.Errorf("%q: %q %d", text, kind, format)
		}
	})
}
