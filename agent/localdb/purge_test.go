package localdb

import (
	"fmt"
	"testing"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func released(store sitesync.StoreID, active bool) wire.AssignedStore {
	a := assigned(store, epoch2, sitesync.PhaseReleased)
	a.To, a.OwnerActive = "Suva", active
	return a
}

// keys counts what is in the database of a kind.
func keys(t *testing.T, d *DB, kind byte) (n int) {
	t.Helper()
	must(t, d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: []byte{kind}, KeysOnly: true}, func(_, _ []byte) (bool, error) { n++; return true, nil })
	}))
	return n
}

// TestPurge removes the copy of a store after its time, never with something
// unsent in it, and the store itself once the hub does not list it any more.
func TestPurge(t *testing.T) {
	d := writable(t)
	const records = 3000 // more than one transaction takes
	var list []Write
	for i := range records {
		list = append(list, put(fmt.Sprint(i), `{"packs":12,"note":"some text to fill it with, so that there are several transactions"}`))
		if len(list) == 500 {
			write(t, d, list...)
			list = nil
		}
	}
	due := func(at time.Time, want time.Time) {
		t.Helper()
		next, err := d.PurgeDue(at, time.Hour)
		must(t, err)
		if !next.Equal(want) {
			t.Errorf("at %s: next %s, want %s", at, next, want)
		}
	}
	due(someday, time.Time{})
	assign(t, d, released(storeA, false))
	due(someday.Add(100*time.Hour), time.Time{}) // the new owner is not there yet
	assign(t, d, released(storeA, true))
	due(someday.Add(100*time.Hour), time.Time{}) // there is something to send
	q := queued(t, d)
	_, err := d.Settle(storeA, &wire.Receipt{Epoch: epoch1, Outcome: wire.Settled, Settled: records, Chain: q.Last,
		Quarantined: []wire.Refusal{{N: 7, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: "6"}}})
	must(t, err)
	due(someday, someday.Add(time.Hour))
	due(someday.Add(59*time.Minute), someday.Add(time.Hour))
	if s := stateOf(t, d, storeA); s.Purged || s.Records != records {
		t.Fatalf("%+v", s)
	}
	due(someday.Add(time.Hour), time.Time{})
	s := stateOf(t, d, storeA)
	if !s.Purged || s.Records != 0 || s.Bytes != 0 || s.Digest != (sitesync.Digest{}) || keys(t, d, 'r') != 0 || s.Phase != sitesync.PhaseReleased {
		t.Errorf("%d keys of records, %+v", keys(t, d, 'r'), s)
	}
	if list, _, err := d.Receipts("", 10); err != nil || len(list) != 10 || list[6].Receipt != "quarantined" {
		t.Errorf("receipts %+v, %v", list, err)
	}
	due(someday.Add(100*time.Hour), time.Time{})
	again := released(storeA, true)
	again.Quarantined = 1 // somebody still has to decide
	assign(t, d, again)
	if s := stateOf(t, d, storeA); s.Quarantined != 1 {
		t.Errorf("%+v", s)
	}
	assign(t, d)
	if _, known := d.Store(storeA); known || keys(t, d, 's') != 0 || keys(t, d, 'x') != 0 {
		t.Errorf("the store is still there: %v, %d keys of what was refused", known, keys(t, d, 'x'))
	}
	activate(t, d, storeA, epoch2) // it comes back
}

// TestPurgedComesBack is loaded afresh, and nothing of before counts.
func TestPurgedComesBack(t *testing.T) {
	d := writable(t)
	write(t, d, put("a", `{}`))
	q := queued(t, d)
	_, err := d.Settle(storeA, &wire.Receipt{Epoch: epoch1, Outcome: wire.Settled, Settled: 1, Chain: q.Last})
	must(t, err)
	assign(t, d, released(storeA, true))
	_, err = d.PurgeDue(someday, 0)
	must(t, err)
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseLoading))
	s := stateOf(t, d, storeA)
	if s.Purged || s.OwnerActive != nil || s.Resync == nil || !s.Resync.Blank {
		t.Errorf("%+v", s)
	}
	assign(t, d, released(storeA, false)) // and goes again: it counts anew
	if next, err := d.PurgeDue(someday.Add(time.Hour), 0); err != nil || !next.IsZero() || stateOf(t, d, storeA).Purged {
		t.Errorf("%+v, %v", stateOf(t, d, storeA), err)
	}
}

// TestAbsenceKeeps holds that a store which is not listed is read-only and not
// lost.
func TestAbsenceKeeps(t *testing.T) {
	d := writable(t)
	write(t, d, put("a", `{}`))
	for range 2 {
		assign(t, d)
		if _, err := d.PurgeDue(someday.Add(1000*time.Hour), 0); err != nil {
			t.Fatal(err)
		}
	}
	if s := stateOf(t, d, storeA); s.Records != 1 || s.Queued() != 1 || s.Phase != sitesync.PhaseReleased {
		t.Errorf("%+v", s)
	}
}

// TestDraining freezes the store in the transaction that every write reads, and
// lets it go on in the same epoch.
func TestDraining(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	write(t, d, put("a", `{}`))
	a := assigned(storeA, epoch1, sitesync.PhaseDraining)
	a.To, a.Handover = "Suva", 9
	assign(t, d, a)
	for range 2 {
		_, err := d.Write(storeA, []Write{put("b", `{}`)})
		wantCode(t, err, sitesync.CodeStoreMoving)
		if e := sitesync.AsError(err); e.Message != "the store S3 is moving to Suva since 2026-03-01T07:30:00.000Z" {
			t.Error(e.Message)
		}
		d = reopen(t, d, dir)
	}
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseActive))
	if out := write(t, d, put("b", `{}`)); out[0].N != 2 || out[0].Epoch != epoch1 {
		t.Errorf("%+v", out)
	}
}

// TestDrainedBeforeConfirmed moves a store on before its device heard that it
// is active: it has it whole, and drains with nothing.
func TestDrainedBeforeConfirmed(t *testing.T) {
	d := open(t, t.TempDir())
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseLoading))
	must(t, d.BeginResync(storeA, &wire.Manifest{Epoch: epoch1, Head: cursorAt(1)}))
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch1, Last: true}))
	assign(t, d, assigned(storeA, epoch1, sitesync.PhaseDraining))
	if s := stateOf(t, d, storeA); s.Loaded != epoch1 || s.Blocked != nil || s.Phase != sitesync.PhaseDraining {
		t.Errorf("%+v", s)
	}
	assign(t, d, assigned(storeB, epoch1, sitesync.PhaseDraining))
	if s := stateOf(t, d, storeB); s.Loaded == epoch1 || s.Blocked == nil {
		t.Errorf("drained and never loaded: %+v", s)
	}
}
