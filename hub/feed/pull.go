// Package feed gives devices what is new for them: the log after a cursor, and
// the whole of a store in a resync. Both are streams that the device paces
// with credit; how far a stream has been sent is kept with the session alone,
// and a device that misses something begins a new stream where it stands.
package feed

import (
	"context"
	"slices"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Feed is the handler of pulls and resync requests.
type Feed struct {
	state  records.State
	live   *session.Table
	leases Leases
}

// Leases take a device's word about its lease.
type Leases interface {
	Confirm(s *session.Session, assignment uint64, held time.Duration) error
}

// New makes the handler.
func New(state records.State, live *session.Table, leases Leases) *Feed {
	return &Feed{state: state, live: live, leases: leases}
}

// MaxCredit is how many bytes of a stream a device may have outstanding.
const MaxCredit = 4 << 20

// Bounds of one message. Small ones keep a cut of a slow link cheap, large
// ones a fast link busy.
const (
	leastMessage = 16 << 10  // bytes before compression
	mostMessage  = 512 << 10 // as above
	mostRecords  = 2000
)

// messageLimit sizes the messages of a stream by its outstanding credit.
// Records compress about six to one, but not always: only the least message,
// or one large record, may be more than the device asked for.
func messageLimit(outstanding uint64) records.Limit {
	return records.Limit{Records: mostRecords, Bytes: int(min(max(outstanding, leastMessage), mostMessage))}
}

// Pull sends what is new in the stores it names.
func (f *Feed) Pull(_ context.Context, s *session.Session, frame []byte) ([]session.Message, error) {
	h, m, err := wire.Decode[wire.Pull](frame)
	if err != nil {
		return nil, err
	}
	if !s.Takes(h) {
		return nil, nil
	}
	f.live.Report(s.Site, m.Report, time.Now())
	if err := f.leases.Confirm(s, m.Report.Assignment, m.Report.Lease); err != nil {
		return nil, err
	}
	var out []session.Message
	if s.PullAt == nil || s.PullAt.ID != m.Stream {
		s.PullAt = &session.PullStream{ID: m.Stream, Cursors: once(m.Cursors)}
		if len(m.Cursors) == 0 {
			out = append(out, s.To(topic.Changes, 0, &wire.Changes{Stream: m.Stream, Last: true}))
		}
	}
	credit := min(m.Credit, s.PullAt.Spent+MaxCredit)
	for len(s.PullAt.Cursors) > 0 && s.PullAt.Spent < credit {
		messages, err := f.next(s, messageLimit(credit-s.PullAt.Spent))
		if err != nil {
			return out, err
		}
		out = append(out, messages...)
	}
	if len(s.PullAt.Cursors) == 0 {
		f.live.Update(s.Site, func(l *session.Live) { l.LastSync = l.LastSeen })
	}
	return out, nil
}

// once leaves out what names a store again: a small frame could otherwise have
// a log read a hundred thousand times.
func once(cursors []wire.StoreCursor) []wire.StoreCursor {
	seen := make(map[sitesync.StoreID]bool, len(cursors))
	return slices.DeleteFunc(cursors, func(c wire.StoreCursor) bool {
		again := seen[c.Store]
		seen[c.Store] = true
		return again
	})
}

// next makes the stream's next message, or none when the store at its front
// has nothing new and others follow.
func (f *Feed) next(s *session.Session, l records.Limit) (out []session.Message, err error) {
	p := s.PullAt
	c := &p.Cursors[0]
	store := c.Store
	m := &wire.Changes{Stream: p.ID, From: c.Cursor, Cursor: c.Cursor, Spent: p.Spent}
	page, mine, err := f.page(s, *c, l)
	switch {
	case err != nil:
		return nil, err
	case page.Ahead:
		if s.Hold(store, sitesync.ProblemDiverged) {
			out = append(out, s.HubBehind(store, "has read further in the store's log than this hub's goes"))
		}
	case mine:
		m.Changes, m.Cursor, m.Reset = page.Changes, page.Cursor, page.Reset
	}
	if page.More {
		c.Cursor = page.Cursor
	} else {
		p.Cursors = p.Cursors[1:]
	}
	m.Last = len(p.Cursors) == 0
	if len(m.Changes) == 0 && !m.Reset && !m.Last && m.Cursor == m.From {
		return out, nil
	}
	message := s.To(topic.Changes, store, m)
	p.Spent += uint64(len(message.Payload))
	return append(out, message), nil
}

// page reads a store's log for its owner; mine is false for any other store,
// which is not told apart from an empty one.
func (f *Feed) page(s *session.Session, c wire.StoreCursor, l records.Limit) (page records.Page, mine bool, err error) {
	m, ok, err := f.state.Meta(c.Store)
	if err != nil || !ok || m.Owner != s.Site || m.Replica != s.Replica || m.Epoch != c.Epoch || s.Held(c.Store) != "" {
		return records.Page{}, false, err
	}
	page, err = f.state.Changes(c.Store, c.Cursor, records.Filter{Own: m.Epoch}, l)
	return page, true, err
}
