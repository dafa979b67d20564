package link

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
)

// MaxPacket is the most bytes of an MQTT packet that is sent or taken. A batch
// of changes is at most 4 MiB before compression.
const MaxPacket = 8 << 20

// The packets a hub sends to a client that publishes and subscribes with QoS 0,
// by the upper half of their first byte.
const (
	packetConnack  = 2
	packetPublish  = 3
	packetSuback   = 9
	packetPingresp = 13
)

// packetReader hands the hub's bytes on to paho, packet by packet, after a look
// at each header. paho believes what it reads: it allocates up to 256 MiB on
// the word of a header, panics at a SUBACK of the wrong length, and takes a
// CONNACK with an unassigned code for success. None of that gets through.
type packetReader struct {
	in      *bufio.Reader
	rest    int // bytes of the present packet not yet handed on
	greeted bool
	filters atomic.Int32 // of the last SUBSCRIBE
}

func newPacketReader(in io.Reader) *packetReader {
	return &packetReader{in: bufio.NewReaderSize(in, 16<<10)}
}

// Read is io.Reader. A hub that refuses the CONNECT is a *RefusedError.
func (r *packetReader) Read(p []byte) (int, error) {
	if r.rest == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n, err := r.in.Read(p[:min(len(p), r.rest)])
	r.rest -= n
	return n, err
}

// next looks at the header of the next packet without consuming it.
func (r *packetReader) next() error {
	first, length, header, err := r.peekHeader()
	if err != nil {
		return err
	}
	kind, flags := first>>4, first&0x0f
	fits := false
	switch kind {
	case packetConnack:
		fits = !r.greeted && flags == 0 && length == 2
	case packetPublish:
		fits = r.greeted && flags&0b0110 == 0 && length >= 2 // QoS 0, as subscribed
	case packetSuback:
		fits = r.greeted && flags == 0 && length == 2+int(r.filters.Load())
	case packetPingresp:
		fits = r.greeted && flags == 0 && length == 0
	}
	if !fits {
		return fmt.Errorf("the hub broke the MQTT protocol: unexpected packet of type %d with flags %#x and %d bytes", kind, flags, length)
	}
	if kind == packetConnack {
		if err := r.greet(header + length); err != nil {
			return err
		}
	}
	r.rest = header + length
	return nil
}

// greet reads the return code of a CONNACK of the given size.
func (r *packetReader) greet(size int) error {
	packet, err := r.in.Peek(size)
	if err != nil {
		return err
	}
	if code := packet[size-1]; code != 0 {
		return &RefusedError{Code: code}
	}
	r.greeted = true
	return nil
}

// peekHeader gives a packet's first byte, the length of its body and that of
// its fixed header. MQTT writes lengths as varints of at most four bytes.
func (r *packetReader) peekHeader() (first byte, length, header int, err error) {
	for header = 2; header <= 5; header++ {
		bytes, err := r.in.Peek(header)
		if err != nil {
			return 0, 0, 0, err
		}
		if bytes[header-1]&0x80 != 0 {
			continue
		}
		n, _ := binary.Uvarint(bytes[1:])
		if n > MaxPacket {
			return 0, 0, 0, fmt.Errorf("the hub sent a packet of %d bytes, %d are taken", n, MaxPacket)
		}
		return bytes[0], int(n), header, nil
	}
	return 0, 0, 0, fmt.Errorf("the hub broke the MQTT protocol: no packet length")
}
