// Package session keeps what the hub knows of the devices that are connected
// now, and of each site's last contact. It is advisory: nothing here decides
// about data, and all of it may be lost in a crash.
package session

import (
	"sync"

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
	Hello     []*wire.Hello // pages so far
	Replica   sitesync.ReplicaID
	Greeted   bool // the welcome is out: sync traffic is taken
	Streams   map[sitesync.StoreID]*Stream
	PullAt    *PullStream
	BadFrames map[sitesync.StoreID]int

	mu       sync.Mutex
	held     map[sitesync.StoreID]sitesync.ProblemCode
	assigned uint64
}

// Stream is a resync under way: how far it was sent, and how much of it.
type Stream struct {
	ID    uint32
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
		Streams: map[sitesync.StoreID]*Stream{}, BadFrames: map[sitesync.StoreID]int{},
		held: map[sitesync.StoreID]sitesync.ProblemCode{}}
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

// NextAssignment gives the version of the next assignment sent.
func (s *Session) NextAssignment() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assigned++
	return s.assigned
}

// Takes reports whether a frame of the session is to be taken: those of
// another session, and any before the welcome, are not.
func (s *Session) Takes(h wire.Header) bool { return s.Greeted && h.Session == s.Number }
