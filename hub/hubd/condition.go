package hubd

import (
	"fmt"
	"sync"
	"time"

	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// alarms remember what was told of the hub's and the devices' condition, so
// that it is told when it begins and now and then while it lasts.
type alarms struct {
	mu       sync.Mutex
	disk     level
	diskAt   time.Time
	sites    map[sitesync.SiteID]time.Time // nearly full disks of devices: when it was told
	crowded  uint64                        // turned away when it was last told
	crowdAt  time.Time
	interval alarmIntervals
}

// alarmIntervals are the times after which what lasts is told again.
type alarmIntervals struct{ disk, site, overload time.Duration }

var usualIntervals = alarmIntervals{disk: time.Hour, site: 24 * time.Hour, overload: time.Minute}

// level is how much room a disk has.
type level uint8

const (
	roomy level = iota
	scarce
	full
)

func newAlarms() *alarms {
	return &alarms{sites: map[sitesync.SiteID]time.Time{}, interval: usualIntervals}
}

// levelOf judges a disk on which reserve is kept free. Scarce is what leaves a
// person time to act: three times the reserve. Room is back at four times that,
// so that a disk at the edge is not told of again and again.
func levelOf(free, reserve uint64, was level) level {
	switch {
	case free == 0 && reserve == 0, free == 0 && was == roomy: // it cannot be measured
		return roomy
	case free < reserve:
		return full
	case free < 3*reserve, was != roomy && free < 4*reserve:
		return scarce
	}
	return roomy
}

// lookAtDisk makes the event of a hub's disk that fills up.
func (a *alarms) lookAtDisk(s kv.Stats, now time.Time) *session.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	is := levelOf(s.DiskFree, s.Reserve, a.disk)
	was := a.disk
	a.disk = is
	if is == roomy || is <= was && now.Sub(a.diskAt) < a.interval.disk {
		return nil
	}
	a.diskAt = now
	what, next := "is nearly full: %s are left, and below %s the hub takes nothing any more", "Free space on the hub's disk, or give it a larger one."
	if is == full {
		what, next = "is full: %s are left, and %s are kept free, so the hub takes nothing", "Free space on the hub's disk; devices keep their changes, and all goes on by itself then."
	}
	m := session.Event(sitesync.EventHubDisk, 0, 0, next, "the hub's disk "+what, bytesText(s.DiskFree), bytesText(s.Reserve))
	return &m
}

// scarceDevice is how little room a device has to have for an alarm. Agents
// keep 32 MiB free; below that their applications cannot write.
const scarceDevice = 128 << 20

// lookAtDevice makes the event of a device's disk that fills up. free is what
// the device reported; 0 says that it could not measure it.
func (a *alarms) lookAtDevice(site sitesync.SiteID, name func(sitesync.SiteID) string, free uint64, now time.Time) *session.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	if free >= 2*scarceDevice {
		delete(a.sites, site)
	}
	if free == 0 || free >= scarceDevice || now.Sub(a.sites[site]) < a.interval.site {
		return nil
	}
	a.sites[site] = now
	m := session.Event(sitesync.EventSiteDisk, site, 0, "Have space freed on the device; its application cannot write when it is full.",
		"the disk of the device of %s is nearly full: %s are left", name(site), bytesText(free))
	return &m
}

// lookAtCrowd makes the event of a hub that turns connections away.
func (a *alarms) lookAtCrowd(crowded uint64, now time.Time) *session.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	more := crowded - a.crowded
	if more == 0 || now.Sub(a.crowdAt) < a.interval.overload {
		return nil
	}
	a.crowded, a.crowdAt = crowded, now
	m := session.Event(sitesync.EventHubOverload, 0, 0,
		"Devices try again by themselves. If it lasts, look for one address that connects too often, or give the hub a larger machine.",
		"the hub turned %d connections or logins away, because there were too many at once", more)
	return &m
}

// watchCondition looks at the hub itself.
func (h *Hub) watchCondition() {
	now := time.Now()
	for _, m := range []*session.Message{
		h.alarms.lookAtDisk(h.db.Stats(), now),
		h.alarms.lookAtCrowd(h.broker.Stats().Crowded+h.counts.busy.Load(), now),
	} {
		if m != nil {
			h.publish(nil, *m)
		}
	}
}

// watchDevice looks at what a device reported of itself.
func (h *Hub) watchDevice(site sitesync.SiteID) {
	if m := h.alarms.lookAtDevice(site, h.siteText, h.live.Get(site).DiskFree, time.Now()); m != nil {
		h.publish(nil, *m)
	}
}

// bytesText is a number of bytes for people.
func bytesText(n uint64) string {
	const mib = 1 << 20
	if n < 10*1024*mib {
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d GiB", n/(1024*mib))
}
