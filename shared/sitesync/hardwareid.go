package sitesync

import (
	"encoding/base32"
	"strings"
	"unicode"
)

// HardwareID identifies one physical device. This is its ungrouped form, the
// one on the wire and in JSON: 26 characters of A-Z and 2-7 (base32, RFC 4648),
// the first 130 bits of a SHA-256, then two check characters.
//
// People read hardware IDs out over the telephone, so the check characters are
// those of a Reed-Solomon code over GF(32). As a polynomial, first character
// at x^27, an ID plus x^27 is a multiple of (x+1)(x+a), where a = 2 and
// a^5 = a^2 + 1. Two IDs therefore differ in at least three places: one or two
// wrong characters are found wherever they stand, and with them the swap of
// any two characters, neighbours or not. Other damage passes once in 1024.
// (A Luhn sum, the usual choice, misses some swaps.) The x^27 keeps one
// character repeated 28 times from being an ID.
type HardwareID string

const (
	hardwareIDData  = 26 // characters that carry the hash
	hardwareIDLen   = 28 // with the check characters
	hardwareIDGroup = 4  // characters to a group when shown
	hardwareIDAsk   = "type the 28 letters and digits that `sitesync-agent hardware-id` shows on the device"

	base32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// NewHardwareID makes the ID of a device from the hash of its facts.
func NewHardwareID(sum [32]byte) HardwareID {
	data := base32.StdEncoding.EncodeToString(sum[:])[:hardwareIDData]
	return HardwareID(data + hardwareIDCheck(data))
}

// ParseHardwareID reads an ID as people write it: in groups or not, in upper
// or lower case, with spaces. Its error has CodeInvalid.
func ParseHardwareID(s string) (HardwareID, error) {
	if len(s) > 4*hardwareIDLen {
		return "", Errorf(CodeInvalid, hardwareIDAsk, "this is far too long for a hardware ID")
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || unicode.IsSpace(r):
			return -1
		case 'a' <= r && r <= 'z': // not ToUpper: it makes ASCII of other letters
			return r - 'a' + 'A'
		}
		return r
	}, s)
	for _, r := range plain {
		if !strings.ContainsRune(base32Digits, r) {
			return "", Errorf(CodeInvalid, hardwareIDAsk, "%q cannot be in a hardware ID, which has only A-Z and 2-7", r)
		}
	}
	if len(plain) != hardwareIDLen {
		return "", Errorf(CodeInvalid, hardwareIDAsk, "a hardware ID has %d characters, this has %d", hardwareIDLen, len(plain))
	}
	id := HardwareID(plain)
	if !id.Valid() {
		return "", Errorf(CodeInvalid, hardwareIDAsk, "%s is not a hardware ID: a character is wrong or two are swapped", id.Grouped())
	}
	return id, nil
}

// Valid reports whether id is in its ungrouped form with the right check
// characters.
func (id HardwareID) Valid() bool {
	if len(id) != hardwareIDLen {
		return false
	}
	for i := range len(id) {
		if strings.IndexByte(base32Digits, id[i]) < 0 {
			return false
		}
	}
	return hardwareIDCheck(string(id[:hardwareIDData])) == string(id[hardwareIDData:])
}

// Grouped is the form shown to people: seven groups of four, joined by "-".
func (id HardwareID) Grouped() string {
	var b strings.Builder
	for i := range len(id) {
		if i > 0 && i%hardwareIDGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(id[i])
	}
	return b.String()
}

// hardwareIDCheck gives the check characters of data: the remainder of its
// division by (x+1)(x+a) = x² + (a+1)x + a, one character at a time.
func hardwareIDCheck(data string) string {
	high, low := byte(1), byte(0)
	for i := range len(data) {
		f := high ^ byte(strings.IndexByte(base32Digits, data[i]))
		high, low = low^f^timesA(f), timesA(f)
	}
	return string([]byte{base32Digits[high], base32Digits[low]})
}

// timesA multiplies an element of GF(32) by a: a shift, reduced by
// x^5 + x^2 + 1.
func timesA(x byte) byte {
	x <<= 1
	if x&32 != 0 {
		x ^= 0b100101
	}
	return x
}
