package registry

import (
	"time"

	"sitesync/shared/sitesync"
)

// Lease is what a site's device may have been granted: how long it may write
// without contact. The hub writes it down before it tells the device, so that
// it never believes a device to be read-only that is not.
type Lease struct {
	Replica   sitesync.ReplicaID `json:"replica"`   // of the device it was granted to
	Longest   uint64             `json:"longest"`   // seconds: the longest granted that no later one has replaced for sure
	Unlimited bool               `json:"unlimited"` // the device may be without a lease
}

// Time is Longest as a duration.
func (l Lease) Time() time.Duration { return time.Duration(l.Longest) * time.Second }

type leaseRecord struct {
	header
	Lease
}

// Leases gives the leases of all sites that were ever granted one.
func (r *Registry) Leases() (map[sitesync.SiteID]Lease, error) {
	leases := map[sitesync.SiteID]Lease{}
	for after := ""; ; {
		items, err := r.backend.List(prefixLease, after, loadPage)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			id, err := number(item.Key, prefixLease)
			if err != nil {
				return nil, err
			}
			rec, err := decode[leaseRecord](item)
			if err != nil {
				return nil, err
			}
			leases[sitesync.SiteID(id)] = rec.Lease
		}
		if len(items) < loadPage {
			return leases, nil
		}
		after = items[len(items)-1].Key
	}
}

// SaveLease writes a site's lease down. It tells no watcher.
func (r *Registry) SaveLease(site sitesync.SiteID, l Lease) error {
	return r.edit(func(e *edit) error { return e.put(keyLease(site), leaseRecord{Lease: l}) })
}

// longestOffline bounds a site's longest time offline, in seconds.
const longestOffline = 10 * 365 * 24 * 3600

func checkMaxOffline(seconds *uint64) error {
	if seconds == nil || *seconds <= longestOffline {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeInvalid, "use at most ten years, or 0 for any time", "the longest time offline is too long").WithField("maxOffline")
}

func (e *edit) applyMaxOffline(c *siteChange, seconds *uint64) error {
	switch {
	case seconds == nil || *seconds == c.rec.MaxOffline:
		return nil
	case c.rec.ActiveHere:
		return sitesync.Errorf(sitesync.CodeActiveHere, "leave it at 0", "the central site is never offline").WithField("maxOffline")
	case *seconds == 0:
		e.effect("the device may work without contact for any time again, once it has heard so")
	default:
		e.effect("the device makes its stores read-only when it has had no contact for %s, once it has heard so; they can then be moved without it",
			(time.Duration(*seconds) * time.Second).String())
	}
	c.note("maxOffline", c.rec.MaxOffline, *seconds)
	c.rec.MaxOffline = *seconds
	return nil
}
