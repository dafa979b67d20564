package engine

import (
	"time"

	"sitesync/shared/wire"
)

// pace knows how fast the link is and sizes what is sent by it: about a second
// of the link to a batch and two batches on the way on a slow one, up to what
// the hub allows on a fast one; and some seconds of the link to what the hub may
// send ahead. It is plain arithmetic, and outlives sessions: the next one most
// likely goes over the same link.
type pace struct {
	up, down flow
	ratio    float64 // bytes before compression to one after it
	rtt      time.Duration
}

// flow is one direction.
type flow struct {
	rate float64   // bytes a second
	last time.Time // when bytes last arrived
}

const (
	firstRate  = 8 << 10   // bytes a second, before anything is measured
	mostRate   = 2 << 20   // beyond it nothing changes
	leastRate  = 1 << 10   // below it links count as cut
	leastBatch = 2 << 10   // bytes as sent; smaller ones tell nothing about the link
	mostBatch  = 512 << 10 // bytes as sent

	creditSeconds = 8 // of the link that the hub may send ahead
	leastCredit   = 16 << 10
)

func newPace() pace {
	return pace{up: flow{rate: firstRate}, down: flow{rate: firstRate}, ratio: 4}
}

// begin starts a session, in which a small packet and its answer took so long.
func (p *pace) begin(rtt time.Duration) {
	p.rtt, p.up.last, p.down.last = rtt, time.Time{}, time.Time{}
}

// batch is how many bytes, as sent, the next batch should have.
func (p *pace) batch() int { return int(min(max(p.up.rate, leastBatch), mostBatch)) }

// raw is the same before compression.
func (p *pace) raw() int { return int(float64(p.batch()) * p.ratio) }

// room reports whether another batch may go out beside so many on the way, of
// so many bytes: as long as they are two seconds of the link, or two batches.
func (p *pace) room(l *wire.Limits, batches, bytes int) bool {
	if batches == 0 {
		return true
	}
	window := max(2*p.up.rate, float64(2*p.batch()))
	return batches < int(l.WindowBatches) && float64(bytes+p.batch()) <= window
}

// credit is how many bytes of a stream the hub may send ahead.
func (p *pace) credit(most uint32) uint64 {
	return min(uint64(max(creditSeconds*min(p.down.rate, mostBatch), leastCredit)), uint64(most))
}

// packed takes note of how well a batch was compressed.
func (p *pace) packed(raw, sent int) {
	if sent >= leastBatch {
		p.ratio = min(max(blend(p.ratio, float64(raw)/float64(sent)), 1), 64)
	}
}

// sent takes note of a batch that was sent at one time and answered at another;
// arrived, of a part of a stream that began at one time and came at another.
func (p *pace) sent(since, at time.Time, bytes int)    { p.measure(&p.up, since, at, bytes) }
func (p *pace) arrived(since, at time.Time, bytes int) { p.measure(&p.down, since, at, bytes) }

// measure takes note of bytes for which the link had from since to at. While
// they follow others without a gap, the time between the two is what the link
// needs for them. A second fast sample says more than one, so growth is by
// halves; a fall is taken at its word.
func (p *pace) measure(f *flow, since, at time.Time, bytes int) {
	took := at.Sub(since) - p.rtt
	if f.last.After(since) {
		took = at.Sub(f.last)
	}
	f.last = at
	if bytes < leastBatch {
		return
	}
	measured := float64(bytes) / max(took, time.Millisecond).Seconds()
	f.rate = max(min(blend(f.rate, min(measured, 2*f.rate)), mostRate), leastRate)
}

// slower takes note that an answer did not come in time.
func (p *pace) slower() {
	p.up.rate, p.down.rate = max(p.up.rate/2, leastRate), max(p.down.rate/2, leastRate)
}

// cut takes note that the link was lost while bytes were on their way up or
// down: whatever its speed, it does not live long enough for as many. Were it
// met with the same again, a link that is cut every so many bytes would carry
// the same part for ever.
func (p *pace) cut(up, down bool) {
	if up {
		p.up.rate = max(min(p.up.rate, mostBatch)/2, leastRate)
	}
	if down {
		p.down.rate = max(min(p.down.rate, mostBatch)/2, leastRate)
	}
}

// timeout is how long the answer to what is on the way may take.
func (p *pace) timeout(f *flow, least time.Duration, bytes int) time.Duration {
	return max(least, 4*p.rtt) + time.Duration(4*float64(bytes)/f.rate*float64(time.Second))
}

// blend moves an average half-way to what was measured.
func blend(average, measured float64) float64 { return (average + measured) / 2 }
