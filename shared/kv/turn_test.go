package kv

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// together runs the functions in order in one group, and gives their errors.
// Each calls the next Update before it returns, and so has one that waits.
func together(t *testing.T, db *DB, fns ...func(tx *Tx) error) []error {
	t.Helper()
	db.longest = time.Hour
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	var update func(i int)
	update = func(i int) {
		errs[i] = db.Update(func(tx *Tx) error {
			if i+1 < len(fns) {
				wg.Go(func() { update(i + 1) })
				await(func() bool { return db.waiting.Load() == 1 })
			}
			return fns[i](tx)
		})
	}
	update(0)
	wg.Wait()
	return errs
}

func await(happened func() bool) {
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			panic("awaited in vain")
		}
	}
}

func put(key, value string) func(tx *Tx) error {
	return func(tx *Tx) error { tx.Set([]byte(key), []byte(value)); return nil }
}

func TestGroupShared(t *testing.T) {
	db := openSmall(t)
	const writers, each = 32, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%d/%d", w, i)
				if err := db.Update(put(key, key)); err != nil {
					t.Error(err)
				}
				want(t, db, key, key)
			}
		})
	}
	wg.Wait()
	s := db.Stats()
	if s.Commits != writers*each || s.Groups > s.Commits/4 {
		t.Errorf("%d commits in %d groups", s.Commits, s.Groups)
	}
}

// Functions run one after another: no increment is lost.
func TestSerial(t *testing.T) {
	db := openSmall(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				err := db.Update(func(tx *Tx) error {
					n, _, err := tx.Get([]byte("n"))
					tx.Set([]byte("n"), append(n, 'x'))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, db, "n", strings.Repeat("x", 16*50))
}

func TestRollback(t *testing.T) {
	db := openSmall(t)
	set(t, db, "old", "0")
	no := errors.New("no")
	errs := together(t, db,
		put("a", "1"),
		func(tx *Tx) error {
			tx.Set([]byte("a"), []byte("2"))
			tx.Set([]byte("b"), []byte("2"))
			tx.Delete([]byte("old"))
			return errors.Join(no, has(tx, "a", "2"), has(tx, "old", "-"))
		},
		func(tx *Tx) error {
			tx.Set([]byte("c"), []byte("3"))
			return errors.Join(has(tx, "a", "1"), has(tx, "b", "-"), has(tx, "old", "0"))
		},
		func(tx *Tx) error { tx.Delete([]byte("a")); return has(tx, "c", "3") },
		func(tx *Tx) error { tx.Set([]byte("d"), nil); return has(tx, "a", "-") },
	)
	for i, err := range errs {
		if i == 1 && err.Error() != no.Error() || i != 1 && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	for key, value := range map[string]string{"a": "-", "b": "-", "c": "3", "d": "", "old": "0"} {
		want(t, db, key, value)
	}
	if s := db.Stats(); s.Commits != 5 || s.Groups != 2 {
		t.Errorf("%+v, want 5 commits in 2 groups", s)
	}
}

// What Get gave is the caller's: changing it changes no pending write.
func TestGetCopies(t *testing.T) {
	db := openSmall(t)
	spoil := func(tx *Tx) error {
		value, _, err := tx.Get([]byte("a"))
		clear(value)
		return err
	}
	errs := together(t, db, put("a", "1"), spoil, func(tx *Tx) error {
		tx.Set([]byte("b"), []byte("2"))
		value, _, err := tx.Get([]byte("b"))
		clear(value)
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	want(t, db, "a", "1")
	want(t, db, "b", "2")
}

// A panic, and the runtime.Goexit of t.Fatal, stay in their goroutine; the
// group is committed all the same, by whoever is last.
func TestPanic(t *testing.T) {
	for _, c := range []struct {
		name string
		fn   func(*Tx) error
		seen any
	}{
		{"panic", func(*Tx) error { panic("oh") }, "oh"},
		{"exit", func(*Tx) error { runtime.Goexit(); return nil }, nil},
	} {
		for last := range 2 {
			t.Run(fmt.Sprintf("%s, %d behind", c.name, 1-last), func(t *testing.T) {
				db := openSmall(t)
				db.longest = time.Hour
				var wg sync.WaitGroup
				behind := func(next func()) {
					wg.Go(next)
					await(func() bool { return db.waiting.Load() == 1 })
				}
				var seen any
				returned := false
				third := func() { set(t, db, "third", "1") }
				second := func() {
					defer func() { seen = recover() }()
					_ = db.Update(func(tx *Tx) error {
						tx.Set([]byte("second"), []byte("1"))
						if last == 0 {
							behind(third)
						}
						return errors.Join(has(tx, "first", "1"), c.fn(tx))
					})
					returned = true
				}
				err := db.Update(func(tx *Tx) error {
					tx.Set([]byte("first"), []byte("1"))
					behind(second)
					return nil
				})
				wg.Wait()
				if err != nil || seen != c.seen || returned {
					t.Errorf("first: %v; second recovered %v, returned %v", err, seen, returned)
				}
				want(t, db, "first", "1")
				want(t, db, "second", "-")
				if last == 0 {
					want(t, db, "third", "1")
				}
				if s := db.Stats(); s.Groups != 1 {
					t.Errorf("%+v, want one group", s)
				}
				set(t, db, "after", "1")
			})
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, testOptions(t.TempDir(), c.small))
			most, entries := db.Limit()
			fill := func(bytes, entries int64) error {
				return db.Update(func(tx *Tx) error {
					left := bytes - entries*db.Cost(8, 0) // for values
					for i := range entries {
						value := max(0, min(left, db.bound.threshold-1))
						left -= value
						tx.Set(fmt.Appendf(nil, "%08d", i), make([]byte, value))
					}
					return nil
				})
			}
			for _, f := range []struct {
				bytes, entries int64
				err            error
			}{
				{most, 40, nil}, {most + 1, 40, ErrTooBig},
				{0, entries, nil}, {0, entries + 1, ErrTooBig},
				{most, 40, nil}, // after a refusal all goes on
			} {
				if f.entries > 10_000 {
					continue // the hub's takes long, and is the same sum
				}
				before := db.Stats().Commits
				if err := fill(f.bytes, f.entries); !errors.Is(err, f.err) {
					t.Errorf("%d bytes, %d entries: %v, want %v", f.bytes, f.entries, err, f.err)
				}
				if now := db.Stats().Commits; f.err != nil && now != before {
					t.Errorf("%d bytes, %d entries: written", f.bytes, f.entries)
				}
			}
		})
	}
}

// Functions that fit alone but not together go into several groups, and each
// still sees those before it.
func TestGroupTooBig(t *testing.T) {
	db := openSmall(t)
	most, _ := db.Limit()
	half := string(make([]byte, most/2/3))
	var fns []func(tx *Tx) error
	for i := range 7 {
		fns = append(fns, func(tx *Tx) error {
			for j := range 3 {
				tx.Set(fmt.Appendf(nil, "%d/%d", i, j), []byte(half))
			}
			if i == 0 {
				return nil
			}
			return has(tx, fmt.Sprintf("%d/2", i-1), half)
		})
	}
	if err := errors.Join(together(t, db, fns...)...); err != nil {
		t.Error(err)
	}
	if s := db.Stats(); s.Commits != 7 || s.Groups < 4 {
		t.Errorf("%+v", s)
	}
	want(t, db, "6/2", half)
}

// Large values count little against Limit but are bounded too.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, testOptions(t.TempDir(), c.small))
			large := bytes.Repeat([]byte{7}, mib+100)
			fill := func(n int64) error {
				return db.Update(func(tx *Tx) error {
					for i := range n {
						tx.Set(fmt.Appendf(nil, "%03d", i), large)
					}
					return nil
				})
			}
			fit := db.bound.most.log / int64(len(large)+3+logOverhead)
			if err := fill(fit + 1); !errors.Is(err, ErrTooBig) {
				t.Errorf("%d MiB: %v", fit+1, err)
			}
			for range 2 { // each fills a file
				if err := fill(fit); err != nil {
					t.Fatalf("%d MiB: %v", fit, err)
				}
			}
			want(t, db, fmt.Sprintf("%03d", fit-1), string(large))
			db.collect()
			want(t, db, "000", string(large))
		})
	}
}

func TestBadKeys(t *testing.T) {
	db := openSmall(t)
	for _, key := range []string{"", strings.Repeat("k", MaxKey+1), "!badger!x"} {
		if db.Update(put(key, "1")) == nil {
			t.Errorf("%.20q: no error", key)
		}
		if db.Update(func(tx *Tx) error { tx.Delete([]byte(key)); return nil }) == nil {
			t.Errorf("%.20q: deleted", key)
		}
	}
	longest := strings.Repeat("k", MaxKey)
	set(t, db, longest, "1")
	want(t, db, longest, "1")
}

func TestViewWrites(t *testing.T) {
	db := openSmall(t)
	defer func() {
		if recover() == nil {
			t.Error("a View wrote")
		}
	}()
	_ = db.View(put("a", "1"))
}

// A View keeps its snapshot, and does not wait for a commit that hangs in its
// fsync.
func TestViewSnapshot(t *testing.T) {
	db := openSmall(t)
	set(t, db, "a", "1")
	hanging, release := make(chan bool), make(chan bool)
	commit := db.commit
	db.commit = func(txn *badger.Txn) error { hanging <- true; <-release; return commit(txn) }
	done := make(chan error, 1)
	err := db.View(func(tx *Tx) error {
		go func() { done <- db.Update(put("a", "2")) }()
		<-hanging
		want(t, db, "a", "1")
		release <- true
		return errors.Join(<-done, has(tx, "a", "1"))
	})
	if err != nil {
		t.Error(err)
	}
	want(t, db, "a", "2")
}

func TestCommitFails(t *testing.T) {
	var logged bytes.Buffer
	o := testOptions(t.TempDir(), true)
	o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	db := open(t, o)
	set(t, db, "a", "1")
	torn := errors.New("input/output error")
	commit := db.commit
	db.commit = func(txn *badger.Txn) error { return errors.Join(commit(txn), torn) }
	refused := errors.New("refused")
	errs := together(t, db,
		put("b", "1"),
		func(tx *Tx) error { return has(tx, "b", "1") },
		func(tx *Tx) error { return refused })
	errs = append(errs, db.Update(put("c", "1")), db.Update(func(*Tx) error { t.Error("ran"); return nil }))
	for i, err := range errs {
		if !errors.Is(err, torn) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := strings.Count(logged.String(), "database failed"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	want(t, db, "a", "1")
	want(t, db, "b", "-")
}

// A function that read from a group whose commit then fails, to make room for
// it, fails too.
func TestCommitFailsBefore(t *testing.T) {
	db := openSmall(t)
	torn := errors.New("input/output error")
	commits := 0
	commit := db.commit
	db.commit = func(txn *badger.Txn) error {
		if commits++; commits == 1 {
			return torn
		}
		return commit(txn)
	}
	big := string(make([]byte, 100*kib))
	fill := func(tx *Tx) error {
		for _, key := range []string{"a", "b"} {
			tx.Set([]byte(key), []byte(big))
		}
		return nil
	}
	errs := together(t, db, fill, func(tx *Tx) error {
		return errors.Join(has(tx, "a", big), put("c", big)(tx), put("d", big)(tx))
	})
	for i, err := range errs {
		if !errors.Is(err, torn) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if commits != 1 {
		t.Errorf("%d commits", commits)
	}
}

// Nothing is committed any more once a commit failed, not even what was in a
// group by then.
func TestFailedCommitsNothing(t *testing.T) {
	db := openSmall(t)
	torn := errors.New("input/output error")
	errs := together(t, db, put("a", "1"), func(*Tx) error { db.failed = torn; return nil })
	for i, err := range errs {
		if err != torn {
			t.Errorf("%d: %v", i, err)
		}
	}
	want(t, db, "a", "-")
}
