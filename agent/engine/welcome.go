package engine

import (
	"encoding/hex"
	"fmt"
	"slices"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// RefusedError is a device that the hub does not take, with the reason for a
// person.
type RefusedError struct{ Problem sitesync.Problem }

func (r *RefusedError) Error() string { return r.Problem.Message + "; " + r.Problem.Next }

// Unwrap makes it an error of code refused.
func (r *RefusedError) Unwrap() error {
	return sitesync.Errorf(sitesync.CodeRefused, r.Problem.Next, "%s", r.Problem.Message)
}

// checkHub refuses a hub that is not the one this directory's data belongs to,
// or an older copy of it. A person who wants to change over to another hub or
// site gets there with an empty outbox, and what is here is forgotten: it is at
// the former hub.
func (s *session) checkHub(w *wire.Welcome) error {
	site := s.site
	known := site.HubID != ""
	switch other := site.HubID != hex.EncodeToString(w.Hub[:]) || site.ID != w.Site; {
	case known && other && site.Switch && s.db.Backlog() == 0:
		return s.changeOver()
	case known && other:
		return &RefusedError{sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: "This is another hub, or another site, than the one this device's data belongs to.",
			Next:    "Correct the hub's address and the site's name; to change over, let what waits be sent first or export it."}}
	case known && w.Generation < site.Generation:
		return &RefusedError{sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: fmt.Sprintf("The hub is an older copy of the one this device knows (generation %d, known is %d).", w.Generation, site.Generation),
			Next:    "Ask the hub's operator; everything written here stays on this device until then."}}
	}
	return nil
}

// changeOver forgets what belongs to the former hub or site. What follows
// begins with a replica of its own, and so with another hello.
func (s *session) changeOver() error {
	if err := s.db.ClearUnless(0); err != nil {
		return err
	}
	if _, err := s.engine.learn(s.site, (*Site).Forget); err != nil {
		return err
	}
	return errAgain
}

// keep saves what the welcome told. A credential is saved beside the password;
// a session that the credential opened removes the password.
func (s *session) keep(w *wire.Welcome, byCredential bool) (err error) {
	s.site, err = s.engine.learn(s.site, func(site *Site) {
		site.ID, site.Name, site.Code = w.Site, w.Name, w.Code
		site.HubID, site.Generation, site.Proof = hex.EncodeToString(w.Hub[:]), w.Generation, w.GenerationProof
		site.Addresses = w.Assignment.Addresses
		for _, pin := range w.Assignment.CAPins {
			if text := hex.EncodeToString(pin[:]); !slices.Contains(site.Pins, text) {
				site.Pins = append(slices.Clone(site.Pins), text)
			}
		}
		site.Switch = false
		switch {
		case byCredential:
			site.Password = ""
		case w.Credential != "":
			site.Credential, site.Fresh = w.Credential, false
		}
	})
	return err
}

// refusedProblem puts a refused welcome into words.
func refusedProblem(r wire.Refused, site *Site) sitesync.Problem {
	p := sitesync.Problem{Code: r.Problem()}
	switch r {
	case wire.RefusedDeleted:
		p.Message, p.Next = "The site was deleted at the hub.", "Ask the hub's operator; export what waits here before joining another site."
	case wire.RefusedHardwareReset:
		p.Message, p.Next = "The hub's operator freed the site for a new device.", "If this device is to go on, enter the site's password here again."
	case wire.RefusedReplaced:
		p.Message, p.Next = "Another installation on this device took the site over.", "If this one is the right one, enter the site's password here again."
	case wire.RefusedDisabled:
		p.Message, p.Next = "The site is disabled at the hub.", "Ask the hub's operator; it goes on by itself once the site is enabled."
	case wire.RefusedSiteRenamed:
		p.Message = fmt.Sprintf("The site has another name at the hub than %q.", site.Name)
		p.Next = "Enter the site's new name on this device, or have the old one put back; no password is needed."
	case wire.RefusedPasswordChanged:
		p.Message, p.Next = "The site's password was changed at the hub.", "Enter the new password on this device, or have the old one put back."
	case wire.RefusedTwoDevices:
		p.Message, p.Next = "Two installations use this site in turn, so the hub holds both.", "Ask the hub's operator to decide which one is right and to reset the site's hardware."
	}
	return p
}
