package hwid

import (
	"slices"
	"strings"
)

// placeholders are values, in lower case, that many devices share. The list
// holds what makers and hypervisors are known to leave. It can never be
// complete, which is one reason why the ID takes in all strong facts.
var placeholders = []string{
	"to be filled by o.e.m.", "to be filled by oem", "o.e.m.", "oem", "default string", "default_string", "default",
	"none", "null", "n/a", "na", "unknown", "empty", "invalid", "not specified", "not applicable", "not available",
	"not settable", "uninitialized",
	"system serial number", "system product name", "serial number", "base board serial number",
	"board serial number", "chassis serial number", "type2 - board serial number",
	"123456789", "0123456789", "1234567890", "01234567890123456789", "123456789abc",

	"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
	"00010203-0405-0607-0809-0a0b0c0d0e0f", "03020100-0504-0706-0809-0a0b0c0d0e0f",
	"01010101-0101-0101-0101-010101010101", "01020304-0506-0708-090a-0b0c0d0e0f10",
	"07090201-0103-0301-0807-060504030201", "00000000-0000-0000-0807-060504030201",
	"10000000-0000-8000-0040-000000000000", "58585858-5858-5858-5858-585858585858",
	"fefefefe-fefe-fefe-fefe-fefefefefefe",

	"persistent-disk-0", "nvme_card", "nvme_card-pd", // disks of every virtual machine of one cloud
}

// sharedAddresses are those of reference designs, copied into whole batches.
var sharedAddresses = []string{"00:11:22:33:44:55", "00:90:4c:c5:12:38", "00:90:4c:11:22:33"}

// isPlaceholder reports whether value, in lower case, is a known placeholder:
// in the list, nothing but 0, f or x, a UUID of which only the first group was
// filled in, or the number an emulator counts its disks with (qm00001).
func isPlaceholder(value string) bool {
	if slices.Contains(placeholders, value) || strings.HasSuffix(value, "-ffff-ffff-ffff-ffffffffffff") {
		return true
	}
	if n, ok := strings.CutPrefix(value, "qm0"); ok && len(n) == 4 && strings.Trim(n, "0123456789") == "" {
		return true
	}
	rest := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "", ":", "", "*", "", "/", "").Replace(value)
	return strings.Trim(rest, "0") == "" || strings.Trim(rest, "f") == "" || strings.Trim(rest, "x") == ""
}
