package engine

import (
	"time"

	"sitesync/shared/sitesync"
)

// progress is how much was done since something began. From it comes how long
// the rest will take.
type progress struct {
	began time.Time
	done  uint64
}

// measured is how long something has to go on before its speed means anything.
const measured = time.Second

// rate is how many a second were done; 0 while that cannot be said.
func (p *progress) rate(now time.Time) float64 {
	took := now.Sub(p.began)
	if p.done == 0 || took < measured {
		return 0
	}
	return float64(p.done) / took.Seconds()
}

// sentSome notes changes that the hub has settled, and whether some are left.
func (e *Engine) sentSome(since time.Time, changes uint64, left bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !left {
		e.sending = progress{} // the next ones have a speed of their own
		return
	}
	if e.sending.began.IsZero() {
		e.sending.began = since
	}
	e.sending.done += changes
}

// loadedSome notes records of a store that have arrived; the first of a
// delivery's come with 0.
func (e *Engine) loadedSome(store sitesync.StoreID, began time.Time, records uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loadingStore != store || e.loading.began != began {
		e.loadingStore, e.loading = store, progress{began: began}
	}
	e.loading.done += records
}
