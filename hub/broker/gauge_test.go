package broker

import (
	"bytes"
	"errors"
	"testing"
)

func TestGauge(t *testing.T) {
	for name, test := range map[string]struct {
		said []byte
		want error
	}{
		"empty packet":          {[]byte{0xC0, 0}, nil},
		"two":                   {[]byte{0x30, 2, 1, 2, 0x30, 1, 1}, nil},
		"at the limit":          {packet(0x30, make([]byte, 200)), nil},
		"beyond the limit":      {packet(0x30, make([]byte, 201)), errPacketSize},
		"second beyond":         {append(packet(0x30, make([]byte, 5)), packet(0x30, make([]byte, 300))...), errPacketSize},
		"zero in four bytes":    {[]byte{0x30, 0x80, 0x80, 0x80, 0, 0xC0, 0}, nil},
		"length of five bytes":  {[]byte{0x30, 0x80, 0x80, 0x80, 0x80, 0}, errPacketLength},
		"largest length":        {[]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, errPacketSize},
		"body looks like heads": {packet(0x30, bytes.Repeat([]byte{0x30, 0xff}, 50)), nil},
	} {
		var g gauge
		if err := g.pass(test.said, 200); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// FuzzGauge: however the bytes are cut, the verdict is the same, and so it is
// when no more is read than wanted.
func FuzzGauge(f *testing.F) {
	f.Add([]byte{0x10, 3, 1, 2, 3, 0xC0, 0}, byte(2))
	f.Add([]byte{0x30, 0xff, 0x01, 5}, byte(1))
	f.Fuzz(func(t *testing.T, said []byte, cut byte) {
		const limit = 300
		var whole, pieces, wanted gauge
		want := whole.pass(said, limit)
		var got error
		for rest := said; len(rest) > 0 && got == nil; {
			n := min(len(rest), int(cut)+1)
			got, rest = pieces.pass(rest[:n], limit), rest[n:]
		}
		if !errors.Is(got, want) || want == nil && pieces != whole {
			t.Errorf("in pieces %v %+v, at once %v %+v", got, pieces, want, whole)
		}
		for rest := said; len(rest) > 0; {
			n := min(len(rest), wanted.want())
			if wanted.pass(rest[:n], limit) != nil {
				return
			}
			rest = rest[n:]
		}
		if want == nil && wanted != whole {
			t.Errorf("step by step %+v, at once %+v", wanted, whole)
		}
	})
}
