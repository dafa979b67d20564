package hubd

import (
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/broker"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

// arrived notes that a site is online.
func (h *Hub) arrived(s *session.Session) {
	h.live.Update(s.Site, func(l *session.Live) {
		l.Online, l.Session, l.Since, l.LastSeen = true, s.Number, time.Now(), time.Now()
		l.Refused, l.Problem = "", h.heldProblem(s)
	})
	h.tellStatus(s.Site)
	h.publish(nil, session.Event(sitesync.EventSiteOnline, s.Site, 0, "", "site %d is online", s.Site))
}

// heldProblem is what is to be said of a session in which stores are held.
func (h *Hub) heldProblem(s *session.Session) *sitesync.Problem {
	for _, store := range h.handover.StoresOf(s.Site) {
		if code := s.Held(store); code != "" {
			p := admin.ProblemText(code)
			return &p
		}
	}
	return nil
}

// reported tells people of a divergence that only the device could see: of two
// copies with the same changes settled, the longer one knows what the hub's
// chain should be, and the hub does not. before is what it reported before.
func (h *Hub) reported(s *session.Session, before string) {
	const diverged = string(sitesync.ProblemDiverged)
	if now := h.live.Get(s.Site).Reported; now != diverged || now == before || h.heldProblem(s) != nil {
		return
	}
	h.publish(nil, session.Event(sitesync.EventDiverged, s.Site, 0,
		"Find out whether the device or the hub was restored from a backup or copied, and reset the site's hardware if it was the device; its unsent changes stay on it until then.",
		"the device of site %d remembers another history of a store than the hub, and holds that store back", s.Site))
}

// Closed implements broker.Handler.
func (h *Hub) Closed(c *broker.Client, why error) {
	if c.Kind != broker.Device || c.Refused {
		return
	}
	s := c.Data.(*session.Session)
	gone := false
	h.live.Update(s.Site, func(l *session.Live) {
		if l.Session == s.Number && l.Online {
			l.Online, l.LastSeen, gone = false, time.Now(), true
		}
	})
	if !gone {
		return
	}
	h.log.Debug("session ended", "site", s.Site, "session", s.Number, "why", why)
	h.tellStatus(s.Site)
	h.publish(nil, session.Event(sitesync.EventSiteOffline, s.Site, 0, "", "site %d is offline", s.Site))
}
