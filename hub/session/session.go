// Package session keeps what the hub knows of the devices that are connected
// now, and of each site's last contact. It is advisory: nothing here decides
// about data, and all of it may be lost in a crash.
package session

import (
	"sync"
	"sync/atomic"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Session is one device's connection. Its messages are handled one after
// another; only what is behind the mutex is touched by others.
type Session struct {
	Site     sitesync.SiteID
	Number   uint64 // carried by every message after the welcome
	ClientID string
	Refused  wire.Refused // not 0: the session gets a refused welcome and nothing else
	Decision registry.Decision

	// Of the handlers alone, which run one after another.
	Hello     *wire.Hello // as far as its pages have come
	Replica   sitesync.ReplicaID
	Streams   map[sitesync.StoreID]*Stream
	PullAt    *PullStream
	BadFrames map[sitesync.StoreID]bool // stores whose last push could not be read

	greeted atomic.Bool // the welcome is out: sync traffic is taken
	stale   atomic.Bool // the device has to be told anew which stores are its site's

	mu       sync.Mutex
	held     map[sitesync.StoreID]sitesync.ProblemCode
	asked    map[string]bool // commands by ID
	assigned uint64
	telling  sync.Mutex
}

// Stream is a resync under way: how far it was sent, and how much of it.
type Stream struct {
	ID    uint32
	Epoch sitesync.Epoch
	Next  wire.Key
	Done  bool // sent to the end
	Spent uint64
}

// PullStream is an answer to pulls under way.
type PullStream struct {
	ID      uint32
	Spent   uint64
	Cursors []wire.StoreCursor
}

// New begins a session.
func New(site sitesync.SiteID, number uint64, clientID string, d registry.Decision) *Session {
	return &Session{Site: site, Number: number, ClientID: clientID, Decision: d,
		Streams: map[sitesync.StoreID]*Stream{}, BadFrames: map[sitesync.StoreID]bool{},
		held: map[sitesync.StoreID]sitesync.ProblemCode{}, asked: map[string]bool{}}
}

// Hold stops the sync of a store for this session; the next hello looks again.
// It reports whether the store was not held before.
func (s *Session) Hold(store sitesync.StoreID, why sitesync.ProblemCode) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.held[store]
	s.held[store] = why
	return !was
}

// Held tells why the sync of a store is stopped, "" when it is not.
func (s *Session) Held(store sitesync.StoreID) sitesync.ProblemCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[store]
}

// Ask reports whether a command is to be sent: once in a session, unless it is
// taken back by Unask.
func (s *Session) Ask(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.asked[id]
	s.asked[id] = true
	return !was
}

// Unask lets a command be sent again in this session.
func (s *Session) Unask(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, id)
}

// NextAssignment gives the version of the next assignment sent.
func (s *Session) NextAssignment() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assigned++
	return s.assigned
}

// Greeted reports whether the welcome has been made.
func (s *Session) Greeted() bool { return s.greeted.Load() }

// SetGreeted notes that it has.
func (s *Session) SetGreeted() { s.greeted.Store(true) }

// Stale notes that the device's assignment has changed.
func (s *Session) Stale() { s.stale.Store(true) }

// TellAssignment calls tell if the assignment has changed since it was last
// told, one call at a time, so that what is told last is what was read last. A
// tell that fails, as before the device has subscribed, is made up for by the
// next call.
func (s *Session) TellAssignment(tell func() error) error {
	if !s.Greeted() || !s.stale.Load() {
		return nil
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	if !s.stale.Swap(false) {
		return nil
	}
	err := tell()
	if err != nil {
		s.stale.Store(true)
	}
	return err
}

// Takes reports whether a frame of the session is to be taken: those of
// another session, and any before the welcome, are not.
func (s *Session) Takes(h wire.Header) bool { return s.Greeted() && h.Session == s.Number }
