package records

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Replay names a command, so that its repeat can be told from a new one. The
// zero value is remembered by nobody.
type Replay struct {
	By     string        // user or token that sent it
	ID     string        // the command's ID; "" = it will not be repeated
	Args   [32]byte      // hash of command and arguments
	Memory time.Duration // how long it is remembered
}

// answered is an edit in memory, under y and the hash of who sent it and the
// command's ID. The data of a put is not kept: the repeat brings it.
type answered struct {
	Format  int           `json:"format"`
	Args    []byte        `json:"args"`
	Until   sitesync.Time `json:"until"`
	Changed sitesync.Time `json:"changed"`
	Data    []byte        `json:"data,omitempty"`    // what a delete removed, byte for byte
	Refused int           `json:"refused,omitempty"` // of an import: changes that it put into quarantine
}

// sweepReplays is how many neighbours of a new entry are looked at, and
// dropped when their time is over. Keys are hashes, so the neighbours are a
// random sample: old entries go faster than new ones come, without a second
// index by time.
const sweepReplays = 8

func replayKey(by, id string) []byte {
	sum := sha256.Sum256([]byte(by + "\x00" + id))
	return append([]byte{'y'}, sum[:16]...)
}

// CheckReplay looks, for a command whose edit is not one of records, whether
// its ID was used for one that is. Error: id_reused.
func (d *DB) CheckReplay(r Replay, now time.Time) error {
	return d.kv.View(func(tx *kv.Tx) error {
		_, _, err := r.find(tx, now)
		return err
	})
}

// find gives the same command's memory. Error: id_reused, when it is another's.
func (r Replay) find(tx *kv.Tx, now time.Time) (a answered, known bool, err error) {
	if r.ID == "" {
		return a, false, nil
	}
	found, err := getJSON(tx, replayKey(r.By, r.ID), &a)
	if err != nil || !found || !now.Before(a.Until.Time) {
		return a, false, err
	}
	if !bytes.Equal(a.Args, r.Args[:]) {
		return a, false, sitesync.Errorf(sitesync.CodeIDReused, "use a new id for each command",
			"the id %q was used for another command, or with other arguments", r.ID).WithField("id")
	}
	return a, true, nil
}

// recall gives the record that the same command gave before. Error: id_reused.
func (r Replay) recall(tx *kv.Tx, e *Edit) (out sitesync.Record, known bool, err error) {
	a, known, err := r.find(tx, e.At)
	if err != nil || !known {
		return out, false, err
	}
	shown := record{data: e.Change.Data, changed: a.Changed.UnixMilli()}
	if e.Change.Op == sitesync.OpDelete {
		shown.data = a.Data
	}
	return shown.shape(e.Store, wire.Key{Table: e.Change.Table, ID: e.Change.ID}), true, nil
}

// remember keeps what the command gave, in the transaction of its edit.
func (r Replay) remember(tx *kv.Tx, at time.Time, a answered) error {
	if r.ID == "" {
		return nil
	}
	key := replayKey(r.By, r.ID)
	if err := sweepAnswered(tx, key, at); err != nil {
		return err
	}
	a.Format, a.Args, a.Until = MetaFormat, r.Args[:], sitesync.At(at.Add(r.Memory))
	putJSON(tx, key, a)
	return nil
}

func sweepAnswered(tx *kv.Tx, from []byte, now time.Time) error {
	seen := 0
	return tx.Iterate(kv.Range{Prefix: []byte{'y'}, From: from}, func(key, value []byte) (bool, error) {
		var a answered
		if err := json.Unmarshal(value, &a); err != nil {
			return false, fmt.Errorf("records: remembered command: %w", err)
		}
		if !now.Before(a.Until.Time) {
			tx.Delete(append([]byte(nil), key...))
		}
		seen++
		return seen < sweepReplays, nil
	})
}
