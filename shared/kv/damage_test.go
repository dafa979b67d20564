package kv

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A large value that was damaged on the disk is an error, not an empty value.
func TestDamagedValue(t *testing.T) {
	o := testOptions(t.TempDir(), true)
	db := open(t, o)
	large := bytes.Repeat([]byte("value "), 100_000)
	set(t, db, "a", string(large), "b", "small")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(o.Dir, dataDir, "*.vlog"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%v, %v", logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil || !bytes.Contains(text, large) {
		t.Fatalf("the value is not in %s, %v", logs[0], err)
	}
	text[bytes.Index(text, large)+1000] ^= 1
	if err := os.WriteFile(logs[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	db = open(t, o)
	err = db.View(func(tx *Tx) error { return has(tx, "a", string(large)) })
	if !errors.Is(err, errLost) {
		t.Errorf("Get: %v", err)
	}
	for _, prefetch := range []int{0, 10} {
		err = db.View(func(tx *Tx) error { _, err := keys(tx, Range{Prefetch: prefetch}, 9); return err })
		if !errors.Is(err, errLost) {
			t.Errorf("Iterate, prefetch %d: %v", prefetch, err)
		}
	}
	want(t, db, "b", "small")
}
