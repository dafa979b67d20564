package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// session is one connection to the hub, from the welcome on. All of it belongs
// to the goroutine that runs it.
type session struct {
	engine   *Engine
	link     *link.Session
	in       *inbox
	clientID string

	number uint64
	site   sitesync.SiteID
	limits wire.Limits

	pages   []wire.AssignedStore // of the assignment that is arriving
	version uint64               // of it
	arrived uint32               // pages of it
	pushes  map[sitesync.StoreID]*pushing
	loads   map[sitesync.StoreID]*loading
	pull    *pulling
	held    map[sitesync.StoreID]bool // the hub holds it back for this session
	pace    pace
	waits   map[string]*wait
	stream  uint32
	nextTry time.Time // of what is held back at the agent

	lastBytes uint64 // of the message being handled
}

// maxTries is how often a request is made before the session is given up.
const maxTries = 4

var errUnanswered = errors.New("the hub does not answer")

func newSession(e *Engine, l *link.Session, in *inbox, clientID string) *session {
	return &session{engine: e, link: l, in: in, clientID: clientID,
		pushes: map[sitesync.StoreID]*pushing{}, loads: map[sitesync.StoreID]*loading{}, held: map[sitesync.StoreID]bool{},
		waits: map[string]*wait{}, pace: newPace(), stream: rand.Uint32N(1 << 30),
		nextTry: time.Now().Add(e.Timings.ProbeInterval)}
}

func (s *session) close() { s.link.Close() }

// run serves the session until it ends.
func (s *session) run(ctx context.Context) error {
	s.engine.setLink(sitesync.LinkOnline, nil)
	if err := s.probe(); err != nil {
		return err
	}
	if err := s.startPull(); err != nil {
		return err
	}
	pull := time.NewTicker(jitter(s.engine.Timings.PullInterval))
	defer pull.Stop()
	for {
		if err := s.work(); err != nil {
			return err
		}
		deadline := s.deadline()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.link.Done():
			return s.link.Err()
		case <-s.in.ready:
		case <-s.engine.wrote:
		case <-pull.C:
			if err := s.startPull(); err != nil {
				return err
			}
		case <-s.engine.wake:
			if s.engine.askedToSync() {
				if err := errors.Join(s.probe(), s.startPull()); err != nil {
					return err
				}
			}
		case <-deadline:
			if err := s.repeat(); err != nil {
				return err
			}
		}
	}
}

// work deals with all that has arrived and sends all that may be sent.
func (s *session) work() error {
	for {
		messages := s.in.take()
		for i := range messages {
			if err := s.handle(&messages[i]); err != nil {
				return err
			}
			if err := s.pushSome(); err != nil {
				return err
			}
		}
		if len(messages) == 0 {
			return s.pushSome()
		}
	}
}

// handle takes one message. One that cannot be read ends the session: the hub
// does not send such, so something on the way is broken.
func (s *session) handle(m *message) error {
	t := topic.Parse(m.topic)
	s.lastBytes = uint64(len(m.payload))
	h, err := wire.ParseHeader(m.payload)
	if err != nil {
		return fmt.Errorf("a message of the hub: %w", err)
	}
	if t.Kind == topic.Welcome || h.Session != s.number {
		return nil
	}
	switch t.Kind {
	case topic.Receipt:
		return handle(m, s.receipt)
	case topic.Changes:
		return handle(m, s.changes)
	case topic.Assignment:
		return handle(m, func(_ sitesync.StoreID, a *wire.Assignment) error { return s.assign(a) })
	case topic.Hint:
		return handle(m, func(sitesync.StoreID, *wire.Hint) error { return s.startPull() })
	case topic.Resync:
		return s.handleResync(h, m)
	}
	return nil
}

// handle decodes a message for its handler.
func handle[M any, P interface {
	*M
	wire.Decoder
}](m *message, fn func(sitesync.StoreID, *M) error) error {
	h, decoded, err := wire.Decode[M, P](m.payload)
	if err != nil {
		return fmt.Errorf("a message of the hub: %w", err)
	}
	return fn(h.Store, decoded)
}

func (s *session) send(t topic.Topic, store sitesync.StoreID, m wire.Message) (bytes int, err error) {
	t.Site = s.site
	frame := wire.Encode(s.number, store, m)
	return len(frame), s.link.Publish(context.Background(), t.String(), frame)
}

// assign takes a page of an assignment; the last one is put into effect.
func (s *session) assign(a *wire.Assignment) error {
	if a.Page == 0 {
		s.pages, s.version, s.arrived = nil, a.Version, 0
	}
	if a.Version != s.version || a.Page != s.arrived {
		return nil // of an assignment that a newer one has overtaken
	}
	s.pages, s.arrived = append(s.pages, a.Stores...), s.arrived+1
	if s.arrived < a.Pages {
		return nil
	}
	if err := s.engine.DB.Assign(s.pages, time.Now()); err != nil {
		return err
	}
	for i := range s.pages {
		if err := s.compare(&s.pages[i]); err != nil {
			return err
		}
	}
	return s.startLoads()
}

// compare holds what the hub has settled against the own history.
func (s *session) compare(a *wire.AssignedStore) error {
	verdict, err := s.engine.DB.Compare(a.Store, a.Epoch, a.Settled, a.Chain)
	if err != nil {
		return err
	}
	return s.judge(a.Store, verdict)
}

// judge holds a store back when the hub's history is not the own one.
func (s *session) judge(store sitesync.StoreID, v localdb.Verdict) error {
	st, _ := s.engine.DB.Store(store)
	switch v {
	case localdb.HubBehind:
		return s.block(store, sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: "The hub has less of the store " + st.Code + " than it confirmed before; it was probably restored from an older backup.",
			Next:    "Nothing is lost: everything stays on this device. Ask the hub's operator."})
	case localdb.Differs:
		return s.block(store, sitesync.Problem{Code: sitesync.ProblemDiverged,
			Message: "This device's history of the store " + st.Code + " is not the hub's; perhaps its data directory was restored from a backup or copied.",
			Next:    "Ask the hub's operator to reset this site's device. What was written here stays on this device until then."})
	}
	return nil
}

func (s *session) block(store sitesync.StoreID, p sitesync.Problem) error {
	s.engine.Log.Warn("a store is held back", "store", store, "code", p.Code, "message", p.Message)
	delete(s.pushes, store)
	s.done(waitKey("push", store))
	return s.engine.DB.Block(store, &p)
}

// probe tries again what is held back: one batch of each such store.
func (s *session) probe() error {
	s.nextTry = time.Now().Add(s.engine.Timings.ProbeInterval)
	clear(s.held)
	for _, st := range s.engine.DB.Stores() {
		if st.Blocked != nil && st.Blocked.Code == sitesync.ProblemBadFrame {
			s.pushOf(st.ID).probing = true
		}
	}
	return nil
}

// inbox holds what has arrived until the session's goroutine takes it. The hub
// never sends more than it was allowed, so it cannot grow beyond that.
type inbox struct {
	ready chan struct{}
	mu    sync.Mutex
	list  []message
}

type message struct {
	topic   string
	payload []byte
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (in *inbox) put(topicName string, payload []byte) {
	in.mu.Lock()
	in.list = append(in.list, message{topic: topicName, payload: payload})
	in.mu.Unlock()
	poke(in.ready)
}

func (in *inbox) take() []message {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.list
	in.list = nil
	return list
}
