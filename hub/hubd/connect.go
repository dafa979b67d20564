package hubd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/broker"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// person is the Data of a person's principal.
type person struct {
	user registry.User
	busy sync.RWMutex // read-held while a command is carried out and answered
}

// Connect implements broker.Handler.
func (h *Hub) Connect(_ context.Context, l broker.Login) (*broker.Principal, broker.Refusal) {
	kind, name, _ := strings.Cut(l.Username, "/")
	if kind == "site" {
		return h.connectDevice(l, name)
	}
	return h.connectPerson(l, registry.UserKind(kind), name)
}

func (h *Hub) connectPerson(l broker.Login, kind registry.UserKind, name string) (*broker.Principal, broker.Refusal) {
	user, outcome, err := h.registry.AuthenticateUser(kind, name, l.Password, hostOf(l.Remote))
	if err != nil {
		h.log.Error("checking a person's login failed", "error", err)
		h.counts.login(string(kind), loginFailed)
		return nil, broker.RefuseUnavailable
	}
	h.counts.login(string(kind), loginResults[outcome])
	if outcome == registry.Accepted {
		return &broker.Principal{Kind: broker.Person, Name: user.Name, Role: string(user.Role), Data: &person{user: user}}, 0
	}
	if outcome != registry.Busy {
		h.publish(nil, session.Event(sitesync.EventUserLoginFailed, 0, 0, "If this was not a mistake of theirs, look where it comes from.",
			"a login as %s/%s from %s failed", kind, clip(name), hostOf(l.Remote)))
	}
	return nil, refusals[outcome]
}

var refusals = map[registry.Outcome]broker.Refusal{
	registry.BadCredentials:     broker.RefuseBadCredentials,
	registry.IdentifierRejected: broker.RefuseIdentifier,
	registry.NotAuthorized:      broker.RefuseNotAuthorized,
	registry.Busy:               broker.RefuseUnavailable,
}

func (h *Hub) connectDevice(l broker.Login, name string) (*broker.Principal, broker.Refusal) {
	hardware, replica, _ := sitesync.ParseClientID(l.ClientID) // the broker has checked the form
	d, err := h.registry.Authenticate(registry.Login{Name: name, Secret: l.Password, Hardware: hardware, ReplicaShort: replica, Address: hostOf(l.Remote)})
	if err != nil {
		h.log.Error("checking a device's login failed", "error", err)
		h.counts.login("site", loginFailed)
		return nil, broker.RefuseUnavailable
	}
	h.counts.device(&d)
	number, err := h.registry.NextSession()
	if err != nil {
		h.log.Error("numbering a session failed", "error", err)
		return nil, broker.RefuseUnavailable
	}
	s := session.New(d.Site, number, l.ClientID, d)
	p := &broker.Principal{Kind: broker.Device, Site: d.Site, Name: name, Session: number, Data: s}
	switch d.Outcome {
	case registry.Accepted:
		h.bound(d, hardware)
		return p, 0
	case registry.Refused:
		s.Refused = refusedOf(d.Refused)
		p.Refused = true
		h.refused(d)
		return p, 0
	default:
		h.rejected(d, l, name)
		return nil, refusals[d.Outcome]
	}
}

// bound tells of a site that got its device with this login.
func (h *Hub) bound(d registry.Decision, hardware sitesync.HardwareID) {
	if !d.NewlyBound {
		return
	}
	h.publish(nil, session.Event(sitesync.EventSiteBound, d.Site, 0, "", "site %d now belongs to the device %s", d.Site, hardware.Grouped()))
	if len(d.SharedWith) > 0 {
		h.publish(nil, session.Event(sitesync.EventTwoDevices, d.Site, 0, "If one device is meant to serve several sites, nothing needs to be done.",
			"the device of site %d also serves site %v", d.Site, d.SharedWith))
	}
}

// refused notes that the bound device of a site is not let in, and why.
func (h *Hub) refused(d registry.Decision) {
	if d.Site == 0 {
		return
	}
	before := h.live.Get(d.Site).Refused
	h.live.Update(d.Site, func(l *session.Live) { l.Refused, l.LastSeen = d.Refused, time.Now() })
	if before != d.Refused {
		p := admin.ProblemText(d.Refused)
		h.publish(nil, session.Event(sitesync.EventSiteRefused, d.Site, 0, p.Next, "the device of site %d is refused: %s", d.Site, p.Message))
		h.tellStatus(d.Site)
	}
}

// rejected notes that somebody could not log in as a site.
func (h *Hub) rejected(d registry.Decision, l broker.Login, name string) {
	if d.Outcome == registry.Busy || d.Limited {
		return
	}
	code := sitesync.ProblemBadCredentials
	if d.Outcome == registry.IdentifierRejected {
		code = sitesync.ProblemHardwareMismatch
	}
	p := admin.ProblemText(code)
	what := fmt.Sprintf("a login as site %q from %s was rejected: %s", clip(name), hostOf(l.Remote), p.Message)
	if d.Site != 0 {
		h.live.Update(d.Site, func(l *session.Live) {
			l.Problem = &sitesync.Problem{Code: code, Message: what, Next: p.Next}
		})
		h.tellStatus(d.Site)
	}
	h.publish(nil, session.Event(sitesync.EventSiteRejected, d.Site, 0, p.Next, "%s", what))
}

func refusedOf(code sitesync.ProblemCode) wire.Refused {
	for r := wire.RefusedDeleted; r <= wire.RefusedTwoDevices; r++ {
		if r.Problem() == code {
			return r
		}
	}
	panic("hubd: a refusal without a number: " + string(code)) // a test holds the map
}

// Message implements broker.Handler.
func (h *Hub) Message(ctx context.Context, c *broker.Client, m broker.Message) {
	if c.Kind == broker.Person {
		h.command(ctx, c, m)
		return
	}
	s := c.Data.(*session.Session)
	handle := h.table[m.Topic.Kind]
	if handle == nil {
		return
	}
	if m.Topic.Kind == topic.Push {
		h.counts.pushBytes.Add(uint64(len(m.Payload)))
	}
	wasGreeted, reported := s.Greeted(), h.live.Get(s.Site).Reported
	if m.Topic.Kind == topic.Hello && s.Refused == 0 {
		// An edit may have come between the login and now, when there was no
		// session yet that it could have closed.
		if d := h.registry.Recheck(s.Decision); d.Outcome == registry.Refused {
			s.Refused = refusedOf(d.Refused)
			h.refused(d)
		}
	}
	out, err := handle(ctx, s, m.Payload)
	if err != nil {
		out = append(out, h.failed(s, m, err)...)
	}
	if s.Greeted() {
		h.leases.Answered(s.Site) // before it is: the device may count from then
	}
	for _, message := range out {
		h.publish(c, message)
	}
	if !wasGreeted && s.Greeted() {
		h.arrived(s)
	}
	h.reported(s, reported)
	h.watchDevice(s.Site)
	h.tellAssignment(c, s)
	if m.Topic.Kind == topic.Hello || m.Topic.Kind == topic.Pull {
		h.ask(c, s)
	}
}

// failed deals with a handler's error: a message that cannot be read is laid
// to the device's account; anything else is ours.
func (h *Hub) failed(s *session.Session, m broker.Message, err error) []session.Message {
	if errors.Is(err, wire.ErrFrame) {
		out, _ := h.ingest.BadFrame(s, m.Payload, err)
		return out
	}
	h.log.Error("a device's message could not be dealt with; it will come again", "site", s.Site, "topic", m.TopicName, "error", err)
	return nil
}

// command carries out an administrator's command.
func (h *Hub) command(ctx context.Context, c *broker.Client, m broker.Message) {
	if m.Topic.Kind != topic.Admin {
		return
	}
	p := c.Data.(*person)
	p.busy.RLock()
	defer p.busy.RUnlock()
	user := p.user
	// An edit closes the connections of its user, but one that was just being
	// made is not among them yet; and a token may expire on an open one.
	now, err := h.registry.User(user.Name)
	if err != nil || now.Edits != user.Edits || now.Expires != nil && !now.Expires.After(time.Now()) {
		c.Close(broker.ByHub)
		return
	}
	answer := func() { h.answer(ctx, c, &user, m) }
	if row, known := admin.Lookup(m.Topic.Name); known && row.Waits {
		h.patiently(answer)
		return
	}
	answer()
}

// answer carries a command out and answers it.
func (h *Hub) answer(ctx context.Context, c *broker.Client, user *registry.User, m broker.Message) {
	caller := admin.Caller{Kind: string(user.Kind), Name: user.Name, Role: user.Role, Data: user.Data, From: hostOf(c.Remote)}
	began := time.Now()
	topicName, answer := h.admin.Handle(ctx, caller, m.Topic.Name, m.Payload, m.ResponseTopic, m.CorrelationData)
	h.counts.commands.Took(began)
	if err := h.broker.Reply(c.Name, topicName, answer, m.CorrelationData); err != nil {
		h.log.Debug("nobody took the answer to a command", "user", c.Name, "command", m.Topic.Name, "error", err)
	}
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// clip keeps a hostile name from filling an event.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
