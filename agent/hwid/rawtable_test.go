package hwid

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// structure makes one structure of an SMBIOS table.
func structure(kind byte, formatted []byte, texts ...string) []byte {
	b := append([]byte{kind, byte(4 + len(formatted)), 0, 1}, formatted...)
	if len(texts) == 0 {
		return append(b, 0, 0)
	}
	return append(b, strings.Join(texts, "\x00")+"\x00\x00"...)
}

func smbiosTable() []byte {
	uuid := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	return slices.Concat(
		structure(0, make([]byte, 20), "maker of the BIOS"),
		structure(1, slices.Concat([]byte{1, 2, 3, 4}, uuid, []byte{6}), "Maker", "Tablet", "1", "SN"),
		structure(2, []byte{1, 2, 0, 3, 0}, "Maker", "Board", "/CN7016/0A1B2C/"),
		structure(3, []byte{1, 0x80 | 32, 0}, "Maker"),
		structure(127, nil),
	)
}

func TestParseSMBIOS(t *testing.T) {
	want := smbios{productUUID: "00112233-4455-6677-8899-aabbccddeeff", boardSerial: "/CN7016/0A1B2C/", chassis: 32}
	if got := parseSMBIOS(smbiosTable()); got != want {
		t.Errorf("parseSMBIOS = %+v, want %+v", got, want)
	}
	if got := parseSMBIOS(structure(2, []byte{1, 2, 0, 9}, "Maker")); got != (smbios{}) {
		t.Errorf("a text that is not there became %+v", got)
	}
	if got := parseSMBIOS(structure(1, make([]byte, 4))); got != (smbios{}) {
		t.Errorf("a structure of SMBIOS 2.0 became %+v", got)
	}
}

// storage makes a descriptor as Windows gives it.
func storage(bus uint32, serial string) []byte {
	b := make([]byte, 40)
	binary.LittleEndian.PutUint32(b[24:], uint32(len(b)))
	binary.LittleEndian.PutUint32(b[28:], bus)
	return append(b, serial+"\x00"...)
}

func TestParseStorage(t *testing.T) {
	none := storage(17, "S4EVNX0N123456")
	binary.LittleEndian.PutUint32(none[24:], 0)
	beyond := storage(17, "")
	binary.LittleEndian.PutUint32(beyond[24:], 1<<31)
	for name, test := range map[string]struct {
		b    []byte
		want Fact
	}{
		"NVMe":        {storage(17, "   S4EVNX0N123456 "), known("s4evnx0n123456")},
		"USB":         {storage(7, "AA04012700010"), ignored("on USB, where it can be unplugged")},
		"placeholder": {storage(11, "QM00001"), ignored("what makers write when they give no number")},
		"none":        {none, Fact{}},
		"beyond":      {beyond, Fact{}},
		"cut short":   {storage(17, "S4")[:31], Fact{}},
	} {
		if got := parseStorage(test.b); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func FuzzRawTables(f *testing.F) {
	f.Add(smbiosTable())
	f.Add(storage(17, "S4EVNX0N123456"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseSMBIOS(b)
		if fact := parseStorage(b); len(fact.Value) > maxValue || !utf8.ValidString(fact.Value) {
			t.Fatalf("parseStorage(%x) = %+v", b, fact)
		}
	})
}
