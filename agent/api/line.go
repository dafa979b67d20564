package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// lineParser reads the lines of a bulk body. It is no general JSON reader: a
// line is one flat object of three strings and a record's data, and reading it
// so costs one string for the ID. The data it gives lies in the line.
type lineParser struct {
	table string // of the line before; mostly the same again
}

// check reads {"op":"put|delete","table":…,"id":…,"data":{…}}, in any order, and
// holds it against the rules of changes. A delete has no data, or null. Errors:
// invalid, unknown_field, too_large, with the field.
func (p *lineParser) check(line []byte) (localdb.Write, error) {
	w, err := p.read(line)
	if err != nil {
		return w, err
	}
	c := sitesync.Change{Op: w.Op, Table: w.Table, ID: w.ID, Data: w.Data}
	return w, c.Check()
}

// read reads a line, of a known op, and checks nothing else of it.
func (p *lineParser) read(line []byte) (w localdb.Write, err error) {
	err = eachMember(line, func(name, value []byte) error { return p.member(&w, name, value) })
	if err == nil && w.Op == 0 {
		err = invalid("op", "use put or delete", "the line has no op")
	}
	return w, err
}

func (p *lineParser) member(w *localdb.Write, name, value []byte) (err error) {
	var text []byte
	switch string(name) {
	case "op":
		text, err = textOf("op", value)
		var known bool
		if w.Op, known = sitesync.ParseOp(string(text)); err == nil && !known {
			err = invalid("op", "use put or delete", "there is no op %q", clip(string(text)))
		}
	case "table":
		if text, err = textOf("table", value); string(text) != p.table {
			p.table = string(text)
		}
		w.Table = p.table
	case "id":
		text, err = textOf("id", value)
		w.ID = string(text)
	case "data":
		if string(value) != "null" {
			w.Data = value
		}
	default:
		field := clip(string(name))
		err = sitesync.Errorf(sitesync.CodeUnknownField, "leave it out", "a line has no field %q", field).WithField(field)
	}
	return err
}

func textOf(field string, value []byte) ([]byte, error) {
	text, ok := unquote(value)
	if !ok {
		return nil, invalid(field, "send a text", "%s is not a text", field)
	}
	return text, nil
}

// eachMember calls fn with the names and the values, as written, of a flat
// object's members, which may not repeat. Strings are checked here; a value
// that is an object has matching brackets and may be wrong inside.
func eachMember(line []byte, fn func(name, value []byte) error) error {
	s := scanner{rest: line}
	var seen [8][]byte
	count := 0
	s.expect('{')
	for s.more('}', count == 0) {
		name, ok := unquote(s.value())
		s.expect(':')
		value := s.value()
		if s.bad || !ok {
			break
		}
		for _, earlier := range seen[:count] {
			if bytes.Equal(earlier, name) {
				return invalid(clip(string(name)), "send it once", "the line has %q twice", clip(string(name)))
			}
		}
		if err := fn(name, value); err != nil {
			return err
		}
		if count == len(seen) { // fn refuses names it does not know
			break
		}
		seen[count] = name
		count++
	}
	if s.blanks(); s.bad || !s.closed || len(s.rest) > 0 {
		return sitesync.Errorf(sitesync.CodeInvalid, `send lines like {"op":"put","table":"stock","id":"1","data":{}}`, "the line is not a JSON object")
	}
	return nil
}

// scanner takes JSON apart from its front.
type scanner struct {
	rest   []byte
	closed bool // the object has ended
	bad    bool
}

func (s *scanner) blanks() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\r' || s.rest[0] == '\n') {
		s.rest = s.rest[1:]
	}
}

// next takes the byte c, if it is next.
func (s *scanner) next(c byte) bool {
	s.blanks()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) expect(c byte) {
	if !s.next(c) {
		s.bad = true
	}
}

// more takes what stands between members and reports whether one follows.
func (s *scanner) more(end byte, first bool) bool {
	if s.bad {
		return false
	}
	if s.next(end) {
		s.closed = true
		return false
	}
	if !first {
		s.expect(',')
	}
	return !s.bad
}

// value takes a string, an object, or a word such as null or 12.
func (s *scanner) value() []byte {
	s.blanks()
	n := 0
	switch {
	case s.bad || len(s.rest) == 0:
	case s.rest[0] == '"':
		n = stringEnd(s.rest)
	case s.rest[0] == '{' || s.rest[0] == '[':
		n = nestEnd(s.rest)
	default:
		n = wordEnd(s.rest)
	}
	if n == 0 {
		s.bad = true
		return nil
	}
	v := s.rest[:n]
	s.rest = s.rest[n:]
	return v
}

// stringEnd gives the length of the string that b begins with, 0 if it does
// not end.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// nestEnd gives the length of the object or array that b begins with.
func nestEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := stringEnd(b[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

func wordEnd(b []byte) int {
	for i, c := range b {
		if c == ',' || c == '}' || c == ']' || c == ':' || c == '"' || c <= ' ' {
			return i
		}
	}
	return len(b)
}

// unquote gives the text of a JSON string. Without escapes it lies in value.
func unquote(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	inner := value[1 : len(value)-1]
	plain := true
	for _, c := range inner {
		if c < ' ' {
			return nil, false
		}
		plain = plain && c != '\\'
	}
	if plain {
		return inner, utf8.Valid(inner)
	}
	var text string
	if !utf8.Valid(inner) || json.Unmarshal(value, &text) != nil {
		return nil, false
	}
	return []byte(text), true
}
