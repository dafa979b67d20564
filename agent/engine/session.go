package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// session is one connection to the hub, from the dialling on. All of it belongs
// to the goroutine that runs it, but for the inbox.
type session struct {
	ctx      context.Context // ends it
	engine   *Engine
	db       *localdb.DB
	link     connection
	in       *inbox
	clientID string
	pace     *pace
	site     *Site

	number uint64
	limits wire.Limits
	stream uint32 // the last one begun

	assignment assignment
	pushes     map[sitesync.StoreID]*pushing
	pull       *pulling                            // nil while there is none
	load       *loading                            // nil while there is none
	inStep     bool                                // the hub has answered a whole pull
	pulled     map[sitesync.StoreID]sitesync.Epoch // stores in the last such pull
	held       map[sitesync.StoreID]sitesync.Epoch // of which nothing is synced in this session
	draining   map[sitesync.StoreID]uint64         // frozen stores, each with the handover for which it was reported
	purged     map[sitesync.StoreID]sitesync.Epoch // copies that were reported as gone, of which epoch
	asked      localdb.Moment                      // when the hub was asked for its welcome
	pullDue    time.Time
	waits      waits
	nextTry    time.Time // of what is held back here
	later      []wire.Command
}

func newSession(ctx context.Context, e *Engine, site *Site) *session {
	return &session{ctx: ctx, engine: e, db: e.DB, in: newInbox(), pace: &e.pace, site: site,
		clientID: sitesync.ClientID(e.Device.Hardware, e.DB.Replica()), stream: rand.Uint32N(1 << 30),
		pushes: map[sitesync.StoreID]*pushing{}, pulled: map[sitesync.StoreID]sitesync.Epoch{},
		held: map[sitesync.StoreID]sitesync.Epoch{}, purged: map[sitesync.StoreID]sitesync.Epoch{}, waits: waits{}}
}

func (s *session) close() { s.link.Close() }

// run serves the session until it ends.
func (s *session) run() error {
	s.engine.show(sitesync.LinkOnline, nil)
	s.engine.purged.Store(true) // perhaps, since the last session
	s.probe()
	if err := s.startPull(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := s.work(); err != nil {
			return err
		}
		timer.Reset(time.Until(s.next()))
		if err := s.await(timer.C); err != nil {
			return err
		}
	}
}

// learn takes note of a link that was lost in the middle of something, for the
// next session.
func (s *session) learn() {
	select {
	case <-s.link.Done():
	default:
		return // ended on this side
	}
	batches, _ := s.inFlight()
	s.pace.cut(batches > 0, s.load != nil || s.pull != nil && s.pull.arrived > 0)
}

// await waits until something happens, and deals with it unless work does.
func (s *session) await(timer <-chan time.Time) error {
	select {
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-s.link.Done():
		return s.link.Err()
	case <-s.in.ready:
	case <-s.engine.wrote:
	case <-s.engine.wake:
		if s.engine.askedToSync() {
			return errors.Join(s.tryHeld(), s.startPull())
		}
	case <-timer:
		return s.repeat()
	}
	return nil
}

// work deals with all that has arrived, then sends what may be sent.
func (s *session) work() error {
	messages, err := s.in.take()
	if err != nil {
		return err
	}
	for i := range messages {
		if err := s.handle(&messages[i]); err != nil {
			return err
		}
		if err := s.pushSome(); err != nil { // what follows may take time to write
			return err
		}
	}
	return errors.Join(s.pushSome(), s.reportDrained(), s.reportPurged(), s.answerLater())
}

// handle takes one message. One that cannot be read ends the session: the hub
// does not send such, so something on the way is broken.
func (s *session) handle(m *message) error {
	t := topic.Parse(m.topic)
	switch t.Kind {
	case topic.Receipt:
		return take(s, m, func(store sitesync.StoreID, r *wire.Receipt) error { return s.receipt(store, r, m.at) })
	case topic.Changes:
		return take(s, m, func(store sitesync.StoreID, c *wire.Changes) error { return s.changes(store, c, m) })
	case topic.Assignment:
		return take(s, m, func(_ sitesync.StoreID, a *wire.Assignment) error { return s.assign(a, false) })
	case topic.Hint:
		return take(s, m, func(sitesync.StoreID, *wire.Hint) error { return s.startPull() })
	case topic.Resync:
		return s.resync(m)
	case topic.Command:
		return s.command(m.payload)
	}
	return nil
}

// take decodes a message of this session for its handler.
func take[M any, P interface {
	*M
	wire.Decoder
}](s *session, m *message, handler func(sitesync.StoreID, *M) error) error {
	h, decoded, err := wire.Decode[M, P](m.payload)
	if err != nil {
		return fmt.Errorf("a message of the hub: %w", err)
	}
	if h.Session != s.number {
		return nil
	}
	return handler(h.Store, decoded)
}

// send sends a message.
func (s *session) send(kind topic.Kind, store sitesync.StoreID, m wire.Message) error {
	return s.publish(kind, wire.Encode(s.number, store, m))
}

func (s *session) publish(kind topic.Kind, frame []byte) error {
	return s.link.Publish(s.ctx, topic.ForSite(s.site.ID, kind), frame)
}

// next is when the next thing is due.
func (s *session) next() time.Time {
	at := earlier(earlier(s.nextTry, s.pullDue), s.waits.next())
	for _, p := range s.pushes {
		at = earlier(at, p.resume)
	}
	return at
}

// repeat makes what is overdue again.
func (s *session) repeat() error {
	now := time.Now()
	if !now.Before(s.nextTry) {
		return s.tryHeld()
	}
	if !now.Before(s.pullDue) {
		s.engine.saveLastSync()
		return s.startPull()
	}
	for _, p := range s.pushes {
		if !now.Before(p.resume) {
			p.resume = time.Time{}
		}
	}
	due, err := s.waits.due(now)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		s.pace.slower()
	}
	for _, r := range due {
		w := s.waits[r]
		if w == nil {
			continue // what came before has ended it
		}
		s.engine.Log.Debug("a request was not answered", "request", topic.ForSite(s.site.ID, r.kind), "store", r.store, "tries", w.tries)
		w.until = now.Add(s.upTimeout(0))
		if err := w.again(); err != nil {
			return err
		}
	}
	return nil
}

// askAgain makes a request again whose answer is of no use.
func (s *session) askAgain(r request) error {
	w := s.waits[r]
	if w == nil {
		return nil
	}
	if w.tries++; w.tries >= maxTries {
		return errUnanswered
	}
	return w.again()
}

// upTimeout is how long the answer to so many bytes on the way up may take, and
// downTimeout, how long so many bytes on the way down.
func (s *session) upTimeout(bytes int) time.Duration {
	return s.pace.timeout(&s.pace.up, s.engine.Timings.RequestTimeout, bytes)
}

func (s *session) downTimeout(bytes uint64) time.Duration {
	return s.pace.timeout(&s.pace.down, s.engine.Timings.RequestTimeout, int(bytes))
}
