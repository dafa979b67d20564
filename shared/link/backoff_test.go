package link

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawBackoff(t *rapid.T) (b *Backoff, low, high time.Duration) {
	low = time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "min"))
	high = time.Duration(rapid.Int64Range(int64(low), math.MaxInt64).Draw(t, "max"))
	seed := rapid.Uint64().Draw(t, "seed")
	return &Backoff{Min: low, Max: high, Rand: rand.New(rand.NewPCG(seed, 0))}, low, high
}

// TestBackoffBounds: attempt k waits at least Min/10 and at most
// min(Max, Min*2^k).
func TestBackoffBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, low, high := drawBackoff(t)
		for attempt := range rapid.IntRange(1, 200).Draw(t, "attempts") {
			ceiling := high
			if c := math.Ldexp(float64(low), attempt); c < float64(high) {
				ceiling = time.Duration(c)
			}
			if wait := b.Next(); wait < low/10 || wait > ceiling {
				t.Fatalf("attempt %d waits %v, want %v to %v", attempt, wait, low/10, ceiling)
			}
		}
	})
}

// TestBackoffJitter: the waits of one attempt are spread evenly, half of them
// below the middle.
func TestBackoffJitter(t *testing.T) {
	const devices = 10_000
	source := rand.New(rand.NewPCG(1, 2))
	for attempt, ceiling := range []time.Duration{1, 2, 4, 8, 10, 10} {
		ceiling *= time.Second
		below := 0
		for range devices {
			b := Backoff{Min: time.Second, Max: 10 * time.Second, Rand: source}
			for range attempt {
				b.Next()
			}
			if b.Next() < (ceiling+time.Second/10)/2 {
				below++
			}
		}
		if below < devices*47/100 || below > devices*53/100 {
			t.Errorf("attempt %d: %d of %d wait less than half", attempt, below, devices)
		}
	}
}

// TestBackoffStable: only a session that lasted resets, and then to the start.
func TestBackoffStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, low, high := drawBackoff(t)
		b.Steady = time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "steady"))
		for range rapid.IntRange(0, 80).Draw(t, "attempts") {
			b.Next()
		}
		before := b.ceiling
		b.Stable(b.Steady - 1)
		if b.ceiling != before {
			t.Fatalf("a short session changed the ceiling from %v to %v", before, b.ceiling)
		}
		b.Stable(b.Steady)
		if wait := b.Next(); wait > low || wait > high {
			t.Fatalf("waits %v after a stable session", wait)
		}
	})
}

func TestBackoffDefaults(t *testing.T) {
	var b Backoff
	for range 100 {
		if wait := b.Next(); wait < DefaultBackoffMin/10 || wait > DefaultBackoffMax {
			t.Fatalf("waits %v", wait)
		}
	}
	if b.Stable(9 * time.Second); b.ceiling != DefaultBackoffMax {
		t.Errorf("ceiling %v after a session of 9 s", b.ceiling)
	}
	if b.Stable(10 * time.Second); b.ceiling != 0 {
		t.Errorf("ceiling %v after a session of 10 s", b.ceiling)
	}
	odd := Backoff{Min: time.Hour, Max: time.Second}
	if wait := odd.Next(); wait > time.Second {
		t.Errorf("waits %v, above Max", wait)
	}
	high := Backoff{Min: time.Hour}
	if wait := high.Next(); wait > time.Hour || wait < 6*time.Minute {
		t.Errorf("waits %v, Min is an hour", wait)
	}
}
