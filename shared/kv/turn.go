package kv

import (
	"fmt"
	"runtime"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Group commit by passing a baton. Updates take turns. The one that has the
// turn runs its function against the last commit and the writes of the
// functions before it in the group, adds its own writes to the group, and
// hands the turn on; the one behind whom nobody waits commits the group
// before it hands the turn on. While it is in its fsync the next ones queue
// up, and become the next group. So a busy database shares each fsync among
// all that wait, and an idle one commits at once. The writer queue of LevelDB
// works the same way.
//
// Functions run in their callers' goroutines, so a panic or runtime.Goexit
// (which is what t.Fatal does) stays where it arose and harms nobody else.

// longestGroup bounds how long a group goes on growing when there is no end of
// those who wait to join it.
const longestGroup = 10 * time.Millisecond

// group is what one commit makes durable.
type group struct {
	batch
	functions uint64
	begun     time.Time
	done      chan struct{} // closed when err is final
	err       error
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// Update runs fn, alone among all Updates, and makes durable what it wrote.
// When Update returns nil the writes have been fsynced. When fn answers an
// error or panics, nothing of it is kept, and Update answers that error or
// panics. fn must not call Update or Close of the same database.
//
// fn's answer may rest on what earlier functions of its group wrote. Update
// therefore returns only when those are durable too, also when fn wrote
// nothing or failed.
//
// Errors: fn's; ErrTooBig; ErrClosed; CodeDiskFull, with which nothing is
// written and which passes when there is room again; and the failure of a
// commit, after which the database takes no more Updates until it is opened
// again, and only then shows whether the writes were kept.
func (db *DB) Update(fn func(tx *Tx) error) error {
	db.waiting.Add(1)
	db.turn <- struct{}{}
	db.waiting.Add(-1)
	g, err := db.takeTurn(fn)
	if g != nil {
		<-g.done
		if g.err != nil {
			return g.err
		}
	}
	return err
}

// takeTurn runs fn and gives the group on whose commit its result rests, nil
// when that is durable already.
func (db *DB) takeTurn(fn func(tx *Tx) error) (*group, error) {
	defer db.passTurn() // also when fn panics: others may wait for this group
	if err := db.writable(); err != nil {
		return nil, err
	}
	tx := &Tx{db: db, snap: db.snap, earlier: db.group.writes, writable: true}
	err := fn(tx)
	if err == nil {
		err = db.join(tx)
	}
	if len(db.group.writes) == 0 {
		return nil, err
	}
	return db.group, err
}

// passTurn commits the group when nobody is left to join it, and lets the next
// Update run.
func (db *DB) passTurn() {
	if db.waiting.Load() == 0 {
		// Those whom the last commit let go are often about to come back. To
		// let them run first costs nothing when there are none, and doubles
		// the groups of a busy database.
		runtime.Gosched()
	}
	if db.waiting.Load() == 0 || time.Since(db.group.begun) > db.longest {
		_ = db.commitGroup() // its waiters get the error
	}
	<-db.turn
}

// writable says why no function may run now.
func (db *DB) writable() error {
	if db.snap == nil {
		return ErrClosed
	}
	if db.failed != nil {
		return db.failed
	}
	return db.disk.check(checkEvery)
}

// join adds what tx wrote to the group, after committing the group when both
// together would be too big. What tx read stays true then: nobody else writes.
func (db *DB) join(tx *Tx) error {
	if tx.err != nil {
		return tx.err
	}
	if len(tx.writes) == 0 {
		return nil
	}
	if cost := tx.cost; !db.bound.holds(cost) {
		return fmt.Errorf("%w: %d bytes in %d entries", ErrTooBig, cost.bytes+cost.log, cost.entries)
	}
	if !db.bound.holds(db.group.cost.plus(tx.cost)) {
		if err := db.commitGroup(); err != nil {
			return err // it read what is now not so
		}
	}
	g := db.group
	if g.functions == 0 {
		g.begun = time.Now()
	}
	g.add(db.bound, tx.batch)
	g.functions++
	return nil
}

// commitGroup makes the group durable, shows it to Views, and then tells those
// who wait. It needs the turn.
func (db *DB) commitGroup() error {
	g := db.group
	if len(g.writes) == 0 {
		return nil
	}
	db.group = newGroup()
	defer close(g.done)
	if g.err = db.write(&g.batch); g.err != nil {
		return g.err
	}
	db.publish()
	db.commits.Add(g.functions)
	db.groups.Add(1)
	return nil
}

// bigGroup is the size from which a group looks at the disk just before it is
// written, whenever that was last done.
const bigGroup = 1 << 20

// write commits b in one badger transaction.
func (db *DB) write(b *batch) error {
	if db.failed != nil {
		return db.failed // a later fsync that succeeds says nothing of what the failed one lost
	}
	if b.cost.bytes+b.cost.log > bigGroup {
		if err := db.disk.check(0); err != nil {
			return err
		}
	}
	txn := db.bdb.NewTransaction(true)
	defer txn.Discard()
	for _, w := range b.writes {
		if err := w.apply(txn); err != nil {
			return fmt.Errorf("kv: %w", err) // refused before anything was written
		}
	}
	if err := db.commit(txn); err != nil {
		db.failed = fmt.Errorf("kv: a commit to %s failed, and no more are made until it is opened again: %w", db.dir, err)
		db.log.Error("database failed; it takes no more writes until it is opened again", keyDir, db.dir, keyError, err)
		return db.failed
	}
	db.countLog(b.cost.log)
	return nil
}

func (w write) apply(txn *badger.Txn) error {
	if w.deleted {
		return txn.Delete(w.key)
	}
	return txn.Set(w.key, w.value)
}
