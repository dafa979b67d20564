package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// event is a server-sent event.
type event struct{ id, kind, data string }

// eventReader reads a stream as a browser's EventSource does.
type eventReader struct {
	t      *testing.T
	lines  *bufio.Scanner
	lastID string
	cancel func()
	answer *http.Response
}

func (d *device) changes(lastID string) *eventReader {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", d.server.URL+"/v1/stores/NAD1/changes", nil)
	check(d.t, err)
	r.Header.Set("Authorization", "Bearer "+d.app)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := http.DefaultClient.Do(r)
	check(d.t, err)
	d.t.Cleanup(func() { cancel(); answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		d.t.Fatalf("answer %s, headers %v", answer.Status, answer.Header)
	}
	return &eventReader{t: d.t, lines: bufio.NewScanner(answer.Body), cancel: cancel, answer: answer}
}

// block reads up to the next blank line; ok is false at the end.
func (e *eventReader) block() (ev event, ok bool) {
	for e.lines.Scan() {
		name, value, _ := strings.Cut(e.lines.Text(), ": ")
		switch name {
		case "":
			return ev, true
		case "id":
			ev.id, e.lastID = value, value
		case "event":
			ev.kind = value
		case "data":
			ev.data = value
		default:
			e.t.Errorf("line %q", e.lines.Text())
		}
	}
	return ev, false
}

// next reads the next event that a program would see.
func (e *eventReader) next() event {
	e.t.Helper()
	for {
		ev, ok := e.block()
		if !ok {
			e.t.Fatalf("the stream ended: %v", e.lines.Err())
		}
		if ev.data != "" {
			return ev
		}
	}
}

func (d *device) put(id, data string) {
	d.t.Helper()
	_, err := d.db.Write(3, []localdb.Write{{Op: sitesync.OpPut, Table: "stock", ID: id, Data: []byte(data)}})
	check(d.t, err)
}

func TestChanges(t *testing.T) {
	d := newDevice(t)
	d.put("before", `{}`)
	e := d.changes("")
	if first, _ := e.block(); first.id == "" || first.kind != "" || first.data != "" {
		t.Errorf("it begins with %+v", first)
	}
	d.put("a/\"b", `{"v":1}`)
	etag := sitesync.ETag([]byte(`{"v":1}`))
	want := event{e.s(1), "change", `{"op":"put","table":"stock","id":"a/\"b","etag":"` + etag + `","origin":"local"}`}
	if got := e.next(); got != want {
		t.Errorf("event %+v, want %+v", got, want)
	}
	_, err := d.db.Write(3, []localdb.Write{{Op: sitesync.OpDelete, Table: "stock", ID: "before"}})
	check(t, err)
	if got := e.next(); got.kind != "change" || got.data != `{"op":"delete","table":"stock","id":"before","etag":"","origin":"local"}` {
		t.Errorf("event %+v", got)
	}
	check(t, d.db.ApplyChanges(3, &wire.Changes{From: wire.Cursor{Seq: 1}, Cursor: wire.Cursor{Seq: 2},
		Changes: []sitesync.Change{{Op: sitesync.OpPut, Table: "stock", ID: "h", Data: []byte(`{}`)}}}))
	if got := e.next(); got.kind != "change" || !strings.Contains(got.data, `"id":"h"`) || !strings.Contains(got.data, `"origin":"hub"`) {
		t.Errorf("event %+v", got)
	}
	d.setPhase(sitesync.PhaseDraining)
	if got := e.next(); got.kind != "phase" || !strings.Contains(got.data, `"code":"NAD1","phase":"draining","writable":false`) {
		t.Errorf("event %+v", got)
	}
	a := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: sitesync.NewEpoch(1, 5), Phase: sitesync.PhaseLoading}
	check(t, d.db.Assign([]wire.AssignedStore{a}, time.Now()))
	check(t, d.db.BeginResync(3, &wire.Manifest{Epoch: a.Epoch, Head: wire.Cursor{Seq: 1}}))
	check(t, d.db.ApplyChunk(3, &wire.Chunk{Epoch: a.Epoch, Last: true}))
	for kind := ""; kind != "reset"; {
		if kind = e.next().kind; kind != "phase" && kind != "reset" {
			t.Fatalf("event %s", kind)
		}
	}
	d.do("GET", "/v1/stores/SUV1/changes", "").refused(t, 404, sitesync.CodeNoSuchStore)
}

// s is the ID of the event after n others of this stream's agent.
func (e *eventReader) s(n int) string {
	boot, _, _ := strings.Cut(e.lastID, "-")
	return fmt.Sprintf("%s-%d", boot, n)
}

func TestChangesGoOn(t *testing.T) {
	d := newDevice(t)
	e := d.changes("")
	e.block()
	beginning := e.lastID
	e.cancel()
	var writes []localdb.Write
	for i := range 600 { // more than is read at once
		writes = append(writes, localdb.Write{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprint(i), Data: []byte(`{}`)})
	}
	_, err := d.db.Write(3, writes)
	check(t, err)
	e = d.changes(beginning)
	for i := range 600 {
		if got := e.next(); got.id != e.s(i+1) || !strings.Contains(got.data, fmt.Sprintf(`"id":"%d"`, i)) {
			t.Fatalf("event %d is %+v", i, got)
		}
	}
	middle := e.s(300)
	e.cancel()
	e = d.changes(middle)
	if got := e.next(); got.id != e.s(301) {
		t.Errorf("after %s comes %+v", middle, got)
	}
}

func TestChangesReset(t *testing.T) {
	d := newDevice(t)
	e := d.changes("")
	e.block()
	d.put("a", `{}`)
	now := e.next().id
	boot, _, _ := strings.Cut(now, "-")
	for _, id := range []string{"nonsense", "-", "000000000000-1", boot, boot + "-", boot + "--1", boot + "-2", boot + "-99999999999999999999", boot + "-18446744073709551615"} {
		e := d.changes(id)
		if got := e.next(); got != (event{now, "reset", "{}"}) {
			t.Errorf("after %q comes %+v", id, got)
		}
		e.cancel()
	}
	// What is not kept any more is a reset too.
	d.api.history.add(3, make([]localdb.Event, historySize+1))
	e = d.changes(now)
	if got := e.next(); got.kind != "reset" {
		t.Errorf("after a long time comes %+v", got)
	}
	d.put("b", `{}`)
	if got := e.next(); got.kind != "change" || !strings.Contains(got.data, `"id":"b"`) {
		t.Errorf("after the reset comes %+v", got)
	}
}

func TestChangesEndWithTheAgent(t *testing.T) {
	d := newDevice(t)
	e := d.changes("")
	e.block()
	d.api.Close()
	if ev, ok := e.block(); ok || e.lines.Err() != nil {
		t.Errorf("after the end: %+v, %v", ev, e.lines.Err())
	}
}

func TestJournalKeepsTheNewest(t *testing.T) {
	j := journal{readers: map[chan struct{}]struct{}{}}
	room := make([]localdb.Event, 100)
	for i := 1; i <= 3*historySize; i++ {
		j.add([]localdb.Event{{Kind: localdb.EventQueue}, {Kind: localdb.EventChange, ID: fmt.Sprint(i)}})
	}
	oldest := uint64(2 * historySize)
	if _, end, ok := j.after(oldest-1, room); ok || end != 3*historySize {
		t.Errorf("a place that is gone: end %d, ok %v", end, ok)
	}
	place := oldest
	for place < 3*historySize {
		events, end, ok := j.after(place, room)
		if !ok || len(events) == 0 {
			t.Fatalf("after %d: %d events, ok %v", place, len(events), ok)
		}
		for i, e := range events {
			if e.ID != fmt.Sprint(place+uint64(i)+1) {
				t.Fatalf("event %d is %s", place+uint64(i)+1, e.ID)
			}
		}
		place = end
	}
}

// A journal takes events from many while many read: each reader sees all of
// them in order, or is told that it does not.
func TestJournalReaders(t *testing.T) {
	j := journal{readers: map[chan struct{}]struct{}{}}
	const total = 20_000
	var all sync.WaitGroup
	for range 4 {
		wake, leave := j.join()
		all.Go(func() {
			defer leave()
			room := make([]localdb.Event, 64)
			for place := uint64(0); place < total; {
				events, end, ok := j.after(place, room)
				for i, e := range events {
					if e.ID != fmt.Sprint(place+uint64(i)+1) {
						t.Errorf("event %d is %s", place+uint64(i)+1, e.ID)
						return
					}
				}
				place = end
				if ok && len(events) == 0 {
					<-wake
				}
			}
		})
	}
	for i := 1; i <= total; i++ {
		j.add([]localdb.Event{{Kind: localdb.EventChange, ID: fmt.Sprint(i)}})
	}
	all.Wait()
}

// A quiet stream has heartbeats, and ends when the caller leaves.
func TestHeartbeat(t *testing.T) {
	d := newDevice(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, "GET", "/v1/stores/NAD1/changes", nil)
		r.SetPathValue("code", "NAD1")
		closed := make(chan struct{})
		s := Server{db: d.db, closed: closed}
		s.history.init()
		ended := make(chan error)
		go func() { ended <- s.getChanges(w, r) }()
		time.Sleep(2*heartbeat + time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if text := w.Body.String(); !strings.HasSuffix(text, "-0\n\n:\n\n:\n\n") {
			t.Errorf("two heartbeats should be in %q", text)
		}
	})
}

// brokenWriter is a caller that takes nothing more.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("write: timeout") }

func TestReaderThatIsCutOff(t *testing.T) {
	d := newDevice(t)
	r := httptest.NewRequest("GET", "/v1/stores/NAD1/changes", nil)
	r.SetPathValue("code", "NAD1")
	out := &response{ResponseWriter: brokenWriter{httptest.NewRecorder()}}
	if err := d.api.getChanges(out, r); err == nil || !out.broken {
		t.Errorf("error %v", err)
	}
	if n := len(d.api.history.of(3).readers); n != 0 {
		t.Errorf("%d readers are left", n)
	}
}
