package records

import (
	"fmt"
	"testing"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// TestEditOnce follows commands through the time in which they are remembered.
func TestEditOnce(t *testing.T) {
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1, Small: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Transition(0, Meta{Store: 1, Owner: sitesync.CentralSite, Phase: sitesync.PhaseActive, Epoch: sitesync.NewEpoch(1, 1)}, nil); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 4, 5, 6, 7, 8_900_000, time.UTC)
	edit := func(id, data string, after time.Duration) (sitesync.Record, error) {
		c := sitesync.Change{Op: sitesync.OpPut, Table: "t", ID: "a", Data: []byte(data)}
		if data == "" {
			c.Op, c.Data = sitesync.OpDelete, nil
		}
		r := Replay{By: "admin", ID: id, Args: [32]byte{byte(len(data))}, Memory: time.Minute}
		return d.EditOnce(Edit{Store: 1, Change: c, At: start.Add(after)}, r)
	}
	version := func() uint64 {
		m, _, err := d.Meta(1)
		if err != nil {
			t.Fatal(err)
		}
		return m.Version
	}

	first, err := edit("one", `{"a": 1}`, 0)
	if err != nil {
		t.Fatal(err)
	}
	was := version()
	if again, err := edit("one", `{"a": 1}`, 59*time.Second); err != nil || fmt.Sprint(again) != fmt.Sprint(first) || version() != was {
		t.Errorf("the repeat gave %v, %v; first %v", again, err, first)
	}
	if _, err := edit("one", `{}`, time.Second); sitesync.CodeOf(err) != sitesync.CodeIDReused {
		t.Errorf("other arguments: %v", err)
	}
	if err := d.CheckReplay(Replay{By: "admin", ID: "one"}, start); sitesync.CodeOf(err) != sitesync.CodeIDReused {
		t.Errorf("another command: %v", err)
	}
	if err := d.CheckReplay(Replay{By: "clerk", ID: "one"}, start); err != nil {
		t.Errorf("another user: %v", err)
	}

	gone, err := edit("two", "", time.Second)
	if err != nil || string(gone.Data) != `{"a": 1}` {
		t.Fatalf("delete: %v, %v", gone, err)
	}
	if again, err := edit("two", "", 2*time.Second); err != nil || fmt.Sprint(again) != fmt.Sprint(gone) {
		t.Errorf("the delete again: %v, %v", again, err)
	}
	if _, err := edit("one", `{"a": 1}`, time.Minute); err != nil || version() == was {
		t.Errorf("after the memory's end it is a new command: %v", err)
	}
}

// TestReplaysAreSwept has far more commands than are remembered at a time.
func TestReplaysAreSwept(t *testing.T) {
	db, err := kv.Open(kv.Options{Dir: t.TempDir(), Kind: "hub", Format: 1, Small: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const each, rounds = 40, 10 // remembered for one round
	start := time.Now()
	for i := range each * rounds {
		r := Replay{By: "admin", ID: fmt.Sprint(i), Memory: each * time.Second}
		at := start.Add(time.Duration(i) * time.Second)
		if err := db.Update(func(tx *kv.Tx) error { return r.remember(tx, at, answered{}) }); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	err = db.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: []byte{'y'}, KeysOnly: true}, func(_, _ []byte) (bool, error) { kept++; return true, nil })
	})
	if err != nil || kept < each || kept > 2*each {
		t.Errorf("%d entries for %d commands in memory, %v", kept, each, err)
	}
}
