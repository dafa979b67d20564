package kv

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is what the database should be: a map, and the same operations.
type model map[string]string

// scan is Iterate's contract in the plainest words.
func (m model) scan(r Range) []string {
	var shown []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		inside := bytes.HasPrefix([]byte(key), r.Prefix)
		from := len(r.From) == 0 || !r.Reverse && key >= string(r.From) || r.Reverse && key <= string(r.From)
		if inside && from {
			shown = append(shown, key+"="+m[key])
		}
	}
	if r.Reverse {
		slices.Reverse(shown)
	}
	return shown
}

// step is one operation of a function.
type step struct {
	op         string
	key, value string
	r          Range
}

var (
	// Few keys of few bytes, so that they meet; 0xff is an edge of prefixes.
	keyGen = rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 1, 3).Draw(t, "key"))
	})
	prefixGen = rapid.Custom(func(t *rapid.T) []byte {
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 0, 2).Draw(t, "bytes")
	})
	stepGen = rapid.Custom(func(t *rapid.T) step {
		s := step{op: rapid.SampledFrom([]string{"set", "set", "delete", "get", "iterate"}).Draw(t, "op")}
		switch s.op {
		case "iterate":
			s.r = Range{
				Prefix: prefixGen.Draw(t, "prefix"), From: prefixGen.Draw(t, "from"),
				Reverse: rapid.Bool().Draw(t, "reverse"), Prefetch: rapid.IntRange(0, 3).Draw(t, "prefetch"),
			}
		default:
			s.key = keyGen.Draw(t, "key")
			s.value = rapid.SampledFrom([]string{"", "1", "2", large}).Draw(t, "value")
		}
		return s
	})
	large = string(bytes.Repeat([]byte{'L'}, 130*kib))
)

// apply does s to tx and checks what it shows: own is the model with the
// function's writes, began the model at its begin.
func (s step) apply(tx *Tx, own, began model) error {
	switch s.op {
	case "set":
		tx.Set([]byte(s.key), []byte(s.value))
		own[s.key] = s.value
	case "delete":
		tx.Delete([]byte(s.key))
		delete(own, s.key)
	case "get":
		value, ok := own[s.key]
		if !ok {
			value = "-"
		}
		return has(tx, s.key, value)
	case "iterate":
		var shown []string
		err := tx.Iterate(s.r, func(key, value []byte) (bool, error) {
			shown = append(shown, string(key)+"="+string(value))
			return true, nil
		})
		if want := began.scan(s.r); err == nil && !slices.Equal(shown, want) {
			return fmt.Errorf("iterate %+v: %.100q, want %.100q", s.r, shown, want)
		}
		return err
	}
	return nil
}

var errRollback = errors.New("rolled back")

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		db, err := Open(testOptions(dir, true))
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				rt.Error(err)
			}
		}()
		m := model{}
		var view []step
		for range rapid.IntRange(1, 4).Draw(rt, "groups") {
			m = drawGroup(t, rt, db, m)
			if rapid.IntRange(0, 3).Draw(rt, "reopen") == 0 {
				if err := db.Close(); err != nil {
					rt.Fatal(err)
				}
				if db, err = Open(testOptions(dir, true)); err != nil {
					rt.Fatal(err)
				}
			}
			view = rapid.SliceOfN(stepGen, 0, 4).Draw(rt, "view")
			err := db.View(func(tx *Tx) error {
				for _, s := range view {
					if s.op == "get" || s.op == "iterate" {
						if err := s.apply(tx, m, m); err != nil {
							return fmt.Errorf("view: %w", err)
						}
					}
				}
				return step{op: "iterate"}.apply(tx, m, m)
			})
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// drawGroup runs some functions in one group and gives the model after them.
func drawGroup(t *testing.T, rt *rapid.T, db *DB, m model) model {
	var fns []func(tx *Tx) error
	var rolledBack []bool
	for range rapid.IntRange(1, 5).Draw(rt, "functions") {
		steps := rapid.SliceOfN(stepGen, 0, 8).Draw(rt, "steps")
		rollback := rapid.IntRange(0, 3).Draw(rt, "rollback") == 0
		rolledBack = append(rolledBack, rollback)
		fns = append(fns, func(tx *Tx) error {
			own := maps.Clone(m)
			for _, s := range steps {
				if err := s.apply(tx, own, m); err != nil {
					return err
				}
			}
			if rollback {
				return errRollback
			}
			m = own
			return nil
		})
	}
	for i, err := range together(t, db, fns...) {
		if rolledBack[i] && err != errRollback || !rolledBack[i] && err != nil {
			rt.Fatalf("function %d: %v", i, err)
		}
	}
	return m
}
