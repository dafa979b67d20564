package wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// LogID names one incarnation of a store's log: random, and new with every
// log, so that a cursor of another log (another hub, a restored backup) is
// never taken for a place in this one.
type LogID [16]byte

// Cursor is a place in a store's log: everything up to seq has been seen. It
// is opaque to those who hold it. The zero value is the beginning of any log.
type Cursor struct {
	Log LogID
	Seq uint64
}

// IsZero reports whether c is the beginning.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// Bytes is the form on the wire and on disk.
func (c Cursor) Bytes() []byte {
	if c.IsZero() {
		return nil
	}
	return binary.AppendUvarint(append(make([]byte, 0, 26), c.Log[:]...), c.Seq)
}

// String is the form in JSON.
func (c Cursor) String() string { return base64.RawURLEncoding.EncodeToString(c.Bytes()) }

// ParseCursor reads Bytes.
func ParseCursor(b []byte) (Cursor, error) {
	var c Cursor
	if len(b) == 0 {
		return c, nil
	}
	if len(b) <= len(c.Log) {
		return c, fmt.Errorf("a cursor of %d bytes", len(b))
	}
	copy(c.Log[:], b)
	seq, n := binary.Uvarint(b[len(c.Log):])
	if n <= 0 || n != len(b)-len(c.Log) {
		return c, fmt.Errorf("a cursor with a bad place")
	}
	c.Seq = seq
	return c, nil
}

// MarshalText is String, for JSON.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads String.
func (c *Cursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("not a cursor: %w", err)
	}
	*c, err = ParseCursor(b)
	return err
}
