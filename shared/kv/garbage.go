package kv

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	collectEvery = 10 * time.Minute
	// collectFrom is the share of a value log file that must be garbage before
	// the rest is written anew.
	collectFrom = 0.5
	// rotateAfter is how many value log files are filled before the memtable
	// is changed.
	rotateAfter = 2
)

// collectGarbage frees the room that overwritten and deleted large values take
// in the value log. Badger does the same for all others when it merges tables.
func (db *DB) collectGarbage() {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	var seen uint64
	for {
		select {
		case <-db.stop:
			return
		case <-db.filled:
			_ = db.rotate() // what hinders it, a full disk or a failed one, is logged where it is noticed
		case <-tick.C:
		}
		if now := db.groups.Load(); now != seen {
			seen = now
			db.collect()
		}
	}
}

func (db *DB) collect() {
	for db.disk.room() {
		select {
		case <-db.stop:
			return
		default:
		}
		switch err := db.bdb.RunValueLogGC(collectFrom); {
		case err == nil: // one file is done; there may be more
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return
		default:
			db.log.Warn("value log was not cleaned", keyDir, db.dir, keyError, err)
			return
		}
	}
}

// countLog asks for a new memtable when enough went to the value log.
func (db *DB) countLog(bytes int64) {
	db.logged += bytes
	if db.logged < rotateAfter*db.bound.most.log {
		return
	}
	db.logged = 0
	select {
	case db.filled <- struct{}{}:
	default: // it is asked for already
	}
}

// rotate makes badger change the memtable. Badger learns what is garbage in the
// value log when it merges tables, and makes a table when a memtable is full.
// But of a large value the memtable holds a pointer only: a device that takes
// in photos would fill its disk before its memtable. Badger has no call for
// this, so the memtable is filled up: with deletions of keys longer than MaxKey,
// which no one can have written or will ever see.
func (db *DB) rotate() error {
	const size = 60_000 // badger allows 65,000
	entry := db.bound.costOf(size, 0)
	each := min(db.bound.most.bytes/entry.bytes, db.bound.most.entries)
	key := slices.Repeat([]byte{0xff}, size)
	db.turn <- struct{}{}
	defer db.passTurn()
	for left := db.bdb.Opts().MemTableSize/size + 1; left > 0; left -= each {
		if err := db.writable(); err != nil {
			return err
		}
		var b batch
		for i := range min(each, left) {
			b.put(db.bound, write{key: fmt.Appendf(slices.Clone(key[:size-8]), "%08d", i), deleted: true})
		}
		if err := db.write(&b); err != nil {
			return err
		}
	}
	return nil
}
