package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"sitesync/shared/sitesync"
)

// statuses is the one map from error codes to HTTP statuses.
var statuses = map[sitesync.Code]int{
	sitesync.CodeInvalid:        http.StatusBadRequest,
	sitesync.CodeUnknownField:   http.StatusBadRequest,
	sitesync.CodeUsage:          http.StatusBadRequest,
	sitesync.CodeToken:          http.StatusUnauthorized,
	sitesync.CodeForbidden:      http.StatusForbidden,
	sitesync.CodeRefused:        http.StatusForbidden,
	sitesync.CodeNotFound:       http.StatusNotFound,
	sitesync.CodeNoSuchStore:    http.StatusNotFound,
	sitesync.CodeUnknownCommand: http.StatusNotFound,
	sitesync.CodeMethod:         http.StatusMethodNotAllowed,
	sitesync.CodeMovedCode:      http.StatusPermanentRedirect,

	sitesync.CodeExists:        http.StatusConflict,
	sitesync.CodeConflict:      http.StatusConflict,
	sitesync.CodeIDReused:      http.StatusConflict,
	sitesync.CodeInUse:         http.StatusConflict,
	sitesync.CodeActiveHere:    http.StatusConflict,
	sitesync.CodeNotHere:       http.StatusConflict,
	sitesync.CodeBacklog:       http.StatusConflict,
	sitesync.CodeHandoverState: http.StatusConflict,
	sitesync.CodeDataLocked:    http.StatusConflict,
	sitesync.CodeDataNewer:     http.StatusConflict,
	sitesync.CodeStoreMoving:   http.StatusConflict,
	sitesync.CodeStoreLoading:  http.StatusConflict,
	sitesync.CodeStoreReleased: http.StatusConflict,
	sitesync.CodeLeaseExpired:  http.StatusConflict,
	sitesync.CodeUnsent:        http.StatusConflict,

	sitesync.CodeChanged:      http.StatusPreconditionFailed,
	sitesync.CodeTooLarge:     http.StatusRequestEntityTooLarge,
	sitesync.CodeContentType:  http.StatusUnsupportedMediaType,
	sitesync.CodeHost:         http.StatusMisdirectedRequest,
	sitesync.CodeInternal:     http.StatusInternalServerError,
	sitesync.CodeUnreachable:  http.StatusBadGateway,
	sitesync.CodeOffline:      http.StatusServiceUnavailable,
	sitesync.CodeOverload:     http.StatusServiceUnavailable,
	sitesync.CodeRestoredMode: http.StatusServiceUnavailable,
	sitesync.CodeTimeout:      http.StatusGatewayTimeout,
	sitesync.CodeDiskFull:     http.StatusInsufficientStorage,
}

// Problem is the body of every answer that is not a success
// (application/problem+json, RFC 9457).
type Problem struct {
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Code      sitesync.Code `json:"code"`
	Detail    string        `json:"detail"`
	Next      string        `json:"next"`
	Field     string        `json:"field,omitempty"`
	Line      int           `json:"line,omitempty"`
	Reference string        `json:"reference,omitempty"` // of internal: what to look for in the log
}

// fail answers with an error. An answer that has begun is cut off, so that
// nobody takes it for a whole one.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	out, _ := w.(*response)
	if errors.Is(err, http.ErrAbortHandler) || out != nil && out.broken {
		panic(http.ErrAbortHandler)
	}
	e, reference := s.presentable(r, err)
	if out != nil && out.begun {
		panic(http.ErrAbortHandler)
	}
	refuse(w, e, reference)
}

func refuse(w http.ResponseWriter, e *sitesync.Error, reference string) {
	status := statuses[e.Code]
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = encode(w, Problem{
		Title: http.StatusText(status), Status: status,
		Code: e.Code, Detail: e.Message, Next: e.Next, Field: e.Field, Line: e.Line, Reference: reference,
	}) // who does not listen is not told
}

// presentable gives what a caller may see of an error. A failure of ours goes
// to the log alone, under a reference that the caller gets.
func (s *Server) presentable(r *http.Request, err error) (e *sitesync.Error, reference string) {
	if e := sitesync.AsError(err); e != nil && e.Code != sitesync.CodeInternal && statuses[e.Code] != 0 {
		return e, ""
	}
	reference = newReference()
	if !errors.Is(err, context.Canceled) { // else the caller is gone
		s.log.Error("request failed", keyReference, reference, keyRoute, routeOf(r), keyError, err)
	}
	return internal(reference), reference
}

func internal(reference string) *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeInternal, "look for the reference in the agent's log, and report what it says there",
		"the agent failed; reference %s", reference)
}

// catch answers for a handler that panicked.
func (s *Server) catch(w *response, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause) // net/http closes the connection
	}
	reference := newReference()
	s.log.Error("request panicked", keyReference, reference, keyRoute, routeOf(r), keyError, fmt.Sprint(cause), keyStack, string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	refuse(w, internal(reference), reference)
}

// routeOf names a request in the log: paths hold IDs of records, which are
// nobody's business there.
func routeOf(r *http.Request) string { return r.Method + " " + r.Pattern }

func newReference() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
