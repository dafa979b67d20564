package hubd

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sitesync/shared/sitesync"
)

// quota keeps what a stranger or a broken device can cause from flooding those
// who listen. A few events of one kind about one thing are told at once, and
// then one a minute that says how many were left out; of one kind in all, about
// strangers' names too, one a second. Nothing but telling depends on it.
type quota struct {
	mu     sync.Mutex
	shares map[about]*share
	kinds  map[sitesync.EventKind]*share
}

// about is what an event is about.
type about struct {
	kind  sitesync.EventKind
	site  sitesync.SiteID
	store sitesync.StoreID
}

type share struct {
	limit   *rate.Limiter
	leftOut int
}

const (
	eventBurst = 5
	eventEvery = time.Minute
	kindBurst  = 50
	kindEvery  = time.Second
	mostQuotas = 20_000 // things; above, those that have been quiet are forgotten
)

// floods are the kinds that those on the other side of the network can cause
// at will. The others follow an administrator's command, or tell of a device's
// coming and going, which its login paces.
var floods = map[sitesync.EventKind]bool{
	sitesync.EventSiteRejected: true, sitesync.EventSiteRefused: true, sitesync.EventUserLoginFailed: true, sitesync.EventTwoDevices: true, sitesync.EventDiverged: true,
	sitesync.EventHubRestored: true, sitesync.EventQuarantineAdded: true, sitesync.EventHandoverTrouble: true,
}

func newQuota() *quota {
	return &quota{shares: map[about]*share{}, kinds: map[sitesync.EventKind]*share{}}
}

// admit reports whether an event is to be told, and how many of its kind were
// left out since the last that was.
func (q *quota) admit(e *sitesync.EventMessage, now time.Time) (leftOut int, ok bool) {
	if !floods[e.Kind] {
		return 0, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	kind := q.kinds[e.Kind]
	if kind == nil {
		kind = &share{limit: rate.NewLimiter(rate.Every(kindEvery), kindBurst)}
		q.kinds[e.Kind] = kind
	}
	own := kind
	if e.Site != nil {
		own = q.share(e)
	}
	if !own.limit.AllowN(now, 1) || own != kind && !kind.limit.AllowN(now, 1) {
		own.leftOut++
		return 0, false
	}
	leftOut, own.leftOut = own.leftOut, 0
	return leftOut, true
}

func (q *quota) share(e *sitesync.EventMessage) *share {
	key := about{kind: e.Kind, site: *e.Site}
	if e.Store != nil {
		key.store = *e.Store
	}
	s := q.shares[key]
	if s == nil {
		q.makeRoom()
		s = &share{limit: rate.NewLimiter(rate.Every(eventEvery), eventBurst)}
		q.shares[key] = s
	}
	return s
}

// makeRoom forgets those who have all of their share again, and if that is not
// enough, everybody: nothing but telling depends on it.
func (q *quota) makeRoom() {
	if len(q.shares) < mostQuotas {
		return
	}
	for key, s := range q.shares {
		if s.limit.Tokens() >= eventBurst {
			delete(q.shares, key)
		}
	}
	if len(q.shares) >= mostQuotas {
		clear(q.shares)
	}
}
