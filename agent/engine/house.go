package engine

import (
	"context"
	"time"
)

// shortestRound keeps the house from being kept without a pause.
const shortestRound = 50 * time.Millisecond

// KeepHouse does what is due without the hub, until ctx ends: it notices when
// the lease is over, and purges copies of stores that went elsewhere.
func (e *Engine) KeepHouse(ctx context.Context) {
	expired := false
	for {
		wait, err := e.DB.WatchLease()
		if err != nil {
			e.Log.Error("watching the lease failed", "error", err)
		}
		if now := e.DB.Lease(); now.Expired != expired {
			if expired = now.Expired; expired {
				e.Log.Warn("the hub was not reached for longer than this site may be without it; its stores are read-only until it is", "longest", now.Length)
			} else {
				e.Log.Info("the stores can be written again")
			}
		}
		now := time.Now()
		next, err := e.DB.PurgeDue(now, e.Timings.PurgeAfter)
		if err != nil {
			e.Log.Error("removing the copy of a store that moved away failed; it is tried again", "error", err)
		}
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		e.sleepFor(ctx, max(min(wait, e.Timings.PurgeAfter), shortestRound))
		if ctx.Err() != nil {
			return
		}
	}
}

// sleepFor waits, whoever pokes.
func (e *Engine) sleepFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
