package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// TestErrorsForPeople: each error names what happened and a next step, without
// the vocabulary of Go's net package around it.
func TestErrorsForPeople(t *testing.T) {
	const hub = "hub:8883"
	now := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, test := range []struct {
		err  error
		code sitesync.ProblemCode
		says string
	}{
		{&RefusedError{Code: 1}, sitesync.ProblemUnreachable, "MQTT 3.1.1"},
		{&RefusedError{Code: 2}, sitesync.ProblemHardwareMismatch, "another device"},
		{&RefusedError{Code: 3}, sitesync.ProblemUnreachable, "busy"},
		{&RefusedError{Code: 4}, sitesync.ProblemBadCredentials, "password"},
		{&RefusedError{Code: 5}, sitesync.ProblemBadCredentials, "let this name in"},
		{&RefusedError{Code: 200}, sitesync.ProblemUnreachable, "200"},
		{&TLSError{Hub: hub, Reason: TLSUnknownAuthority}, sitesync.ProblemTLS, "does not trust"},
		{&TLSError{Hub: hub, Reason: TLSFingerprint}, sitesync.ProblemTLS, "not the one"},
		{&TLSError{Hub: hub, Reason: TLSNotYetValid, Clock: now, NotBefore: now.AddDate(10, 0, 0)}, sitesync.ProblemTLS, "valid from 2025-01-01 00:00 UTC, but this device's clock says 2015-01-01 00:00 UTC"},
		{&TLSError{Hub: hub, Reason: TLSExpired, Clock: now, NotAfter: now.AddDate(-1, 0, 0)}, sitesync.ProblemTLS, "valid until 2014-01-01 00:00 UTC"},
		{&TLSError{Hub: hub, Reason: TLSHostName}, sitesync.ProblemTLS, hub},
		{&TLSError{Hub: hub, Reason: TLSInvalid, Err: errors.New("odd")}, sitesync.ProblemTLS, "odd"},
		{&UnreachableError{Hub: hub, Stage: StageResolve, Err: &net.DNSError{Err: "no such host", Name: "hub"}}, sitesync.ProblemUnreachable, "no such host"},
		{&UnreachableError{Hub: hub, Stage: StageConnect, Err: refused}, sitesync.ProblemUnreachable, "not reached: connection refused"},
		{&UnreachableError{Hub: hub, Stage: StageTLS, Err: context.DeadlineExceeded}, sitesync.ProblemUnreachable, "in time (step: tls)"},
		{&UnreachableError{Hub: hub, Stage: StageLogin, Err: io.EOF}, sitesync.ProblemUnreachable, "closed it"},
		{&UnreachableError{Hub: hub, Stage: StageSession, Err: io.EOF}, sitesync.ProblemUnreachable, "lost: the other side closed it"},
		{&UnreachableError{Hub: hub, Stage: StageSession}, sitesync.ProblemUnreachable, "lost"},
		{badURL("go on", "odd"), sitesync.ProblemUnreachable, "odd"},
		{io.ErrNoProgress, sitesync.ProblemUnreachable, io.ErrNoProgress.Error()},
	} {
		problem := ProblemOf(fmt.Errorf("around: %w", test.err))
		if problem.Code != test.code || !strings.Contains(problem.Message, test.says) || problem.Next == "" {
			t.Errorf("%#v: problem %+v", test.err, problem)
		}
		if strings.Contains(problem.Message, "dial tcp") || strings.Contains(problem.Message, "%!") {
			t.Errorf("%#v says %q", test.err, problem.Message)
		}
	}
	if problem := ProblemOf(nil); problem != (sitesync.Problem{}) {
		t.Errorf("no error is the problem %+v", problem)
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	if !errors.Is(&UnreachableError{Err: io.EOF}, io.EOF) || !errors.Is(&TLSError{Err: io.EOF}, io.EOF) {
		t.Error("the cause is lost")
	}
}
