package registry

import (
	"encoding/json"
	"strconv"

	"sitesync/shared/sitesync"
)

// Ref names a site or a store: by its ID, or by name or code when Text is not
// empty. In JSON it is a number or a string; a string of digits is a name.
type Ref struct {
	ID   uint64
	Text string
}

// UnmarshalJSON reads a number or a string. Its error has CodeInvalid.
func (f *Ref) UnmarshalJSON(data []byte) error {
	*f = Ref{}
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &f.Text); err == nil && f.Text != "" {
			return nil
		}
	} else if id, err := strconv.ParseUint(string(data), 10, 64); err == nil {
		f.ID = id
		return nil
	}
	return sitesync.Errorf(sitesync.CodeInvalid, "give the ID as a number, or the name or code as text",
		"that does not name a site or a store")
}

// MarshalJSON writes the form UnmarshalJSON reads.
func (f Ref) MarshalJSON() ([]byte, error) {
	if f.Text != "" {
		return json.Marshal(f.Text)
	}
	return strconv.AppendUint(nil, f.ID, 10), nil
}

func (f Ref) String() string {
	if f.Text != "" {
		return strconv.Quote(f.Text)
	}
	return strconv.FormatUint(f.ID, 10)
}
