package broker

import "github.com/mochi-mqtt/server/v2/packets"

// gauge follows the packets in the bytes that a client sends, to stop at one
// that announces too much before anybody has set memory aside for it.
type gauge struct {
	body   int  // bytes of the present packet still to come
	length int  // its announced length, as far as it is read
	digits int  // bytes of that length read so far
	inside bool // between the first byte of a packet and the end of its length
}

// Verdicts of gauge.
var (
	errPacketSize   = packets.ErrPacketTooLarge
	errPacketLength = packets.ErrMalformedVariableByteInteger
)

// lengthDigits is the most bytes MQTT spends on a packet's length.
const lengthDigits = 4

// want is how many bytes may be read without passing the end of the present
// packet.
func (g *gauge) want() int { return max(g.body, 1) }

// pass takes the next bytes. limit bounds a packet's length without its fixed
// header.
func (g *gauge) pass(p []byte, limit int) error {
	for len(p) > 0 {
		switch {
		case g.body > 0:
			n := min(g.body, len(p))
			g.body -= n
			p = p[n:]
			continue
		case !g.inside:
			*g = gauge{inside: true}
		default:
			if err := g.digit(p[0], limit); err != nil {
				return err
			}
		}
		p = p[1:]
	}
	return nil
}

// digit takes one byte of a length: seven bits, the lowest first, and a bit
// that says whether there are more.
func (g *gauge) digit(b byte, limit int) error {
	if g.digits == lengthDigits {
		return errPacketLength
	}
	g.length |= int(b&0x7f) << (7 * g.digits)
	g.digits++
	if g.length > limit {
		return errPacketSize
	}
	if b&0x80 == 0 {
		g.inside, g.body = false, g.length
	}
	return nil
}
