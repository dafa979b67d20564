package api

import (
	"errors"
	"io"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// batch is lines of a bulk body that fit one transaction.
type batch struct {
	writes []localdb.Write
	lines  []int // the line of each write
	absent []int // lines that delete what is not there
	bytes  int
}

// room is what a batch may hold.
type room struct{ bytes, changes int }

func (s *Server) room() room {
	bytes, changes := s.db.WriteLimit()
	return room{bytes, changes}
}

// fits reports whether one more write of a size goes in. Any does when there
// is none.
func (b *batch) fits(size int, r room) bool {
	return len(b.writes) == 0 || b.bytes+size <= r.bytes && len(b.writes) < r.changes
}

func (b *batch) add(w localdb.Write, line int) {
	b.writes, b.lines = append(b.writes, w), append(b.lines, line)
	b.bytes += sizeOf(&w)
}

func sizeOf(w *localdb.Write) int {
	c := sitesync.Change{Table: w.Table, ID: w.ID, Data: w.Data}
	return c.Size()
}

// batchReader groups the lines of a body, which were checked before, into
// transactions.
type batchReader struct {
	lines  lineReader
	parser lineParser
	room   room
	over   localdb.Write // read and not given yet, if it has an op
}

// next gives the next batch. Its error is io.EOF when there is none.
func (r *batchReader) next() (b batch, err error) {
	for {
		if r.over.Op != 0 {
			b.add(r.over, r.lines.number)
			r.over = localdb.Write{}
		}
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) && len(b.writes) > 0 {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		w, err := r.parser.read(line)
		if err != nil {
			return b, err
		}
		if !b.fits(sizeOf(&w), r.room) {
			r.over = w
			return b, nil
		}
		b.add(w, r.lines.number)
	}
}

// commit makes the changes of a batch durable, all or none. A delete of what
// is not there changes nothing and is no error, so that a body whose answer
// was lost can be sent again. Errors carry the line.
func (b *batch) commit(db *localdb.DB, store sitesync.StoreID) ([]localdb.Written, error) {
	for len(b.writes) > 0 {
		written, err := db.Write(store, b.writes)
		if err == nil {
			return written, nil
		}
		at := b.placeOf(err)
		if sitesync.CodeOf(err) != sitesync.CodeNotFound {
			return nil, atLine(err, b.lines[at])
		}
		if err := b.dropAbsent(db, store, at); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// placeOf gives the index of the write that an error is about.
func (b *batch) placeOf(err error) int {
	if e := sitesync.AsError(err); e != nil && e.Line > 0 && e.Line <= len(b.writes) {
		return e.Line - 1
	}
	return 0
}

func atLine(err error, line int) error {
	if e := sitesync.AsError(err); e != nil {
		copied := *e
		return copied.AtLine(line)
	}
	return err
}

// dropAbsent takes the deletes out that find nothing: the one at a place,
// which the database has just refused, and all others of which that can be
// seen, since a repeated body may consist of nothing else.
func (b *batch) dropAbsent(db *localdb.DB, store sitesync.StoreID, refused int) error {
	kept := batch{absent: b.absent}
	there := map[wire.Key]bool{} // after the writes of this batch so far
	for i, w := range b.writes {
		key := wire.Key{Table: w.Table, ID: w.ID}
		is, known := there[key]
		if w.Op == sitesync.OpDelete && !known {
			var err error
			if is, err = exists(db, store, key); err != nil {
				return err
			}
		}
		if w.Op == sitesync.OpDelete && (!is || i == refused) {
			kept.absent = append(kept.absent, b.lines[i])
			continue
		}
		there[key] = w.Op == sitesync.OpPut
		kept.add(w, b.lines[i])
	}
	*b = kept
	return nil
}

func exists(db *localdb.DB, store sitesync.StoreID, key wire.Key) (bool, error) {
	_, err := db.Get(store, key)
	if sitesync.CodeOf(err) == sitesync.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}
