package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// A session is what the page works with in the place of a token: a bearer
// secret like one, so that no cookie exists which a browser would send by
// itself, but in memory alone. It has the role of the token it was made from,
// and ends with that, with the agent, or when it has not been used for long.
const (
	sessionPrefix = "sas_"
	sessionIdle   = 12 * time.Hour
	maxSessions   = 64
)

type session struct {
	parent hash // of the token it stands for
	until  time.Time
}

type sessions struct {
	mu   sync.Mutex
	open map[hash]session
}

// begin makes a session; where there are too many, the one that was not used
// for the longest ends.
func (s *sessions) begin(parent hash, now time.Time) (secret string, until time.Time) {
	var random [32]byte
	rand.Read(random[:])
	secret = sessionPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) >= maxSessions {
		s.dropOldest()
	}
	until = now.Add(sessionIdle)
	s.open[sha256.Sum256([]byte(secret))] = session{parent: parent, until: until}
	return secret, until
}

func (s *sessions) dropOldest() {
	var oldest hash
	var at time.Time
	for key, one := range s.open {
		if at.IsZero() || one.until.Before(at) {
			oldest, at = key, one.until
		}
	}
	delete(s.open, oldest)
}

// use gives the token that a session stands for.
func (s *sessions) use(secret string, now time.Time) (parent hash, ok bool) {
	key := hash(sha256.Sum256([]byte(secret)))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[key] // by its hash: how long that takes tells nothing about those there are
	if !ok {
		return hash{}, false
	}
	if !now.Before(one.until) {
		delete(s.open, key)
		return hash{}, false
	}
	one.until = now.Add(sessionIdle)
	s.open[key] = one
	return one.parent, true
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(secret)))
}

// NewCode is the answer to a request for a code.
type NewCode struct {
	Code    string        `json:"code"`
	Expires sitesync.Time `json:"expires"`
}

// SignIn asks for a session: with a code, or with a token.
type SignIn struct {
	Code  string `json:"code,omitempty"`
	Token string `json:"token,omitempty"`
}

// Session is the answer to it. Its token is for the Authorization header.
type Session struct {
	Token   string        `json:"token"`
	Role    Role          `json:"role"`
	Expires sitesync.Time `json:"expires"` // unless it is used before
}

func (s *Server) postCode(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	parent, err := s.caller(r)
	if err != nil {
		return err
	}
	code, until := s.codes.make(parent, time.Now())
	return answer(w, http.StatusCreated, NewCode{Code: code, Expires: sitesync.At(until)})
}

func (s *Server) postSession(w http.ResponseWriter, r *http.Request) error {
	var in SignIn
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if (in.Code == "") == (in.Token == "") {
		return invalid("code", "send either", "a code or a token is needed, and one of them alone")
	}
	parent, err := s.exchange(in, time.Now())
	if err != nil {
		return err
	}
	role := s.tokens.roleOf(parent)
	if role == "" { // revoked since the code was made
		return errWrongCode
	}
	secret, until := s.sessions.begin(parent, time.Now())
	s.log.Info("somebody signed in to the page", "role", role)
	return answer(w, http.StatusCreated, Session{Token: secret, Role: role, Expires: sitesync.At(until)})
}

// exchange gives the token for which somebody has a code, or which they have.
func (s *Server) exchange(in SignIn, now time.Time) (hash, error) {
	if !s.codes.mayGuess(now) {
		return hash{}, errTooManyGuesses
	}
	if in.Code != "" {
		if parent, ok := s.codes.take(in.Code, now); ok {
			return parent, nil
		}
		s.codes.guessed(now)
		return hash{}, errWrongCode
	}
	role, parent, err := s.tokens.use(strings.TrimSpace(in.Token))
	s.notRemembered(err)
	if role == "" {
		s.codes.guessed(now)
		return hash{}, errWrongToken
	}
	return parent, nil
}

// keptPrefix begins the names of tokens with which a browser stays signed in:
// ordinary ones, which the page has made for itself, and which may end
// themselves.
const keptPrefix = "page-"

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	secret, _ := bearer(r)
	if strings.HasPrefix(secret, sessionPrefix) {
		s.sessions.end(secret)
		return answer(w, http.StatusOK, struct{}{})
	}
	name := s.tokens.nameOf(sha256.Sum256([]byte(secret)))
	if !strings.HasPrefix(name, keptPrefix) {
		return sitesync.Errorf(sitesync.CodeInvalid, "revoke a token with DELETE /v1/tokens/NAME", "this is a token and no session")
	}
	if err := s.tokens.Revoke(name); err != nil {
		return err
	}
	s.log.Info("token revoked", keyToken, name)
	return answer(w, http.StatusOK, struct{}{})
}
