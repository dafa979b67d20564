package wire

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The coders are shared and safe for concurrent EncodeAll and DecodeAll. A
// window of 512 KiB holds a whole batch of the usual size and keeps an agent
// small. On records the fastest level packs as tight as the default one, within
// a few per cent, in half the time.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(512<<10),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false)) // TCP, TLS and the chain hash check already
	if err != nil {
		panic(err)
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(2),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(MaxBody))
	if err != nil {
		panic(err)
	}
	return d
})

// decompress expands body, which must give exactly length bytes: the caller has
// bounded length, and no more than that is ever written, whatever the data
// claims.
func decompress(body []byte, length int) ([]byte, error) {
	const slack = 16 // with which the decoder copies fast to the end
	out, err := decoder().DecodeAll(body, make([]byte, 0, length+slack))
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	if len(out) != length {
		return nil, fmt.Errorf("the header says %d bytes, the body has %d", length, len(out))
	}
	return out, nil
}
