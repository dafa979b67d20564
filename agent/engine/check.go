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
	err := e.Pause(ctx, func() error {
		for again := 0; ; again++ {
			c := newCheck()
			err := c.run(ctx, e)
			if steps = c.steps; !errors.Is(err, errAgain) || again == mostAtOnce {
				return nil
			}
		}
	})
	if err != nil { // another check did not end in time
		problem := problemOf(err)
		steps = []Step{{Name: string(link.StageResolve), Problem: &problem}}
	}
	return steps
}

// check is one attempt.
type check struct {
	steps   []Step
	since   time.Time
	reached link.Stage
}

func newCheck() *check { return &check{since: time.Now(), reached: link.StageResolve} }

var nextStage = map[link.Stage]link.Stage{link.StageResolve: link.StageConnect, link.StageConnect: link.StageTLS,
	link.StageTLS: link.StageLogin, link.StageWebSocket: link.StageLogin, link.StageLogin: link.StageSession}

func (c *check) add(name string, took time.Duration, p *sitesync.Problem) {
	c.steps = append(c.steps, Step{Name: name, Took: took, Problem: p})
	c.since = time.Now()
}

// passed notes a stage of the dialling.
func (c *check) passed(stage link.Stage, took time.Duration) {
	c.reached = nextStage[stage]
	c.add(string(stage), took, nil)
	if stage == link.StageLogin {
		c.add(stepHardware, 0, nil)
	}
}

// run answers errAgain when the hub is to be dialled once more.
func (c *check) run(ctx context.Context, e *Engine) error {
	site := e.now()
	if site == nil {
		return nil
	}
	s, err := e.open(ctx, site, site.Hub, c.passed)
	if err == nil {
		s.close()
		c.add(stepRoundTrip, time.Since(c.since), nil)
		return nil
	}
	c.failed(err)
	return err
}

func (c *check) failed(err error) {
	problem := problemOf(err)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		problem = refused.Problem
	}
	if u, ok := errors.AsType[*link.UnreachableError](err); ok {
		c.reached = u.Stage
	}
	name := string(c.reached)
	switch {
	case problem.Code == sitesync.ProblemHardwareMismatch:
		c.add(name, time.Since(c.since), nil) // name and password were right
		name = stepHardware
	case c.reached == link.StageSession:
		name = stepRoundTrip
	}
	c.add(name, time.Since(c.since), &problem)
}
