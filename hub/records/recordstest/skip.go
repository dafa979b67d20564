package recordstest

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func logNoSkip(f *fixture) {
	f.central(store)
	if err := findSkipped(f.State, store); err != nil {
		f.Error(err)
	}
}

// findSkipped lets many write to a store at once while others read its log
// page by page, and tells of a reader who comes to the head without a change
// that was made. That happens where a place in the log is given out before it
// is known in which order the commits come: one who has read past it never
// sees the change that is committed there later.
func findSkipped(s records.State, store sitesync.StoreID) error {
	const writers, readers, each = 6, 3, 40
	var writing, reading sync.WaitGroup
	var done atomic.Bool
	errs := make(chan error, writers+readers)
	for w := range writers {
		writing.Go(func() { errs <- writeMany(s, store, w, each) })
	}
	for r := range readers {
		reading.Go(func() { errs <- follow(s, store, 1+2*r, &done) })
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// writeMany writes records of its own, and one that all write.
func writeMany(s records.State, store sitesync.StoreID, writer, n int) error {
	for i := range n {
		c := sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprintf("%d-%d", writer, i), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		if i%4 == 3 {
			c.ID, c.Data = "shared", fmt.Appendf(nil, `{"by":"%d-%d"}`, writer, i)
		}
		if _, err := s.Edit(records.Edit{Store: store, Change: c}); err != nil {
			return err
		}
	}
	return nil
}

// follow reads the log until it has come to the end after the last write, and
// holds what it has seen against the records.
func follow(s records.State, store sitesync.StoreID, limit int, done *atomic.Bool) error {
	view := map[string]string{}
	for at := (wire.Cursor{}); ; {
		last := done.Load()
		page, err := s.Changes(store, at, records.Filter{}, records.Limit{Records: limit, Bytes: 1 << 20})
		if err != nil || page.Reset || page.Ahead || page.Cursor.Seq < at.Seq {
			return fmt.Errorf("reading on from %d: %+v, %w", at.Seq, page, err)
		}
		for _, c := range page.Changes {
			view[c.ID] = string(c.Data)
		}
		if at = page.Cursor; last && !page.More {
			break
		}
	}
	all, err := s.Scan(store, wire.Key{}, records.Limit{Records: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		return err
	}
	want := map[string]string{}
	for _, c := range all.Records {
		want[c.ID] = string(c.Data)
	}
	if !maps.Equal(view, want) {
		for id, data := range want {
			if view[id] != data {
				return fmt.Errorf("a reader at the head, in pages of %d, has %q of record %s, which is %s", limit, view[id], id, data)
			}
		}
		return fmt.Errorf("a reader has %d records, there are %d", len(view), len(want))
	}
	return nil
}
