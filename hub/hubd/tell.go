package hubd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sitesync/hub/broker"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// publish sends what a handler wants published: an event to all who listen,
// anything else to the device it answers. What is lost on the way is asked for
// again by the device.
func (h *Hub) publish(c *broker.Client, m session.Message) {
	if m.Event != nil {
		h.note(m.Event)
		leftOut, ok := h.quota.admit(m.Event, time.Now())
		if !ok {
			h.counts.eventsLeftOut.Add(1)
			return
		}
		if leftOut > 0 {
			e := *m.Event
			e.Message += fmt.Sprintf(" (and %d more like it before)", leftOut)
			m.Event = &e
		}
		h.logEvent(m.Event)
		h.counts.event(m.Event.Kind)
		if err := h.broker.Publish(m.Topic.String(), m.Bytes(), false); err != nil {
			h.log.Error("publishing an event failed", "kind", m.Event.Kind, "error", err)
		}
		return
	}
	if err := h.send(c, m); err != nil {
		h.log.Error("sending to a device failed", "site", c.Site, "topic", m.Topic.String(), "error", err)
	}
}

// send gives nil also when the device has gone, or has not subscribed yet.
func (h *Hub) send(c *broker.Client, m session.Message) error {
	err := h.broker.Send(c, m.Topic.String(), m.Bytes())
	if err == nil {
		h.counts.sent(&m)
	}
	if errors.Is(err, broker.ErrNotSubscribed) || errors.Is(err, broker.ErrClosed) {
		return nil
	}
	return err
}

// logEvent puts an event into the log as well, for those who do not listen.
func (h *Hub) logEvent(e *sitesync.EventMessage) {
	info, _ := sitesync.EventOf(e.Kind)
	switch info.Urgency {
	case sitesync.Routine:
		h.log.Debug("event", "kind", e.Kind, "message", e.Message)
	case sitesync.Notable:
		h.log.Info("event", "kind", e.Kind, "message", e.Message)
	default:
		h.log.Warn("event", "kind", e.Kind, "message", e.Message, "next", e.Next)
	}
}

// note makes an event the problem of its site, where it is one.
func (h *Hub) note(e *sitesync.EventMessage) {
	code := map[sitesync.EventKind]sitesync.ProblemCode{
		sitesync.EventDiverged:    sitesync.ProblemDiverged,
		sitesync.EventHubRestored: sitesync.ProblemDiverged,
		sitesync.EventTwoDevices:  sitesync.ProblemTwoDevices,
	}[e.Kind]
	if code != "" && e.Site != nil && e.Kind != sitesync.EventTwoDevices {
		h.live.Update(*e.Site, func(l *session.Live) {
			l.Problem = &sitesync.Problem{Code: code, Message: e.Message, Next: e.Next}
		})
		h.tellStatus(*e.Site)
	}
}

// tellAssignment tells a device which stores are its site's, if that changed.
func (h *Hub) tellAssignment(c *broker.Client, s *session.Session) {
	err := s.TellAssignment(func() error {
		messages, err := h.greet.Assignment(s)
		for _, m := range messages {
			if err == nil {
				err = h.broker.Send(c, m.Topic.String(), m.Bytes())
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, broker.ErrNotSubscribed) && !errors.Is(err, broker.ErrClosed) {
		h.log.Error("telling a device its stores failed", "site", s.Site, "error", err)
	}
}

// reassign tells the live session of a site that its stores changed, and asks
// its device for what it can do by now.
func (h *Hub) reassign(site sitesync.SiteID) {
	if c, ok := h.broker.Live(site); ok {
		s := c.Data.(*session.Session)
		s.Stale()
		h.tellAssignment(c, s)
		h.ask(c, s)
	}
}

// remind asks the device of a site's live session for what it can do by now.
func (h *Hub) remind(site sitesync.SiteID) {
	if c, ok := h.broker.Live(site); ok {
		h.ask(c, c.Data.(*session.Session))
	}
}

// ask asks a session's device for what waits for it.
func (h *Hub) ask(c *broker.Client, s *session.Session) {
	if !s.Greeted() {
		return
	}
	waiting, err := h.commands.Waiting(s)
	if err != nil {
		h.log.Error("finding what a device is to be asked for failed", "site", s.Site, "error", err)
	}
	for i, m := range waiting {
		if err := h.broker.Send(c, m.Topic.String(), m.Bytes()); err != nil {
			h.log.Debug("a device could not be asked", "site", s.Site, "error", err)
			for _, missed := range waiting[i:] {
				s.Unask(missed.Ask) // it is asked again with its next pull
			}
			return
		}
	}
}

// concerned lists the sites whose assignment an edit may have changed, each
// once, for it is told whole: those whose lease may be another, and the owners
// of the stores.
func (h *Hub) concerned(c registry.Change) []sitesync.SiteID {
	sites := slices.Clone(c.Sites)
	for _, store := range c.Stores {
		if m, ok, err := h.records.Meta(store); err == nil && ok {
			sites = append(sites, m.Owner)
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}

// edited follows a commit of the registry: sessions that are no longer good
// are closed, and what is shown is brought up to date.
func (h *Hub) edited(c registry.Change) {
	h.chores.do(func() {
		for _, site := range c.Sites {
			if client, ok := h.broker.Live(site); ok {
				s := client.Data.(*session.Session)
				if d := h.registry.Recheck(s.Decision); d.Outcome != registry.Accepted {
					client.Close(broker.ByHub)
				}
			}
			h.publishStatus(site)
		}
		for _, site := range h.concerned(c) {
			h.reassign(site)
		}
		for _, site := range c.Reset {
			if _, err := h.registry.Site(site); err == nil { // else it was deleted
				h.publish(nil, session.Event(sitesync.EventSiteReset, site, 0, "Join the new device with the site's password.",
					"%s was freed for another device; the one it had is shut out", h.siteText(site)))
			}
		}
		for _, site := range c.Asks {
			if client, ok := h.broker.Live(site); ok {
				h.ask(client, client.Data.(*session.Session))
			}
		}
		for _, name := range c.Users {
			h.dismiss(name)
		}
	})
}

// dismiss closes the connections of a user or token that was edited. One who
// changes their own password has the answer first.
func (h *Hub) dismiss(name string) {
	for _, c := range h.broker.Clients(name) {
		h.running.Go(func() {
			p := c.Data.(*person)
			p.busy.Lock()
			defer p.busy.Unlock()
			c.Finish(broker.ByHub)
		})
	}
}

// tellStatus publishes a site's status soon.
func (h *Hub) tellStatus(site sitesync.SiteID) { h.chores.do(func() { h.publishStatus(site) }) }

// publishStatus publishes a site's retained status, or clears it when the site
// is gone.
func (h *Hub) publishStatus(site sitesync.SiteID) {
	var payload []byte
	if s, err := h.registry.Site(site); err == nil {
		shape, err := h.admin.Site(s)
		if err != nil {
			h.log.Error("showing a site's status failed", "site", site, "error", err)
			return
		}
		payload, err = json.Marshal(sitesync.SiteStatus{Site: site, Online: shape.State == sitesync.StateOnline, Session: h.live.Get(site).Session,
			Type: shape.Type, Version: shape.Version, LastSync: shape.LastSync, Backlog: shape.Backlog, Problem: shape.Problem,
			State: shape.State, Since: shape.Since, LastSeen: shape.LastSeen, ClockSkewMs: shape.ClockSkewMs, DiskFree: shape.DiskFree,
			Revision: shape.Revision})
		if err != nil {
			h.log.Error("writing a site's status failed", "site", site, "error", err)
			return
		}
	} else {
		h.live.Forget(site)
	}
	if err := h.broker.Publish(topic.ForSite(site, topic.Status), payload, true); err != nil {
		h.log.Error("publishing a site's status failed", "site", site, "error", err)
	}
}
