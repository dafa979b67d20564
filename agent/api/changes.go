package api

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const (
	heartbeat  = 15 * time.Second
	eventsRead = 256 // at once
)

// changeEvent is the data of an event change.
type changeEvent struct {
	Op     string `json:"op"`
	Table  string `json:"table"`
	ID     string `json:"id"`
	ETag   string `json:"etag"`   // "" of a delete
	Origin string `json:"origin"` // local or hub
}

// getChanges sends what happens to a store until the caller leaves or the
// agent stops. A caller that takes nothing for writeTimeout is cut off, and
// one that falls too far behind gets a reset; neither holds anybody up.
func (s *Server) getChanges(w http.ResponseWriter, r *http.Request) error {
	store, err := s.db.Resolve(r.PathValue("code"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	f := follower{s: s, w: w, conn: http.NewResponseController(w), store: store.ID, journal: s.history.of(store.ID)}
	if r.Method == http.MethodHead {
		return nil
	}
	wake, leave := f.journal.join()
	defer leave()
	if err := f.begin(r.Header.Get("Last-Event-ID")); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if err := f.catchUp(); err != nil {
			return err
		}
		select {
		case <-wake:
		case <-beat.C:
			f.text.WriteString(":\n\n")
		case <-r.Context().Done():
			return nil
		case <-s.closed:
			return nil
		}
	}
}

// follower is one reader of a store's events.
type follower struct {
	s       *Server
	w       http.ResponseWriter
	conn    *http.ResponseController
	store   sitesync.StoreID
	journal *journal
	place   uint64 // of the event sent last
	text    bytes.Buffer
	room    [eventsRead]localdb.Event
}

// begin finds the place to go on from. A new reader is told the present place
// at once, so that it can come back to it even if nothing happens until then.
func (f *follower) begin(lastID string) error {
	f.place = f.journal.end()
	if lastID == "" {
		fmt.Fprintf(&f.text, "id: %s\n\n", f.s.history.id(f.place))
		return f.send()
	}
	if place, ok := f.s.history.place(lastID); ok {
		f.place = place
		return f.send() // the headers
	}
	return f.event("reset", struct{}{})
}

// catchUp sends everything that has happened, and what stands in text.
func (f *follower) catchUp() error {
	for {
		events, end, ok := f.journal.after(f.place, f.room[:])
		f.place = end
		if !ok {
			if err := f.event("reset", struct{}{}); err != nil {
				return err
			}
			continue
		}
		first := end - uint64(len(events)) + 1
		for i := range events {
			f.place = first + uint64(i)
			if err := f.tell(&events[i]); err != nil {
				return err
			}
		}
		if err := f.send(); err != nil || len(events) == 0 {
			return err
		}
	}
}

func (f *follower) tell(e *localdb.Event) error {
	switch e.Kind {
	case localdb.EventChange:
		c := changeEvent{Op: e.Op.String(), Table: e.Table, ID: e.ID, ETag: e.ETag, Origin: "hub"}
		if e.Local {
			c.Origin = "local"
		}
		return f.event("change", &c)
	case localdb.EventPhase:
		store, ok := f.s.db.Store(f.store)
		if !ok {
			return nil // gone by now; the next request says so
		}
		return f.event("phase", itemOf(f.s.db, &store))
	default:
		return f.event("reset", struct{}{})
	}
}

// event adds an event at the present place to the text.
func (f *follower) event(kind string, data any) error {
	fmt.Fprintf(&f.text, "id: %s\nevent: %s\ndata: ", f.s.history.id(f.place), kind)
	if err := encode(&f.text, data); err != nil {
		return err
	}
	f.text.WriteByte('\n')
	return nil
}

// send gives the text to the caller.
func (f *follower) send() error {
	if _, err := f.w.Write(f.text.Bytes()); err != nil {
		return err
	}
	f.text.Reset()
	return f.conn.Flush()
}
