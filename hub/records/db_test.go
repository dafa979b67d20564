package records_test

import (
	"testing"

	"sitesync/shared/kv"
)

// openKV opens a database as the hub does; it is closed when the test ends.
func openKV(t testing.TB, dir string) *kv.DB {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: dir, Kind: "hub", Format: 1})
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
