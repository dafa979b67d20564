package localdb

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// Moment is now, by the clocks of the device.
type Moment struct {
	Boot  string        // names the boot; "" where it is not known
	Since time.Duration // since the boot, sleep included
	Wall  time.Time
}

// Clock tells the moment.
type Clock func() Moment

// processClock is the clock of a process that knows no other: whatever ran
// before it counts as before a reboot.
func processClock() Clock {
	began, boot := time.Now(), rand.Text()
	return func() Moment {
		now := time.Now()
		return Moment{Boot: boot, Since: now.Sub(began), Wall: now}
	}
}

// lease is for how long the stores may be written without contact. It runs from
// when the last request was sent that the hub answered.
type lease struct {
	Format int           `json:"format"`
	Length time.Duration `json:"length"` // 0: no limit
	Boot   string        `json:"boot"`   // of the contact
	Since  time.Duration `json:"since"`  // of the contact, after that boot
	Wall   sitesync.Time `json:"wall"`   // of the contact
	Seen   sitesync.Time `json:"seen"`   // a later time, if one was written down
}

var leaseKey = []byte{'l'}

// leases is the lease as it counts now, and as it is on disk: a contact is not
// written down each time.
type leases struct {
	clock Clock
	trust bool // the wall clock, over a reboot

	changing *sync.Mutex // held by the one who changes it

	mu      *sync.Mutex
	now     lease
	kept    lease
	expired bool // as was told last
}

// LeaseStatus is what a person is told of the lease.
type LeaseStatus struct {
	Length  time.Duration // 0: there is none
	Until   time.Time     // when the stores become read-only, by this device's clock; zero where it was rebooted since the contact
	Expired bool
}

// Lease tells how the lease stands.
func (d *DB) Lease() LeaseStatus {
	l := &d.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	st := LeaseStatus{Length: l.now.Length}
	if st.Length == 0 {
		return st
	}
	left, known := l.now.left(l.clock(), l.trust)
	st.Expired = left <= 0
	if known {
		st.Until = time.Now().Add(left)
	}
	return st
}

// left is how long the stores may still be written. known is false where nobody
// can say how long ago the contact was: then they may not.
func (l *lease) left(m Moment, trust bool) (left time.Duration, known bool) {
	switch {
	case m.Boot != "" && m.Boot == l.Boot:
		return l.Length - (m.Since - l.Since), true
	case !trust || m.Wall.Before(l.Wall.Time) || m.Wall.Before(l.Seen.Time):
		return 0, false // rebooted; or the clock was set back
	default:
		return l.Length - m.Wall.Sub(l.Wall.Time), true
	}
}

// forget follows a Clear: a lease was the former hub's.
func (l *leases) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.kept = lease{}, lease{}
}

// check is why no store may be written, nil when they may.
func (l *leases) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.Length == 0 {
		return nil
	}
	left, known := l.now.left(l.clock(), l.trust)
	switch {
	case !known:
		return sitesync.Errorf(sitesync.CodeLeaseExpired, "connect the device to the hub; everything that was written is kept and will be sent",
			"this device was restarted since it last reached the hub, and may only be written within %s of that", l.now.Length)
	case left <= 0:
		return sitesync.Errorf(sitesync.CodeLeaseExpired, "connect the device to the hub; everything that was written is kept and will be sent",
			"this device last reached the hub at %s, which is longer ago than the %s it may", l.now.Wall.Format(sitesync.TimeFormat), l.now.Length)
	}
	return nil
}

// Moment is now, by the database's clock.
func (d *DB) Moment() Moment { return d.leases.clock() }

// Contact notes that a request was answered that was sent at a moment. It is
// written down only now and then: what is on disk is never later than what is
// so.
func (d *DB) Contact(sent Moment) error {
	return d.changeLease(func(next *lease, kept lease) (due bool) {
		if sent.Boot != next.Boot || sent.Since > next.Since { // else the answer to an older request
			next.Boot, next.Since, next.Wall, next.Seen = sent.Boot, sent.Since, sitesync.At(sent.Wall), sitesync.Time{}
		}
		return next.Length > 0 && (kept.Boot != next.Boot || next.Since-kept.Since > next.Length/16)
	})
}

// SetLease takes over a lease from the hub, durably, before anybody is told
// that it was.
func (d *DB) SetLease(length time.Duration) error {
	return d.changeLease(func(next *lease, kept lease) (due bool) {
		next.Length = length
		return kept.Length != length
	})
}

// changeLease changes the lease, and writes it down where fn says that it is
// due. One at a time does so.
func (d *DB) changeLease(fn func(next *lease, kept lease) (due bool)) error {
	l := &d.leases
	l.changing.Lock()
	defer l.changing.Unlock()
	l.mu.Lock()
	next, kept := l.now, l.kept
	l.mu.Unlock()
	next.Format = Format
	due := fn(&next, kept)
	if due {
		b, err := json.Marshal(next)
		if err != nil {
			return err
		}
		if err := d.kv.Update(func(tx *kv.Tx) error { tx.Set(leaseKey, b); return nil }); err != nil {
			return err
		}
		kept = next
	}
	l.mu.Lock()
	l.now, l.kept = next, kept
	l.mu.Unlock()
	d.tellLease()
	return nil
}

// WatchLease is to be called from time to time: it tells watchers when the
// lease is over, and has a clock noticed that is set back later. It gives the
// time until it should be called again, at most a minute.
func (d *DB) WatchLease() (time.Duration, error) {
	wait := time.Minute
	err := d.changeLease(func(next *lease, _ lease) (due bool) {
		if next.Length == 0 {
			return false
		}
		m := d.leases.clock()
		left, known := next.left(m, d.leases.trust)
		if left > 0 {
			wait = min(left+time.Millisecond, wait)
		}
		seen := next.Wall.Time
		if next.Seen.After(seen) {
			seen = next.Seen.Time
		}
		if due = known && d.leases.trust && m.Wall.Sub(seen) > max(time.Minute, next.Length/16); due {
			next.Seen = sitesync.At(m.Wall)
		}
		return due
	})
	return wait, err
}

// tellLease tells the watchers of all stores when whether they can be written
// has changed.
func (d *DB) tellLease() {
	expired := d.leases.check() != nil
	l := &d.leases
	l.mu.Lock()
	changed := expired != l.expired
	l.expired = expired
	l.mu.Unlock()
	if !changed {
		return
	}
	stores := d.Stores()
	d.feed.take(d.feed.reserve(), func() {
		for i := range stores {
			d.feed.tell(stores[i].ID, []Event{{Kind: EventPhase}})
		}
	})
}

func (d *DB) loadLease(tx *kv.Tx) error {
	value, ok, err := tx.Get(leaseKey)
	if err != nil || !ok {
		return err
	}
	var kept lease
	if err := json.Unmarshal(value, &kept); err != nil {
		return fmt.Errorf("localdb: lease: %w", err)
	}
	d.leases.now, d.leases.kept = kept, kept
	return nil
}

// Writable tells why the application may not write in a store, nil when it may.
func (d *DB) Writable(s *Store) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return d.leases.check()
}
