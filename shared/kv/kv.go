// Package kv is an embedded, durable, ordered key-value store with group
// commit. It holds the data of the hub and of the agent, and it is the only
// package that imports badger.
//
// An Update is a function that reads and writes. Updates run one after
// another, never at the same time, each in its caller's goroutine: a function
// sees everything that earlier ones wrote, and nobody writes between its first
// read and its commit. Updates that wait for their turn together are made
// durable together, by one commit and one fsync (see turn.go). A View reads a
// snapshot and waits for nobody.
//
// # What durable means
//
// When Update returns nil, its writes have been fsynced: they survive the kill
// of the process everywhere, and the loss of power on Linux and Android. On
// macOS they are handed to the drive, whose own cache is not flushed. On
// Windows badger does not flush its memory-mapped files at all (msync is empty
// in its library ristretto), so the system writes them when it likes: there a
// loss of power can cost the last minutes, and a crash of the program nothing.
//
// Where int has 32 bits, Open refuses a build that would damage its data; see
// allocator.go.
//
// # Failures
//
// A full disk is met before it is full: badger writes into sparse
// memory-mapped files, where a disk without room is not an error but a SIGBUS.
// A failed commit is final: after a failed fsync nobody knows what the disk
// holds, so every later Update fails too, until the database is opened again.
// Views go on in both cases, and never show what a failed commit wrote.
package kv

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"sitesync/shared/sitesync"
)

// MaxKey is the longest key, in bytes.
const MaxKey = 1024

// ErrTooBig is what Update answers when its function alone wrote more than
// Limit allows. Nothing was written.
var ErrTooBig = errors.New("kv: too much for one transaction")

// ErrClosed is what Update and View answer once Close was called.
var ErrClosed = errors.New("kv: the database is closed")

// Options say which database to open, and how.
type Options struct {
	Dir     string       // the database's directory; made (0700) when missing
	Kind    string       // "hub" or "agent": a directory of another kind is refused
	Format  int          // data format of this program, from 1; a directory with a higher one is refused
	Small   bool         // the agent's configuration: about 25 MB resident
	Reserve uint64       // bytes to keep free on the disk; 0 = 64 MiB, unless Small a sixteenth of the disk up to 512 MiB
	Logger  *slog.Logger // nil logs nothing

	// Commit, if it is set, is called in place of every commit, and is to call
	// it: to measure how long that takes, or for a test's power cut before or
	// after it. When it answers an error the database takes no more Updates, as
	// after a failed fsync.
	Commit func(commit func() error) error

	measure func(dir string) (space, error) // a test's disk; nil = the real one
}

// DB is an open database. All methods may be called from any goroutine.
type DB struct {
	dir   string
	bdb   *badger.DB
	log   *slog.Logger
	disk  *guard
	bound bound

	// turn is held by the one Update whose function runs, or who commits.
	// It is a channel because its waiters are served in the order they came.
	turn    chan struct{}
	waiting atomic.Int64  // Updates that have asked for the turn and not got it
	longest time.Duration // longestGroup; tests have patience

	// What follows belongs to the holder of turn.
	group  *group
	commit func(*badger.Txn) error // (*badger.Txn).Commit; tests make it fail
	failed error                   // the first failed commit
	logged int64                   // bytes in the value log since rotate was last asked for

	mu     sync.Mutex // guards snap and every snapshot's refs
	snap   *snapshot  // what the last commit left; nil once closed
	alive  sync.WaitGroup
	closed sync.Once

	commits, groups atomic.Uint64
	size            sizeCache

	stop    chan struct{} // closed by Close
	filled  chan struct{} // asks for rotate
	running sync.WaitGroup
}

// Open opens the database in o.Dir, or makes it there. Errors for people:
// CodeDataLocked (another program has it open), CodeDataNewer (written by a
// newer program), CodeInvalid (another kind of directory, or a FORMAT that
// cannot be read).
//
// A directory with a lower format is raised to o.Format: a program must be
// able to read every format before its own.
//
// Badger's files are in DIR/data, which nobody but the owner may enter even
// where DIR existed before with wider permissions.
func Open(o Options) (*DB, error) {
	if err := checkAllocator(); err != nil {
		return nil, err
	}
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	found, err := openFormat(o)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(o.Dir, dataDir)
	if err := makePrivate(data); err != nil {
		return nil, fmt.Errorf("kv: open %s: %w", o.Dir, err)
	}
	log := &badgerLog{log: o.Logger}
	bdb, err := openBadger(badgerOptions(data, o.Small).WithLogger(log))
	if err != nil {
		return nil, openError(o, err)
	}
	if found < o.Format {
		if err := writeFormat(o); err != nil {
			return nil, errors.Join(err, bdb.Close())
		}
	}
	return start(o, bdb, log), nil
}

func start(o Options, bdb *badger.DB, log *badgerLog) *DB {
	db := &DB{
		dir:     o.Dir,
		bdb:     bdb,
		log:     o.Logger,
		disk:    &guard{dir: o.Dir, reserve: o.Reserve, measure: o.measure, log: o.Logger},
		bound:   newBound(bdb),
		turn:    make(chan struct{}, 1),
		longest: longestGroup,
		group:   newGroup(),
		stop:    make(chan struct{}),
		filled:  make(chan struct{}, 1),
	}
	db.commit = func(txn *badger.Txn) error {
		commit := func() error { return errors.Join(txn.Commit(), log.syncFailure()) }
		if o.Commit != nil {
			return o.Commit(commit)
		}
		return commit()
	}
	db.publish()
	db.running.Go(db.collectGarbage)
	if o.Small {
		db.running.Go(db.stayLean)
	}
	return db
}

// complete checks o and fills in the defaults.
func (o Options) complete() (Options, error) {
	switch {
	case o.Dir == "":
		return o, errors.New("kv: no directory")
	case o.Kind != kindHub && o.Kind != kindAgent:
		return o, fmt.Errorf("kv: unknown kind %q", o.Kind)
	case o.Format < 1:
		return o, fmt.Errorf("kv: format %d is below 1", o.Format)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.measure == nil {
		o.measure = diskSpace
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return o, fmt.Errorf("kv: make the directory: %w", err)
	}
	if o.Reserve == 0 {
		o.Reserve = defaultReserve(o)
	}
	return o, nil
}

// Close waits for the Update that runs and for every View, makes durable what
// was written, and releases the directory. Updates that still wait for their
// turn answer ErrClosed. A second Close does nothing. Neither may be called
// from a function given to Update or View.
func (db *DB) Close() (err error) {
	db.closed.Do(func() { err = db.close() })
	return err
}

func (db *DB) close() error {
	db.turn <- struct{}{}
	_ = db.commitGroup() // its waiters get the error
	db.retire(nil)
	<-db.turn

	// Background work ends first, then the readers, then badger, which would
	// unmap what they read.
	close(db.stop)
	db.running.Wait()
	db.alive.Wait()
	if err := db.bdb.Close(); err != nil {
		return fmt.Errorf("kv: close %s: %w", db.dir, err)
	}
	return nil
}

// openError makes a person's error of badger's. Badger wraps nothing, so that
// its text is all there is to go by.
func openError(o Options, err error) error {
	if !strings.Contains(err.Error(), "Another process is using this Badger database") {
		return fmt.Errorf("kv: open %s: %w", o.Dir, err)
	}
	who := "another program"
	if pid, err := os.ReadFile(filepath.Join(o.Dir, dataDir, "LOCK")); err == nil && len(pid) > 0 && len(pid) < 20 {
		who += " (process " + strings.TrimSpace(string(pid)) + ")"
	}
	return sitesync.Errorf(sitesync.CodeDataLocked,
		"stop the other program, or choose another data directory",
		"the directory %s is in use by %s", o.Dir, who)
}

// makePrivate makes a directory that only its owner may enter, or of one that
// is there.
func makePrivate(dir string) error {
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, os.ErrExist):
		return os.Chmod(dir, 0o700)
	case err != nil:
		return err
	}
	return syncDir(filepath.Dir(dir))
}
