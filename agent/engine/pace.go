package engine

import "time"

// pace knows how fast the link is and sizes what is sent by it: about a second
// of the link to a batch and two batches on the way on a slow one, up to what
// the hub allows on a fast one.
type pace struct {
	rate  float64 // bytes a second, as acknowledged
	ratio float64 // bytes before compression to one after it
	rtt   time.Duration
	acked time.Time // when the last batch was acknowledged
}

const (
	firstRate  = 32 << 10  // assumed before anything is measured
	leastBatch = 2 << 10   // bytes as sent
	mostBatch  = 512 << 10 // bytes as sent
	fastBatch  = 64 << 10  // from here on a link counts as fast
	slowWindow = 2         // batches on the way on a slow link
)

func newPace() pace { return pace{rate: firstRate, ratio: 4} }

// batch is how many bytes, as sent, the next batch should have.
func (p *pace) batch() int { return int(min(max(p.rate, leastBatch), mostBatch)) }

// raw is the same before compression.
func (p *pace) raw() int { return int(float64(p.batch()) * p.ratio) }

// window is how many batches may be on the way.
func (p *pace) window(most int) int {
	if p.batch() < fastBatch {
		return min(slowWindow, most)
	}
	return most
}

// credit is how many bytes of a stream the hub may send ahead: some seconds of
// the link.
func (p *pace) credit(most uint64) uint64 {
	return min(uint64(max(p.batch()*8, 16<<10)), most)
}

// packed takes note of how well a batch was compressed.
func (p *pace) packed(raw, sent int) {
	if sent > 0 && raw > 0 {
		p.ratio = blend(p.ratio, float64(raw)/float64(sent))
	}
}

// answered takes note that a batch sent at a time was acknowledged. While
// batches follow one another without a gap, the time between acknowledgements
// is what the link needs for one.
func (p *pace) answered(sent time.Time, bytes int) {
	now := time.Now()
	took := now.Sub(sent)
	if p.rtt == 0 || took < p.rtt {
		p.rtt = took
	}
	if p.acked.After(sent) {
		took = now.Sub(p.acked)
	}
	p.acked = now
	took = max(took, time.Millisecond)
	measured := float64(bytes) / took.Seconds()
	// A batch too small to fill the link says nothing about its speed, except
	// that it is not slower: growth is by doubling, fall is taken at its word.
	if measured > p.rate {
		measured = min(measured, 2*p.rate)
	}
	if bytes >= leastBatch || measured > p.rate {
		p.rate = blend(p.rate, measured)
	}
}

// timeout is how long an answer to so many bytes may take.
func (p *pace) timeout(least time.Duration, bytes int) time.Duration {
	transfer := time.Duration(4 * float64(bytes) / max(p.rate, leastBatch) * float64(time.Second))
	return max(least, 4*p.rtt) + transfer
}

// blend moves an average half-way to what was measured.
func blend(average, measured float64) float64 { return (average + measured) / 2 }
