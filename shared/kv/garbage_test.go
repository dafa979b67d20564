package kv

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Large values that were overwritten give their room back though the memtable
// never fills, and who reads meanwhile notices nothing.
func TestGarbage(t *testing.T) {
	t.Parallel()
	db := openSmall(t)
	const n, size = 8, 400_000
	value := func(round, i int) string { return strings.Repeat(fmt.Sprintf("%03d/%d ", round, i), size/6) }
	stop := make(chan bool)
	var reader sync.WaitGroup
	reader.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := db.View(func(tx *Tx) error {
				value, ok, err := tx.Get(fmt.Append(nil, i%n))
				if ok && (len(value) != len("000/0 ")*(size/6) || string(value[:6]) != string(value[len(value)-6:])) {
					t.Errorf("%d: %d bytes, %.10q", i%n, len(value), value)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	const rounds = 10 // 31 MiB
	for round := range rounds {
		for i := range n {
			set(t, db, fmt.Sprint(i), value(round, i))
		}
	}
	await(func() bool { return len(db.bdb.Tables()) >= 1 }) // the memtable was changed
	logs := func() int {
		names, err := filepath.Glob(filepath.Join(db.dir, dataDir, "*.vlog"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if n := logs(); n < 4 {
		t.Errorf("%d value logs", n)
	}
	for range db.bdb.Opts().NumLevelZeroTables { // enough for badger to merge them
		if err := db.rotate(); err != nil {
			t.Fatal(err)
		}
	}
	await(func() bool { db.collect(); return logs() <= 2 })
	close(stop)
	reader.Wait()
	for i := range n {
		want(t, db, fmt.Sprint(i), value(rounds-1, i))
	}
	err := db.View(func(tx *Tx) error { // nothing of what rotate wrote is seen
		shown, err := keys(tx, Range{KeysOnly: true}, 99)
		if shown != "0 1 2 3 4 5 6 7" {
			t.Errorf("keys: %.99q", shown)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// rotate needs the turn, and gives up where no Update may run.
func TestRotateClosed(t *testing.T) {
	db := openSmall(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.rotate(); err != ErrClosed {
		t.Errorf("%v", err)
	}
}
