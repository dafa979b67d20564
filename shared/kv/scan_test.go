package kv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// keys gives what Iterate shows, "key=value key=value"; at most most of them.
func keys(tx *Tx, r Range, most int) (string, error) {
	var shown []string
	err := tx.Iterate(r, func(key, value []byte) (bool, error) {
		if r.KeysOnly {
			if value != nil {
				return false, fmt.Errorf("%s: value %q", key, value)
			}
			shown = append(shown, string(key))
		} else {
			shown = append(shown, string(key)+"="+string(value))
		}
		return len(shown) < most, nil
	})
	return strings.Join(shown, " "), err
}

var scans = []struct {
	name string
	r    Range
	most int
	want string
}{
	{"all", Range{}, 99, "a=1 b=1 b/=2 b/1=2 b/2=2 b/\xff=2 b/\xff\xff=2 b0=3 c=3"},
	{"all reverse", Range{Reverse: true}, 99, "c=3 b0=3 b/\xff\xff=2 b/\xff=2 b/2=2 b/1=2 b/=2 b=1 a=1"},
	{"prefix", Range{Prefix: []byte("b/")}, 99, "b/=2 b/1=2 b/2=2 b/\xff=2 b/\xff\xff=2"},
	{"prefix reverse", Range{Prefix: []byte("b/"), Reverse: true}, 99, "b/\xff\xff=2 b/\xff=2 b/2=2 b/1=2 b/=2"},
	{"from", Range{Prefix: []byte("b/"), From: []byte("b/2")}, 99, "b/2=2 b/\xff=2 b/\xff\xff=2"},
	{"from between", Range{Prefix: []byte("b/"), From: []byte("b/11")}, 1, "b/2=2"},
	{"from reverse", Range{Prefix: []byte("b/"), From: []byte("b/2"), Reverse: true}, 99, "b/2=2 b/1=2 b/=2"},
	{"from between reverse", Range{Prefix: []byte("b/"), From: []byte("b/11"), Reverse: true}, 1, "b/1=2"},
	{"from before", Range{Prefix: []byte("b/"), From: []byte("a")}, 1, "b/=2"},
	{"from behind", Range{Prefix: []byte("b/"), From: []byte("b0")}, 99, ""},
	{"from before, reverse", Range{Prefix: []byte("b/"), From: []byte("b"), Reverse: true}, 99, ""},
	{"from behind, reverse", Range{Prefix: []byte("b/"), From: []byte("c"), Reverse: true}, 2, "b/\xff\xff=2 b/\xff=2"},
	{"from without prefix", Range{From: []byte("b/\xff\xff")}, 99, "b/\xff\xff=2 b0=3 c=3"},
	{"from nothing", Range{From: []byte{}, Reverse: true}, 2, "c=3 b0=3"},
	{"keys only", Range{Prefix: []byte("b/"), KeysOnly: true}, 3, "b/ b/1 b/2"},
	{"prefetch", Range{Prefix: []byte("b/"), Prefetch: 3}, 4, "b/=2 b/1=2 b/2=2 b/\xff=2"},
	{"prefetch reverse", Range{Prefix: []byte("b/"), Prefetch: 3, Reverse: true}, 1, "b/\xff\xff=2"},
	{"none", Range{Prefix: []byte("d")}, 99, ""},
	{"none reverse", Range{Prefix: []byte("Z"), Reverse: true}, 99, ""},
}

// The same keys, wherever they are: on the disk, in an earlier function's
// writes, or half and half, with others deleted.
func TestIterate(t *testing.T) {
	all := strings.Fields("a=1 b=1 b/=2 b/1=2 b/2=2 b/\xff=2 b/\xff\xff=2 b0=3 c=3")
	write := func(tx *Tx, value string, pick func(i int) bool) {
		for i, pair := range all {
			if key, v, _ := strings.Cut(pair, "="); pick(i) {
				tx.Set([]byte(key), []byte(v+value))
			}
		}
	}
	every := func(int) bool { return true }
	none := func(int) bool { return false }
	odd := func(i int) bool { return i%2 == 1 }
	even := func(i int) bool { return i%2 == 0 }
	for _, c := range []struct {
		name          string
		disk, earlier func(i int) bool
	}{
		{"disk", every, none}, {"earlier", none, every}, {"odd on disk", odd, even}, {"even on disk", even, odd},
		{"both", every, every},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openSmall(t)
			err := db.Update(func(tx *Tx) error {
				write(tx, "old", c.earlier) // is written again below
				write(tx, "", c.disk)
				for _, key := range []string{"b/0", "b/3", "b/\xff\x00", "A", "bb"} {
					tx.Set([]byte(key), []byte("deleted below"))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			errs := together(t, db,
				func(tx *Tx) error {
					write(tx, "", c.earlier)
					for _, key := range []string{"b/0", "b/3", "b/\xff\x00", "A", "bb", "never"} {
						tx.Delete([]byte(key))
					}
					return nil
				},
				func(tx *Tx) error { tx.Set([]byte("b/4"), nil); return errors.New("rolled back") },
				func(tx *Tx) error {
					tx.Set([]byte("b/5"), []byte("the function's own"))
					tx.Delete([]byte("b/1"))
					for _, s := range scans {
						if got, err := keys(tx, s.r, s.most); err != nil || got != s.want {
							t.Errorf("%s: %q, %v, want %q", s.name, got, err, s.want)
						}
					}
					return errors.New("rolled back")
				})
			if errs[0] != nil {
				t.Fatal(errs[0])
			}
			err = db.View(func(tx *Tx) error {
				for _, s := range scans {
					if got, err := keys(tx, s.r, s.most); err != nil || got != s.want {
						t.Errorf("View, %s: %q, %v, want %q", s.name, got, err, s.want)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIterateError(t *testing.T) {
	db := openSmall(t)
	set(t, db, "a", "1", "b", "2")
	no := errors.New("no")
	for _, r := range []Range{{}, {KeysOnly: true}, {Prefetch: 10}} {
		calls := 0
		err := db.View(func(tx *Tx) error {
			return tx.Iterate(r, func(_, _ []byte) (bool, error) { calls++; return true, no })
		})
		if err != no || calls != 1 {
			t.Errorf("%+v: %v after %d calls", r, err, calls)
		}
	}
}

// A function may delete what it is shown while Iterate goes on.
func TestIterateDelete(t *testing.T) {
	db := openSmall(t)
	var pairs []string
	for i := range 1000 {
		pairs = append(pairs, fmt.Sprintf("q/%03d", i), "x")
	}
	set(t, db, pairs...)
	var seen []string
	err := db.Update(func(tx *Tx) error {
		return tx.Iterate(Range{Prefix: []byte("q/")}, func(key, _ []byte) (bool, error) {
			seen = append(seen, string(key))
			tx.Delete(slices.Clone(key))
			return len(seen) < 900, nil
		})
	})
	if err != nil || len(seen) != 900 {
		t.Fatalf("%d seen, %v", len(seen), err)
	}
	err = db.View(func(tx *Tx) error {
		got, err := keys(tx, Range{KeysOnly: true}, 1)
		if got != "q/900" {
			t.Errorf("first left is %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
