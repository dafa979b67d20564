package engine

import (
	"time"

	"sitesync/shared/sitesync"
)

// wait is a request that has not been answered. It is made again when its time
// is up, and after maxTries the session is given up.
type wait struct {
	until time.Time
	tries int
	again func() error
}

func waitKey(what string, store sitesync.StoreID) string { return what + "/" + store.String() }

// expect waits for an answer to a request of so many bytes. A request that is
// waited for already keeps its count.
func (s *session) expect(key string, bytes int, again func() error) {
	w := s.waits[key]
	if w == nil {
		w = &wait{}
		s.waits[key] = w
	}
	w.again = again
	w.until = time.Now().Add(s.pace.timeout(s.engine.Timings.RequestTimeout, bytes))
}

// progress notes that an answer came, of several.
func (s *session) progress(key string) {
	if w := s.waits[key]; w != nil {
		w.tries = 0
		w.until = time.Now().Add(s.pace.timeout(s.engine.Timings.RequestTimeout, 0))
	}
}

func (s *session) done(key string) { delete(s.waits, key) }

// deadline gives a channel that fires when the next thing is due.
func (s *session) deadline() <-chan time.Time {
	next := s.nextTry
	for _, w := range s.waits {
		if w.until.Before(next) {
			next = w.until
		}
	}
	return time.After(time.Until(next))
}

// repeat makes what is overdue again.
func (s *session) repeat() error {
	now := time.Now()
	if !now.Before(s.nextTry) {
		return s.probe()
	}
	for key, w := range s.waits {
		if now.Before(w.until) {
			continue
		}
		if w.tries++; w.tries >= maxTries {
			return errUnanswered
		}
		s.engine.Log.Debug("a request was not answered", "request", key, "tries", w.tries)
		if err := w.again(); err != nil {
			return err
		}
		if w.until.Before(now) {
			w.until = now.Add(s.pace.timeout(s.engine.Timings.RequestTimeout, 0))
		}
	}
	return nil
}
