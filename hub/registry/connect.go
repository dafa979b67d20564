package registry

import (
	"fmt"
	"slices"

	"sitesync/shared/sitesync"
)

// Login is what an agent presents when it connects.
type Login struct {
	Name         string // site name as presented, without "site/"
	Secret       []byte // password or credential
	Hardware     sitesync.HardwareID
	ReplicaShort string
	Address      string // of the network, without port
}

// Outcome is the answer to a login.
type Outcome uint8

const (
	Accepted           Outcome = 1
	BadCredentials     Outcome = 2 // CONNACK 4 / 0x86
	IdentifierRejected Outcome = 3 // CONNACK 2 / 0x85: the secret is right, the device another one
	Refused            Outcome = 4 // connected as a refused session, whose welcome says why
	NotAuthorized      Outcome = 5 // CONNACK 5 / 0x87
	Busy               Outcome = 6 // CONNACK 3 / 0x89: too many passwords wait to be checked
)

// Decision answers a Login. It is kept with the session: Recheck and
// IssueCredential take it. It holds no secret.
type Decision struct {
	Outcome    Outcome
	Refused    sitesync.ProblemCode // why, when Outcome is Refused
	Site       sitesync.SiteID      // the site that the name or credential belongs to, accepted or not; 0 = none
	ByPassword bool                 // accepted by password: a credential is to be issued
	NewlyBound bool                 // this login bound the hardware ID
	SharedWith []sitesync.SiteID    // when NewlyBound: other sites that are bound to the same hardware ID
	Limited    bool                 // BadCredentials without a look at the secret: too many wrong ones before

	proof proof
}

// Authenticate decides whether an agent may connect. When it answers Accepted
// what follows from it is durable: the hardware ID is bound; the credential is
// marked used, and those issued before it are destroyed. An error is a failure
// of ours, not a refusal.
//
// A password costs an argon2id hash, known name or not, and is subject to the
// limits on guessing; a credential costs microseconds and is not.
func (r *Registry) Authenticate(l Login) (Decision, error) {
	p := proof{hardware: l.Hardware, replica: l.ReplicaShort}
	if name, err := NormalName(l.Name); err == nil {
		p.name = foldName(name)
	}
	d := Decision{Outcome: BadCredentials, Site: r.siteOfName(p.name), proof: p}
	switch {
	case !l.Hardware.Valid():
		d.Outcome = IdentifierRejected
		return d, nil
	case isCredential(l.Secret):
		d.proof.credential = r.credentialDigest(l.Secret)
		site, known := r.siteOfCredential(d.proof.credential)
		if !known {
			return d, nil
		}
		d.Site = site
	default:
		right, err := r.checkPassword(&d, l)
		if err != nil || !right {
			return d, err
		}
	}
	return r.admit(d, l.Address)
}

// checkPassword compares the secret with the present password of d.Site. When
// it is not right it fills in what d answers.
func (r *Registry) checkPassword(d *Decision, l Login) (right bool, err error) {
	who := "site " + d.Site.String()
	if d.Site == 0 {
		who = "name " + d.proof.name
	}
	version, phc := r.passwordOf(d.Site)
	v, err := r.guess(who, l.Address, phc, l.Secret)
	switch {
	case err != nil:
		return false, fmt.Errorf("registry: check the password of site %d: %w", d.Site, err)
	case v == busyHashing:
		d.Outcome = Busy
	case v == limitedGuess:
		d.Limited = true
	}
	d.proof.password = version
	return v == rightPassword, nil
}

// admit judges a login whose secret belongs to d.Site. Most logins are judged
// by the index alone; one that is accepted and leaves a trace is judged again
// by what its transaction reads.
func (r *Registry) admit(d Decision, address string) (Decision, error) {
	state, known := r.state(d.Site)
	if !known {
		return d, nil
	}
	if d.judge(state); d.Outcome != Accepted || !state.traces(d.proof) {
		return d, nil
	}
	err := r.edit(func(e *edit) error {
		state, err := e.stateOf(d.Site)
		if err != nil {
			return err
		}
		d.NewlyBound = false
		if d.judge(state); d.Outcome != Accepted {
			return nil
		}
		d.NewlyBound = state.trace(d.proof, e.at)
		if d.NewlyBound {
			site := d.Site
			e.audit(deviceActor("site.bound", address), sitesync.Audit{
				Site: &site, After: details{"hardwareId": d.proof.hardware}.json()})
		}
		return e.put(keyDevice(d.Site), state.device)
	})
	if err != nil {
		return Decision{}, fmt.Errorf("registry: admit site %d: %w", d.Site, err)
	}
	if d.NewlyBound {
		d.SharedWith = r.othersWith(d.proof.hardware, d.Site)
	}
	return d, nil
}

func (d *Decision) judge(s *siteState) {
	d.Outcome, d.Refused = s.judge(d.proof)
	d.ByPassword = d.Outcome == Accepted && d.proof.byPassword()
}

// traces reports whether accepting p would change the device.
func (s *siteState) traces(p proof) bool {
	c := s.device.credential(p.credential)
	return s.device.Hardware == "" || c != nil && c.Used == nil
}

// trace notes an accepted login and reports whether it bound the hardware ID.
func (s *siteState) trace(p proof, at sitesync.Time) (bound bool) {
	if s.device.Hardware == "" {
		s.device.Hardware = p.hardware
		bound = true
	}
	if c := s.device.credential(p.credential); c != nil {
		s.device.use(c, at)
	}
	return bound
}

// Recheck judges an accepted session anew, for instance after a Change of its
// site: Accepted, or Refused with the reason. It costs microseconds and changes
// nothing.
func (r *Registry) Recheck(d Decision) Decision {
	state, known := r.state(d.Site)
	if !known {
		d.Outcome, d.Refused = Refused, sitesync.ProblemDeleted
		return d
	}
	d.Outcome, d.Refused = state.rejudge(d.proof)
	return d
}

// rejudge judges one who was accepted before: a secret that is good no longer,
// or another hardware ID than was bound then, has a reason.
func (s *siteState) rejudge(p proof) (Outcome, sitesync.ProblemCode) {
	outcome, why := s.judge(p)
	switch {
	case outcome == Refused && (s.site == nil || why == sitesync.ProblemHardwareReset):
		return Refused, why
	case s.site == nil:
		return Refused, sitesync.ProblemDeleted
	case s.device.Hardware != p.hardware:
		return Refused, sitesync.ProblemHardwareReset
	case outcome == BadCredentials:
		return Refused, sitesync.ProblemPasswordChanged
	}
	return outcome, why
}

// The look-ups of a login, in the index.

func (r *Registry) siteOfName(folded string) sitesync.SiteID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.names[folded]
}

func (r *Registry) siteOfCredential(sum digest) (sitesync.SiteID, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	site, known := r.index.credentials[sum]
	return site, known
}

// passwordOf gives the present password of a site, 0 and "" when there is none.
func (r *Registry) passwordOf(site sitesync.SiteID) (version uint64, phc string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if s := r.index.sites[site]; s != nil {
		return s.device.Password, s.device.passwordHash()
	}
	return 0, ""
}

// state gives a site as the index has it. It must not be changed.
func (r *Registry) state(site sitesync.SiteID) (*siteState, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.index.sites[site]
	if s == nil {
		return nil, false
	}
	return &siteState{site: s.site, device: s.device}, true
}

func (r *Registry) othersWith(hardware sitesync.HardwareID, site sitesync.SiteID) []sitesync.SiteID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	others := sorted(r.index.hardware[hardware])
	return slices.DeleteFunc(others, func(id sitesync.SiteID) bool { return id == site })
}
