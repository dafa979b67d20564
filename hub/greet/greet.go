// Package greet opens sessions: it answers a device's hello with a welcome,
// compares what the device says with what the hub has, and tells devices which
// stores are theirs.
package greet

import (
	"context"
	"log/slog"
	"time"

	"sitesync/hub/feed"
	"sitesync/hub/handover"
	"sitesync/hub/ingest"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// Registry is what greeting needs of the registry.
type Registry interface {
	Identity() registry.Identity
	GenerationProof(generation uint32) []byte
	Site(id sitesync.SiteID) (registry.Site, error)
	Store(id sitesync.StoreID) (registry.Store, error)
	Device(site sitesync.SiteID, f registry.HelloFacts) (registry.ReplicaStanding, error)
	IssueCredential(d registry.Decision) (string, error)
}

// Greet is the handler of hellos.
type Greet struct {
	Registry      Registry
	State         records.State
	Handover      *handover.Driver
	Live          *session.Table
	Addresses     func() []string // URLs of the hub that devices may use
	ReplicaWindow time.Duration
	Log           *slog.Logger
}

// limits is what every device is allowed.
var limits = wire.Limits{
	BatchChanges:  sitesync.MaxBatchChanges,
	BatchBytes:    sitesync.MaxBatchBytes,
	WindowBatches: 8,
	WindowBytes:   4 << 20,
	CreditBytes:   feed.MaxCredit,
}

// Hello takes a page of a hello; the last one is answered.
func (g *Greet) Hello(_ context.Context, s *session.Session, frame []byte) ([]session.Message, error) {
	if s.Refused != 0 {
		return []session.Message{s.To(topic.Welcome, 0, &wire.Welcome{Refused: s.Refused, Time: time.Now()})}, nil
	}
	_, page, err := wire.Decode[wire.Hello](frame)
	if err != nil {
		return nil, err
	}
	if s.Greeted() || int(page.Page) != len(s.Hello) || page.Page > 0 && page.Pages != s.Hello[0].Pages {
		s.Hello = s.Hello[:0]
		if s.Greeted() || page.Page != 0 {
			return nil, nil // a page out of turn: the device asks again
		}
	}
	if s.Hello = append(s.Hello, page); len(s.Hello) < int(page.Pages) {
		return nil, nil
	}
	hello := *s.Hello[0]
	for _, p := range s.Hello[1:] {
		hello.Stores = append(hello.Stores, p.Stores...)
	}
	s.Hello = nil
	return g.welcome(s, &hello)
}

func (g *Greet) welcome(s *session.Session, hello *wire.Hello) ([]session.Message, error) {
	now := time.Now()
	standing, err := g.Registry.Device(s.Site, registry.HelloFacts{Replica: hello.Replica, Type: hello.Type, Version: hello.Version,
		Platform: hello.Platform, Evidence: hello.Evidence, Test: hello.Test, Weak: hello.Weak, At: now, Window: g.ReplicaWindow})
	if err != nil {
		return nil, err
	}
	if standing == registry.ReplicaHeld {
		return g.twoDevices(s), nil
	}
	if err := g.Handover.Hello(s.Site, hello.Replica); err != nil {
		return nil, err
	}
	s.Replica = hello.Replica
	out, receipts, err := g.compare(s, hello)
	if err != nil {
		return nil, err
	}
	welcome, rest, err := g.compose(s, now)
	if err != nil {
		return nil, err
	}
	s.SetGreeted()
	g.Live.Report(s.Site, hello.Report, now)
	out = append(out, s.To(topic.Welcome, 0, welcome))
	return append(append(out, rest...), receipts...), nil
}

func (g *Greet) twoDevices(s *session.Session) []session.Message {
	s.Refused = wire.RefusedTwoDevices
	return []session.Message{
		s.To(topic.Welcome, 0, &wire.Welcome{Refused: wire.RefusedTwoDevices, Time: time.Now()}),
		session.Event(sitesync.EventTwoDevices, s.Site, 0, "Find out which device is the right one, then reset the site's hardware.",
			"two installations use the name of site %d in turn; both are held until an operator decides", s.Site),
	}
}

// compose makes the welcome, and what of the assignment does not fit it.
func (g *Greet) compose(s *session.Session, now time.Time) (*wire.Welcome, []session.Message, error) {
	site, err := g.Registry.Site(s.Site)
	if err != nil {
		return nil, nil, err
	}
	id := g.Registry.Identity()
	w := &wire.Welcome{Time: now, Session: s.Number, Site: s.Site, Name: site.Name, Code: site.Code, Hub: id.Hub,
		Generation: id.Generation, GenerationProof: g.Registry.GenerationProof(id.Generation), Limits: limits}
	if s.Decision.ByPassword {
		if w.Credential, err = g.Registry.IssueCredential(s.Decision); err != nil {
			return nil, nil, err
		}
	}
	pages, err := g.assignment(s)
	if err != nil {
		return nil, nil, err
	}
	w.Assignment = *pages[0]
	var rest []session.Message
	for _, page := range pages[1:] {
		rest = append(rest, s.To(topic.Assignment, 0, page))
	}
	return w, rest, nil
}

// Assignment tells a session, whole, which stores are its site's.
func (g *Greet) Assignment(s *session.Session) ([]session.Message, error) {
	pages, err := g.assignment(s)
	var out []session.Message
	for _, page := range pages {
		out = append(out, s.To(topic.Assignment, 0, page))
	}
	return out, err
}

func (g *Greet) assignment(s *session.Session) ([]*wire.Assignment, error) {
	a := wire.Assignment{Version: s.NextAssignment(), Addresses: g.Addresses()}
	for _, id := range g.Handover.StoresOf(s.Site) {
		m, ok, err := g.State.Meta(id)
		if err != nil {
			return nil, err
		}
		if !ok || m.Owner != s.Site {
			continue // it moved on this moment; the next assignment says so
		}
		store, err := g.Registry.Store(id)
		if err != nil {
			return nil, err
		}
		assigned := wire.AssignedStore{Store: id, Code: store.Code, Name: store.Name, Tags: store.Tags, Epoch: m.Epoch, Phase: m.Phase,
			Replica: m.Replica, Settled: m.Settled, Chain: m.Chain, Head: m.Head(), Records: uint64(m.Records), Bytes: uint64(m.Bytes)}
		if m.Handover != nil {
			assigned.Handover = m.Handover.ID
		}
		a.Stores = append(a.Stores, assigned)
	}
	return wire.SplitAssignment(a), nil
}

// compare looks for signs that the device or the hub is not what the other
// remembers. What is found is held back, with an event, and never guessed at.
// It also rebuilds the receipts that the device has not seen.
func (g *Greet) compare(s *session.Session, hello *wire.Hello) (events, receipts []session.Message, err error) {
	if id := g.Registry.Identity(); hello.Generation > id.Generation {
		for _, store := range g.Handover.StoresOf(s.Site) {
			s.Hold(store, sitesync.ProblemDiverged)
		}
		events = append(events, hubBehind(s, 0, "has seen generation %d of this hub, which is at %d", hello.Generation, id.Generation))
	}
	for i := range hello.Stores {
		state := &hello.Stores[i]
		meta, ok, err := g.State.Meta(state.Store)
		if err != nil {
			return nil, nil, err
		}
		if !state.Cursor.IsZero() && ok && meta.Owner == s.Site && (state.Cursor.Log != meta.Log || state.Cursor.Seq > meta.Seq) {
			if s.Hold(state.Store, sitesync.ProblemDiverged) {
				events = append(events, hubBehind(s, state.Store, "has read further in the store's log than this hub's goes"))
			}
		}
		for _, o := range state.Outbox {
			event, receipt, err := g.compareOutbox(s, state.Store, o)
			if err != nil {
				return nil, nil, err
			}
			events, receipts = append(events, event...), append(receipts, receipt...)
		}
	}
	return events, receipts, nil
}

func (g *Greet) compareOutbox(s *session.Session, store sitesync.StoreID, o wire.OutboxState) (events, receipts []session.Message, err error) {
	res, err := g.State.Settled(store, records.Origin{Epoch: o.Epoch, Site: s.Site, Replica: s.Replica}, o.Confirmed)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case res.Settled < o.Confirmed:
		if s.Hold(store, sitesync.ProblemDiverged) {
			events = append(events, hubBehind(s, store, "holds receipts for changes up to %d of epoch %s, this hub has %d", o.Confirmed, o.Epoch, res.Settled))
		}
	case res.Settled > o.Last, res.Settled == o.Confirmed && res.Chain != o.Chain:
		if s.Hold(store, sitesync.ProblemDiverged) {
			events = append(events, ingest.Diverged(s, store))
		}
	case res.Settled > o.Confirmed:
		r := &wire.Receipt{Epoch: o.Epoch, Outcome: wire.Settled, Settled: res.Settled, Chain: res.Chain, After: res.After,
			Quarantined: res.Quarantined, Head: res.Head}
		receipts = append(receipts, s.To(topic.Receipt, store, r))
	}
	return events, receipts, nil
}

func hubBehind(s *session.Session, store sitesync.StoreID, format string, args ...any) session.Message {
	return session.Event(sitesync.EventHubRestored, s.Site, store,
		"This hub was probably restored from an older backup. Nothing is lost: the device keeps its changes. Ask for help before going on.",
		"the device of site %d "+format, append([]any{s.Site}, args...)...)
}
