package broker

import (
	"maps"
	"sync"

	"sitesync/shared/sitesync"
)

// sessions knows the connections, and which accepted session holds which site
// and which client ID. A refused session holds nothing, so that it can disturb
// nobody.
type sessions struct {
	mu      sync.Mutex
	closing bool
	conns   map[*conn]*Client           // nil until the connection is accepted
	all     int                         // accepted clients
	refused int                         // of them refused sessions
	live    map[sitesync.SiteID]*Client // the one live session of a site
	holders map[string]*Client          // by client ID
}

func newSessions() *sessions {
	return &sessions{
		conns:   map[*conn]*Client{},
		live:    map[sitesync.SiteID]*Client{},
		holders: map[string]*Client{},
	}
}

// track remembers a connection and calls start for it, unless the broker is
// closing.
func (s *sessions) track(c *conn, start func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = nil
	start()
	return true
}

// shut lets no connection in any more and gives those that there are.
func (s *sessions) shut() map[*conn]*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	return maps.Clone(s.conns)
}

// enter gives c its site and client ID. older is the session whose place it
// takes and that the caller must close.
func (s *sessions) enter(c *Client) (older *Client, refusal Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, RefuseUnavailable
	}
	holder := s.holders[c.ClientID]
	if holder != nil && !sameOwner(holder, c) {
		return nil, RefuseIdentifier
	}
	if c.Refused {
		s.add(c)
		return nil, 0
	}
	older = holder
	if c.Kind == Device {
		older = s.live[c.Site]
		if older != nil && older.Session >= c.Session {
			return nil, RefuseUnavailable // two connected at once, and the newer one got here first
		}
		s.live[c.Site] = c
	}
	if older != nil {
		s.release(older)
	}
	s.holders[c.ClientID] = c
	s.add(c)
	return older, 0
}

func sameOwner(a, b *Client) bool {
	if a.Kind != b.Kind {
		return false
	}
	if a.Kind == Device {
		return a.Site == b.Site
	}
	return a.Name == b.Name
}

// release takes the client ID from c, if it still has it.
func (s *sessions) release(c *Client) {
	if s.holders[c.ClientID] == c {
		delete(s.holders, c.ClientID)
	}
}

func (s *sessions) add(c *Client) {
	s.conns[c.conn] = c
	s.all++
	if c.Refused {
		s.refused++
	}
}

// exit forgets a connection that has ended.
func (s *sessions) exit(ended *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conns[ended]
	delete(s.conns, ended)
	if c == nil {
		return
	}
	s.all--
	if c.Refused {
		s.refused--
	}
	s.release(c)
	if s.live[c.Site] == c {
		delete(s.live, c.Site)
	}
}

func (s *sessions) ofSite(site sitesync.SiteID) (*Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.live[site]
	return c, ok
}

func (s *sessions) full(limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing || s.all >= limit
}

func (s *sessions) counts() (live, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live), s.refused
}
