package sitesync

import (
	"errors"
	"fmt"
)

// Code names a kind of error. The strings are part of the contract: they cross
// the wire, stand in MQTT answers, HTTP problems and scripts, and are never
// renamed.
type Code string

// Codes of commands and of the local API.
const (
	CodeInvalid        Code = "invalid"
	CodeUnknownField   Code = "unknown_field"
	CodeUnknownCommand Code = "unknown_command"
	CodeForbidden      Code = "forbidden"
	CodeNotFound       Code = "not_found"
	CodeExists         Code = "exists"
	CodeMovedCode      Code = "moved_code" // Field holds the new code
	CodeConflict       Code = "conflict"
	CodeIDReused       Code = "id_reused"
	CodeInUse          Code = "in_use"
	CodeActiveHere     Code = "active_here"
	CodeNotHere        Code = "not_here"
	CodeBacklog        Code = "backlog"
	CodeHandoverState  Code = "handover_state"
	CodeOffline        Code = "offline"
	CodeTimeout        Code = "timeout"
	CodeTooLarge       Code = "too_large"
	CodeOverload       Code = "overload"
	CodeDiskFull       Code = "disk_full"
	CodeRestoredMode   Code = "restored_mode"
	CodeInternal       Code = "internal"

	CodeToken         Code = "token"
	CodeNoSuchStore   Code = "no_such_store"
	CodeMethod        Code = "method"
	CodeStoreMoving   Code = "store_moving"
	CodeStoreLoading  Code = "store_loading"
	CodeStoreReleased Code = "store_released"
	CodeLeaseExpired  Code = "lease_expired"
	CodeUnsent        Code = "unsent"
	CodeChanged       Code = "changed"
	CodeContentType   Code = "content_type"
	CodeHost          Code = "host"

	// Codes of programs: they end a process and never cross the wire.
	CodeUsage       Code = "usage"
	CodeDataLocked  Code = "data_locked"
	CodeDataNewer   Code = "data_newer"
	CodeUnreachable Code = "unreachable"
	CodeRefused     Code = "refused"
)

// Codes lists every code, for the exhaustiveness tests of the maps from codes
// to HTTP statuses and exit codes.
var Codes = []Code{
	CodeInvalid, CodeUnknownField, CodeUnknownCommand, CodeForbidden, CodeNotFound, CodeExists,
	CodeMovedCode, CodeConflict, CodeIDReused, CodeInUse, CodeActiveHere, CodeNotHere, CodeBacklog,
	CodeHandoverState, CodeOffline, CodeTimeout, CodeTooLarge, CodeOverload, CodeDiskFull,
	CodeRestoredMode, CodeInternal, CodeToken, CodeNoSuchStore, CodeMethod, CodeStoreMoving,
	CodeStoreLoading, CodeStoreReleased, CodeLeaseExpired, CodeUnsent, CodeChanged, CodeContentType,
	CodeHost, CodeUsage, CodeDataLocked, CodeDataNewer, CodeUnreachable, CodeRefused,
}

// Error is what a person or a script is told: what happened, and what to do
// next. Its message never holds a secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`         // what happened, one sentence, no final stop needed
	Next    string `json:"next,omitempty"`  // what to do about it
	Field   string `json:"field,omitempty"` // the argument at fault; for moved_code the new code
	Line    int    `json:"line,omitempty"`  // 1-based line of a bulk body

	cause error
}

func (e *Error) Error() string {
	if e.Next == "" {
		return e.Message
	}
	return e.Message + "; " + e.Next
}

// Unwrap gives the technical cause, for logs. It is never shown to a caller.
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error. next says what to do about it; format and args say
// what happened. An error given to %w is kept as the cause.
func Errorf(code Code, next, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Next: next, cause: errors.Unwrap(err)}
}

// WithField names the argument at fault and returns e.
func (e *Error) WithField(field string) *Error { e.Field = field; return e }

// AtLine names the 1-based line of a bulk body at fault and returns e.
func (e *Error) AtLine(line int) *Error { e.Line = line; return e }

// CodeOf gives the code of err: that of the Error in its chain, CodeInternal
// for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// AsError gives the Error in err's chain, or nil when err has none and is
// therefore a failure of ours whose text is for the log alone.
func AsError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// ExitCode maps a code to the exit code of a program.
func ExitCode(code Code) int {
	switch code {
	case "":
		return 0
	case CodeUsage:
		return 2
	case CodeForbidden, CodeRefused, CodeToken:
		return 3
	case CodeUnreachable:
		return 4
	case CodeDataLocked:
		return 5
	case CodeDataNewer:
		return 6
	case CodeConflict:
		return 7
	default:
		return 1
	}
}
