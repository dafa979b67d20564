package engine

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"sitesync/shared/kv"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// Site is what the agent keeps of the site it belongs to, and its secrets. It
// is a file of its own, readable by the owner alone and replaced as a whole,
// so that a password which is no longer needed is really gone: a database
// would keep it until some later compaction.
type Site struct {
	Format     int             `json:"format"`
	Hub        string          `json:"hub"`                 // URL it was joined with; tried first
	CA         string          `json:"ca,omitempty"`        // PEM; full verification
	Pins       []string        `json:"pins,omitempty"`      // hex SHA-256 of CA certificates
	Addresses  []string        `json:"addresses,omitempty"` // URLs the hub told
	Name       string          `json:"name"`
	Code       string          `json:"code"`
	Password   string          `json:"password,omitempty"`   // until the credential has connected once
	Credential string          `json:"credential,omitempty"` // of this device
	Fresh      bool            `json:"fresh,omitempty"`      // the password was entered after the credential was issued
	ID         sitesync.SiteID `json:"id,omitempty"`
	HubID      string          `json:"hubId,omitempty"` // hex; the hub this directory's data belongs to
	Generation uint32          `json:"generation,omitempty"`
	Proof      []byte          `json:"proof,omitempty"` // that came with Generation
	Disabled   bool            `json:"disabled,omitempty"`
	Switch     bool            `json:"switch,omitempty"` // a person wants another hub or site: the next welcome may be of one
	LastSync   sitesync.Time   `json:"lastSync,omitzero"`
}

const siteFormat = 1

// secret is what the next session presents.
func (s *Site) secret() (secret string, byCredential bool) {
	if s.Credential != "" && !s.Fresh {
		return s.Credential, true
	}
	return s.Password, false
}

func siteFile(dir string) string { return filepath.Join(dir, "site.json") }

// LoadSite reads the site of a data directory; nil when it has not joined.
// Errors: data_newer.
func LoadSite(dir string) (*Site, error) {
	b, err := os.ReadFile(siteFile(dir))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s Site
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, "join the site again", "%s cannot be read: %w", siteFile(dir), err)
	}
	if s.Format > siteFormat {
		return nil, sitesync.Errorf(sitesync.CodeDataNewer, "install the newer version again", "%s was written by a newer version of sitesync", siteFile(dir))
	}
	return &s, nil
}

// Save writes the site durably.
func (s *Site) Save(dir string) error {
	s.Format = siteFormat
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return kv.WriteFileDurable(siteFile(dir), append(b, '\n'), 0o600)
}

// trust says which hubs the site trusts.
func (s *Site) trust() (link.Trust, error) {
	pins := make([][32]byte, len(s.Pins))
	for i, text := range s.Pins {
		if n, err := hex.Decode(pins[i][:], []byte(text)); n != 32 || err != nil || len(text) != 64 {
			return link.Trust{}, sitesync.Errorf(sitesync.CodeInvalid, "join the site again", "a kept fingerprint of the hub cannot be read")
		}
	}
	switch {
	case s.CA != "":
		t, err := link.TrustCA([]byte(s.CA))
		return t.WithPins(pins...), err
	case len(pins) > 0:
		return link.TrustPin(pins...), nil
	default:
		return link.TrustSystem(), nil
	}
}

// candidates lists the URLs to try, the joined one first. Others are used only
// when something says whom to trust there.
func (s *Site) candidates() []string {
	list := []string{s.Hub}
	if s.CA == "" && len(s.Pins) == 0 {
		return list
	}
	for _, a := range s.Addresses {
		if a != s.Hub {
			list = append(list, a)
		}
	}
	return list
}

// Forget makes the site free for another hub, once nothing is left here that
// belongs to the former one.
func (s *Site) Forget() {
	s.HubID, s.ID, s.Generation, s.Proof, s.Switch, s.LastSync = "", 0, 0, nil, false, sitesync.Time{}
}

// idle is the state of the link before anything was tried; s may be nil.
func (s *Site) idle() sitesync.LinkState {
	switch {
	case s == nil:
		return sitesync.LinkUnjoined
	case s.Disabled:
		return sitesync.LinkDisabled
	default:
		return sitesync.LinkConnecting
	}
}

// trusts reports whether two sites trust the same hubs.
func (s *Site) trusts(as *Site) bool { return s.CA == as.CA && slices.Equal(s.Pins, as.Pins) }

// removeSite has the device belong to no site; that none was saved is fine.
func removeSite(dir string) error {
	if err := os.Remove(siteFile(dir)); !os.IsNotExist(err) {
		return err
	}
	return nil
}
