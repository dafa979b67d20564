package registry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"sitesync/shared/sitesync"
)

// Every stored value is a JSON object with the number of its format. Fields
// may be added without a new number, as long as their absence means what it
// meant before.

// formatNow is the format this program writes. It reads every one up to it.
const formatNow = 1

type format uint8

// MarshalJSON writes the present format, whatever the value was read as.
func (format) MarshalJSON() ([]byte, error) { return strconv.AppendUint(nil, formatNow, 10), nil }

func (f *format) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseUint(string(data), 10, 16)
	switch {
	case err != nil || n == 0:
		return fmt.Errorf("%s is not a format number", data)
	case n > formatNow:
		return sitesync.Errorf(sitesync.CodeDataNewer, "start the newer program",
			"the registry was written by a newer program (format %d, this one knows %d)", n, formatNow)
	}
	*f = format(n)
	return nil
}

// header begins every stored value.
type header struct {
	Format format `json:"format"`
}

func (h header) format() format { return h.Format }

type value interface{ format() format }

func encode(v value) ([]byte, error) { return json.Marshal(v) }

func decode[T value](item Item) (v T, err error) {
	if err := json.Unmarshal(item.Value, &v); err != nil {
		return v, fmt.Errorf("%s: %w", item.Key, err)
	}
	if v.format() == 0 {
		return v, fmt.Errorf("%s: the value has no format number", item.Key)
	}
	return v, nil
}

// digest is an HMAC-SHA256 with the hub's key, the form in which credentials
// and tokens are kept; also that key itself.
type digest [32]byte

// hubID is the hub's identity.
type hubID [16]byte

func (d digest) MarshalText() ([]byte, error)     { return hex.AppendEncode(nil, d[:]), nil }
func (d *digest) UnmarshalText(text []byte) error { return unhex(d[:], text) }
func (h hubID) MarshalText() ([]byte, error)      { return hex.AppendEncode(nil, h[:]), nil }
func (h *hubID) UnmarshalText(text []byte) error  { return unhex(h[:], text) }

func unhex(into, text []byte) error {
	if len(text) != 2*len(into) {
		return fmt.Errorf("%d hexadecimal digits where %d belong", len(text), 2*len(into))
	}
	_, err := hex.Decode(into, text)
	return err
}
