package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

var goodLines = []struct {
	line, table, id, data string
}{
	{`{"op":"put","table":"stock","id":"1","data":{"a":1}}`, "stock", "1", `{"a":1}`},
	{` { "data" : { "a" : "}]{\"" , "b":[{}] } ,"id":"a\u002fb", "op":"put", "table":"t" } `, "t", "a/b", `{ "a" : "}]{\"" , "b":[{}] }`},
	{`{"op":"delete","table":"stock","id":"1"}`, "stock", "1", ""},
	{`{"op":"delete","table":"stock","id":"1","data":null}`, "stock", "1", ""},
	{`{"\u006fp":"p\u0075t","table":"stock","id":"日本","data":{}}`, "stock", "日本", "{}"},
}

func TestGoodLines(t *testing.T) {
	var p lineParser
	for _, c := range goodLines {
		w, err := p.check([]byte(c.line))
		if err != nil || w.Table != c.table || w.ID != c.id || string(w.Data) != c.data || (w.Op == sitesync.OpDelete) != (c.data == "") {
			t.Errorf("%s: %+v, data %s, error %v", c.line, w, w.Data, err)
		}
	}
}

var badLines = []struct {
	line  string
	code  sitesync.Code
	field string
}{
	{`x`, sitesync.CodeInvalid, ""},
	{`null`, sitesync.CodeInvalid, ""},
	{`[]`, sitesync.CodeInvalid, ""},
	{`{`, sitesync.CodeInvalid, ""},
	{`{"op":"put","table":"t","id":"1","data":{}`, sitesync.CodeInvalid, ""},
	{`{"op":"put","table":"t","id":"1","data":{}}}`, sitesync.CodeInvalid, ""},
	{`{"op":"put","table":"t","id":"1","data":{},}`, sitesync.CodeInvalid, ""},
	{`{"op":"put" "table":"t","id":"1","data":{}}`, sitesync.CodeInvalid, ""},
	{`{"op"="put","table":"t","id":"1","data":{}}`, sitesync.CodeInvalid, ""},
	{`{op:"put","table":"t","id":"1","data":{}}`, sitesync.CodeInvalid, ""},
	{`{"op":"put","table":"t","id":"1","data":{"a":"\`, sitesync.CodeInvalid, ""},
	{`{}`, sitesync.CodeInvalid, "op"},
	{`{"op":"patch","table":"t","id":"1"}`, sitesync.CodeInvalid, "op"},
	{`{"op":1,"table":"t","id":"1"}`, sitesync.CodeInvalid, "op"},
	{`{"op":"put","op":"put","table":"t","id":"1","data":{}}`, sitesync.CodeInvalid, "op"},
	{`{"op":"put","table":"t","id":"1","data":{},"data":{}}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"T","id":"1","data":{}}`, sitesync.CodeInvalid, "table"},
	{`{"op":"put","table":"_x","id":"1","data":{}}`, sitesync.CodeInvalid, "table"},
	{`{"op":"put","id":"1","data":{}}`, sitesync.CodeInvalid, "table"},
	{`{"op":"put","table":"t","id":5,"data":{}}`, sitesync.CodeInvalid, "id"},
	{`{"op":"put","table":"t","id":"","data":{}}`, sitesync.CodeInvalid, "id"},
	{`{"op":"put","table":"t","id":"\u0000","data":{}}`, sitesync.CodeInvalid, "id"},
	{"{\"op\":\"put\",\"table\":\"t\",\"id\":\"\x01\",\"data\":{}}", sitesync.CodeInvalid, "id"},
	{"{\"op\":\"put\",\"table\":\"t\",\"id\":\"\xff\",\"data\":{}}", sitesync.CodeInvalid, "id"},
	{`{"op":"put","table":"t","data":{}}`, sitesync.CodeInvalid, "id"},
	{`{"op":"put","table":"t","id":"1"}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":null}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":[]}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":"{}"}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":nul}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":{"a":]}}`, sitesync.CodeInvalid, ""},
	{`{"op":"put","table":"t","id":"1","data":{]}`, sitesync.CodeInvalid, "data"},
	{`{"op":"delete","table":"t","id":"1","data":{}}`, sitesync.CodeInvalid, "data"},
	{`{"op":"put","table":"t","id":"1","data":{},"to":"SUV1"}`, sitesync.CodeUnknownField, "to"},
	{`{"Op":"put","table":"t","id":"1","data":{}}`, sitesync.CodeUnknownField, "Op"},
	{`{"op":"put","table":"t","id":"1","data":{"a":"` + strings.Repeat("x", sitesync.MaxRecord) + `"}}`, sitesync.CodeTooLarge, "data"},
}

func TestBadLines(t *testing.T) {
	var p lineParser
	for _, c := range badLines {
		_, err := p.check([]byte(c.line))
		e := sitesync.AsError(err)
		if e == nil || e.Code != c.code || e.Field != c.field || e.Next == "" {
			t.Errorf("%.80s: error %v (code %s), want %s of %q", c.line, err, sitesync.CodeOf(err), c.code, c.field)
		}
	}
}

// FuzzLine holds the parser against encoding/json: they take the same lines,
// and for the same.
func FuzzLine(f *testing.F) {
	for _, c := range goodLines {
		f.Add([]byte(c.line))
	}
	for _, c := range badLines[:len(badLines)-1] {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if !utf8.Valid(line) {
			return // encoding/json puts other text in its place
		}
		var p lineParser
		got, err := p.check(line)
		if err != nil && sitesync.AsError(err) == nil {
			t.Fatalf("%q: error %v without a code", line, err)
		}
		want, ok := reference(line)
		if ok != (err == nil) {
			t.Fatalf("%q: error %v, the reference takes it: %v", line, err, ok)
		}
		if ok && (got.Op != want.Op || got.Table != want.Table || got.ID != want.ID || !bytes.Equal(got.Data, want.Data)) {
			t.Fatalf("%q: %+v, the reference says %+v", line, got, want)
		}
	})
}

// reference reads a line with encoding/json.
func reference(line []byte) (w localdb.Write, ok bool) {
	names := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(line))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return w, false
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return w, false
		}
		if names[name.(string)]++; names[name.(string)] > 1 {
			return w, false
		}
		var text string
		switch {
		case name == "data" && string(value) != "null":
			w.Data = value
		case name == "data":
		case value[0] != '"' || json.Unmarshal(value, &text) != nil:
			return w, false
		case name == "op":
			w.Op, _ = sitesync.ParseOp(text)
		case name == "table":
			w.Table = text
		case name == "id":
			w.ID = text
		default:
			return w, false
		}
	}
	if !json.Valid(line) {
		return w, false
	}
	c := sitesync.Change{Op: w.Op, Table: w.Table, ID: w.ID, Data: w.Data}
	return w, c.Check() == nil
}

func TestLineReader(t *testing.T) {
	big := strings.Repeat("b", maxLine)
	for _, c := range []struct {
		name, text string
		lines      []string // "!" is a line that is too long
		number     int
	}{
		{"nothing", "", nil, 0},
		{"one", "a", []string{"a"}, 1},
		{"one with an end", "a\n", []string{"a"}, 1},
		{"empty ones", "\n\na\r\n  \t\nb\n\n", []string{"a", "b"}, 6},
		{"the longest", big + "\nx\n", []string{big, "x"}, 2},
		{"too long", "a\nb" + big + "\nx\n", []string{"a", "!", "x"}, 3},
		{"much too long", big + big + big + "\nx", []string{"!", "x"}, 2},
		{"too long at the end", "x\nb" + big, []string{"x", "!"}, 2},
		{"many", strings.Repeat("0123456789\n", 20_000), nil, 20_000},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.text), iotest.DataErrReader(strings.NewReader(c.text)), iotest.HalfReader(strings.NewReader(c.text))} {
			l := lineReader{in: in}
			var lines []string
			for {
				line, err := l.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if errors.Is(err, errLongLine) {
					line = []byte("!")
				} else if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, string(line))
			}
			if c.lines == nil && c.number > 0 {
				for i := range lines {
					if lines[i] != "0123456789" {
						t.Fatalf("%s: line %d is %q", c.name, i+1, lines[i])
					}
				}
			} else if strings.Join(lines, "|") != strings.Join(c.lines, "|") {
				t.Errorf("%s: %d lines: %.80q", c.name, len(lines), lines)
			}
			if l.number != c.number {
				t.Errorf("%s: the last line is %d, want %d", c.name, l.number, c.number)
			}
		}
	}
}

// A body that is cut must not give half a line.
func TestLineReaderOfCutBody(t *testing.T) {
	l := lineReader{in: io.MultiReader(strings.NewReader("a\n{\"half\":1}"), iotest.ErrReader(io.ErrUnexpectedEOF))}
	if line, err := l.next(); err != nil || string(line) != "a" {
		t.Errorf("line %q, error %v", line, err)
	}
	if line, err := l.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("line %q, error %v", line, err)
	}
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("a\n\nb\r\nc"), 3)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		want := [][]byte{}
		for _, line := range bytes.Split(text, []byte("\n")) {
			if line = bytes.Trim(line, " \t\r"); len(line) > 0 {
				want = append(want, line)
			}
		}
		l := lineReader{in: &stingy{text, max(size%10, 1)}}
		for i := 0; ; i++ {
			line, err := l.next()
			if errors.Is(err, io.EOF) && i == len(want) {
				return
			}
			if err != nil || i >= len(want) || !bytes.Equal(line, want[i]) {
				t.Fatalf("line %d is %q, error %v", i, line, err)
			}
		}
	})
}

// stingy gives a few bytes at a time.
type stingy struct {
	rest []byte
	most int
}

func (s *stingy) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.most, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}
