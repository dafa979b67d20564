package registry

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"sitesync/shared/kv"
)

func openKV(t *testing.T, dir string) *kv.DB {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: dir, Kind: "hub", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestKVBackend(t *testing.T) {
	t.Parallel()
	testBackend(t, func(t *testing.T) Backend { return NewKV(openKV(t, t.TempDir())) })
}

func TestKVBackendKeepsWhatItCommitted(t *testing.T) {
	dir := t.TempDir()
	db := openKV(t, dir)
	commit(t, NewKV(db), Item{"R/a", []byte("1")}, Item{"R/b", []byte("2")})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b := NewKV(openKV(t, dir))
	expectValue(t, b, "R/a", "1")
	expectValue(t, b, "R/b", "2")
}

// testBackend is the contract of Backend: every implementation must pass it.
func testBackend(t *testing.T, open func(*testing.T) Backend) {
	for name, test := range map[string]func(*testing.T, Backend){
		"conditions":                  contractConditions,
		"nothing of a failed commit":  contractAtomic,
		"pages":                       contractPages,
		"watchers":                    contractWatch,
		"concurrent commits":          contractConcurrent,
		"watchers see commits in row": contractOrder,
		"large commit":                contractLarge,
		"empty commit":                contractEmpty,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func commit(t *testing.T, b Backend, writes ...Item) {
	t.Helper()
	if err := b.Commit(Commit{Write: writes}); err != nil {
		t.Fatal(err)
	}
}

func expectValue(t *testing.T, b Backend, key, want string) {
	t.Helper()
	value, ok, err := b.Get(key)
	if err != nil || !ok || string(value) != want {
		t.Fatalf("Get(%s) = %q, %v, %v; want %q", key, value, ok, err, want)
	}
}

func expectNoValue(t *testing.T, b Backend, key string) {
	t.Helper()
	if value, ok, err := b.Get(key); err != nil || ok {
		t.Fatalf("Get(%s) = %q, %v, %v; want none", key, value, ok, err)
	}
}

func contractConditions(t *testing.T, b Backend) {
	commit(t, b, Item{"R/a", []byte("1")}, Item{"R/empty", []byte{}})
	for _, c := range []struct {
		name  string
		cond  []Item
		holds bool
	}{
		{"same value", []Item{{"R/a", []byte("1")}}, true},
		{"other value", []Item{{"R/a", []byte("2")}}, false},
		{"value of a key without one", []Item{{"R/none", []byte("1")}}, false},
		{"no value", []Item{{"R/none", nil}}, true},
		{"no value, but there is one", []Item{{"R/a", nil}}, false},
		{"an empty value is a value", []Item{{"R/empty", nil}}, false},
		{"empty value", []Item{{"R/empty", []byte{}}}, true},
		{"one of two", []Item{{"R/a", []byte("1")}, {"R/none", []byte("x")}}, false},
		{"both", []Item{{"R/a", []byte("1")}, {"R/none", nil}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := b.Commit(Commit{If: c.cond, Write: []Item{{"R/out", []byte(c.name)}}})
			if c.holds && err != nil || !c.holds && !errors.Is(err, ErrConflict) {
				t.Fatalf("Commit: %v", err)
			}
			if c.holds {
				expectValue(t, b, "R/out", c.name)
				commit(t, b, Item{"R/out", nil})
			}
			expectNoValue(t, b, "R/out")
		})
	}
}

func contractAtomic(t *testing.T, b Backend) {
	commit(t, b, Item{"R/a", []byte("1")}, Item{"R/b", []byte("1")})
	err := b.Commit(Commit{
		If:    []Item{{"R/b", []byte("2")}},
		Write: []Item{{"R/a", nil}, {"R/c", []byte("1")}},
	})
	if !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	expectValue(t, b, "R/a", "1")
	expectNoValue(t, b, "R/c")
	commit(t, b, Item{"R/a", nil}, Item{"R/c", []byte("1")})
	expectNoValue(t, b, "R/a")
	expectValue(t, b, "R/c", "1")
}

func contractPages(t *testing.T, b Backend) {
	commit(t, b,
		Item{"R/p", []byte("not under R/p/")}, Item{"R/p/a", []byte("a")}, Item{"R/p/a/b", []byte("ab")},
		Item{"R/p/é", []byte("é")}, Item{"R/p/b", []byte("b")}, Item{"R/q/a", []byte("not under R/p/")})
	var got []string
	after := ""
	for {
		page, err := b.List("R/p/", after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page {
			got = append(got, item.Key+"="+string(item.Value))
			after = item.Key
		}
		if len(page) < 3 {
			break
		}
	}
	if want := "[R/p/a=a R/p/a/b=ab R/p/b=b R/p/é=é]"; fmt.Sprint(got) != want {
		t.Fatalf("listed %v, want %s", got, want)
	}
	if page, err := b.List("R/none/", "", 3); err != nil || len(page) != 0 {
		t.Fatalf("List of nothing: %v, %v", page, err)
	}
	if page, err := b.List("R/p/", "R/p/zzz", 3); err != nil || len(page) != 1 {
		t.Fatalf("List after a key that is not there: %v, %v", page, err)
	}
}

func contractWatch(t *testing.T, b Backend) {
	var seen []string
	stop := b.Watch(func(writes []Item) {
		for _, w := range writes {
			seen = append(seen, w.Key+"="+string(w.Value)+strconv.FormatBool(w.Value == nil))
		}
	})
	commit(t, b, Item{"R/a", []byte("1")}, Item{"R/b", nil})
	if want := "[R/a=1false R/b=true]"; fmt.Sprint(seen) != want {
		t.Fatalf("when Commit returned the watcher had seen %v, want %s", seen, want)
	}
	seen = nil
	if err := b.Commit(Commit{If: []Item{{"R/a", nil}}, Write: []Item{{"R/a", []byte("2")}}}); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	stop()
	commit(t, b, Item{"R/a", []byte("3")})
	if len(seen) != 0 {
		t.Fatalf("seen of a commit that failed, or after the end: %v", seen)
	}
}

// contractConcurrent counts one key up from many goroutines: each step's
// condition is what it read, so that no step may be lost.
func contractConcurrent(t *testing.T, b Backend) {
	const workers, steps = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range steps {
				for countUp(t, b) {
				}
			}
		})
	}
	wg.Wait()
	expectValue(t, b, "R/n", strconv.Itoa(workers*steps))
}

func countUp(t *testing.T, b Backend) (again bool) {
	value, ok, err := b.Get("R/n")
	if err != nil {
		t.Error(err)
		return false
	}
	cond := Item{Key: "R/n"}
	n := 0
	if ok {
		cond.Value = value
		n, _ = strconv.Atoi(string(value))
	}
	err = b.Commit(Commit{If: []Item{cond}, Write: []Item{{"R/n", strconv.AppendInt(nil, int64(n+1), 10)}}})
	if err != nil && !errors.Is(err, ErrConflict) {
		t.Error(err)
		return false
	}
	return err != nil
}

// contractOrder lets a watcher keep a copy. Whatever the order of commits was,
// the copy must be what the Backend has, and already when a Commit returns.
func contractOrder(t *testing.T, b Backend) {
	var mu sync.Mutex
	copied := make(map[string]string)
	inside := false
	defer b.Watch(func(writes []Item) {
		mu.Lock()
		if inside {
			t.Error("two commits were told at once")
		}
		inside = true
		mu.Unlock()
		defer func() { mu.Lock(); inside = false; mu.Unlock() }()
		mu.Lock()
		defer mu.Unlock()
		for _, w := range writes {
			copied[w.Key] = string(w.Value)
		}
	})()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			own := fmt.Sprintf("R/own/%d", worker)
			for step := range 25 {
				value := fmt.Sprintf("%d.%d", worker, step)
				err := b.Commit(Commit{Write: []Item{{"R/shared", []byte(value)}, {own, []byte(value)}}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if copied[own] != value {
					t.Errorf("Commit returned before its watcher had seen %s", value)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	expectValue(t, b, "R/shared", copied["R/shared"])
}

// contractEmpty reads a value as soon as it is there, and must then find it
// told after an empty commit.
func contractEmpty(t *testing.T, b Backend) {
	var mu sync.Mutex
	told := make(map[string]bool)
	defer b.Watch(func(writes []Item) {
		mu.Lock()
		defer mu.Unlock()
		for _, w := range writes {
			told[w.Key] = true
		}
	})()
	for i := range 50 {
		key := fmt.Sprint("R/", i)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := b.Commit(Commit{Write: []Item{{key, []byte("1")}}}); err != nil {
				t.Error(err)
			}
		})
		for ok := false; !ok && !t.Failed(); {
			if _, ok, _ = b.Get(key); ok {
				if err := b.Commit(Commit{}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if !told[key] {
					t.Errorf("%s was read, and not told", key)
				}
				mu.Unlock()
			}
		}
		wg.Wait()
	}
}

func contractLarge(t *testing.T, b Backend) {
	var c Commit
	for i := range 4000 {
		key := fmt.Sprintf("R/large/%04d", i)
		c.If = append(c.If, Item{Key: key})
		c.Write = append(c.Write, Item{key, make([]byte, 500)})
	}
	if err := b.Commit(c); err != nil {
		t.Fatal(err)
	}
	items, err := b.List("R/large/", "", 5000)
	if err != nil || len(items) != 4000 {
		t.Fatalf("%d items, %v", len(items), err)
	}
}
