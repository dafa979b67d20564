// Package ingest takes what devices push: changes into their stores, or into
// quarantine, and answers with receipts.
package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sitesync/hub/records"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Ingest is the handler of pushes.
type Ingest struct {
	state records.State
	live  *session.Table
	log   *slog.Logger
	full  rate.Sometimes // tells of a full disk

	mu        sync.Mutex
	badFrames map[sitesync.SiteID]*rate.Limiter
}

// New makes the handler.
func New(state records.State, live *session.Table, log *slog.Logger) *Ingest {
	return &Ingest{state: state, live: live, log: log, full: rate.Sometimes{Interval: time.Minute},
		badFrames: map[sitesync.SiteID]*rate.Limiter{}}
}

// Push takes one batch. What it settles is durable before the receipt is made.
func (in *Ingest) Push(_ context.Context, s *session.Session, frame []byte) ([]session.Message, error) {
	h, m, err := wire.Decode[wire.Push](frame)
	if err != nil {
		return in.BadFrame(s, frame, err)
	}
	if !s.Takes(h) {
		return nil, nil
	}
	if s.Held(h.Store) != "" {
		return answer(s, h.Store, m, records.Result{Outcome: wire.Held}), nil
	}
	now := time.Now()
	res, err := in.state.Apply(records.Batch{Store: h.Store, First: m.First, Chain: m.Chain, Changes: m.Changes, After: m.Confirmed, At: now,
		Origin: records.Origin{Epoch: m.Epoch, Site: s.Site, Replica: s.Replica}})
	switch sitesync.CodeOf(err) {
	case "":
		return in.taken(s, h.Store, m, res, now), nil
	case sitesync.CodeInvalid:
		return in.BadFrame(s, frame, err)
	default:
		return append(answer(s, h.Store, m, records.Result{Outcome: wire.Overload}), in.failed(s, h.Store, err)...), nil
	}
}

// taken answers a batch of which the state is durable.
func (in *Ingest) taken(s *session.Session, store sitesync.StoreID, m *wire.Push, res records.Result, now time.Time) []session.Message {
	delete(s.BadFrames, store)
	in.live.Update(s.Site, func(l *session.Live) {
		l.LastSeen, l.LastSync, l.Backlog = now, now, m.Backlog
		if len(s.BadFrames) == 0 && l.Problem != nil && l.Problem.Code == sitesync.ProblemBadFrame {
			l.Problem = nil
		}
	})
	out := answer(s, store, m, res)
	if res.Refused > 0 {
		in.log.Warn("changes went into quarantine", "site", s.Site, "store", store, "changes", res.Refused)
		out = append(out, session.Event(sitesync.EventQuarantineAdded, s.Site, store,
			"Look at them with quarantine.list, then apply or discard them.", "%d changes of site %d for store %d went into quarantine", res.Refused, s.Site, store))
	}
	if res.Outcome == wire.Diverged && s.Hold(store, sitesync.ProblemDiverged) {
		out = append(out, Diverged(s, store))
	}
	return out
}

// failed notes that a batch could not be taken for a reason of the hub's. Every
// device meets a full disk again and again, so that is told now and then.
func (in *Ingest) failed(s *session.Session, store sitesync.StoreID, err error) (out []session.Message) {
	if sitesync.CodeOf(err) != sitesync.CodeDiskFull {
		in.log.Error("a push could not be taken; the device tries again", "site", s.Site, "store", store, "error", err)
		return nil
	}
	in.full.Do(func() {
		in.log.Error("pushes cannot be taken; the devices try again", "error", err)
		out = append(out, session.Event(sitesync.EventHubDisk, 0, 0, "Free space on the hub's disk; devices keep their changes until then.", "%s", err))
	})
	return out
}

// Diverged makes the event of a device whose history is not the hub's.
func Diverged(s *session.Session, store sitesync.StoreID) session.Message {
	return session.Event(sitesync.EventDiverged, s.Site, store,
		"Reset the site's hardware if the device was restored from a backup or copied; its unsent changes stay on it until then.",
		"the device of site %d has another history of store %d than the hub: a restored backup or a copy; nothing of it is taken", s.Site, store)
}

func answer(s *session.Session, store sitesync.StoreID, m *wire.Push, res records.Result) []session.Message {
	return []session.Message{s.To(topic.Receipt, store, res.Receipt(m.Epoch))}
}

// mostBadFrames bounds the stores that a session remembers for bad frames. A
// device has far fewer, and what a header names costs a strange one nothing.
const mostBadFrames = 1000

// BadFrame deals with a frame that could not be taken: nothing of it is
// applied. One of the session is kept for a person to look at and answered, so
// that the device holds that store alone back. One that came before the
// welcome is a hello, and an event is all the answer it can have.
func (in *Ingest) BadFrame(s *session.Session, frame []byte, cause error) ([]session.Message, error) {
	in.log.Debug("a frame could not be taken", "site", s.Site, "bytes", len(frame), "error", cause)
	var out []session.Message
	if h, err := wire.ParseHeader(frame); err == nil && s.Greeted() {
		if !s.Takes(h) {
			return nil, nil
		}
		if err := in.state.BadFrame(s.Site, h.Store, frame, time.Now()); err != nil {
			in.log.Error("keeping a bad frame failed", "site", s.Site, "error", err)
		}
		if wire.IsPush(h) && len(s.BadFrames) < mostBadFrames { // only a push that can be read makes up for one
			s.BadFrames[h.Store] = true
		}
		out = append(out, s.To(topic.Receipt, h.Store, &wire.Receipt{Outcome: wire.BadFrame}))
	}
	const next = "Look whether the agent's version fits the hub's; the device keeps its changes."
	if in.mayTell(s.Site) {
		in.log.Warn("a device sends frames that cannot be taken", "site", s.Site, "error", cause)
		out = append(out, session.Event(sitesync.EventBadFrame, s.Site, 0, next, "a message of site %d could not be read: %v", s.Site, cause))
	}
	in.live.Update(s.Site, func(l *session.Live) {
		l.Problem = &sitesync.Problem{Code: sitesync.ProblemBadFrame, Message: "The device sent a message that the hub could not read.", Next: next}
	})
	return out, nil
}

// mayTell lets one bad_frame event a minute through per site.
func (in *Ingest) mayTell(site sitesync.SiteID) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.badFrames[site]
	if l == nil {
		l = rate.NewLimiter(rate.Every(time.Minute), 1)
		in.badFrames[site] = l
	}
	return l.Allow()
}
