package hwid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// smbios is what is used of the tables that Windows hands out raw.
type smbios struct {
	productUUID, boardSerial string
	chassis                  int
}

// parseSMBIOS reads the structures of an SMBIOS table (DMTF DSP0134, section
// 6.1): a formatted part that gives its own length, then strings that end with
// an empty one. It stops at the first that is damaged.
func parseSMBIOS(table []byte) smbios {
	var s smbios
	for len(table) >= 4 {
		kind, length := table[0], int(table[1])
		if length < 4 || length > len(table) {
			break
		}
		formatted, rest := table[:length], table[length:]
		end := bytes.Index(rest, []byte{0, 0})
		if end < 0 {
			break
		}
		texts := strings.Split(string(rest[:end]), "\x00")
		table = rest[end+2:]
		switch {
		case kind == 1 && length >= 24 && s.productUUID == "":
			s.productUUID = smbiosUUID([16]byte(formatted[8:24]))
		case kind == 2 && length >= 8 && s.boardSerial == "":
			if i := int(formatted[7]); i >= 1 && i <= len(texts) {
				s.boardSerial = texts[i-1]
			}
		case kind == 3 && length >= 6 && s.chassis == 0:
			s.chassis = int(formatted[5] & 0x7f)
		}
	}
	return s
}

// smbiosUUID writes a UUID as Linux does: its first three groups are
// little-endian.
func smbiosUUID(u [16]byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x",
		binary.LittleEndian.Uint32(u[0:]), binary.LittleEndian.Uint16(u[4:]), binary.LittleEndian.Uint16(u[6:]), u[8:10], u[10:])
}

// parseStorage reads the serial number out of a STORAGE_DEVICE_DESCRIPTOR of
// Windows, which gives the places of its texts as offsets.
func parseStorage(b []byte) Fact {
	const usb = 7 // BusTypeUsb
	if len(b) < 32 {
		return Fact{}
	}
	if binary.LittleEndian.Uint32(b[28:]) == usb {
		return ignored("on USB, where it can be unplugged")
	}
	at := binary.LittleEndian.Uint32(b[24:])
	if at == 0 || uint64(at) >= uint64(len(b)) {
		return Fact{}
	}
	text, _, _ := bytes.Cut(b[at:], []byte{0})
	return known(string(text))
}
