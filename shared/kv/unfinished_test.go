package kv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program that was killed while it made a file leaves an empty one.
func TestUnfinishedFiles(t *testing.T) {
	for _, files := range [][]string{{"00099.mem"}, {"000099.vlog"}, {"00098.mem", "00099.mem", "000099.vlog"}} {
		t.Run(strings.Join(files, " and "), func(t *testing.T) {
			o := testOptions(t.TempDir(), true)
			db := open(t, o)
			set(t, db, "a", "1")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				if err := os.WriteFile(filepath.Join(o.Dir, dataDir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, key := range []string{"b", "c"} { // as the files are, and once more as they have become
				db = open(t, o)
				want(t, db, "a", "1")
				set(t, db, key, "2")
				want(t, db, "b", "2")
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
