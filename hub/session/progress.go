package session

import (
	"time"

	"sitesync/shared/sitesync"
)

// progress is how far the delivery of a store has come, as its device says.
type progress struct {
	epoch  sitesync.Epoch
	latest mark
	marks  [2]mark // the speed is that since the older one
}

type mark struct {
	at      time.Time
	records uint64
}

// markEvery is the time between two marks: speeds are those of the last minute
// or so, links that were cut in between included.
const markEvery = 30 * time.Second

// Arrived takes note of how many records of a store have arrived at the device
// it is delivered to.
func (t *Table) Arrived(store sitesync.StoreID, epoch sitesync.Epoch, records uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := mark{now, records}
	p := t.loading[store]
	if p == nil || p.epoch != epoch || records < p.latest.records {
		t.loading[store] = &progress{epoch: epoch, latest: m, marks: [2]mark{m, m}}
		return
	}
	p.latest = m
	if now.Sub(p.marks[1].at) >= markEvery {
		p.marks[0], p.marks[1] = p.marks[1], m
	}
}

// Progress fills in how far a handover that is under way has come, as far as
// that is known since the hub's start: what has arrived, how fast, and when it
// will be all; while it is drained, what its former site still has to send.
func (t *Table) Progress(h *sitesync.Handover, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch h.State {
	case sitesync.HandoverDraining:
		if l := t.sites[h.From]; l != nil {
			h.Waiting = l.Backlog
		}
	case sitesync.HandoverLoading:
		if p := t.loading[h.Store]; p != nil && p.epoch == h.Epoch {
			p.fill(h, now)
		}
	}
}

func (p *progress) fill(h *sitesync.Handover, now time.Time) {
	if h.Total.Records <= 0 {
		return
	}
	arrived := min(int64(p.latest.records), h.Total.Records)
	each := float64(h.Total.Bytes) / float64(h.Total.Records)
	h.Sent = sitesync.Volume{Records: arrived, Bytes: int64(float64(arrived) * each)}
	took := now.Sub(p.marks[0].at).Seconds()
	speed := float64(p.latest.records-p.marks[0].records) / took
	if took <= 0 || speed <= 0 {
		return
	}
	h.Rate = int64(speed * each)
	eta := sitesync.At(now.Add(time.Duration(float64(h.Total.Records-arrived) / speed * float64(time.Second))))
	h.ETA = &eta
}
