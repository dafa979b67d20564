package admin

import (
	"encoding/json"
	"time"

	"sitesync/shared/sitesync"
)

// Moment is an instant in arguments: RFC 3339, or a date, which stands for its
// beginning in UTC.
type Moment struct{ sitesync.Time }

// UnmarshalJSON reads a moment. Error: invalid.
func (m *Moment) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, text); err == nil {
				m.Time = sitesync.At(at)
				return nil
			}
		}
	}
	return sitesync.Errorf(sitesync.CodeInvalid, "write it like 2030-01-31T12:00:00Z, or as a date like 2030-01-31", "that is not a time")
}
