package api

import (
	"bytes"
	"errors"
	"io"

	"sitesync/shared/sitesync"
)

const (
	chunkSize = 64 << 10
	// maxLine is the most bytes of a line: a record of the largest size, with
	// the rest around it.
	maxLine = sitesync.MaxRecord + 16<<10
)

// errLongLine is the answer to a line longer than maxLine, which is passed
// over.
var errLongLine = sitesync.Errorf(sitesync.CodeTooLarge, "split the record, or keep large content elsewhere",
	"the line has more than %d bytes", maxLine)

// lineReader gives the lines of a body. Their memory is not used again, so
// that they can be kept without copying.
type lineReader struct {
	in     io.Reader
	number int    // of the line given last, from 1; empty ones count
	chunk  []byte // read and not given yet; its capacity is what is free
	err    error  // of in
}

// next gives the next line that is not empty, without its end. A last line
// needs no end. Errors: io.EOF, that of the body, or errLongLine, after which
// the next line can be read.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.any()
		if err != nil {
			return nil, err
		}
		if line = bytes.Trim(line, " \t\r"); len(line) > 0 {
			return line, nil
		}
	}
}

// any gives the next line, empty or not.
func (l *lineReader) any() ([]byte, error) {
	searched, long := 0, false
	for {
		if end := bytes.IndexByte(l.chunk[searched:], '\n'); end >= 0 {
			line := l.chunk[:searched+end]
			l.chunk = l.chunk[searched+end+1:]
			return l.give(line, long)
		}
		if searched = len(l.chunk); searched > maxLine {
			long, searched, l.chunk = true, 0, l.chunk[:0]
		}
		if l.err != nil {
			return l.last(long)
		}
		l.fill()
	}
}

func (l *lineReader) give(line []byte, long bool) ([]byte, error) {
	l.number++
	if long || len(line) > maxLine {
		return nil, errLongLine
	}
	return line, nil
}

// last gives what follows the last end of a line: a line when the body is
// whole, else a part of one that nobody may take for a line.
func (l *lineReader) last(long bool) ([]byte, error) {
	line := l.chunk
	l.chunk = nil
	if !errors.Is(l.err, io.EOF) || len(line) == 0 && !long {
		return nil, l.err
	}
	return l.give(line, long)
}

// fill reads more behind what there is.
func (l *lineReader) fill() {
	if free := cap(l.chunk) - len(l.chunk); free < 4<<10 {
		bigger := make([]byte, len(l.chunk), max(chunkSize, 2*len(l.chunk)))
		copy(bigger, l.chunk)
		l.chunk = bigger
	}
	n, err := l.in.Read(l.chunk[len(l.chunk):cap(l.chunk)])
	l.chunk, l.err = l.chunk[:len(l.chunk)+n], err
}
