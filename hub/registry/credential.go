package registry

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"

	"sitesync/shared/sitesync"
)

// credentialPrefix begins every device credential. What follows are 43
// base64url characters of 256 random bits.
const credentialPrefix = "ssc1_"

// mostCredentials bounds how many credentials of a site are known, the
// destroyed ones included. A device that loses its credential again and again
// gets a new one each time.
const mostCredentials = 32

// credentialRecord is a device credential. Its text is not kept.
type credentialRecord struct {
	Number    uint64               `json:"number"` // in the order of issue
	Digest    digest               `json:"digest"`
	Password  uint64               `json:"password"` // the password version it was issued under
	Replica   string               `json:"replica"`  // short form of the one it was issued to
	Issued    sitesync.Time        `json:"issued"`
	Used      *sitesync.Time       `json:"used,omitempty"`      // first use
	Destroyed sitesync.ProblemCode `json:"destroyed,omitempty"` // hardware_reset, deleted or replaced; for good
}

func isCredential(secret []byte) bool { return bytes.HasPrefix(secret, []byte(credentialPrefix)) }

func (r *Registry) credentialDigest(credential []byte) digest {
	return r.seal(append([]byte("credential "), credential...))
}

// randomSecret gives prefix and 256 random bits as text.
func randomSecret(prefix string) string {
	var bits [32]byte
	rand.Read(bits[:])
	return prefix + base64.RawURLEncoding.EncodeToString(bits[:])
}

func (d *deviceRecord) credential(sum digest) *credentialRecord {
	for i := range d.Credentials {
		if d.Credentials[i].Digest == sum {
			return &d.Credentials[i]
		}
	}
	return nil
}

// issue adds a credential. Former ones stay good until it is first used.
func (d *deviceRecord) issue(c credentialRecord) {
	d.LastCredential++
	c.Number = d.LastCredential
	c.Password = d.Password
	d.Credentials = append(d.Credentials, c)
	for len(d.Credentials) > mostCredentials {
		d.forgetCredential()
	}
	d.prunePasswords()
}

// forgetCredential drops the oldest one that is not the one in use.
func (d *deviceRecord) forgetCredential() {
	for i, c := range d.Credentials {
		if c.Used == nil || c.Destroyed != "" {
			d.Credentials = append(d.Credentials[:i:i], d.Credentials[i+1:]...)
			return
		}
	}
}

// use marks the first use of a credential and destroys those issued before.
func (d *deviceRecord) use(c *credentialRecord, at sitesync.Time) {
	if c.Used != nil {
		return
	}
	c.Used = &at
	for i := range d.Credentials {
		if former := &d.Credentials[i]; former.Number < c.Number {
			former.destroy(sitesync.ProblemReplaced)
		}
	}
	d.prunePasswords()
}

// destroyCredentials destroys all that are good.
func (d *deviceRecord) destroyCredentials(why sitesync.ProblemCode) {
	for i := range d.Credentials {
		d.Credentials[i].destroy(why)
	}
	d.prunePasswords()
}

// replace destroys the credentials of all replicas but one that took over with
// the password: somebody wants it there. Were the former one's credential good
// until the new one is first used, the two would take the site from each other
// in between.
func (d *deviceRecord) replace(replica sitesync.ReplicaID) {
	for i := range d.Credentials {
		if c := &d.Credentials[i]; c.Replica != replica.Short() {
			c.destroy(sitesync.ProblemReplaced)
		}
	}
	d.prunePasswords()
}

func (c *credentialRecord) destroy(why sitesync.ProblemCode) {
	if c.Destroyed == "" {
		c.Destroyed = why
	}
}

// IssueCredential makes the credential that the welcome of a session carries
// which logged in with the password. The hub keeps its keyed hash alone.
// Errors: CodeConflict when the site was reset, deleted, disabled, renamed or
// given another password since d: the session must end.
func (r *Registry) IssueCredential(d Decision) (credential string, err error) {
	err = r.edit(func(e *edit) error {
		state, err := e.stateOf(d.Site)
		if err != nil {
			return err
		}
		if outcome, _ := state.rejudge(d.proof); outcome != Accepted || !d.ByPassword {
			return sitesync.Errorf(sitesync.CodeConflict, "let the device connect again", "site %d has changed since the device connected", d.Site)
		}
		credential = randomSecret(credentialPrefix)
		state.device.issue(credentialRecord{
			Digest:  r.credentialDigest([]byte(credential)),
			Replica: d.proof.replica,
			Issued:  e.at,
		})
		return e.put(keyDevice(d.Site), state.device)
	})
	if err != nil {
		return "", err
	}
	return credential, nil
}
