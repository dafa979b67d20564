package sitesync

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of identifiers and records.
const (
	MaxSiteName  = 100     // characters
	MaxSiteCode  = 40      // characters
	MaxStoreCode = 40      // characters
	MaxStoreName = 200     // characters
	MaxTable     = 63      // bytes
	MaxRecordID  = 200     // bytes
	MaxTags      = 32      // tags of a store or a record
	MaxRecord    = 1 << 20 // bytes of a record's data

	MaxBatchChanges = 500     // changes of one batch
	MaxBatchBytes   = 4 << 20 // bytes of one batch's changes, uncompressed
)

// CheckSiteName checks the rule of site names: 1–100 characters, no control
// characters, none of / + #. The caller brings the name to NFC first
// (package registry), since two spellings of one name are one name.
func CheckSiteName(name string) error {
	n := utf8.RuneCountInString(name)
	switch {
	case !utf8.ValidString(name):
		return invalidField("name", "use UTF-8 text", "the site name is not valid text")
	case n == 0 || strings.TrimSpace(name) == "":
		return invalidField("name", "give the site a name", "the site name is empty")
	case n > MaxSiteName:
		return invalidField("name", "use at most 100 characters", "the site name has %d characters", n)
	case strings.ContainsAny(name, "/+#"):
		return invalidField("name", "leave out / + and #", "the site name %q has a character that MQTT topics reserve", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return invalidField("name", "leave out control characters", "the site name has a control character")
	case name != strings.TrimSpace(name):
		return invalidField("name", "leave out the blanks at its ends", "the site name %q begins or ends with a blank", name)
	}
	return nil
}

// CheckSiteCode checks a site's free short text.
func CheckSiteCode(code string) error {
	if !utf8.ValidString(code) || utf8.RuneCountInString(code) > MaxSiteCode || strings.ContainsFunc(code, unicode.IsControl) {
		return invalidField("code", "use at most 40 characters without control characters", "%q cannot be a site code", clip(code))
	}
	return nil
}

// CheckStoreCode checks [A-Za-z0-9._-]{1,40}.
func CheckStoreCode(code string) error {
	if !matches(code, 1, MaxStoreCode, isNameByte) {
		return invalidField("code", "use 1 to 40 of A-Z a-z 0-9 . _ -", "%q cannot be a store code", clip(code))
	}
	return nil
}

// CheckStoreName checks a store's free name.
func CheckStoreName(name string) error {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxStoreName || strings.ContainsFunc(name, unicode.IsControl) {
		return invalidField("name", "use at most 200 characters without control characters", "that cannot be a store name")
	}
	return nil
}

// CheckTable checks [a-z][a-z0-9_]{0,62}. Names that begin with _ are
// reserved for sitesync itself and refused here.
func CheckTable(table string) error {
	if strings.HasPrefix(table, "_") {
		return invalidField("table", "choose a name that does not begin with _", "the table name %q is reserved", clip(table))
	}
	if !validTable(table) {
		return invalidField("table", "use a letter a-z, then at most 62 of a-z 0-9 _", "%q cannot be a table name", clip(table))
	}
	return nil
}

func validTable(table string) bool {
	return matches(table, 1, MaxTable, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
	}) && (table[0] >= 'a' && table[0] <= 'z')
}

// CheckRecordID checks 1–200 bytes of UTF-8 without control characters.
func CheckRecordID(id string) error {
	switch {
	case id == "":
		return invalidField("id", "give each record an ID of 1 to 200 bytes", "the record ID is empty")
	case len(id) > MaxRecordID:
		return invalidField("id", "use at most 200 bytes", "the record ID has %d bytes", len(id))
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return invalidField("id", "use UTF-8 text without control characters", "the record ID %q is not plain text", clip(id))
	}
	return nil
}

// CheckCommandID checks [A-Za-z0-9._-]{1,64}, the rule of command IDs and of
// user and token names.
func CheckCommandID(id string) error {
	if !matches(id, 1, 64, isNameByte) {
		return invalidField("id", "use 1 to 64 of A-Z a-z 0-9 . _ -", "%q cannot be an id", clip(id))
	}
	return nil
}

// CheckTags checks a list of key:value tags, each part [a-z0-9._-]{1,40}.
func CheckTags(tags []string) error {
	if len(tags) > MaxTags {
		return invalidField("tags", "use at most 32 tags", "there are %d tags", len(tags))
	}
	for _, tag := range tags {
		key, value, ok := strings.Cut(tag, ":")
		if !ok || !matches(key, 1, 40, isTagByte) || !matches(value, 1, 40, isTagByte) {
			return invalidField("tags", "write tags as key:value, each part 1 to 40 of a-z 0-9 . _ -", "%q cannot be a tag", clip(tag))
		}
	}
	return nil
}

// isNameByte holds for the characters of codes, command IDs and user names.
func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

func isTagByte(c byte) bool { return isNameByte(c) && (c < 'A' || c > 'Z') }

func matches(s string, least, most int, ok func(byte) bool) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func invalidField(field, next, format string, args ...any) error {
	return Errorf(CodeInvalid, next, format, args...).WithField(field)
}

// clip keeps a hostile string from filling an error message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
