package registry

// passwordVersion is a password of a site, present or former. A former one is
// kept while a credential that was issued under it is not destroyed: when the
// old password is put back, the version is the old one again, and with it the
// credential is good again.
type passwordVersion struct {
	Version uint64 `json:"version"`
	Hash    string `json:"hash"` // PHC string of argon2id
}

// passwordHash gives the hash of the present password, "" when there is none.
func (d *deviceRecord) passwordHash() string {
	for _, p := range d.Passwords {
		if p.Version == d.Password {
			return p.Hash
		}
	}
	return ""
}

// setPassword makes password the present one. changed is false when it was
// that already; back tells that it is a former one put back.
func (d *deviceRecord) setPassword(password *chosen) (changed, back bool, err error) {
	for _, p := range d.Passwords {
		same, err := password.is(p.Hash)
		if err != nil {
			return false, false, err
		}
		if same {
			changed = p.Version != d.Password
			d.Password = p.Version
			d.prunePasswords()
			return changed, changed, nil
		}
	}
	d.LastPassword++
	d.Password = d.LastPassword
	d.Passwords = append(d.Passwords, passwordVersion{Version: d.Password, Hash: password.hash()})
	d.prunePasswords()
	return true, false, nil
}

// prunePasswords forgets former passwords that no living credential needs.
func (d *deviceRecord) prunePasswords() {
	needed := map[uint64]bool{d.Password: true}
	for _, c := range d.Credentials {
		if c.Destroyed == "" {
			needed[c.Password] = true
		}
	}
	var kept []passwordVersion
	for _, p := range d.Passwords {
		if needed[p.Version] {
			kept = append(kept, p)
		}
	}
	d.Passwords = kept
}
