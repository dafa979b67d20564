package engine

import (
	"context"
	"errors"
	"time"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// Step is one step of a connection check.
type Step struct {
	Name    string
	Took    time.Duration
	Problem *sitesync.Problem // nil: it succeeded
}

// The names of steps, in order; websocket is of wss alone. The first ones are
// those of package link.
const (
	stepHardware  = "hardware"
	stepRoundTrip = "round_trip"
)

// Check tries the way to the hub step by step, as far as it gets. The session
// of now makes room for it and is dialled anew afterwards, since a site has
// one session.
func (e *Engine) Check(ctx context.Context) (steps []Step) {
	site := e.Site()
	if site == nil {
		return nil
	}
	reached, since := link.StageResolve, time.Now()
	add := func(name string, took time.Duration, p *sitesync.Problem) {
		steps = append(steps, Step{Name: name, Took: took, Problem: p})
		since = time.Now()
	}
	next := map[link.Stage]link.Stage{link.StageResolve: link.StageConnect, link.StageConnect: link.StageTLS, link.StageTLS: link.StageLogin,
		link.StageWebSocket: link.StageLogin, link.StageLogin: link.StageSession}
	err := e.Pause(func() error {
		since = time.Now()
		s, err := e.open(ctx, site.Hub, func(stage link.Stage, took time.Duration) {
			reached = next[stage]
			add(string(stage), took, nil)
			if stage == link.StageLogin {
				add(stepHardware, 0, nil)
			}
		})
		if s != nil {
			s.close()
		}
		return err
	})
	if err == nil || errors.Is(err, errAgain) {
		add(stepRoundTrip, time.Since(since), nil)
		return steps
	}
	problem := link.ProblemOf(err)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		problem = refused.Problem
	}
	if u, ok := errors.AsType[*link.UnreachableError](err); ok {
		reached = u.Stage
	}
	name := string(reached)
	switch {
	case problem.Code == sitesync.ProblemHardwareMismatch:
		add(name, time.Since(since), nil) // name and password were right
		name = stepHardware
	case reached == link.StageSession:
		name = stepRoundTrip
	}
	add(name, time.Since(since), &problem)
	return steps
}
