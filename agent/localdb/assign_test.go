package localdb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func assign(t *testing.T, d *DB, stores ...wire.AssignedStore) {
	t.Helper()
	must(t, d.Assign(stores, someday))
}

func TestAssignNew(t *testing.T) {
	d := open(t, t.TempDir())
	a := assigned(storeA, epoch1, sitesync.PhaseLoading)
	a.Tags, a.Handover, a.Records = []string{"country:fj"}, 9, 100
	assign(t, d, a)
	s := stateOf(t, d, storeA)
	if s.Code != "S3" || s.Name != "Store" || len(s.Tags) != 1 || s.Handover != 9 || s.Epoch != epoch1 || s.Phase != sitesync.PhaseLoading ||
		s.Resync == nil || !s.Resync.Blank || s.Resync.Total != 100 || s.Writable() == nil || s.Since != sitesync.At(someday) {
		t.Errorf("%+v", s)
	}
	must(t, d.Assign([]wire.AssignedStore{a}, someday.Add(time.Hour))) // the same again
	if again := stateOf(t, d, storeA); again.Since != s.Since {
		t.Errorf("since %v, was %v", again.Since, s.Since)
	}
	a.Code, a.Name, a.Tags = "NEW", "Other", nil
	assign(t, d, a)
	if s := stateOf(t, d, storeA); s.Code != "NEW" || s.Name != "Other" || s.Tags != nil || s.Resync == nil {
		t.Errorf("%+v", s)
	}
}

// The hub's word that a store is active counts only when all of it is here.
func TestAssignConfirms(t *testing.T) {
	d := open(t, t.TempDir())
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseLoading))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch1, Head: cursorAt(5)}))
	active := assigned(storeA, epoch1, sitesync.PhaseActive)
	assign(t, d, active)
	s := stateOf(t, d, storeA)
	if s.Phase != sitesync.PhaseActive || s.Loaded != 0 || s.Blocked == nil || s.Blocked.Code != sitesync.ProblemDiverged || s.Blocked.Next == "" {
		t.Errorf("active without a whole copy: %+v", s)
	}
	_, err := d.Write(storeA, []Write{put("1", `{}`)})
	wantCode(t, err, sitesync.CodeStoreLoading)

	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseLoading)) // the operator has reset it
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch2, Head: cursorAt(5)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Last: true}))
	active.Epoch = epoch2
	assign(t, d, active)
	if s := stateOf(t, d, storeA); s.Loaded != epoch2 || s.Resync != nil || s.Blocked != nil || s.Writable() != nil || s.Cursor != cursorAt(5) {
		t.Errorf("active with a whole copy: %+v", s)
	}
	write(t, d, put("1", `{}`))
}

// A directory that never had the store is told active, as after the restore of
// a backup.
func TestAssignActiveFromNothing(t *testing.T) {
	d := open(t, t.TempDir())
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseActive))
	if s := stateOf(t, d, storeA); s.Writable() == nil || s.Blocked == nil {
		t.Errorf("%+v", s)
	}
}

func TestAssignEpoch(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	write(t, d, put("1", `{}`))
	epochs := []sitesync.Epoch{epoch2, sitesync.NewEpoch(1, 3), sitesync.NewEpoch(2, 4)}
	for _, e := range epochs {
		assign(t, d, assigned(storeA, e, sitesync.PhaseLoading))
	}
	s := stateOf(t, d, storeA)
	if s.Epoch != epochs[2] || s.Resync.Epoch != epochs[2] || s.Resync.Blank || len(s.Past) != 1 || s.Past[0].Epoch != epoch1 || s.Queued() != 1 {
		t.Errorf("%+v", s)
	}
	d = reopen(t, d, dir)
	if s := stateOf(t, d, storeA); len(s.Past) != 1 || s.Past[0].Last != 1 {
		t.Errorf("after opening again: %+v", s)
	}
	wantWhole(t, d)
}

func TestAssignReleased(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`))
	assign(t, d) // no longer listed
	s := stateOf(t, d, storeA)
	if s.Phase != sitesync.PhaseReleased || s.Writable() == nil || s.Queued() != 2 {
		t.Errorf("%+v", s)
	}
	wantData(t, d, "1", `{}`)
	wantSettled(t, d, receiptFor(queued(t, d), 2), Agrees) // what waits still goes out
	must(t, d.Assign(nil, someday.Add(time.Hour)))
	if again := stateOf(t, d, storeA); again.Since != s.Since {
		t.Errorf("released at %v, then at %v", s.Since, again.Since)
	}

	listed := assigned(storeA, epoch2, sitesync.PhaseReleased) // the new owner's epoch
	listed.To = "Suva"
	unknown := assigned(storeB, epoch2, sitesync.PhaseReleased)
	assign(t, d, listed, unknown)
	if s := stateOf(t, d, storeA); s.Phase != sitesync.PhaseReleased || s.To != "Suva" || s.Epoch != epoch1 || s.Resync != nil {
		t.Errorf("%+v", s)
	}
	if _, ok := d.Store(storeB); ok {
		t.Error("a released store that was never here is kept")
	}

	assign(t, d, assigned(storeA, sitesync.NewEpoch(1, 3), sitesync.PhaseLoading)) // it comes back
	if s := stateOf(t, d, storeA); s.Phase != sitesync.PhaseLoading || s.Resync == nil || s.Resync.Blank || s.To != "" {
		t.Errorf("%+v", s)
	}
}

// A store that is listed again in the epoch it was being loaded in goes on
// being loaded.
func TestAssignLoadingAgain(t *testing.T) {
	d := open(t, t.TempDir())
	loading := assigned(storeA, epoch1, sitesync.PhaseLoading)
	assign(t, d, loading)
	assign(t, d)
	assign(t, d, loading)
	if s := stateOf(t, d, storeA); s.Phase != sitesync.PhaseLoading || s.Resync == nil || s.Resync.Blank {
		t.Errorf("%+v", s)
	}
}

func TestAssignDraining(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`))
	draining := assigned(storeA, epoch1, sitesync.PhaseDraining)
	draining.To = "Suva"
	assign(t, d, draining)
	if s := stateOf(t, d, storeA); s.Writable() == nil || s.To != "Suva" || s.Queued() != 1 {
		t.Errorf("%+v", s)
	}
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseActive)) // cancelled
	write(t, d, put("2", `{}`))
}

// A site with more stores than one transaction takes gets them all.
func TestAssignMany(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	var stores []wire.AssignedStore
	for i := range 1000 {
		a := assigned(sitesync.StoreID(i+1), epoch1, sitesync.PhaseLoading)
		a.Name = strings.Repeat("ü", 100)
		a.Tags = []string{"country:fj", fmt.Sprintf("number:%d", i)}
		stores = append(stores, a)
	}
	assign(t, d, stores...)
	wantWhole(t, d)
	if n := len(d.Stores()); n != 1000 {
		t.Fatalf("%d stores", n)
	}
	assign(t, d, append(stores[:10:10], stores[10])...) // one of them twice
	d = reopen(t, d, dir)
	loading := 0
	for _, s := range d.Stores() {
		if s.Phase == sitesync.PhaseLoading {
			loading++
		}
	}
	if loading != 11 {
		t.Errorf("%d of 1000 stores are still assigned, want 11", loading)
	}
}
