package wire

import (
	"bytes"
	"errors"
	"testing"

	"sitesync/shared/sitesync"
)

// FuzzDecode: whatever comes, it is read or refused; what is read can be
// written again, and is then the same message.
func FuzzDecode(f *testing.F) {
	byKind := map[byte]Decoder{}
	for _, s := range specimens() {
		f.Add(encodePlain(s.session, s.store, s.message))
		f.Add(Encode(s.session, s.store, s.message))
		byKind[byte(s.message.kind())] = s.message
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < 2 || byKind[frame[1]] == nil {
			if _, err := ParseHeader(frame); err == nil {
				t.Fatal("a header of no kind was taken")
			}
			return
		}
		m := empty(byKind[frame[1]])
		h, err := decode(frame, m)
		if err != nil {
			return
		}
		again := encodePlain(h.Session, h.Store, m)
		if len(again) > PageBytes {
			return // a page can pass the limit when what was left out is written
		}
		twin := empty(m)
		if _, err := decode(again, twin); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if third := encodePlain(h.Session, h.Store, twin); !bytes.Equal(again, third) {
			t.Fatalf("written as\n%x\nthen as\n%x", again, third)
		}
	})
}

// FuzzParseHeader: a header that can be read is found again by Decode, however
// bad the body.
func FuzzParseHeader(f *testing.F) {
	for _, s := range specimens() {
		f.Add(encodePlain(s.session, s.store, s.message))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := ParseHeader(frame)
		decoded, _, derr := Decode[Push](frame)
		switch {
		case err != nil && derr == nil:
			t.Fatalf("no header (%v), and a message", err)
		case err == nil && decoded != h:
			t.Fatalf("header %+v, Decode says %+v", h, decoded)
		case derr != nil && !errors.Is(derr, ErrFrame):
			t.Fatalf("%v is no ErrFrame", derr)
		}
	})
}

// FuzzParseCursor: a cursor that can be read is written in the same bytes, but
// for a place with needless zeros and for the zero cursor.
func FuzzParseCursor(f *testing.F) {
	f.Add([]byte{})
	f.Add(sampleCursor.Bytes())
	f.Add(make([]byte, 17))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCursor(b)
		if err != nil {
			return
		}
		again, err := ParseCursor(c.Bytes())
		if err != nil || again != c {
			t.Fatalf("%v becomes %v, %v", c, again, err)
		}
		if len(c.Bytes()) > len(b) {
			t.Fatalf("%x is written as %x", b, c.Bytes())
		}
	})
}

// FuzzCommand: a command or result that can be read is written and read again
// as the same.
func FuzzCommand(f *testing.F) {
	f.Add((&Command{Session: 12, ID: "q7", Command: CommandProposal, Args: jsonBytes(&Proposal{Quarantine: 7, Store: 3, Epoch: sampleEpoch,
		Op: "put", Table: "stock_line", Record: "a/1", Data: []byte(`{"a": 1}`), IfMatch: "00"})}).Bytes())
	f.Add((&CommandResult{Session: 12, ID: "q7", OK: true, Result: jsonBytes(&ProposalResult{State: ProposalMade, N: 4})}).Bytes())
	f.Add((&CommandResult{Session: 12, ID: "q7", Error: sitesync.Errorf(sitesync.CodeStoreMoving, "wait", "it moves")}).Bytes())
	f.Add([]byte(`{"id":"a","ok":true,"error":{}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if c, err := DecodeCommand(payload); err == nil {
			again, err := DecodeCommand(c.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), c.Bytes()) {
				t.Fatalf("%+v becomes %+v, %v", c, again, err)
			}
		} else if !errors.Is(err, ErrFrame) {
			t.Fatalf("%v is no ErrFrame", err)
		}
		if r, err := DecodeCommandResult(payload); err == nil {
			again, err := DecodeCommandResult(r.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), r.Bytes()) {
				t.Fatalf("%+v becomes %+v, %v", r, again, err)
			}
		}
	})
}
