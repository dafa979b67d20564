package hubd

import (
	"sync/atomic"
	"testing"

	"sitesync/hub/admin"
	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

// noRoom are records with no room for another owner of a store.
type noRoom struct {
	admin.Records
	full *atomic.Bool
}

func (n noRoom) Transition(from uint64, next records.Meta, ended []sitesync.Handover) (records.Meta, error) {
	if n.full.Load() {
		return records.Meta{}, sitesync.Errorf(sitesync.CodeDiskFull, "make room on the disk", "the disk is full")
	}
	return n.Records.Transition(from, next, ended)
}

// TestStartWithFullDisk has a hub start although what an administrator wanted
// before finds no room, and do it once there is some.
func TestStartWithFullDisk(t *testing.T) {
	full, config := new(atomic.Bool), configured(t)
	config.Records = func(db *records.DB) admin.Records { return noRoom{db, full} }
	open := func() *Hub {
		h, err := Open(config)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	d := &desk{T: t, hub: open()}
	d.admin = d.dial("user/admin", "the admin's password")
	do := func(command, args string) {
		if _, e := d.say(d.admin, "", command, args); e != nil {
			t.Fatal(e)
		}
	}
	do("store.create", `{"code":"NAD1","name":"Nadi"}`)
	do("site.create", `{"name":"Nadi","password":"a good password"}`)
	full.Store(true)
	if _, e := d.say(d.admin, "", "store.move", `{"store":"NAD1","to":"Nadi"}`); e == nil || e.Code != sitesync.CodeDiskFull {
		t.Fatalf("a move with a full disk: %v", e)
	}
	if err := d.hub.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	h := open()
	defer h.Close(t.Context())
	if len(h.registry.StoresWithIntents()) != 1 {
		t.Fatal("nothing waited for the start")
	}
	full.Store(false)
	h.unfinished()
	if m, _, err := h.records.Meta(1); err != nil || m.Owner == sitesync.CentralSite {
		t.Errorf("the store is at site %d, %v", m.Owner, err)
	}
}
