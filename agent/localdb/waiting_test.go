package localdb

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
)

// TestWaitingSince lets a queue grow and shrink in any way, over epochs too,
// and holds what it says of its age against what it is: never younger, and
// older by no more than the front has moved since the mark before.
func TestWaitingSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Store{Epoch: epoch1, Outbox: Outbox{Epoch: epoch1}}
		now := someday
		var made []time.Time // of the changes that wait, oldest first
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
				s.Outbox.Last++
				s.noteQueued(now)
				made = append(made, sitesync.At(now).Time)
			},
			"settle": func(t *rapid.T) {
				o := &s.Outbox
				for i := range s.Past {
					if s.Past[i].Queued() > 0 {
						o = &s.Past[i]
						break
					}
				}
				if o.Queued() == 0 {
					return
				}
				n := rapid.Uint64Range(1, o.Queued()).Draw(t, "n")
				o.Confirmed += n
				s.endPast()
				s.noteSettled()
				made = made[n:]
			},
			"new epoch": func(t *rapid.T) {
				s.Past = append(s.Past, s.Outbox)
				s.Epoch++
				s.Outbox = Outbox{Epoch: s.Epoch}
			},
			"": func(t *rapid.T) {
				since := s.QueuedSince()
				if (since == nil) != (len(made) == 0) {
					t.Fatalf("%d changes wait, since %v", len(made), since)
				}
				if since != nil && since.After(made[0]) {
					t.Fatalf("the oldest is of %v, it says %v", made[0], since)
				}
				if w := s.Waiting; w != nil && w.N != 0 && !w.Next.After(made[0]) && s.reached(w.Epoch, w.N) {
					t.Fatalf("the mark at %v is passed, and it still says %v", w.Next, since)
				}
			},
		})
	})
}

// While a link carries everything, the age stays small although the queue never
// runs empty.
func TestWaitingMovesOn(t *testing.T) {
	s := &Store{Epoch: epoch1, Outbox: Outbox{Epoch: epoch1}}
	for i := range 1000 {
		now := someday.Add(time.Duration(i) * time.Second)
		s.Outbox.Last++
		s.noteQueued(now)
		if i > 2 {
			s.Outbox.Confirmed++
			s.noteSettled()
		}
		if age := now.Sub(s.QueuedSince().Time); age > 10*time.Second {
			t.Fatalf("after %d changes the oldest of %d is said to be %v old", i, s.Queued(), age)
		}
	}
	if s.clone().Waiting == s.Waiting {
		t.Error("a clone shares the mark")
	}
}
