package kv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Tx is one transaction: what a function given to Update or View reads and
// writes through. It is good until the function returns, for one goroutine.
type Tx struct {
	batch // what the function wrote; its batch.cost counts against Limit

	db       *DB
	snap     *snapshot
	earlier  map[string]write // writes of earlier functions of the group
	writable bool
	err      error // the first write that cannot be
}

// View runs fn on a snapshot: everything that was durable when View was
// called, and nothing after. It waits neither for Updates nor for their
// fsyncs. fn's error is View's. Errors besides: ErrClosed.
//
// A View that takes long keeps badger from dropping what was overwritten or
// deleted since it began.
func (db *DB) View(fn func(tx *Tx) error) error {
	snap, err := db.acquire()
	if err != nil {
		return err
	}
	defer db.release(snap)
	return fn(&Tx{db: db, snap: snap})
}

// Get gives the value of key, and whether there is one. In an Update it sees
// the function's own writes. The value is the caller's to keep and to change.
func (tx *Tx) Get(key []byte) (value []byte, ok bool, err error) {
	w, found := tx.writes[string(key)]
	if !found {
		w, found = tx.earlier[string(key)]
	}
	switch {
	case !found:
		return tx.snap.get(key)
	case w.deleted:
		return nil, false, nil
	default:
		return bytes.Clone(w.value), true, nil
	}
}

// Set writes value to key. The Tx keeps both slices until the commit: the
// caller must not change them any more. A key has 1 to MaxKey bytes and does
// not begin with "!badger!"; otherwise Update fails.
func (tx *Tx) Set(key, value []byte) {
	tx.keep(write{key: key, value: value})
}

// Delete deletes key, which need not be there. The Tx keeps the slice as Set
// does.
func (tx *Tx) Delete(key []byte) {
	tx.keep(write{key: key, deleted: true})
}

func (tx *Tx) keep(w write) {
	if !tx.writable {
		panic("kv: write in a View")
	}
	if err := checkKey(w.key); err != nil {
		tx.err = errors.Join(tx.err, err)
		return
	}
	tx.put(tx.db.bound, w)
}

func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return errors.New("kv: empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("kv: key of %d bytes, more than %d", len(key), MaxKey)
	case bytes.HasPrefix(key, []byte("!badger!")):
		return fmt.Errorf("kv: key %q is badger's own", key)
	}
	return nil
}

// get reads key from the snapshot.
func (s *snapshot) get(key []byte) ([]byte, bool, error) {
	// Garbage collection may move a value between the look at the key and the
	// look into the value log. The key then points to the new place at once.
	for range 3 {
		item, err := s.txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("kv: get: %w", err)
		}
		value, err := item.ValueCopy(nil)
		if err != nil {
			return nil, false, fmt.Errorf("kv: get: %w", err)
		}
		if !lost(item, value) {
			return value, true, nil
		}
	}
	return nil, false, errLost
}

// errLost means that the value log does not hold what it should.
var errLost = errors.New("kv: a value cannot be read from the value log")

// lost tells whether value is empty only because badger could not read it: it
// logs such an error and goes on with an empty value.
func lost(item *badger.Item, value []byte) bool {
	return len(value) == 0 && item.ValueSize() > 0
}
