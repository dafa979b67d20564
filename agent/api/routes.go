package api

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"sitesync/shared/sitesync"
)

// handler answers one request. An error it returns becomes a problem; one that
// it returns after it has begun to answer cuts the connection.
type handler func(s *Server, w http.ResponseWriter, r *http.Request) error

// route is one call of the API.
type route struct {
	method, path string
	role         Role     // the least one; "" is everybody
	query        []string // parameters it takes; others are refused
	serve        handler
}

const recordPath = "/v1/stores/{code}/tables/{table}/records/{id}"

var routes = []route{
	{"GET", "/v1/status", RoleApp, nil, (*Server).getStatus},
	{"POST", "/v1/sync", RoleApp, nil, (*Server).postSync},
	{"POST", "/v1/check", RoleApp, nil, (*Server).postCheck},
	{"POST", "/v1/enable", RoleAdmin, nil, (*Server).postEnable},
	{"POST", "/v1/disable", RoleAdmin, nil, (*Server).postDisable},
	{"GET", "/v1/site", RoleApp, nil, (*Server).getSite},
	{"PUT", "/v1/site", RoleAdmin, []string{"abandon"}, (*Server).putSite},
	{"POST", "/v1/join", RoleAdmin, nil, (*Server).postJoin},

	{"GET", "/v1/stores", RoleApp, nil, (*Server).listStores},
	{"GET", recordPath, RoleApp, nil, (*Server).getRecord},
	{"PUT", recordPath, RoleApp, []string{"to"}, (*Server).putRecord},
	{"DELETE", recordPath, RoleApp, []string{"to"}, (*Server).deleteRecord},
	{"GET", "/v1/stores/{code}/tables/{table}/records", RoleApp, []string{"after", "limit"}, (*Server).listRecords},
	{"POST", "/v1/stores/{code}/records", RoleApp, []string{"stream"}, (*Server).postRecords},
	{"GET", "/v1/stores/{code}/changes", RoleApp, nil, (*Server).getChanges},
	{"GET", "/v1/receipts", RoleApp, []string{"after", "limit"}, (*Server).listReceipts},

	{"GET", "/v1/refused", RoleApp, []string{"limit"}, (*Server).listRefused},
	{"GET", "/v1/outbox", RoleAdmin, nil, (*Server).getOutbox},

	{"GET", "/healthz", "", nil, (*Server).getHealth},
	{"GET", "/metrics", RoleApp, nil, (*Server).getMetrics},

	{"POST", "/v1/session", "", nil, (*Server).postSession},
	{"DELETE", "/v1/session", RoleApp, nil, (*Server).deleteSession},
	{"POST", "/v1/session/code", RoleAdmin, nil, (*Server).postCode},
	{"GET", "/v1/tokens", RoleAdmin, nil, (*Server).listTokens},
	{"POST", "/v1/tokens", RoleAdmin, nil, (*Server).postToken},
	{"DELETE", "/v1/tokens/{name}", RoleAdmin, nil, (*Server).deleteToken},
}

// newMux puts the routes into a mux by their path alone: the answers to an
// unknown path and to a wrong method are ours.
func (s *Server) newMux() *http.ServeMux {
	byPath := map[string][]route{}
	for _, rt := range routes {
		byPath[rt.path] = append(byPath[rt.path], rt)
	}
	mux := http.NewServeMux()
	for path, calls := range byPath {
		mux.Handle(path, s.handle(calls))
	}
	mux.Handle("/", s.handle(nil))
	if s.page != nil {
		mux.Handle("GET /{$}", s.page)
		mux.Handle("GET /assets/", s.page)
	}
	return mux
}

// handle answers the calls of one path; without any, that there is no such
// path.
func (s *Server) handle(calls []route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.call(calls, w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *Server) call(calls []route, w http.ResponseWriter, r *http.Request) error {
	i := slices.IndexFunc(calls, func(c route) bool { return c.answers(r.Method) })
	if i >= 0 && calls[i].role == "" {
		return calls[i].run(s, w, r)
	}
	role, err := s.authenticate(r)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sitesync-agent"`)
		return err
	}
	if len(calls) == 0 {
		return sitesync.Errorf(sitesync.CodeNotFound, "see the API's description for the paths there are", "there is nothing at this path")
	}
	if i < 0 {
		w.Header().Set("Allow", allowed(calls))
		return sitesync.Errorf(sitesync.CodeMethod, "use "+allowed(calls), "%s is not possible here", r.Method)
	}
	c := calls[i]
	if !role.covers(c.role) {
		return sitesync.Errorf(sitesync.CodeForbidden, "use a token with the role "+string(c.role),
			"the token has the role %s, which may not do this", role)
	}
	return c.run(s, w, r)
}

func (c *route) run(s *Server, w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r, c.query); err != nil {
		return err
	}
	return c.serve(s, w, r)
}

// answers reports whether the route takes a method; net/http leaves the body
// of the answer to a HEAD out.
func (c *route) answers(method string) bool {
	return c.method == method || c.method == http.MethodGet && method == http.MethodHead
}

func allowed(calls []route) string {
	var methods []string
	for _, c := range calls {
		methods = append(methods, c.method)
		if c.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return strings.Join(methods, ", ")
}

// tidy reports whether a path is the one ServeMux would clean it to. An ID
// with a slash or of dots alone has to be percent-encoded.
func tidy(escaped string) bool {
	if len(escaped) > 1 {
		escaped = strings.TrimSuffix(escaped, "/")
	}
	return path.Clean(escaped) == escaped
}

func checkQuery(r *http.Request, known []string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return sitesync.Errorf(sitesync.CodeInvalid, "percent-encode what stands behind the ?", "the parameters cannot be read")
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			return sitesync.Errorf(sitesync.CodeUnknownField, "leave it out", "this call has no parameter %q", clip(name)).WithField(clip(name))
		}
		if len(values) > 1 {
			return sitesync.Errorf(sitesync.CodeInvalid, "give it once", "the parameter %s is there %d times", name, len(values)).WithField(name)
		}
	}
	return nil
}

// clip keeps a hostile name from filling an answer.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
