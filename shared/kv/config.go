package kv

import (
	"math/bits"
	"runtime"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// badgerOptions configures badger for a directory.
//
// No conflict detection: nobody but the holder of the turn writes.
// SyncWrites: a commit is durable when it returns.
// VerifyValueChecksum: a value log file is read long after it was written, and
// badger checks nothing of it when it opens it.
func badgerOptions(dir string, small bool) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(true).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithNumVersionsToKeep(1).
		WithVerifyValueChecksum(true)
	if small {
		return smallOptions(o)
	}
	return largeOptions(o)
}

// smallOptions hold an agent near 25 MB. A transaction may take 15 % of the
// memtable, 307 KiB, and a value that stays in the tree must fit in one: hence
// the threshold, above which values go to the value log. Without compression
// tables are read where they are mapped, and need no cache.
func smallOptions(o badger.Options) badger.Options {
	return o.
		WithMemTableSize(2 * mib).
		WithNumMemtables(2).
		WithBlockCacheSize(0).
		WithCompression(options.None).
		WithValueThreshold(128 * kib).
		WithValueLogFileSize(8 * mib).
		WithBaseTableSize(2 * mib).
		WithBaseLevelSize(32 * mib). // with the tables of 2 MiB and 12 of them at level 0, bulk writes take
		WithNumLevelZeroTables(12).  // a third less time than with 1, 4 and 8: each table made is an msync
		WithNumCompactors(2)
}

// largeOptions are the hub's. A transaction may take 9.6 MiB, so that the
// largest batch a device may send, 4 MiB, fits with its log twice over. Only
// values from 1 MiB on go to the value log, so it is small.
func largeOptions(o badger.Options) badger.Options {
	o = o.
		WithMemTableSize(64 * mib).
		WithNumMemtables(3).
		WithBlockCacheSize(64 * mib).
		WithCompression(options.Snappy).
		WithValueThreshold(1 * mib).
		WithValueLogFileSize(64 * mib).
		WithNumCompactors(4)
	if bits.UintSize == 32 || runtime.GOOS == "windows" {
		// Every memtable maps a file of twice its size. There is little room
		// for that in 32 bits, and on Windows such a file is not sparse.
		o = o.WithNumMemtables(2).WithBlockCacheSize(16 * mib)
	}
	return o
}
