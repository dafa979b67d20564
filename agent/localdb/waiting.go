package localdb

import (
	"time"

	"sitesync/shared/sitesync"
)

// Waiting tells since when changes of a store wait. Outbox entries carry no
// time; two marks that follow one another through the queue are enough to say
// how old its front is, and cost nothing: the store is written with every
// change anyway.
type Waiting struct {
	Since sitesync.Time `json:"since"` // the oldest change that waits is from then or a little later

	// From change N of Epoch on, they are from Next or later; N is 0 while there
	// is no such mark.
	Epoch sitesync.Epoch `json:"epoch,omitempty"`
	N     uint64         `json:"n,omitempty"`
	Next  sitesync.Time  `json:"next,omitzero"`
}

// markEvery is how close the marks are at most.
const markEvery = time.Second

// noteQueued notes that a change was put at the end of the queue.
func (s *Store) noteQueued(now time.Time) {
	switch w := s.Waiting; {
	case s.Queued() == 1:
		s.Waiting = &Waiting{Since: sitesync.At(now)}
	case w != nil && w.N == 0 && now.Sub(w.Since.Time) >= markEvery:
		w.Epoch, w.N, w.Next = s.Epoch, s.Outbox.Last, sitesync.At(now)
	}
}

// noteSettled notes that changes left the front of the queue.
func (s *Store) noteSettled() {
	switch w := s.Waiting; {
	case w == nil:
	case s.Queued() == 0:
		s.Waiting = nil
	case w.N != 0 && s.reached(w.Epoch, w.N):
		*w = Waiting{Since: w.Next}
	}
}

// reached reports whether nothing before change n of an epoch waits.
func (s *Store) reached(epoch sitesync.Epoch, n uint64) bool {
	for i := range s.Past {
		if o := &s.Past[i]; o.Queued() > 0 {
			return o.Epoch > epoch || o.Epoch == epoch && o.Confirmed+1 >= n
		}
	}
	return s.Epoch > epoch || s.Outbox.Confirmed+1 >= n
}

// QueuedSince is since when changes of the store wait, or a little earlier; nil
// while none does, and where that was not written down.
func (s *Store) QueuedSince() *sitesync.Time {
	if s.Waiting == nil {
		return nil
	}
	since := s.Waiting.Since
	return &since
}
