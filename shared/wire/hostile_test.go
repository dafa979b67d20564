package wire

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"sitesync/shared/sitesync"
)

func wantRefused(t *testing.T, frame []byte, m Decoder, text string) {
	t.Helper()
	_, err := decode(frame, m)
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

// Headers that are no header, and those whose body is not what they say.
func TestHeaders(t *testing.T) {
	good := encodePlain(7, 3, &Hint{})
	for _, c := range []struct {
		name  string
		frame []byte
		text  string
		head  bool // the header alone can be read
	}{
		{"nothing", nil, "too few", false},
		{"two bytes", good[:2], "too few", false},
		{"cut in the numbers", good[:4], "cut short", false},
		{"version 0", replaced(good, 0, 0), "version 0", false},
		{"version 2", replaced(good, 0, 2), "version 2", false},
		{"kind 0", replaced(good, 1, 0), "unknown kind 0", false},
		{"kind 13", replaced(good, 1, 13), "unknown kind 13", false},
		{"kind 255", replaced(good, 1, 255), "unknown kind 255", false},
		{"session of eleven bytes", append(good[:3:3], bytes.Repeat([]byte{0xff}, 11)...), "cut short", false},
		{"compression 2", replaced(good, 2, 2), "unknown compression", true},
		{"a body where none is announced", append(bytes.Clone(good), 0), "the body has 1", true},
		{"no body where one is announced", replaced(good, len(good)-1, 5), "the body has 0", true},
		{"length of 2^64-1", append(good[:5:5], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), "the most is 8388608", true},
		{"another kind", encodePlain(7, 3, &Manifest{}), "KIND_MANIFEST where a KIND_HINT", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantRefused(t, c.frame, &Hint{}, c.text)
			_, err := ParseHeader(c.frame)
			if (err == nil) != c.head {
				t.Errorf("ParseHeader: %v", err)
			}
			h, _, err := Decode[Hint](c.frame)
			if !errors.Is(err, ErrFrame) {
				t.Errorf("%v is no ErrFrame", err)
			}
			if c.head && (h.Session != 7 || h.Store != 3) {
				t.Errorf("the header of a bad body is %+v", h)
			}
		})
	}
}

func replaced(frame []byte, at int, b byte) []byte {
	frame = bytes.Clone(frame)
	frame[at] = b
	return frame
}

// A frame that is cut anywhere is refused, never misread, and so is one with
// something behind it.
func TestCut(t *testing.T) {
	for _, s := range specimens() {
		for _, frame := range [][]byte{encodePlain(s.session, s.store, s.message), Encode(s.session, s.store, s.message)} {
			for n := range len(frame) {
				if _, err := decode(frame[:n], empty(s.message)); err == nil {
					t.Errorf("%s: taken when cut to %d of %d bytes", s.name, n, len(frame))
				}
			}
			if _, err := decode(append(bytes.Clone(frame), 0), empty(s.message)); err == nil {
				t.Errorf("%s: taken with a byte behind it", s.name)
			}
		}
	}
}

// field makes a length-delimited field.
func field(number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}

func number(number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Fields whose value breaks a rule.
func TestFields(t *testing.T) {
	replica := field(3, bytes.Repeat([]byte{1}, 16))
	hello := join(number(2, 1), replica, field(5, []byte("mobile")))
	push := number(2, 1)
	assignment := join(number(3, 1), field(4, join(number(5, 1), number(6, 1))))
	welcome := func(hub int, limits bool) []byte {
		b := join(number(3, 1), number(4, 1), field(8, bytes.Repeat([]byte{1}, hub)), field(12, number(3, 1)))
		if limits {
			b = append(b, field(11, nil)...)
		}
		return b
	}
	for _, c := range []struct {
		name string
		m    Decoder
		body []byte
		text string // "" is taken
	}{
		{"hello", &Hello{}, hello, ""},
		{"hello with an unknown field", &Hello{}, join(hello, number(99, 5)), ""},
		{"hello of no page", &Hello{}, join(replica, field(5, []byte("mobile"))), "page 0 of 0"},
		{"hello page beyond", &Hello{}, join(hello, number(1, 1)), "page 1 of 1"},
		{"hello of too many pages", &Hello{}, join(hello, number(2, MaxPages+1)), "page 0 of 65"},
		{"hello without replica", &Hello{}, join(number(2, 1), field(5, []byte("mobile"))), "no replica"},
		{"hello with a long replica", &Hello{}, join(hello, field(3, make([]byte, 17))), "17 bytes"},
		{"hello of a mirror", &Hello{}, join(hello, field(5, []byte("mirror"))), `device type "mirror"`},
		{"hello with a short digest", &Hello{}, join(hello, field(13, field(4, make([]byte, 15)))), "digest has 15"},
		{"hello with a short chain", &Hello{}, join(hello, field(13, field(5, field(3, []byte{1})))), "chain has 1"},
		{"hello that confirmed more than it made", &Hello{}, join(hello, field(13, field(5, number(2, 1)))), "change 1 is confirmed and 0 the last"},
		{"hello with a bad cursor", &Hello{}, join(hello, field(13, field(3, make([]byte, 16)))), "cursor of 16"},
		{"hello with a long fact", &Hello{}, join(hello, field(7, field(1, bytes.Repeat([]byte("f"), maxFact+1)))), "a fact of evidence"},
		{"hello with text that is not UTF-8", &Hello{}, join(hello, field(4, []byte{0xff})), "UTF-8"},

		{"welcome", &Welcome{}, welcome(16, true), ""},
		{"welcome without limits", &Welcome{}, welcome(16, false), "no session"},
		{"welcome without hub", &Welcome{}, welcome(0, true), "no session"},
		{"welcome with a long hub", &Welcome{}, welcome(17, true), "hub has 17"},
		{"welcome without session", &Welcome{}, join(number(4, 1), field(11, nil), field(12, number(3, 1))), "no session"},
		{"refused welcome for no known reason", &Welcome{}, number(1, 8), "unknown refusal 8"},
		{"refused welcome for a negative reason", &Welcome{}, number(1, 1<<64-1), "unknown refusal -1"},

		{"assignment", &Assignment{}, assignment, ""},
		{"assignment of no phase", &Assignment{}, join(number(3, 1), field(4, number(5, 1))), "unknown phase 0"},
		{"assignment of no epoch", &Assignment{}, join(number(3, 1), field(4, number(6, 1))), "in no epoch"},
		{"assignment of phase 5", &Assignment{}, join(number(3, 1), field(4, join(number(5, 1), number(6, 5)))), "unknown phase 5"},
		{"assignment of phase 257, which is 1 in a byte", &Assignment{}, join(number(3, 1), field(4, join(number(5, 1), number(6, 257)))), "unknown phase 257"},
		{"assignment with a short pin", &Assignment{}, join(assignment, field(7, make([]byte, 31))), "31 bytes, not 32"},
		{"assignment with 33 tags", &Assignment{}, join(number(3, 1), field(4, join(number(6, 1), bytes.Repeat(field(4, nil), 33)))), "33 tags"},

		{"push", &Push{}, push, ""},
		{"push from 0", &Push{}, nil, "numbered from 1"},
		{"push over the end", &Push{}, join(number(2, 1<<64-1), field(4, number(1, 1)), field(4, number(1, 1))), "overflow"},
		{"push of an unknown operation", &Push{}, join(push, field(4, number(1, 3))), "unknown operation 3"},
		{"push of no operation", &Push{}, join(push, field(4, nil)), "unknown operation 0"},
		{"push with a broken table is quarantine's affair", &Push{}, join(push, field(4, join(number(1, 1), field(2, []byte("A\x00"))))), ""},

		{"receipt", &Receipt{}, number(2, 1), ""},
		{"receipt of no outcome", &Receipt{}, nil, "unknown outcome 0"},
		{"receipt of outcome 7", &Receipt{}, number(2, 7), "unknown outcome 7"},
		{"receipt for reason 8", &Receipt{}, join(number(2, 1), field(6, number(2, 8))), "unknown reason 8"},
		{"receipt with a record that is too large", &Receipt{}, join(number(2, 1), field(6, join(number(2, 1), field(6, make([]byte, sitesync.MaxRecord+1))))), "1048577"},

		{"changes of a reserved table", &Changes{}, field(4, join(number(1, 1), field(2, []byte("_inbox")), field(3, []byte("1")))), ""},
		{"changes of a table with a zero", &Changes{}, field(4, join(number(1, 1), field(2, []byte("a\x00b")), field(3, []byte("1")))), "table name"},
		{"changes of no record", &Changes{}, field(4, join(number(1, 1), field(2, []byte("a")))), "record ID"},
		{"chunk of a long record", &Chunk{}, field(5, join(number(1, 1), field(2, []byte("a")), field(3, []byte("1")), field(4, make([]byte, sitesync.MaxRecord+1)))), "1048577"},
		{"chunk of a long table", &Chunk{}, field(5, join(number(1, 1), field(2, bytes.Repeat([]byte("a"), 64)), field(3, []byte("1")))), "table name"},

		{"handover of no step", &Handover{}, nil, "unknown step 0"},
		{"hint with a cursor that goes on", &Hint{}, field(1, field(3, make([]byte, 18))), "bad place"},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := plainFrame(c.m, 1, 1, c.body)
			if c.text != "" {
				wantRefused(t, frame, c.m, c.text)
			} else if _, err := decode(frame, c.m); err != nil {
				t.Error(err)
			}
		})
	}
}

// allocated is how many bytes fn allocates, others standing still.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Frames of a few bytes that would grow to a lot of memory.
func TestBombs(t *testing.T) {
	encoder() // not to be counted
	decoder()
	many := func(number protowire.Number, n int) []byte { return bytes.Repeat(field(number, nil), n) }
	zeros := make([]byte, MaxBody)
	streamed := func(b []byte) []byte { // without the size in zstd's own header
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			n, err := w.Write(b[:min(len(b), 1<<20)])
			if err == nil {
				err = w.Flush()
			}
			if err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	claiming := func(m Message, length int, packed []byte) []byte {
		return append(Header{Kind: m.kind(), Session: 1}.begin(zstd1, length), packed...)
	}
	for _, c := range []struct {
		name  string
		m     Decoder
		frame []byte
		most  uint64
	}{
		{"a push of four million changes", &Push{}, packedFrame(&Push{}, 1, 1, many(4, 4<<20)), MaxBody + 1<<20},
		{"a pull of four million cursors", &Pull{}, packedFrame(&Pull{}, 1, 1, many(3, 4<<20)), MaxBody + 1<<20},
		{"a hello beyond a page", &Hello{}, packedFrame(&Hello{}, 1, 1, many(13, PageBytes)), 64 << 10},
		{"a hello full of stores", &Hello{}, packedFrame(&Hello{}, 1, 1, many(13, PageBytes/2)), 16 << 20},
		{"a hello full of outboxes", &Hello{}, packedFrame(&Hello{}, 1, 1, field(13, many(5, PageBytes/2-4))), 16 << 20},
		{"a welcome beyond a page", &Welcome{}, packedFrame(&Welcome{}, 1, 1, zeros), 64 << 10},
		{"a header that claims the most", &Push{}, claiming(&Push{}, MaxBody, []byte{1, 2, 3}), MaxBody + 1<<20},
		{"more than the header says", &Push{}, claiming(&Push{}, 1000, encoder().EncodeAll(zeros, nil)), 1 << 20},
		{"more than the header says, in a stream", &Push{}, claiming(&Push{}, 1000, streamed(zeros)), 2 << 20},
		{"less than the header says", &Push{}, claiming(&Push{}, MaxBody, encoder().EncodeAll(zeros[:1000], nil)), MaxBody + 1<<20},
		{"a thousand frames of zstd one after another", &Push{}, claiming(&Push{}, MaxBody, bytes.Repeat(encoder().EncodeAll(zeros, nil), 1000)), 2*MaxBody + 4<<20},
		{"compression that is none", &Push{}, claiming(&Push{}, 100, zeros[:100]), 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			if n := allocated(func() { _, err = decode(c.frame, c.m) }); n > c.most {
				t.Errorf("%d bytes for a frame of %d, want at most %d", n, len(c.frame), c.most)
			}
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
}

// A text of the other side is cut between characters, so that it can be shown
// and sent on.
func TestBounded(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aü", 2, "a"}, {"ü", 1, ""}, {"äöü", 4, "äö"}, {"", 0, ""}} {
		if got := bounded(c.text, c.n); got != c.want {
			t.Errorf("bounded(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

func TestParseCursor(t *testing.T) {
	log := bytes.Repeat([]byte{7}, 16)
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"nothing", nil, true}, {"one byte", log[:1], false}, {"no place", log, false}, {"a place", append(log[:16:16], 5), true},
		{"a place and more", append(log[:16:16], 5, 5), false}, {"half a place", append(log[:16:16], 0x80), false},
		{"the last place", append(log[:16:16], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), true},
		{"beyond it", append(log[:16:16], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2), false},
	} {
		if _, err := ParseCursor(c.b); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var c Cursor
	if err := c.UnmarshalText([]byte("not base64!")); err == nil {
		t.Error("a text that is no cursor was taken")
	}
}
