package session

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

func TestHold(t *testing.T) {
	s := New(5, 41, "client", registry.Decision{})
	if s.Held(7) != "" {
		t.Error("held from the first")
	}
	if !s.Hold(7, sitesync.ProblemDiverged) || s.Hold(7, sitesync.ProblemBadFrame) {
		t.Error("only the first Hold is the first")
	}
	if s.Held(7) != sitesync.ProblemBadFrame || s.Held(8) != "" {
		t.Errorf("held %q and %q", s.Held(7), s.Held(8))
	}
}

func TestTakes(t *testing.T) {
	s := New(5, 41, "client", registry.Decision{})
	mine := wire.Header{Session: 41}
	if s.Takes(mine) {
		t.Error("taken before the welcome")
	}
	s.SetGreeted()
	if !s.Takes(mine) || s.Takes(wire.Header{Session: 40}) || s.Takes(wire.Header{}) {
		t.Error("frames of other sessions are taken, or its own are not")
	}
}

// TestTellAssignment tells once for each change, one after another, and again
// what could not be told.
func TestTellAssignment(t *testing.T) {
	s := New(5, 41, "client", registry.Decision{})
	told := 0
	tell := func() error { told++; return nil }
	s.Stale()
	if err := s.TellAssignment(tell); err != nil || told != 0 {
		t.Errorf("told %d times before the welcome, %v", told, err)
	}
	s.SetGreeted()
	for range 2 {
		if err := s.TellAssignment(tell); err != nil || told != 1 {
			t.Errorf("told %d times, %v", told, err)
		}
	}
	s.Stale()
	deaf := errors.New("not subscribed")
	if err := s.TellAssignment(func() error { return deaf }); !errors.Is(err, deaf) {
		t.Errorf("%v", err)
	}
	if err := s.TellAssignment(tell); err != nil || told != 2 {
		t.Errorf("told %d times, %v", told, err)
	}

	// What is told last is what was so last.
	var wg sync.WaitGroup
	var mu sync.Mutex
	now, last, busy := 0, 0, false
	for range 8 {
		wg.Go(func() {
			for range 50 {
				mu.Lock()
				now++
				mu.Unlock()
				s.Stale()
				_ = s.TellAssignment(func() error {
					mu.Lock()
					if busy {
						t.Error("two tell at once")
					}
					busy, last = true, now
					mu.Unlock()
					mu.Lock()
					busy = false
					mu.Unlock()
					return nil
				})
			}
		})
	}
	wg.Wait()
	if last != now {
		t.Errorf("told of %d last, it is %d", last, now)
	}
	versions := map[uint64]bool{}
	for range 3 {
		versions[s.NextAssignment()] = true
	}
	if !reflect.DeepEqual(versions, map[uint64]bool{1: true, 2: true, 3: true}) {
		t.Errorf("versions %v", versions)
	}
}

func TestTable(t *testing.T) {
	table := NewTable()
	if l := table.Get(5); l != (Live{}) {
		t.Errorf("%+v", l)
	}
	now := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	table.Report(5, wire.Report{Backlog: 3, Clock: now.Add(-1500 * time.Microsecond), DiskFree: 9, Problem: "clock"}, now)
	table.Update(6, func(l *Live) { l.Online = true })
	want := Live{LastSeen: now, Backlog: 3, ClockSkew: -time.Millisecond, DiskFree: 9, Reported: "clock"}
	if l := table.Get(5); l != want {
		t.Errorf("%+v, want %+v", l, want)
	}
	if changed := table.Changed(); len(changed) != 2 || changed[5] != want || !changed[6].Online {
		t.Errorf("changed %+v", changed)
	}
	if changed := table.Changed(); len(changed) > 0 {
		t.Errorf("changed again %+v", changed)
	}
	table.Report(5, wire.Report{}, now.Add(time.Hour)) // a clock that was not told keeps its skew
	if l := table.Get(5); l.ClockSkew != want.ClockSkew || l.Backlog != 0 || !l.LastSeen.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v", l)
	}
	table.Update(7, func(l *Live) { l.Refused, l.LastSeen = sitesync.ProblemDeleted, now })
	table.Forget(7)
	if l := table.Get(7); l != (Live{Refused: sitesync.ProblemDeleted}) {
		t.Errorf("%+v", l)
	}
	table.Forget(5)
	if changed := table.Changed(); len(changed) > 0 || table.Get(5) != (Live{}) {
		t.Errorf("changed %+v", changed)
	}
}

// TestMessages holds where messages go, and under which session.
func TestMessages(t *testing.T) {
	s := New(5, 41, "client", registry.Decision{})
	for _, c := range []struct {
		kind    topic.Kind
		message wire.Message
		topic   string
		session uint64
	}{
		{topic.Welcome, &wire.Welcome{Refused: wire.RefusedDeleted}, "sitesync/v1/device/client/welcome", 0},
		{topic.Receipt, &wire.Receipt{Outcome: wire.Settled}, "sitesync/v1/site/5/receipt", 41},
		{topic.Resync, &wire.Chunk{}, "sitesync/v1/site/5/resync/7", 41},
		{topic.Assignment, &wire.Assignment{Pages: 1}, "sitesync/v1/site/5/assignment", 41},
	} {
		m := s.To(c.kind, 7, c.message)
		h, err := wire.ParseHeader(m.Bytes())
		if err != nil || m.Topic.String() != c.topic || h.Session != c.session || h.Store != 7 {
			t.Errorf("on %s with %+v, %v; want %s", m.Topic, h, err, c.topic)
		}
	}
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Event(sitesync.EventDiverged, 5, 7, "do this", "it is %d", 3), `"kind":"site.diverged","site":5,"store":7,"message":"it is 3","next":"do this"`},
		{Event(sitesync.EventHubDisk, 0, 0, "do this", "100%% full"), `"kind":"hub.disk","site":null,"store":null,"message":"100% full","next":"do this"`},
		{s.HubBehind(7, "has seen %d", 9), `"kind":"hub.restored","site":5,"store":7,"message":"the device of site 5 has seen 9"`},
	} {
		var e struct{ At time.Time }
		if err := json.Unmarshal(c.m.Bytes(), &e); err != nil || time.Since(e.At) > time.Minute {
			t.Errorf("%s: %v", c.m.Bytes(), err)
		}
		if got := string(c.m.Bytes()); !strings.Contains(got, c.want) || c.m.Topic.Kind != topic.Event || c.m.Topic.Name != string(c.m.Event.Kind) {
			t.Errorf("on %s: %s; want %s", c.m.Topic, got, c.want)
		}
	}
}
