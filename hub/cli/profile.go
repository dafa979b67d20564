package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sitesync/shared/kv"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// profile is what login keeps: a hub, how to know it, and a token for it.
type profile struct {
	Name     string `json:"name"`
	Hub      string `json:"hub"` // URL
	CA       string `json:"ca,omitempty"`
	Pin      bool   `json:"pin,omitempty"` // the fingerprint of CA is all there is to compare
	Insecure bool   `json:"insecure,omitempty"`
	User     string `json:"user"` // name of the token
	Token    string `json:"token"`
	Made     bool   `json:"made,omitempty"` // by login, which logout revokes
}

// profiles is the file in which they are kept. It holds tokens: only its owner
// may read it.
type profiles struct {
	Current  string    `json:"current"`
	Profiles []profile `json:"profiles"`
	file     string
}

// defaultProfile is the name of a profile when none is given.
const defaultProfile = "default"

func openProfiles() (*profiles, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "set HOME or XDG_CONFIG_HOME, or give --hub and --token-file", "there is no folder for this user's settings: %w", err)
	}
	p := &profiles{file: filepath.Join(dir, "sitesync", "hubs.json")}
	text, err := os.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "delete it, and log in again", "%s cannot be read: %w", p.file, err)
	}
	return p, nil
}

// save writes the file durably, readable for its owner alone.
func (p *profiles) save() error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(p.file), 0o700); err == nil {
		err = kv.WriteFileDurable(p.file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "make that folder writable for you", "the login cannot be kept: %w", err)
	}
	return nil
}

// find gives the profile of a name, or of "" the one that was used last, or nil.
func (p *profiles) find(name string) *profile {
	i := slices.IndexFunc(p.Profiles, func(one profile) bool { return one.Name == cmp.Or(name, p.Current) })
	if i < 0 {
		return nil
	}
	return &p.Profiles[i]
}

// of gives the profile of a hub's URL that was made last, or nil.
func (p *profiles) of(url string) *profile {
	for i := len(p.Profiles) - 1; i >= 0; i-- {
		if p.Profiles[i].Hub == url {
			return &p.Profiles[i]
		}
	}
	return nil
}

// set adds a profile or replaces the one of its name, and makes it the one that
// is used.
func (p *profiles) set(one profile) {
	p.remove(one.Name)
	p.Profiles, p.Current = append(p.Profiles, one), one.Name
}

// remove takes a profile out; of those that are left the newest is used.
func (p *profiles) remove(name string) {
	p.Profiles = slices.DeleteFunc(p.Profiles, func(one profile) bool { return one.Name == name })
	if p.Current == name {
		p.Current = ""
		if n := len(p.Profiles); n > 0 {
			p.Current = p.Profiles[n-1].Name
		}
	}
}

// trust is how the profile's hub is known.
func (p *profile) trust() (link.Trust, error) {
	switch {
	case p.CA == "":
		return link.TrustSystem(), nil
	case p.Pin:
		fingerprint, err := link.Fingerprint([]byte(p.CA))
		return link.TrustPin(fingerprint), err
	}
	return link.TrustCA([]byte(p.CA))
}
