package api

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"

	"sitesync/shared/sitesync"
)

const (
	maxHub      = 1024 // bytes
	maxPassword = 1024 // bytes
)

// postSync, and all that follow, answer the status as it is then.
func (s *Server) postSync(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	if err := s.agent.Sync(); err != nil {
		return err
	}
	return s.getStatus(w, r)
}

func (s *Server) postCheck(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	steps, err := s.agent.Check(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct {
		Steps []Step `json:"steps"`
	}{append([]Step{}, steps...)})
}

func (s *Server) postEnable(w http.ResponseWriter, r *http.Request) error {
	return s.setEnabled(w, r, true)
}

func (s *Server) postDisable(w http.ResponseWriter, r *http.Request) error {
	return s.setEnabled(w, r, false)
}

func (s *Server) setEnabled(w http.ResponseWriter, r *http.Request, enabled bool) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	if err := s.agent.SetEnabled(r.Context(), enabled); err != nil {
		return err
	}
	return s.getStatus(w, r)
}

func (s *Server) getSite(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, s.agent.Details())
}

// postJoin answers how far the attempt came; that it was refused is a result.
func (s *Server) postJoin(w http.ResponseWriter, r *http.Request) error {
	var site JoinSite
	if err := decode(w, r, &site); err != nil {
		return err
	}
	if err := site.check(); err != nil {
		return err
	}
	joined, err := s.agent.Join(r.Context(), site)
	if err != nil {
		return err
	}
	joined.Steps = append([]Step{}, joined.Steps...)
	return answer(w, http.StatusOK, joined)
}

// check holds what somebody entered against the rules that need no knowledge of
// the hub.
func (j *JoinSite) check() error {
	byHand := SiteEdit{Password: &j.Password}
	switch {
	case j.Join != "" && (j.Hub != "" || j.CA != "" || j.Name != ""):
		return invalid("join", "send a join string alone, or hub, ca and name", "a join string and a site by hand exclude each other")
	case j.Join != "":
		return byHand.check()
	}
	byHand.Hub, byHand.Name, byHand.CA = &j.Hub, &j.Name, &j.CA
	return byHand.check()
}

func (s *Server) putSite(w http.ResponseWriter, r *http.Request) error {
	abandon, err := flagOf(r, "abandon")
	if err != nil {
		return err
	}
	var edit SiteEdit
	if err := decode(w, r, &edit); err != nil {
		return err
	}
	if err := edit.check(); err != nil {
		return err
	}
	if err := s.agent.SetSite(r.Context(), edit, abandon); err != nil {
		return err
	}
	return s.getStatus(w, r)
}

// check holds an edit against the rules that need no knowledge of the hub. Its
// errors never repeat the password.
func (e *SiteEdit) check() error {
	if *e == (SiteEdit{}) {
		return sitesync.Errorf(sitesync.CodeInvalid, "send at least one of hub, ca, name, password, code", "nothing is to be changed")
	}
	if e.Hub != nil && (*e.Hub == "" || len(*e.Hub) > maxHub) {
		return invalid("hub", "write it like mqtts://hub.example.org:8883", "the hub's address has %d bytes", len(*e.Hub))
	}
	if e.Password != nil && (*e.Password == "" || len(*e.Password) > maxPassword) {
		return invalid("password", "enter the password that the hub's operator gave the site", "the password is empty or longer than %d bytes", maxPassword)
	}
	if e.Name != nil {
		if err := sitesync.CheckSiteName(*e.Name); err != nil {
			return err
		}
	}
	if e.Code != nil {
		if err := sitesync.CheckSiteCode(*e.Code); err != nil {
			return err
		}
	}
	if e.CA != nil {
		return checkCA(*e.CA)
	}
	return nil
}

// checkCA takes PEM of certificates and nothing else, at least one; or nothing
// at all, for the certificates that the system trusts.
func checkCA(text string) error {
	rest := []byte(strings.TrimSpace(text))
	for len(rest) > 0 {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return invalid("ca", "send the file ca.pem of the hub's data directory", "the CA is not a certificate in PEM form")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return invalid("ca", "send the file ca.pem of the hub's data directory", "the CA certificate cannot be read: %w", err)
		}
		rest = []byte(strings.TrimSpace(string(rest)))
	}
	return nil
}

func invalid(field, next, format string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeInvalid, next, format, args...).WithField(field)
}
