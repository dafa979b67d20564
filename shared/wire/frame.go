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

// IsPush tells pushes from all else.
func IsPush(h Header) bool { return h.Kind == wirepb.Kind_KIND_PUSH }

const (
	plain = 0
	zstd1 = 1
)

// compressFrom is the body size in bytes from which compression is tried:
// below it zstd's own header eats the gain.
const compressFrom = 96

// marshal writes the same bytes for the same message, maps in order too.
var marshal = proto.MarshalOptions{Deterministic: true}

// Encode makes a frame of m for a session and a store; both are 0 where m has
// none. A body above MaxBody makes a frame that nobody takes; batches, pages
// and stream messages of the sizes that are agreed on stay far below.
func Encode(session uint64, store sitesync.StoreID, m Message) []byte {
	body, err := marshal.Marshal(m.toWire())
	if err != nil {
		// Only invalid UTF-8 in a string field can fail here, and every string
		// has been checked on its way in.
		panic(fmt.Sprintf("wire: encoding %T: %v", m, err))
	}
	h := Header{Kind: m.kind(), Session: session, Store: store}
	if len(body) >= compressFrom {
		if frame := encoder().EncodeAll(body, h.begin(zstd1, len(body))); len(frame) < len(body) {
			return frame
		}
	}
	return append(h.begin(plain, len(body)), body...)
}

// begin makes the front of a frame, with room for the body.
func (h Header) begin(compression byte, length int) []byte {
	frame := make([]byte, 0, 3+3*binary.MaxVarintLen64+length)
	frame = append(frame, Version, byte(h.Kind), compression)
	frame = binary.AppendUvarint(frame, h.Session)
	frame = binary.AppendUvarint(frame, uint64(h.Store))
	return binary.AppendUvarint(frame, uint64(length))
}

// ParseHeader reads a frame's header. It needs no more than the first bytes,
// so that a frame whose body is bad can still be laid to its store's account.
func ParseHeader(frame []byte) (Header, error) {
	h, _, err := parseHeader(frame)
	return h, err
}

// packed is a body as it came.
type packed struct {
	compression byte
	length      uint64 // before compression, as the header says
	bytes       []byte
}

func parseHeader(frame []byte) (h Header, body packed, err error) {
	if len(frame) < 3 {
		return h, body, fmt.Errorf("the frame has %d bytes, too few for a header", len(frame))
	}
	if frame[0] != Version {
		return h, body, fmt.Errorf("frame version %d, this program knows %d", frame[0], Version)
	}
	h.Kind = wirepb.Kind(frame[1])
	if _, ok := wirepb.Kind_name[int32(h.Kind)]; !ok || h.Kind == wirepb.Kind_KIND_UNSPECIFIED {
		return h, body, fmt.Errorf("unknown kind %d", frame[1])
	}
	body.compression, body.bytes = frame[2], frame[3:]
	var store uint64
	for _, field := range []*uint64{&h.Session, &store, &body.length} {
		n := 0
		if *field, n = binary.Uvarint(body.bytes); n <= 0 {
			return h, body, fmt.Errorf("the header is cut short")
		}
		body.bytes = body.bytes[n:]
	}
	h.Store = sitesync.StoreID(store)
	return h, body, nil
}

// unpack gives the body as it was before compression, of at most limit bytes.
func (p packed) unpack(limit int) ([]byte, error) {
	switch {
	case p.length > uint64(limit):
		return nil, fmt.Errorf("a body of %d bytes, the most is %d", p.length, limit)
	case p.compression == zstd1:
		return decompress(p.bytes, int(p.length))
	case p.compression != plain:
		return nil, fmt.Errorf("unknown compression %d", p.compression)
	case p.length != uint64(len(p.bytes)):
		return nil, fmt.Errorf("the header says %d bytes, the body has %d", p.length, len(p.bytes))
	}
	return p.bytes, nil
}

// Decode reads a frame's message, which must be an M. The header is good
// whenever the error is about the body alone.
func Decode[M any, P interface {
	*M
	Decoder
}](frame []byte) (Header, *M, error) {
	m := P(new(M))
	h, err := decode(frame, m)
	if err != nil {
		return h, nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return h, (*M)(m), nil
}

func decode(frame []byte, m Decoder) (Header, error) {
	h, packed, err := parseHeader(frame)
	if err != nil {
		return h, err
	}
	if h.Kind != m.kind() {
		return h, fmt.Errorf("a %v where a %v belongs", h.Kind, m.kind())
	}
	body, err := packed.unpack(bodyLimit(h.Kind))
	if err == nil {
		err = checkEntries(body)
	}
	if err == nil {
		err = m.fromWire(body)
	}
	if err != nil {
		return h, fmt.Errorf("%v: %w", h.Kind, err)
	}
	return h, nil
}
