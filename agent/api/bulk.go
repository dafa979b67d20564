package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const (
	maxBulk  = 64 << 20         // bytes of a body that is checked whole first
	bulkTime = 15 * time.Minute // for such a body to arrive
	bulkWait = 20 * time.Second // for others to be done with the memory
)

// done is the answer to a bulk body.
type done struct {
	Lines   int    `json:"lines"`   // empty ones included
	Changed int    `json:"changed"` // changes made, each with a number n
	N       uint64 `json:"n"`       // of the last change, 0 when nothing changed
}

func (s *Server) postRecords(w http.ResponseWriter, r *http.Request) error {
	stream, err := flagOf(r, "stream")
	if err != nil {
		return err
	}
	if err := hasType(r, typeNDJSON); err != nil {
		return err
	}
	store, err := s.db.Resolve(r.PathValue("code"))
	if err != nil {
		return err
	}
	if err := s.db.Writable(&store); err != nil {
		return err
	}
	if stream {
		return s.stream(w, r, store.ID)
	}
	return s.bulk(w, r, store.ID)
}

// bulk checks a body whole and then writes it, one transaction after another.
// Between the two it keeps the text and not what was read from it, which can be
// several times as large.
func (s *Server) bulk(w http.ResponseWriter, r *http.Request, store sitesync.StoreID) error {
	size := int64(maxBulk) // as much as it may be, if it does not say
	if r.ContentLength >= 0 {
		size = r.ContentLength
	}
	if size > maxBulk {
		return tooMuch(tooLarge(maxBulk))
	}
	leave, err := s.enter(r.Context(), size)
	if err != nil {
		return err
	}
	defer leave()
	kept := new(text)
	lines, err := checkLines(io.TeeReader(bodyOf(w, r, maxBulk, bulkTime), kept))
	if err != nil {
		return tooMuch(err)
	}
	answered := done{Lines: lines}
	batches := batchReader{lines: lineReader{in: kept}, room: s.room()}
	for {
		if err := r.Context().Err(); err != nil {
			return err // nobody waits for the rest; it can be sent again
		}
		b, err := batches.next()
		if errors.Is(err, io.EOF) {
			return answer(w, http.StatusOK, answered)
		}
		if err != nil {
			return err
		}
		written, err := b.commit(s.db, store)
		if err != nil {
			return answered.tell(err)
		}
		answered.count(written)
	}
}

// enter waits until there is memory for a body.
func (s *Server) enter(ctx context.Context, size int64) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, bulkWait)
	defer cancel()
	if err := s.bodies.Acquire(ctx, size); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeOverload, "send it again in a moment", "other large bodies are being taken in: %w", err)
	}
	return func() { s.bodies.Release(size) }, nil
}

// checkLines reads a body to its end and counts its lines. The error of a line
// carries its number.
func checkLines(in io.Reader) (lines int, err error) {
	l := lineReader{in: in}
	var parser lineParser
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			return l.number, nil
		case errors.Is(err, errLongLine):
			return 0, atLine(err, l.number)
		case err != nil:
			return 0, err
		}
		if _, err := parser.check(line); err != nil {
			return 0, atLine(err, l.number)
		}
	}
}

// tooMuch tells of a body that is too large what to do about it.
func tooMuch(err error) error {
	if e := sitesync.AsError(err); e != nil && e.Code == sitesync.CodeTooLarge && e.Line == 0 {
		return sitesync.Errorf(e.Code, "send it in parts, or with ?stream=1", "%s", e.Message)
	}
	return err
}

func (d *done) count(written []localdb.Written) {
	for _, w := range written {
		if w.N > 0 {
			d.Changed++
			d.N = w.N
		}
	}
}

// tell adds to an error how much had been written before it.
func (d *done) tell(err error) error {
	e := sitesync.AsError(err)
	if e == nil || d.N == 0 {
		return err
	}
	copied := *e
	copied.Message = fmt.Sprintf("%s; the lines before line %d are written", e.Message, e.Line)
	copied.Next = e.Next + "; the whole body can be sent again"
	return &copied
}
