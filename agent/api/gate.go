package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"sitesync/shared/sitesync"
)

// hosts are the names and addresses, besides loopback, that the API answers
// for: in lower case, without port or brackets.
type hosts []string

func newHosts(allowed []string) hosts {
	list := make(hosts, 0, len(allowed))
	for _, h := range allowed {
		list = append(list, hostName(h))
	}
	return list
}

// check refuses what a web page could have sent behind its reader's back. A
// page whose own host name was made to point here shows in Host, any other
// page in Origin.
func (h hosts) check(r *http.Request) error {
	if !h.contain(hostName(r.Host)) {
		return sitesync.Errorf(sitesync.CodeHost, "use 127.0.0.1 or localhost, or start the agent with this name as an allowed host",
			"this agent does not answer for the host %q", clip(r.Host))
	}
	origin := r.Header.Values("Origin")
	if len(origin) == 0 {
		return nil
	}
	if u, err := url.Parse(origin[0]); err == nil && len(origin) == 1 && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeForbidden, "call the API from a program, or from a page that the agent itself serves",
		"web pages of other sites may not use this API")
}

func (h hosts) contain(name string) bool {
	if name == "localhost" {
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return name != "" && slices.Contains(h, name)
}

// hostName takes port and brackets off.
func hostName(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(host)
}

// bearer takes the secret out of a request.
func bearer(r *http.Request) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	return secret, secret != "" && strings.EqualFold(scheme, "Bearer")
}

// authenticate gives the role of the request's token, or session.
func (s *Server) authenticate(r *http.Request) (Role, error) {
	parent, err := s.caller(r)
	if err != nil {
		return "", err
	}
	role := s.tokens.roleOf(parent)
	if role == "" {
		return "", errSessionOver // its token was revoked
	}
	return role, nil
}

var errSessionOver = sitesync.Errorf(sitesync.CodeToken, "sign in again: sitesync-agent open shows a code", "the session is over")

// caller finds the token of a request, or that for which its session stands.
func (s *Server) caller(r *http.Request) (hash, error) {
	secret, ok := bearer(r)
	if !ok {
		return hash{}, sitesync.Errorf(sitesync.CodeToken, "send the header Authorization: Bearer TOKEN; sitesync-agent token create makes tokens",
			"the request has no token")
	}
	if strings.HasPrefix(secret, sessionPrefix) {
		if parent, ok := s.sessions.use(secret, time.Now()); ok {
			return parent, nil
		}
		return hash{}, errSessionOver
	}
	role, token, err := s.tokens.use(secret)
	s.notRemembered(err)
	if role == "" {
		return hash{}, sitesync.Errorf(sitesync.CodeToken, "get a valid one with sitesync-agent token create; it may have been revoked",
			"the token is not one of this agent's")
	}
	return token, nil
}

// notRemembered notes that the use of a token could not be written down; that
// is no reason to refuse it.
func (s *Server) notRemembered(err error) {
	if err != nil {
		s.log.Warn("cannot remember the use of a token", keyError, err)
	}
}
