package kv

import "github.com/dgraph-io/badger/v4"

// snapshot is what one commit left, to be read by many at once. A transaction
// of badger's that is begun while a commit is in its fsync waits for it;
// sharing the one that was begun after the last commit, readers do not. And
// when a commit fails no snapshot follows, so that nobody reads what may not
// be on the disk.
type snapshot struct {
	txn  *badger.Txn // read-only: badger lets many goroutines read through it
	refs int         // readers, and one for being DB.snap; guarded by DB.mu
}

// publish makes what is committed now the snapshot of every View that follows.
// It needs the turn.
func (db *DB) publish() {
	db.alive.Add(1)
	db.retire(&snapshot{txn: db.bdb.NewTransaction(false), refs: 1})
}

// retire puts next, nil at the end, in the place of the present snapshot.
func (db *DB) retire(next *snapshot) {
	db.mu.Lock()
	last := db.snap
	db.snap = next
	db.mu.Unlock()
	if last != nil {
		db.release(last)
	}
}

func (db *DB) acquire() (*snapshot, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.snap == nil {
		return nil, ErrClosed
	}
	db.snap.refs++
	return db.snap, nil
}

func (db *DB) release(s *snapshot) {
	db.mu.Lock()
	s.refs--
	last := s.refs == 0
	db.mu.Unlock()
	if last {
		s.txn.Discard()
		db.alive.Done()
	}
}
