package kv

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileDurable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, c := range []struct {
		text string
		perm os.FileMode
	}{{"one", 0o600}, {"", 0o644}, {"three", 0o400}, {"four", 0o600}} {
		if err := WriteFileDurable(path, []byte(c.text), c.perm); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != c.text {
			t.Errorf("%q, %v, want %q", text, err, c.text)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != c.perm {
			t.Errorf("%v, %v, want %v", fi.Mode(), err, c.perm)
		}
	}
	onlyFile(t, dir, "file")
}

// What cannot be written leaves nothing behind, and the old file as it was.
func TestWriteFileDurableFails(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFileDurable(filepath.Join(dir, "no", "file"), nil, 0o600); err == nil {
		t.Error("wrote into a directory that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFileDurable(filepath.Join(dir, "taken"), nil, 0o600); err == nil {
		t.Error("wrote over a directory")
	}
	onlyFile(t, dir, "taken")
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil || len(found) != 1 || found[0].Name() != name {
		t.Errorf("directory holds %v, %v", found, err)
	}
}
