// Package lease knows for how long a site's device may write without contact,
// and when it has become read-only for sure, so that a store can be taken from
// a device that nobody hears from, with no risk of two writers.
//
// A device that holds a lease counts from the moment it sent a request that was
// answered. The hub counts from its own later answer, by the longest lease that
// the device may hold: one is written down before it is told, and only replaced
// by a shorter one once the device has said that it took that over. After a
// start the hub counts from the start. What is left between the two is a margin
// for clocks that do not run alike. The idea is that of Gray and Cheriton's
// leases (1989).
package lease

import (
	"sync"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// Registry is what the keeper needs of the registry.
type Registry interface {
	Leases() (map[sitesync.SiteID]registry.Lease, error)
	SaveLease(site sitesync.SiteID, l registry.Lease) error
}

// Keeper keeps the leases of all sites. Its methods may be called from any
// goroutine.
type Keeper struct {
	registry Registry
	margin   time.Duration
	started  time.Time

	mu    sync.Mutex
	sites map[sitesync.SiteID]*grant
}

// grant is the lease of a site.
type grant struct {
	mu       sync.Mutex // held while a record is written, for one site alone
	known    bool       // there is a record
	lease    registry.Lease
	told     told
	answered time.Time
	warned   bool
}

// told is the newest assignment that was made for a site's device.
type told struct{ session, version, seconds uint64 }

// New makes a keeper of what the registry remembers.
func New(r Registry, margin time.Duration) (*Keeper, error) {
	leases, err := r.Leases()
	if err != nil {
		return nil, err
	}
	k := &Keeper{registry: r, margin: margin, started: time.Now(), sites: map[sitesync.SiteID]*grant{}}
	for site, l := range leases {
		k.sites[site] = &grant{known: true, lease: l}
	}
	return k, nil
}

func (k *Keeper) of(site sitesync.SiteID) *grant {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.sites[site]
	if g == nil {
		g = &grant{}
		k.sites[site] = g
	}
	return g
}

// Hello takes what a device says of its lease when a session begins. It acts on
// nothing of earlier sessions any more, so this is what it holds.
func (k *Keeper) Hello(s *session.Session, held time.Duration) error {
	g := k.of(s.Site)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = told{}
	return k.save(s.Site, g, registry.Lease{Replica: s.Replica, Longest: seconds(held), Unlimited: held == 0})
}

// Grant writes down what an assignment is going to tell a session's device. It
// has to succeed before that is sent.
func (k *Keeper) Grant(s *session.Session, version uint64, granted time.Duration) error {
	g := k.of(s.Site)
	g.mu.Lock()
	defer g.mu.Unlock()
	next := g.lease
	if !g.known || next.Replica != s.Replica {
		next = registry.Lease{Replica: s.Replica, Unlimited: true}
	}
	if granted == 0 {
		next.Unlimited = true
	}
	next.Longest = max(next.Longest, seconds(granted))
	g.told = told{session: s.Number, version: version, seconds: seconds(granted)}
	return k.save(s.Site, g, next)
}

// Confirm takes a device's word that it took over an assignment, and holds the
// lease that came with it. Only the newest counts: a newer one may be on its
// way.
func (k *Keeper) Confirm(s *session.Session, version uint64, held time.Duration) error {
	g := k.of(s.Site)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.told != (told{session: s.Number, version: version, seconds: seconds(held)}) || g.lease.Replica != s.Replica {
		return nil
	}
	return k.save(s.Site, g, registry.Lease{Replica: s.Replica, Longest: seconds(held), Unlimited: held == 0})
}

// save writes a lease down if it is another one. A site that never had one
// needs no record to say so.
func (k *Keeper) save(site sitesync.SiteID, g *grant, l registry.Lease) error {
	if l == g.lease && g.known || !g.known && l.Longest == 0 {
		return nil
	}
	if err := k.registry.SaveLease(site, l); err != nil {
		return err
	}
	g.known, g.lease = true, l
	return nil
}

// Answered notes that a site's device was answered, after which it may count
// its lease anew.
func (k *Keeper) Answered(site sitesync.SiteID) {
	g := k.of(site)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered, g.warned = time.Now(), false
}

// Over reports whether a site's device has become read-only for sure: it holds
// a lease, and that is over by any clock. A device that was never told of one,
// or has not confirmed so, is never sure.
func (k *Keeper) Over(site sitesync.SiteID, replica sitesync.ReplicaID) bool {
	g := k.of(site)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sure() && g.lease.Replica == replica && time.Now().After(k.since(g).Add(g.lease.Time()+k.margin))
}

// sure reports whether the device holds a lease.
func (g *grant) sure() bool { return g.known && !g.lease.Unlimited && g.lease.Longest > 0 }

// since is when the device may have begun to count last.
func (k *Keeper) since(g *grant) time.Time {
	if g.answered.Before(k.started) {
		return k.started
	}
	return g.answered
}

// Expiring is a site whose lease is about to be over.
type Expiring struct {
	Site sitesync.SiteID
	At   time.Time // when its device makes its stores read-only, at the latest
}

// Expiring lists the sites that have used three quarters of their lease, each
// once until it is heard from again.
func (k *Keeper) Expiring() (list []Expiring) {
	k.mu.Lock()
	all := make(map[sitesync.SiteID]*grant, len(k.sites))
	for site, g := range k.sites {
		all[site] = g
	}
	k.mu.Unlock()
	now := time.Now()
	for site, g := range all {
		g.mu.Lock()
		since := k.since(g)
		if g.sure() && !g.warned && now.After(since.Add(g.lease.Time()*3/4)) {
			g.warned = true
			list = append(list, Expiring{Site: site, At: since.Add(g.lease.Time())})
		}
		g.mu.Unlock()
	}
	return list
}

func seconds(d time.Duration) uint64 { return uint64(d / time.Second) }
