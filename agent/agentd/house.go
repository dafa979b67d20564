package agentd

import (
	"context"
	"time"

	"sitesync/agent/bootclock"
	"sitesync/agent/localdb"
)

// moment is now, by the device's clocks.
func moment() localdb.Moment {
	boot, since := bootclock.Now()
	return localdb.Moment{Boot: boot, Since: since, Wall: time.Now()}
}

// shortestRound keeps the house from being kept without a pause.
const shortestRound = 50 * time.Millisecond

// keepHouse does what is due without the hub, until ctx ends: it notices when
// the lease is over, and purges copies of stores that went elsewhere.
func (a *Agent) keepHouse(ctx context.Context) {
	overdue := false
	for {
		wait, err := a.db.WatchLease()
		if err != nil {
			a.config.Log.Error("watching the lease failed", "error", err)
		}
		if now := a.db.Lease(); now.Expired != overdue {
			overdue = now.Expired
			if overdue {
				a.config.Log.Warn("the hub was not reached for longer than this site may be without it; its stores are read-only until it is", "longest", now.Length)
			} else {
				a.config.Log.Info("the hub was reached; the stores can be written again")
			}
		}
		now := time.Now()
		next, err := a.db.PurgeDue(now, a.config.Timings.PurgeAfter)
		if err != nil {
			a.config.Log.Error("removing the copy of a store that moved away failed; it is tried again", "error", err)
		}
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(min(wait, a.config.Timings.PurgeAfter), shortestRound)):
		}
	}
}
