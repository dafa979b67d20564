package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"sitesync/shared/wire/wirepb"
)

// A body of two-byte entries takes sixty times its own size once it is read,
// and compressed it is next to nothing. So the size of a body alone is no
// bound: its entries are counted before any is made.

// maxEntries is how many fields a body has at most, entries of its lists
// included. The largest batches, pages and stream messages have a few thousand.
const maxEntries = 1 << 16

// maxListed is how many stores and outboxes one page lists at most. A page of
// true ones is full long before.
const maxListed = 4096

// maxFacts and maxFact bound a device's evidence: how many facts there are, and
// the bytes of each name and hash.
const (
	maxFacts = 256
	maxFact  = 200
)

// bodyLimit is the size up to which bodies of a kind are taken. Pages have
// lists in lists, and are kept until the last one is there.
func bodyLimit(kind wirepb.Kind) int {
	switch kind {
	case wirepb.Kind_KIND_HELLO, wirepb.Kind_KIND_WELCOME, wirepb.Kind_KIND_ASSIGNMENT:
		return PageBytes
	default:
		return MaxBody
	}
}

// checkEntries counts the fields of a body.
func checkEntries(body []byte) error {
	for n := 0; len(body) > 0; n++ {
		if n == maxEntries {
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		_, _, size := protowire.ConsumeField(body)
		if size < 0 {
			return protowire.ParseError(size)
		}
		body = body[size:]
	}
	return nil
}
