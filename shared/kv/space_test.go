package kv

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
)

// testDisk is a disk whose free space a test sets.
type testDisk struct {
	free, total atomic.Uint64
	broken      atomic.Bool
	looks       atomic.Int64
}

func (d *testDisk) measure(string) (space, error) {
	d.looks.Add(1)
	if d.broken.Load() {
		return space{}, errors.New("no such device")
	}
	return space{free: d.free.Load(), total: d.total.Load()}, nil
}

func TestDiskFull(t *testing.T) {
	disk := &testDisk{}
	disk.free.Store(200 * mib)
	o := testOptions(t.TempDir(), true)
	o.measure = disk.measure
	db := open(t, o)
	set(t, db, "a", "1")

	disk.free.Store(63 * mib)
	var err error
	await(func() bool { err = db.Update(put("a", "2")); return err != nil })
	wantCode(t, err, sitesync.CodeDiskFull)
	if text := err.Error(); !strings.Contains(text, o.Dir) || !strings.Contains(text, "63 MiB") {
		t.Errorf("%v", err)
	}
	wantCode(t, db.Update(func(*Tx) error { t.Error("ran"); return nil }), sitesync.CodeDiskFull)
	before := ""
	err = db.View(func(tx *Tx) error {
		value, _, err := tx.Get([]byte("a"))
		before = string(value)
		return err
	})
	if err != nil {
		t.Error(err)
	}

	disk.free.Store(64 * mib)
	await(func() bool { err = db.Update(put("b", "3")); return err == nil })
	want(t, db, "a", before)
	want(t, db, "b", "3")
}

// A big group looks again before it is written, and fails whole.
func TestDiskFullGroup(t *testing.T) {
	disk := &testDisk{}
	disk.free.Store(600 * mib)
	o := testOptions(t.TempDir(), true)
	o.measure = disk.measure
	db := open(t, o)
	// The first function runs while there is room; the disk is looked at again
	// only for the group.
	db.disk.looked = time.Now().Add(time.Hour)
	errs := together(t, db,
		func(tx *Tx) error {
			tx.Set([]byte("a"), make([]byte, bigGroup+1))
			disk.free.Store(1)
			return nil
		},
		put("b", "1"),
		func(tx *Tx) error { return has(tx, "b", "1") })
	for _, err := range errs {
		wantCode(t, err, sitesync.CodeDiskFull)
	}
	want(t, db, "a", "-")
	want(t, db, "b", "-")
	disk.free.Store(600 * mib)
	db.disk.looked = time.Time{}
	set(t, db, "c", "1")
}

func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &testDisk{}
		disk.free.Store(100)
		g := &guard{dir: "d", reserve: 50, measure: disk.measure, log: slog.New(slog.DiscardHandler)}
		check := func(looks int64, full bool) {
			t.Helper()
			if err := g.check(checkEvery); (err != nil) != full || disk.looks.Load() != looks {
				t.Errorf("%v after %d looks, want full %v after %d", err, disk.looks.Load(), full, looks)
			}
		}
		check(1, false)
		disk.free.Store(49)
		time.Sleep(checkEvery - 1)
		check(1, false)
		time.Sleep(time.Nanosecond)
		check(2, true)
		disk.free.Store(24)
		time.Sleep(checkEvery)
		if g.room() {
			t.Error("room to rewrite below half of the reserve")
		}
		disk.broken.Store(true)
		time.Sleep(checkEvery)
		check(4, false)
		if !g.room() {
			t.Error("no room on a disk that cannot be measured")
		}
	})
}

func TestDefaultReserve(t *testing.T) {
	for _, c := range []struct {
		small       bool
		total, want uint64
	}{
		{true, 1 << 40, 64 * mib},
		{false, 100 * mib, 64 * mib},
		{false, 4096 * mib, 256 * mib},
		{false, 1 << 40, 512 * mib},
	} {
		disk := &testDisk{}
		disk.total.Store(c.total)
		if got := defaultReserve(Options{Small: c.small, measure: disk.measure}); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	disk := &testDisk{}
	disk.broken.Store(true)
	if got := defaultReserve(Options{measure: disk.measure}); got != 64*mib {
		t.Errorf("unknown disk: %d", got)
	}
}

func TestDiskSpace(t *testing.T) {
	s, err := diskSpace(t.TempDir())
	if err != nil || s.free == 0 || s.total < s.free {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := diskSpace("/no/such/directory"); err == nil {
		t.Error("no error")
	}
}
