package sitesync

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Op says what a change does to its record. The numbers are on the wire and
// on disk.
type Op uint8

const (
	OpPut    Op = 1
	OpDelete Op = 2
)

func (op Op) String() string {
	switch op {
	case OpPut:
		return "put"
	case OpDelete:
		return "delete"
	default:
		return "op?"
	}
}

// ParseOp reads "put" or "delete".
func ParseOp(s string) (Op, bool) {
	switch s {
	case "put":
		return OpPut, true
	case "delete":
		return OpDelete, true
	}
	return 0, false
}

// Change is a new version of a record. Its number n follows from its place in
// a batch.
type Change struct {
	Op    Op
	Table string
	ID    string
	Data  []byte // JSON, kept byte for byte; nil for a delete
	To    string // store code a transfer is addressed to; mostly ""

	// Quarantine is the ID of the quarantined change that this one takes over
	// after the hub proposed it; 0 for all others. It is no part of the chain.
	Quarantine uint64
}

// Size is what a change counts for in the limits of batches, in bytes.
func (c *Change) Size() int {
	return len(c.Table) + len(c.ID) + len(c.Data) + len(c.To) + 8
}

// Check holds a change that came from outside against the rules of tables,
// record IDs, sizes and JSON. It returns an Error that names the field.
func (c *Change) Check() error {
	if c.Op != OpPut && c.Op != OpDelete {
		return invalidField("op", "use put or delete", "unknown operation %d", c.Op)
	}
	if err := CheckTable(c.Table); err != nil {
		return err
	}
	if err := CheckRecordID(c.ID); err != nil {
		return err
	}
	if c.Op == OpDelete {
		if len(c.Data) != 0 {
			return invalidField("data", "leave data out of a delete", "a delete has data")
		}
		return nil
	}
	return CheckData(c.Data)
}

// CheckStored holds a change that the hub delivers against the rules of what is
// stored: as Check, but reserved tables are the hub's to write, and its word is
// taken for it that the data is JSON.
func (c *Change) CheckStored() error {
	table := strings.TrimPrefix(c.Table, "_")
	if !validTable(table) || len(c.Table) > MaxTable {
		return invalidField("table", "", "%q cannot be a table name", clip(c.Table))
	}
	if len(c.Data) > MaxRecord {
		return Errorf(CodeTooLarge, "", "the record has %d bytes, the most is %d", len(c.Data), MaxRecord).WithField("data")
	}
	return CheckRecordID(c.ID)
}

// CheckData holds a record's data against its rule: one JSON object of at most
// MaxRecord bytes of UTF-8, without blanks around it.
func CheckData(data []byte) error {
	if len(data) > MaxRecord {
		return Errorf(CodeTooLarge, "split the record, or keep large content elsewhere", "the record has %d bytes, the most is %d", len(data), MaxRecord).WithField("data")
	}
	if len(data) == 0 || data[0] != '{' || data[len(data)-1] != '}' || !json.Valid(data) {
		return invalidField("data", "send one JSON object", "the data is not a JSON object")
	}
	if !utf8.Valid(data) { // which json.Valid does not look at
		return invalidField("data", "send the JSON object as UTF-8", "the data is not UTF-8 text")
	}
	return nil
}

// TrimData takes the surrounding blanks of JSON off: data is kept byte for
// byte without them.
func TrimData(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

// Hash is 128 bits of a SHA-256.
type Hash [16]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ETag identifies a version of a record's data: the hexadecimal digits of the
// first 16 bytes of the SHA-256 of the data, equal at agent and hub.
func ETag(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// Hasher computes record hashes and chains without allocating. It is not for
// concurrent use.
type Hasher struct {
	h   hash.Hash
	buf []byte
	sum [sha256.Size]byte
}

// NewHasher makes a Hasher.
func NewHasher() *Hasher { return &Hasher{h: sha256.New()} }

// Record hashes a live record: the first 16 bytes of
// SHA-256(uvarint(len(table)) table uvarint(len(id)) id data).
func (hr *Hasher) Record(table, id string, data []byte) Hash {
	hr.buf = binary.AppendUvarint(hr.buf[:0], uint64(len(table)))
	hr.buf = append(hr.buf, table...)
	hr.buf = binary.AppendUvarint(hr.buf, uint64(len(id)))
	hr.buf = append(hr.buf, id...)
	hr.h.Reset()
	hr.h.Write(hr.buf)
	hr.h.Write(data)
	return Hash(hr.h.Sum(hr.sum[:0])[:16])
}

// Chain is the hash of a store's changes in one epoch up to a number n. The
// chain of an epoch begins with the zero value at n = 0. Two histories that
// differ anywhere have different chains from there on; the idea is that of a
// hash-linked log (Haber and Stornetta, 1991).
type Chain [16]byte

func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// Next is c(n) from c(n-1): the first 16 bytes of
// SHA-256(c(n-1) op record-hash to), with op as one byte and the record hash
// of a delete taken over empty data.
func (hr *Hasher) Next(prev Chain, c *Change, record Hash) Chain {
	hr.buf = append(hr.buf[:0], prev[:]...)
	hr.buf = append(hr.buf, byte(c.Op))
	hr.buf = append(hr.buf, record[:]...)
	hr.buf = append(hr.buf, c.To...)
	hr.h.Reset()
	hr.h.Write(hr.buf)
	return Chain(hr.h.Sum(hr.sum[:0])[:16])
}

// Digest is the sum, modulo 2^128, of the record hashes of a store's live
// records (an additive multiset hash after Bellare and Micciancio, 1997): free
// of order, and kept up to date by addition and subtraction.
type Digest [16]byte

// Add counts a live record in.
func (d *Digest) Add(h Hash) { d.combine(h, bits.Add64) }

// Sub takes a record out.
func (d *Digest) Sub(h Hash) { d.combine(h, bits.Sub64) }

func (d *Digest) combine(h Hash, op func(x, y, carry uint64) (uint64, uint64)) {
	lo, carry := op(binary.BigEndian.Uint64(d[8:]), binary.BigEndian.Uint64(h[8:]), 0)
	hi, _ := op(binary.BigEndian.Uint64(d[:8]), binary.BigEndian.Uint64(h[:8]), carry)
	binary.BigEndian.PutUint64(d[8:], lo)
	binary.BigEndian.PutUint64(d[:8], hi)
}

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes a digest as hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error { return unhex(d[:], text, "digest") }

// MarshalText writes a chain as hexadecimal digits.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the form MarshalText writes.
func (c *Chain) UnmarshalText(text []byte) error { return unhex(c[:], text, "chain") }

func unhex(into, text []byte, what string) error {
	if len(text) != 2*len(into) {
		return Errorf(CodeInvalid, "use 32 hexadecimal digits", "%q is not a %s", clip(string(text)), what)
	}
	if _, err := hex.Decode(into, text); err != nil {
		return Errorf(CodeInvalid, "use 32 hexadecimal digits", "%q is not a %s", clip(string(text)), what)
	}
	return nil
}
