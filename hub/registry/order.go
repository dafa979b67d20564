package registry

import (
	"cmp"
	"slices"
)

// order keeps things in the order of their IDs, for lists.
type order[T any] struct{ entries []orderEntry[T] }

type orderEntry[T any] struct {
	id    uint64
	thing *T
}

// set puts thing at id, or takes away what is there when nil. New IDs are the
// highest ones, so that most calls move nothing.
func (o *order[T]) set(id uint64, thing *T) {
	i, found := o.search(id)
	switch {
	case thing == nil && found:
		o.entries = slices.Delete(o.entries, i, i+1)
	case thing == nil:
	case found:
		o.entries[i].thing = thing
	default:
		o.entries = slices.Insert(o.entries, i, orderEntry[T]{id, thing})
	}
}

// after gives the things with an ID above id.
func (o *order[T]) after(id uint64) []*T {
	i, found := o.search(id)
	if found {
		i++
	}
	things := make([]*T, len(o.entries)-i)
	for j, entry := range o.entries[i:] {
		things[j] = entry.thing
	}
	return things
}

func (o *order[T]) search(id uint64) (int, bool) {
	return slices.BinarySearchFunc(o.entries, id, func(e orderEntry[T], id uint64) int { return cmp.Compare(e.id, id) })
}
