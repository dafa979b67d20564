package kv

import (
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/ristretto/v2/z"
)

// mostUnfinished is how many files can be unfinished: the newest memtable and
// the newest value log, and again after a crash in the attempt to open them.
const mostUnfinished = 4

// openBadger opens badger's files. A program that is killed right after it made
// one leaves it empty. Badger 4.9.6 then makes it whole, but takes that for an
// error; the next attempt finds nothing wrong with it. Empty files must not be
// removed instead: before Badger has the lock, they may be another program's
// that it is about to fill.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	for range mostUnfinished {
		db, err = badger.Open(o)
		if err == nil || !strings.HasSuffix(err.Error(), z.NewFile.Error()) { // it is not wrapped
			break
		}
	}
	return db, err
}
