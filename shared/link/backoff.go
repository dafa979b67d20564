package link

import (
	"math/rand/v2"
	"time"
)

// Defaults of Backoff.
const (
	DefaultBackoffMin = time.Second
	DefaultBackoffMax = 5 * time.Minute
)

// Backoff says how long to wait before the next attempt: exponential with full
// jitter, after "Exponential Backoff And Jitter" (AWS architecture blog, 2015).
// The wait is drawn evenly from nothing to a ceiling that starts at Min and
// doubles with every attempt up to Max; of all the ways to spread out ten
// thousand agents after a power cut at the hub this one makes the least work.
// A tenth of Min is kept as a floor, so that no draw hammers.
//
// The zero value uses the defaults. It is plain arithmetic: it does not sleep
// and is not safe for concurrent use.
type Backoff struct {
	Min, Max time.Duration
	// Steady is how long a session must have lasted to prove that the hub is
	// well; 0 stands for ten times Min, at most Max. It is short, so that a link
	// that is cut every 20 seconds does not stand idle between: sessions that
	// last keep attempts apart by themselves.
	Steady time.Duration
	// Rand draws the jitter; nil is the runtime's own source.
	Rand *rand.Rand

	ceiling time.Duration // of the next draw; 0 before the first
}

// Next is how long to wait before the next attempt, and counts that attempt.
func (b *Backoff) Next() time.Duration {
	low, high := b.bounds()
	ceiling := max(b.ceiling, low)
	b.ceiling = high
	if ceiling <= high/2 {
		b.ceiling = 2 * ceiling
	}
	floor := low / 10
	return floor + b.draw(ceiling-floor)
}

// Reset starts over at Min, as when a person asks for an attempt now.
func (b *Backoff) Reset() { b.ceiling = 0 }

// Stable takes note that a session lasted for the given time. One that was
// long enough resets the backoff. A short one does not: a hub that accepts
// everybody and then falls over must not be met by ever quicker attempts.
func (b *Backoff) Stable(lasted time.Duration) {
	steady := b.Steady
	if steady <= 0 {
		low, high := b.bounds()
		steady = high
		if low <= high/10 {
			steady = 10 * low
		}
	}
	if lasted >= steady {
		b.Reset()
	}
}

// bounds gives Min and Max with their defaults, Max not below Min.
func (b *Backoff) bounds() (low, high time.Duration) {
	low, high = b.Min, b.Max
	if low <= 0 {
		low = DefaultBackoffMin
	}
	if high <= 0 {
		high = max(DefaultBackoffMax, low)
	}
	return min(low, high), high
}

// draw is even over [0, n).
func (b *Backoff) draw(n time.Duration) time.Duration {
	n = max(n, 1)
	if b.Rand == nil {
		return rand.N(n)
	}
	return time.Duration(b.Rand.Int64N(int64(n)))
}
