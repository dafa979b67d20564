package wire

import "google.golang.org/protobuf/proto"

// PageBytes is the size, before compression, that a page of hello, a welcome
// and a page of assignment stay under.
const PageBytes = 64 << 10

// MaxPages bounds the pages of one hello or assignment. The hub keeps those of
// a hello until the last is there.
const MaxPages = 64

// pageRoom is how much of a page is filled: the first page of an assignment
// goes inside of a welcome, which has a page's size as a whole.
const pageRoom = PageBytes - 4<<10

// SplitHello makes the pages of a hello. All but the first carry stores alone.
func SplitHello(h Hello) []*Hello {
	first, rest := h, Hello{Replica: h.Replica, Version: h.Version, Type: h.Type}
	first.Stores = nil
	groups := groupsOf(h.Stores, pageRoom-sizeOf(&first), func(s *StoreState) (bytes, listed int) {
		return proto.Size(s.toWire()), 1 + len(s.Outbox)
	})
	pages := make([]*Hello, len(groups))
	for i, group := range groups {
		page := rest
		if i == 0 {
			page = first
		}
		page.Page, page.Pages, page.Stores = uint32(i), uint32(len(groups)), group
		pages[i] = &page
	}
	return pages
}

// SplitAssignment makes the pages of an assignment. All carry its version.
func SplitAssignment(a Assignment) []*Assignment {
	bare := a
	bare.Stores = nil
	groups := groupsOf(a.Stores, pageRoom-sizeOf(&bare), func(s *AssignedStore) (bytes, listed int) {
		return proto.Size(s.toWire()), 1
	})
	pages := make([]*Assignment, len(groups))
	for i, group := range groups {
		page := bare
		page.Page, page.Pages, page.Stores = uint32(i), uint32(len(groups)), group
		pages[i] = &page
	}
	return pages
}

// entryHead is what stands before an entry of a list: its tag and its length.
const entryHead = 1 + 3

// groupsOf cuts a list into groups of up to room bytes and maxListed entries,
// at least one of each; an empty list is one group.
func groupsOf[T any](list []T, room int, size func(*T) (bytes, listed int)) [][]T {
	var groups [][]T
	begin, bytes, listed := 0, 0, 0
	for i := range list {
		b, n := size(&list[i])
		bytes, listed = bytes+b+entryHead, listed+n
		if i > begin && (bytes > room || listed > maxListed) {
			groups = append(groups, list[begin:i])
			begin, bytes, listed = i, b+entryHead, n
		}
	}
	return append(groups, list[begin:])
}

// sizeOf is the size of a message's body, with some bytes for the numbers of
// its pages.
func sizeOf(m Message) int { return proto.Size(m.toWire()) + 16 }
