package kv

import (
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	collectEvery = 10 * time.Minute
	// collectFrom is the share of a value log file that must be garbage before
	// the rest is written anew.
	collectFrom = 0.5
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
