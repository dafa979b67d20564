package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"sitesync/shared/sitesync"
)

// ErrClosed is what a session ended with that this side closed.
var ErrClosed = errors.New("the session was closed")

// Stage is a step on the way to a hub, in this order. An agent's connection
// check reports each on its own.
type Stage string

const (
	StageResolve   Stage = "resolve"   // host name to address
	StageConnect   Stage = "connect"   // TCP
	StageTLS       Stage = "tls"       // handshake and trust
	StageWebSocket Stage = "websocket" // wss only
	StageLogin     Stage = "login"     // MQTT CONNECT: name, password, hardware ID
	StageSession   Stage = "session"   // everything after
)

const tryAgain = "try again in a while; an agent does so by itself"

// The errors of this package unwrap to a *sitesync.Error, so that
// sitesync.CodeOf and sitesync.AsError work on them: code refused for a
// refusal, unreachable for everything else.

// RefusedError is a hub that answered, and refused: a CONNACK that is not 0.
type RefusedError struct {
	Code byte // MQTT 3.1.1: 1 version, 2 identifier, 3 unavailable, 4 name or password, 5 not authorised
}

// TLSReason says what was wrong with a hub's certificate.
type TLSReason string

const (
	TLSUnknownAuthority TLSReason = "unknown_authority"
	TLSFingerprint      TLSReason = "fingerprint"   // none of the pinned authorities
	TLSNotYetValid      TLSReason = "not_yet_valid" // most often this device's clock is behind
	TLSExpired          TLSReason = "expired"       // or this device's clock is ahead
	TLSHostName         TLSReason = "host_name"
	TLSInvalid          TLSReason = "invalid" // everything else
)

// TLSError is a hub that is not trusted.
type TLSError struct {
	Reason    TLSReason
	Hub       string    // host:port
	Clock     time.Time // of this device; set for the two reasons of time
	NotBefore time.Time // as is the certificate's validity
	NotAfter  time.Time
	Err       error
}

// UnreachableError is a hub that could not be reached, or a session with it
// that was lost (StageSession).
type UnreachableError struct {
	Stage Stage
	Hub   string // host:port
	Err   error
}

func (e *RefusedError) Error() string     { return e.explain().Error() }
func (e *TLSError) Error() string         { return e.explain().Error() }
func (e *UnreachableError) Error() string { return e.explain().Error() }

func (e *RefusedError) Unwrap() error       { return e.explain() }
func (e *TLSError) Unwrap() []error         { return []error{e.explain(), e.Err} }
func (e *UnreachableError) Unwrap() []error { return []error{e.explain(), e.Err} }

// ProblemOf puts err in the words of a site's problem: code unreachable, tls,
// bad_credentials or hardware_mismatch. nil is the zero Problem.
func ProblemOf(err error) sitesync.Problem {
	if err == nil {
		return sitesync.Problem{}
	}
	code := sitesync.ProblemUnreachable
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		code = refused.problem()
	} else if isA[*TLSError](err) {
		code = sitesync.ProblemTLS
	}
	if e := sitesync.AsError(err); e != nil {
		return sitesync.Problem{Code: code, Message: e.Message, Next: e.Next}
	}
	return sitesync.Problem{Code: code, Message: "the connection to the hub failed: " + err.Error(), Next: tryAgain}
}

func (e *RefusedError) problem() sitesync.ProblemCode {
	switch e.Code {
	case 2:
		return sitesync.ProblemHardwareMismatch
	case 4, 5:
		return sitesync.ProblemBadCredentials
	default:
		return sitesync.ProblemUnreachable
	}
}

func (e *RefusedError) explain() *sitesync.Error {
	switch e.Code {
	case 1:
		return sitesync.Errorf(sitesync.CodeUnreachable, "check that the hub URL is that of a sitesync hub", "the hub does not speak MQTT 3.1.1")
	case 2:
		return sitesync.Errorf(sitesync.CodeRefused, "if this device replaces the former one, have the hub's operator reset the site's hardware ID",
			"the hub knows another device under this name")
	case 3:
		return sitesync.Errorf(sitesync.CodeUnreachable, tryAgain, "the hub is busy and asks to come back later")
	case 4:
		return sitesync.Errorf(sitesync.CodeRefused, "enter the present name and password; the hub's operator can set a new password",
			"the hub does not know this name with this password")
	case 5:
		return sitesync.Errorf(sitesync.CodeRefused, "ask the hub's operator whether it was disabled", "the hub does not let this name in")
	default:
		return sitesync.Errorf(sitesync.CodeUnreachable, "check that the hub URL is that of a sitesync hub", "the hub refused with the unassigned MQTT code %d", e.Code)
	}
}

// tlsError sorts what x509 found wrong at the time now.
func tlsError(err error, now time.Time) *TLSError {
	e := &TLSError{Reason: TLSInvalid, Err: err}
	switch {
	case isA[x509.UnknownAuthorityError](err):
		e.Reason = TLSUnknownAuthority
	case isA[x509.HostnameError](err):
		e.Reason = TLSHostName
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		e.Clock, e.NotBefore, e.NotAfter = now, invalid.Cert.NotBefore, invalid.Cert.NotAfter
		e.Reason = TLSExpired
		if now.Before(e.NotBefore) {
			e.Reason = TLSNotYetValid
		}
	}
	return e
}

func (e *TLSError) explain() *sitesync.Error {
	const minute = "2006-01-02 15:04 MST"
	clock := e.Clock.UTC().Format(minute)
	switch e.Reason {
	case TLSUnknownAuthority:
		return unreachable("give the hub's own ca.pem, or join with a new join string; if neither helps, somebody may be in between",
			"the hub's certificate at %s comes from an authority that this device does not trust", e.Hub)
	case TLSFingerprint:
		return unreachable("get a new join string from the hub's operator; if it is the same, somebody may be in between",
			"the certificate authority of the hub at %s is not the one this device was told to trust", e.Hub)
	case TLSNotYetValid:
		return unreachable("set this device's clock",
			"the hub's certificate at %s is valid from %s, but this device's clock says %s", e.Hub, e.NotBefore.UTC().Format(minute), clock)
	case TLSExpired:
		return unreachable("set this device's clock if it is wrong; if it is right, have the hub's operator renew the certificate",
			"the hub's certificate at %s was valid until %s, but this device's clock says %s", e.Hub, e.NotAfter.UTC().Format(minute), clock)
	case TLSHostName:
		return unreachable("use a host name or address that the certificate names, or join with a join string",
			"the hub's certificate is not made for the address %s", e.Hub)
	default:
		return unreachable("have the hub's operator look at its certificate", "the hub's certificate at %s is not valid: %v", e.Hub, e.Err)
	}
}

func (e *UnreachableError) explain() *sitesync.Error {
	switch {
	case e.Stage == StageSession:
		return unreachable(tryAgain, "the connection to the hub at %s was lost: %s", e.Hub, plain(e.Err))
	case errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, os.ErrDeadlineExceeded):
		return unreachable("check this device's network; if other places are reached, ask the hub's operator",
			"the hub at %s did not answer in time (step: %s)", e.Hub, e.Stage)
	case e.Stage == StageResolve:
		return unreachable("check the hub's address and this device's network", "the address of the hub at %s was not found: %s", e.Hub, plain(e.Err))
	case e.Stage == StageConnect:
		return unreachable("check this device's network and whether the hub runs; a firewall may be in between",
			"the hub at %s was not reached: %s", e.Hub, plain(e.Err))
	case e.Stage == StageTLS && isA[tls.RecordHeaderError](e.Err):
		return unreachable("check the port, 8883 for mqtts:// and 8443 for wss:// as a rule; a login page of the network may be in between",
			"what answers at %s does not speak TLS", e.Hub)
	default:
		return unreachable("check that the hub URL is that of a sitesync hub; a proxy may be in between",
			"what answers at %s is no hub, or broke off (step: %s): %s", e.Hub, e.Stage, plain(e.Err))
	}
}

func unreachable(next, format string, args ...any) *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeUnreachable, next, format, args...)
}

// plain is the part of a network error that means something to a person.
func plain(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the other side closed it"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing came through for too long"
	case err == nil:
		return "for no reason given"
	default:
		return err.Error()
	}
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
