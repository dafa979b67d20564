package registry

import (
	"slices"

	"sitesync/shared/sitesync"
)

// proof is what a login has shown, without its secret.
type proof struct {
	name       string // folded, as presented
	hardware   sitesync.HardwareID
	replica    string // short
	credential digest // zero when it was the password
	password   uint64 // version of the password that was presented
}

func (p proof) byPassword() bool { return p.credential == digest{} }

// siteState is a site as one moment has it.
type siteState struct {
	site   *siteRecord // nil: deleted
	device deviceRecord
}

// judge applies the checks of protocol.md, section Connecting, in their order,
// once the secret has been looked up or compared. It changes nothing.
func (s *siteState) judge(p proof) (Outcome, sitesync.ProblemCode) {
	issued, outcome, why := s.checkSecret(p)
	if outcome != Accepted {
		return outcome, why
	}
	name := foldName(s.site.Name)
	former := slices.ContainsFunc(s.site.Former, func(f string) bool { return foldName(f) == p.name })
	switch {
	case p.name != name && !former:
		return BadCredentials, ""
	case s.device.Hardware != "" && s.device.Hardware != p.hardware:
		return IdentifierRejected, ""
	case !s.site.Enabled:
		return Refused, sitesync.ProblemDisabled
	case p.name != name:
		return Refused, sitesync.ProblemSiteRenamed
	case issued != s.device.Password:
		return Refused, sitesync.ProblemPasswordChanged
	case s.device.Held:
		return Refused, sitesync.ProblemTwoDevices
	}
	return Accepted, ""
}

// checkSecret gives the password version that the secret stands for.
func (s *siteState) checkSecret(p proof) (issued uint64, outcome Outcome, why sitesync.ProblemCode) {
	if p.byPassword() {
		if s.site == nil || p.password == 0 || p.password != s.device.Password {
			return 0, BadCredentials, ""
		}
		return p.password, Accepted, ""
	}
	c := s.device.credential(p.credential)
	switch {
	case c == nil:
		return 0, BadCredentials, ""
	case c.Destroyed != "":
		return 0, Refused, c.Destroyed
	case s.site == nil:
		return 0, Refused, sitesync.ProblemDeleted
	}
	return c.Password, Accepted, ""
}

// stateOf reads a site, deleted or not, within an edit.
func (e *edit) stateOf(id sitesync.SiteID) (*siteState, error) {
	device, known, err := get[deviceRecord](e, keyDevice(id))
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, noSite(Ref{ID: uint64(id)})
	}
	s := &siteState{device: device}
	site, known, err := get[siteRecord](e, keySite(id))
	if err != nil {
		return nil, err
	}
	if known {
		s.site = &site
	}
	return s, nil
}
