package kv

import (
	"errors"

	"github.com/dgraph-io/ristretto/v2/z"
)

// checkAllocator refuses a build that would write damaged tables. The
// allocator in which badger builds them is in ristretto, and in its releases
// up to 2.4.2 it begins to overwrite its first buffer when that is full, where
// int has 32 bits: it computes the number of the next one as
// uint64((i+1)<<32), which is 0 there.
func checkAllocator() error {
	const size = 512 // the least that it begins with
	a := z.NewAllocator(size, "check")
	defer a.Release()
	first, next := a.Allocate(size), a.Allocate(size)
	if &first[0] == &next[0] {
		return errors.New("kv: built with a ristretto that damages data where int has 32 bits; it needs uint64(i+1)<<32 in z/allocator.go")
	}
	return nil
}
