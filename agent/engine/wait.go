package engine

import (
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// request names what the hub is asked for: a kind of message and, where it is
// about one, its store.
type request struct {
	kind  topic.Kind
	store sitesync.StoreID
}

// maxTries is how often a request is made before the session is given up.
const maxTries = 4

// waits are the requests that have not been answered. Each is made again when
// its time is up.
type waits map[request]*wait

type wait struct {
	until time.Time
	tries int          // that were not answered
	again func() error // makes the request again
}

// expect waits for an answer. A request that is waited for already keeps its
// count.
func (w waits) expect(r request, until time.Time, again func() error) {
	known := w[r]
	if known == nil {
		known = &wait{}
		w[r] = known
	}
	known.until, known.again = until, again
}

// progress notes that an answer came, and that more of it is to come.
func (w waits) progress(r request, until time.Time) {
	if known := w[r]; known != nil {
		known.until, known.tries = until, 0
	}
}

// done ends a wait.
func (w waits) done(r request) { delete(w, r) }

// next is when the first of them is due; zero when there is none.
func (w waits) next() (at time.Time) {
	for _, known := range w {
		at = earlier(at, known.until)
	}
	return at
}

// due lists what is to be asked for again now, and counts it.
func (w waits) due(now time.Time) (list []request, err error) {
	for r, known := range w {
		if now.Before(known.until) {
			continue
		}
		if known.tries++; known.tries >= maxTries {
			return nil, errUnanswered
		}
		list = append(list, r)
	}
	return list, nil
}

// earlier is the earlier of two times, of which zero ones do not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
