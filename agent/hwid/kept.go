package hwid

import (
	"encoding/hex"
	"encoding/json"

	"sitesync/shared/sitesync"
)

const (
	keptVersion   = 1
	evidenceBytes = 8
	maxKept       = 256 << 10
	maxEvidence   = 64 // entries beyond it are no longer retained when their fact is missing
)

// Kept is what an agent keeps in its data directory about its device, as JSON.
// It holds no value of a fact, only hashes.
type Kept struct {
	Version  int                 `json:"version"`
	ID       sitesync.HardwareID `json:"id"`
	Evidence map[string]string   `json:"evidence"`       // name of a fact -> hex of 8 bytes; the hub gets it too
	Test     bool                `json:"test,omitempty"` // the facts came from a file
}

// ParseKept reads what json.Marshal made of a Kept. The error is CodeDataNewer
// for a later format, CodeInvalid for anything damaged.
func ParseKept(text []byte) (*Kept, error) {
	var version struct{ Version int }
	if len(text) > maxKept || json.Unmarshal(text, &version) != nil || version.Version < 1 {
		return nil, damaged("it cannot be read as JSON with a version")
	}
	if version.Version > keptVersion {
		return nil, sitesync.Errorf(sitesync.CodeDataNewer, "install that version or a later one",
			"the kept hardware ID was written by a later version of sitesync (format %d, this one knows %d)", version.Version, keptVersion)
	}
	var k Kept
	if json.Unmarshal(text, &k) != nil {
		return nil, damaged("a field has the wrong type")
	}
	if !k.ID.Valid() {
		return nil, damaged("its check characters do not match")
	}
	if k.Evidence == nil {
		return nil, damaged("its evidence is missing")
	}
	for name, hash := range k.Evidence {
		if b, err := hex.DecodeString(hash); err != nil || len(b) != evidenceBytes || name == "" || name != clip(clean(name), maxName) {
			return nil, damaged("its evidence is not made of names and hashes")
		}
	}
	return &k, nil
}

func damaged(how string) error {
	return sitesync.Errorf(sitesync.CodeInvalid,
		"restore the data directory from a backup, or remove the kept ID: it is then derived from this device again",
		"the kept hardware ID is damaged: %s", how)
}

// Weak reports whether nothing ties the ID to hardware, so that a copy of the
// data directory would have it too.
func (k Kept) Weak() bool {
	for name := range k.Evidence {
		if isStrong(name) {
			return false
		}
	}
	return true
}
