package records_test

import (
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// TestContract runs the suite on a real database that is closed and opened
// again between the steps.
func TestContract(t *testing.T) {
	recordstest.Run(t, func(t *testing.T) records.State {
		s := &restarted{dir: t.TempDir()}
		s.open(t)
		t.Cleanup(func() { s.close(t) })
		return s
	})
}

// restarted is a State whose database can be opened again.
type restarted struct {
	records.State
	db  *kv.DB
	dir string

	check func(sitesync.StoreID) error
}

func (s *restarted) Restart(t testing.TB) {
	s.close(t)
	s.open(t)
}

func (s *restarted) open(t testing.TB) {
	t.Helper()
	var err error
	if s.db, err = kv.Open(kv.Options{Dir: s.dir, Kind: "hub", Format: 1}); err != nil {
		t.Fatal(err)
	}
	opened, err := records.Open(s.db)
	if err != nil {
		t.Fatal(err)
	}
	s.State, s.check = opened, opened.Check
}

func (s *restarted) close(t testing.TB) {
	if err := s.db.Close(); err != nil {
		t.Error(err)
	}
}

// Check holds a store's data against itself.
func (s *restarted) Check(store sitesync.StoreID) error { return s.check(store) }
