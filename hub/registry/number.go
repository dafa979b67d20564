package registry

import (
	"fmt"
	"sync"
)

// IDKind names a row of numbers of which none is given out twice.
type IDKind string

const (
	IDHandover   IDKind = "handover"
	IDQuarantine IDKind = "quarantine"

	idSite    IDKind = "site"
	idStore   IDKind = "store"
	idSession IDKind = "session"
	idAsk     IDKind = "ask"
)

var idKinds = []IDKind{IDHandover, IDQuarantine, idSite, idStore, idSession, idAsk}

// blockSize is how many numbers are reserved at a time. What is left of a
// block when the hub ends is never used.
func blockSize(kind IDKind) uint64 {
	if kind == idSession {
		return 4096
	}
	return 256
}

type countRecord struct {
	header
	Next uint64 `json:"next"` // the first number nobody has
}

// numbers are the blocks reserved by this process.
type numbers struct {
	sync.Mutex
	blocks map[IDKind]*block
}

type block struct{ next, end uint64 }

// NextSession gives a number higher than every one before, also before a
// restart.
func (r *Registry) NextSession() (uint64, error) { return r.NextID(idSession) }

// NextID gives a number that was never given out, from 1. Most calls touch no
// disk.
func (r *Registry) NextID(kind IDKind) (uint64, error) {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	b := r.numbers.blocks[kind]
	if b == nil || b.next == b.end {
		b = new(block)
		err := r.edit(func(e *edit) (err error) {
			b.next, err = e.reserve(kind, blockSize(kind))
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("registry: reserve numbers of kind %s: %w", kind, err)
		}
		b.end = b.next + blockSize(kind)
		if r.numbers.blocks == nil {
			r.numbers.blocks = make(map[IDKind]*block)
		}
		r.numbers.blocks[kind] = b
	}
	b.next++
	return b.next - 1, nil
}

// reserve takes n numbers and gives the first. They are taken when the edit
// commits.
func (e *edit) reserve(kind IDKind, n uint64) (first uint64, err error) {
	count, known, err := get[countRecord](e, keyCount(kind))
	if err != nil {
		return 0, err
	}
	if !known {
		count.Next = 1
	}
	first = count.Next
	count.Next += n
	return first, e.put(keyCount(kind), count)
}
