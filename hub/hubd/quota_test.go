package hubd

import (
	"testing"
	"time"

	"sitesync/hub/session"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

func TestQuota(t *testing.T) {
	q, now := newQuota(), time.Now()
	of := func(kind sitesync.EventKind, site sitesync.SiteID) *sitesync.EventMessage {
		return session.Event(kind, site, 0, "", "x").Event
	}
	told := func(kind sitesync.EventKind, site sitesync.SiteID, n int) (admitted, leftOut int) {
		for range n {
			l, ok := q.admit(of(kind, site), now)
			if ok {
				admitted++
				leftOut += l
			}
		}
		return admitted, leftOut
	}
	if n, _ := told(sitesync.EventSiteRejected, 6, 100); n != eventBurst {
		t.Errorf("%d of 100 events about one site were told", n)
	}
	if n, _ := told(sitesync.EventSiteRejected, 7, 100); n != eventBurst {
		t.Errorf("%d about another", n)
	}
	if n, _ := told(sitesync.EventSiteOnline, 6, 100); n != 100 {
		t.Errorf("%d of 100 arrivals were told", n)
	}
	now = now.Add(eventEvery)
	if n, left := told(sitesync.EventSiteRejected, 6, 3); n != 1 || left != 95 {
		t.Errorf("a minute later %d, with %d left out", n, left)
	}
	// Strangers' names are about no site: their kind has a share in all.
	if n, _ := told(sitesync.EventUserLoginFailed, 0, 1000); n != kindBurst {
		t.Errorf("%d of 1000 failed logins were told", n)
	}
	// So many sites that the kind's own share is used up.
	admitted := 0
	for site := sitesync.SiteID(100); site < 1100; site++ {
		n, _ := told(sitesync.EventDiverged, site, 1)
		admitted += n
	}
	if admitted != kindBurst {
		t.Errorf("%d of 1000 sites' divergences were told at once", admitted)
	}
}

func TestQuotaForgets(t *testing.T) {
	q := newQuota()
	for site := sitesync.SiteID(1); site <= 2*mostQuotas; site++ {
		q.admit(session.Event(sitesync.EventSiteRejected, site, 0, "", "x").Event, time.Now())
	}
	if len(q.shares) > mostQuotas {
		t.Errorf("%d shares are kept", len(q.shares))
	}
}

func TestDiskAlarm(t *testing.T) {
	const mib = 1 << 20
	a, now := newAlarms(), time.Now()
	for _, step := range []struct {
		free  uint64
		after time.Duration
		want  bool
	}{
		{1000 * mib, 0, false},
		{299 * mib, 0, true}, // scarce
		{290 * mib, time.Minute, false},
		{99 * mib, time.Minute, true}, // full
		{98 * mib, time.Minute, false},
		{350 * mib, time.Minute, false}, // still scarce
		{298 * mib, time.Minute, false},
		{298 * mib, time.Hour, true}, // lasts
		{500 * mib, time.Minute, false},
		{299 * mib, time.Minute, true}, // again
	} {
		now = now.Add(step.after)
		m := a.lookAtDisk(kv.Stats{DiskFree: step.free, Reserve: 100 * mib}, now)
		if (m != nil) != step.want {
			t.Errorf("%d MiB after %s: %+v", step.free/mib, step.after, m)
		}
	}
	if m := newAlarms().lookAtDisk(kv.Stats{Reserve: mib}, now); m != nil {
		t.Error("a disk that cannot be measured is no alarm")
	}
}

func TestDeviceDiskAlarm(t *testing.T) {
	a, now := newAlarms(), time.Now()
	name := func(sitesync.SiteID) string { return "Nadi" }
	told := func(free uint64) bool { return a.lookAtDevice(6, name, free, now) != nil }
	if told(0) || told(scarceDevice) || !told(scarceDevice-1) || told(scarceDevice-1) {
		t.Error("a device's disk is to be told of once")
	}
	if told(2*scarceDevice) || !told(1) {
		t.Error("and again when it had room in between")
	}
	now = now.Add(24 * time.Hour)
	if !told(1) {
		t.Error("and once a day")
	}
}

func TestCrowdAlarm(t *testing.T) {
	a, now := newAlarms(), time.Now()
	if a.lookAtCrowd(0, now) != nil {
		t.Error("nobody was turned away")
	}
	m := a.lookAtCrowd(7, now)
	if m == nil || m.Event.Message != "the hub turned 7 connections or logins away, because there were too many at once" {
		t.Errorf("%+v", m)
	}
	if a.lookAtCrowd(7, now.Add(time.Hour)) != nil || a.lookAtCrowd(9, now.Add(time.Second)) != nil || a.lookAtCrowd(9, now.Add(2*time.Minute)) == nil {
		t.Error("it is told once a minute, while it grows")
	}
}
