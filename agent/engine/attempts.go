package engine

import (
	"math/rand/v2"
	"time"

	"sitesync/shared/link"
)

// attempts decides which of the hub's addresses is dialled next, and when. It
// is plain bookkeeping.
type attempts struct {
	backoff link.Backoff
	address int // which one: it moves on when one does not work, and stays when it does
	atOnce  int // how many in a row were made without a wait
	online  bool
}

// mostAtOnce is how often in a row the hub may have the agent dial anew at
// once: to show a new credential, or the password again in place of one that is
// not known.
const mostAtOnce = 3

// url is the address to dial.
func (a *attempts) url(s *Site) string {
	a.online = false
	urls := s.candidates()
	return urls[a.address%len(urls)]
}

// served notes a session that was open for some time.
func (a *attempts) served(lasted time.Duration) {
	a.online, a.atOnce = true, 0
	a.backoff.Stable(lasted)
}

// again is the wait before an attempt that is wanted at once.
func (a *attempts) again() time.Duration {
	if a.atOnce++; a.atOnce <= mostAtOnce {
		return 0
	}
	return a.backoff.Next()
}

// failed is the wait after an address that did not work, or a session that was
// lost.
func (a *attempts) failed() time.Duration {
	if !a.online {
		a.address++
	}
	return a.backoff.Next()
}

// edited begins anew: what is known may not be so any more.
func (a *attempts) edited() {
	a.backoff.Reset()
	a.address, a.atOnce = 0, 0
}

// jitter spreads a duration over the half around it.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(max(d/2, 1))
}
