// Package wire turns the messages between agent and hub into bytes and back:
// a frame of a small header and a protobuf body, compressed where it pays. The
// schema and the rules beside it are configs/sync.proto.
//
// Everything that arrives is taken for hostile: lengths are bounded before
// anything is allocated, unknown versions, kinds and enum values are refused.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

// Version is the version of the frame header.
const Version = 1

// MaxBody bounds a body before compression, in bytes: a whole batch
// (sitesync.MaxBatchBytes), or one large record with what surrounds it, and
// room to spare.
const MaxBody = 8 << 20

// PageBytes is the size that a page of hello, welcome and assignment stays
// under.
const PageBytes = 64 << 10

// ErrFrame is in the chain of every error of Decode: the frame cannot be read,
// whatever is tried again.
var ErrFrame = errors.New("wire: bad frame")

// Header is the part of a frame that is never compressed.
type Header struct {
	Kind    wirepb.Kind
	Session uint64
	Store   sitesync.StoreID
}

// Message is one of the messages of this package.
type Message interface {
	kind() wirepb.Kind
	toWire() proto.Message
}

// Decoder is a Message that can be read.
type Decoder interface {
	Message
	fromWire(body []byte) error
}

// IsManifest and IsChunk tell the two messages on a resync topic apart.
func IsManifest(h Header) bool { return h.Kind == wirepb.Kind_KIND_MANIFEST }

// IsChunk is the other one.
func IsChunk(h Header) bool { return h.Kind == wirepb.Kind_KIND_CHUNK }

const (
	plain = 0
	zstd1 = 1
)

// compressFrom is the body size in bytes from which compression is tried:
// below it zstd's own header eats the gain.
const compressFrom = 96

// Encode makes a frame of m for a session and a store; both are 0 where m has
// none.
func Encode(session uint64, store sitesync.StoreID, m Message) []byte {
	body, err := proto.Marshal(m.toWire())
	if err != nil {
		// Only invalid UTF-8 in a string field can fail here, and every string
		// has been checked on its way in.
		panic(fmt.Sprintf("wire: encoding %T: %v", m, err))
	}
	head := func(compression byte) []byte {
		frame := make([]byte, 0, 3+3*binary.MaxVarintLen64+len(body))
		frame = append(frame, Version, byte(m.kind()), compression)
		frame = binary.AppendUvarint(frame, session)
		frame = binary.AppendUvarint(frame, uint64(store))
		return binary.AppendUvarint(frame, uint64(len(body)))
	}
	if len(body) >= compressFrom {
		if frame := encoder().EncodeAll(body, head(zstd1)); len(frame) < len(body) {
			return frame
		}
	}
	return append(head(plain), body...)
}

// ParseHeader reads a frame's header. It needs no more than the first bytes,
// so that a frame whose body is bad can still be laid to its store's account.
func ParseHeader(frame []byte) (Header, error) {
	h, _, _, err := split(frame)
	return h, err
}

// split gives a frame's header, its body's decompressed length (negative when
// it is not compressed) and the body as it came.
func split(frame []byte) (Header, int, []byte, error) {
	var h Header
	if len(frame) < 3 {
		return h, 0, nil, fmt.Errorf("the frame has %d bytes, too few for a header", len(frame))
	}
	if frame[0] != Version {
		return h, 0, nil, fmt.Errorf("frame version %d, this program knows %d", frame[0], Version)
	}
	h.Kind = wirepb.Kind(frame[1])
	if _, ok := wirepb.Kind_name[int32(h.Kind)]; !ok || h.Kind == wirepb.Kind_KIND_UNSPECIFIED {
		return h, 0, nil, fmt.Errorf("unknown kind %d", frame[1])
	}
	compression, rest := frame[2], frame[3:]
	var store, length uint64
	for _, field := range []*uint64{&h.Session, &store, &length} {
		n := 0
		if *field, n = binary.Uvarint(rest); n <= 0 {
			return h, 0, nil, fmt.Errorf("the header is cut short")
		}
		rest = rest[n:]
	}
	h.Store = sitesync.StoreID(store)
	switch {
	case length > MaxBody:
		return h, 0, nil, fmt.Errorf("a body of %d bytes, the most is %d", length, MaxBody)
	case compression == plain && length == uint64(len(rest)):
		return h, -1, rest, nil
	case compression == plain:
		return h, 0, nil, fmt.Errorf("the header says %d bytes, the body has %d", length, len(rest))
	case compression == zstd1:
		return h, int(length), rest, nil
	default:
		return h, 0, nil, fmt.Errorf("unknown compression %d", compression)
	}
}

// Decode reads a frame's message, which must be an M.
func Decode[M any, P interface {
	*M
	Decoder
}](frame []byte) (Header, *M, error) {
	h, m, err := decode[M, P](frame)
	if err != nil {
		return h, nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return h, (*M)(m), nil
}

func decode[M any, P interface {
	*M
	Decoder
}](frame []byte) (Header, P, error) {
	h, length, body, err := split(frame)
	if err != nil {
		return h, nil, err
	}
	m := P(new(M))
	if h.Kind != m.kind() {
		return h, nil, fmt.Errorf("a %v where a %v belongs", h.Kind, m.kind())
	}
	if length >= 0 {
		if body, err = decompress(body, length); err != nil {
			return h, nil, err
		}
	}
	if err := m.fromWire(body); err != nil {
		return h, nil, fmt.Errorf("%v: %w", h.Kind, err)
	}
	return h, m, nil
}
