package hubd

import (
	"slices"
	"sync"
	"time"

	"sitesync/hub/admin"
	"sitesync/shared/topic"
)

// rates tells how much goes through the hub, from samples that were taken every
// few seconds.
type rates struct {
	mu    sync.Mutex
	taken []sample // the oldest first
}

// sample is what had gone through at a time.
type sample struct {
	at                       time.Time
	pushed, quarantined, fed uint64
	bytesIn, bytesOut        uint64
}

const (
	sampleEvery = 5 * time.Second
	samplesKept = 13 // a minute
)

func (r *rates) add(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, s)
	if len(r.taken) > samplesKept {
		r.taken = r.taken[1:]
	}
}

// until gives the rates from the oldest sample that is kept until now.
func (r *rates) until(now sample) (out admin.Rates) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.taken) == 0 {
		return out
	}
	then := r.taken[0]
	seconds := now.at.Sub(then.at).Seconds()
	if seconds <= 0 {
		return out
	}
	each := func(now, then uint64) float64 { return float64(now-then) / seconds }
	return admin.Rates{Pushed: each(now.pushed, then.pushed), Quarantined: each(now.quarantined, then.quarantined), Fed: each(now.fed, then.fed),
		BytesIn: each(now.bytesIn, then.bytesIn), BytesOut: each(now.bytesOut, then.bytesOut)}
}

func (h *Hub) sample() sample {
	c, broker := h.counts, h.broker.Stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	return sample{at: time.Now(), pushed: c.applied.Load(), quarantined: c.quarantined.Load(),
		fed: c.feeds[topic.Changes].bytes + c.feeds[topic.Resync].bytes, bytesIn: broker.BytesIn, bytesOut: broker.BytesOut}
}

// machine tells how the hub is.
func (h *Hub) machine() admin.Machine {
	b, db := h.broker.Stats(), h.db.Stats()
	median, most := h.counts.latest.of()
	return admin.Machine{Version: h.config.Version, Started: h.started,
		Connections: admin.Connections{Devices: b.Devices, Refused: b.Refused, Persons: b.Persons, HalfOpen: b.HalfOpen},
		Database: admin.Database{Bytes: db.Bytes, DiskFree: db.DiskFree, Commits: db.Groups,
			CommitMs: milliseconds(median), CommitMs99: milliseconds(most)},
		Rates: h.rates.until(h.sample())}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// latencies remembers how long the newest commits took, fsync and all.
type latencies struct {
	mu   sync.Mutex
	took [256]time.Duration
	n    int // commits so far
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[l.n%len(l.took)] = d
	l.n++
}

// of gives how long half of them took at most, and 99 of 100.
func (l *latencies) of() (median, most time.Duration) {
	l.mu.Lock()
	took := slices.Clone(l.took[:min(l.n, len(l.took))])
	l.mu.Unlock()
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}
