package kv

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// Range says which keys Iterate visits, and in which order.
type Range struct {
	Prefix   []byte // only keys that begin with it; empty = all keys
	From     []byte // the first key, whole, inclusive; empty = the start, or the end when Reverse
	Reverse  bool   // from high to low
	KeysOnly bool   // values are not read; the function gets nil
	Prefetch int    // values to read ahead; 0 = none, which is best unless values are large
}

// Iterate calls fn with each key in r, in order, until fn answers false or an
// error, which Iterate answers too. Key and value are good during the call
// only.
//
// In an Update, Iterate shows the database as it was when the function began,
// with what earlier functions of the group wrote, but not the function's own
// writes. So fn may Set and Delete while it goes on.
func (tx *Tx) Iterate(r Range, fn func(key, value []byte) (more bool, err error)) error {
	it := tx.snap.txn.NewIterator(badger.IteratorOptions{
		Prefix:         r.Prefix,
		Reverse:        r.Reverse,
		PrefetchValues: r.Prefetch > 0 && !r.KeysOnly,
		PrefetchSize:   r.Prefetch,
	})
	defer it.Close()
	it.Seek(r.first())

	// Two ordered sequences are merged. Where both have a key, the earlier
	// function's write is the newer.
	earlier := r.pick(tx.earlier)
	for it.Valid() || len(earlier) > 0 {
		var err error
		more := true
		order := r.order(it, earlier)
		if order < 0 {
			more, err = tx.snap.visit(it.Item(), r, fn)
		} else {
			w := earlier[0]
			earlier = earlier[1:]
			if !w.deleted {
				more, err = fn(w.key, r.value(w))
			}
		}
		if err != nil || !more {
			return err
		}
		if order <= 0 {
			it.Next()
		}
	}
	return nil
}

// visit calls fn with what the snapshot has at item.
func (s *snapshot) visit(item *badger.Item, r Range, fn func(key, value []byte) (bool, error)) (more bool, err error) {
	if r.KeysOnly {
		return fn(item.Key(), nil)
	}
	var inner error
	err = item.Value(func(value []byte) error {
		if lost(item, value) {
			if value, _, inner = s.get(item.Key()); inner != nil {
				return inner
			}
		}
		more, inner = fn(item.Key(), value)
		return inner
	})
	if inner == nil && err != nil {
		err = fmt.Errorf("kv: iterate: %w", err)
	}
	return more, err
}

// order compares the next keys of both sequences as r orders them: below 0
// when the snapshot's comes first, 0 when they are the same key.
func (r Range) order(it *badger.Iterator, earlier []write) int {
	switch {
	case len(earlier) == 0:
		return -1
	case !it.Valid():
		return 1
	case r.Reverse:
		return bytes.Compare(earlier[0].key, it.Item().Key())
	default:
		return bytes.Compare(it.Item().Key(), earlier[0].key)
	}
}

func (r Range) value(w write) []byte {
	if r.KeysOnly {
		return nil
	}
	return w.value
}

// pick gives the writes that lie in r, in its order.
func (r Range) pick(writes map[string]write) []write {
	var picked []write
	for _, w := range writes {
		if r.holds(w.key) {
			picked = append(picked, w)
		}
	}
	slices.SortFunc(picked, func(a, b write) int {
		if r.Reverse {
			a, b = b, a
		}
		return bytes.Compare(a.key, b.key)
	})
	return picked
}

func (r Range) holds(key []byte) bool {
	switch {
	case !bytes.HasPrefix(key, r.Prefix):
		return false
	case len(r.From) == 0:
		return true
	case r.Reverse:
		return bytes.Compare(key, r.From) <= 0
	default:
		return bytes.Compare(key, r.From) >= 0
	}
}

// highest follows a prefix to make a key that no key with that prefix passes.
var highest = bytes.Repeat([]byte{0xff}, MaxKey)

// first gives the key to begin at. It brings a From outside the prefix to the
// prefix's near end; from one beyond the far end badger's iterator finds
// nothing, since the first key it meets lacks the prefix.
func (r Range) first() []byte {
	low, high := r.Prefix, slices.Concat(r.Prefix, highest)
	switch {
	case r.Reverse && (len(r.From) == 0 || bytes.Compare(r.From, high) > 0):
		return high
	case !r.Reverse && (len(r.From) == 0 || bytes.Compare(r.From, low) < 0):
		return low
	default:
		return r.From
	}
}
