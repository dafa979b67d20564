// Package greet opens sessions: it answers a device's hello with a welcome,
// compares what the device says with what the hub has, and tells devices which
// stores are theirs.
package greet

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sitesync/hub/feed"
	"sitesync/hub/handover"
	"sitesync/hub/lease"
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
	CheckGenerationProof(generation uint32, proof []byte) bool
	Site(id sitesync.SiteID) (registry.Site, error)
	Store(id sitesync.StoreID) (registry.Store, error)
	Device(site sitesync.SiteID, f registry.HelloFacts) (registry.ReplicaStanding, error)
	IssueCredential(d registry.Decision) (string, error)
	Recheck(d registry.Decision) registry.Decision
}

// Greet is the handler of hellos.
type Greet struct {
	Registry      Registry
	State         records.State
	Handover      *handover.Driver
	Live          *session.Table
	Addresses     func() []string // URLs of the hub that devices may use
	Leases        *lease.Keeper
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
	if s.Greeted() {
		return nil, nil
	}
	hello, err := collect(s, frame)
	if err != nil || hello == nil {
		return nil, err
	}
	return g.welcome(s, hello)
}

// mostListed bounds the stores and outboxes of one hello, all pages together:
// far above what a site has.
const mostListed = 50_000

// collect puts the pages of a hello together, and gives it once it is whole.
// After a page out of turn the device has to begin again.
func collect(s *session.Session, frame []byte) (*wire.Hello, error) {
	_, page, err := wire.Decode[wire.Hello](frame)
	if err != nil {
		return nil, err
	}
	hello := s.Hello
	s.Hello = nil
	switch {
	case page.Page == 0:
		hello = page
	case hello == nil || page.Page != hello.Page+1 || page.Pages != hello.Pages:
		return nil, nil
	default:
		hello.Page, hello.Stores = page.Page, append(hello.Stores, page.Stores...)
	}
	listed := len(hello.Stores)
	for i := range hello.Stores {
		listed += len(hello.Stores[i].Outbox)
	}
	if listed > mostListed {
		return nil, fmt.Errorf("%w: a hello of more than %d stores and outboxes", wire.ErrFrame, mostListed)
	}
	if hello.Page+1 == hello.Pages {
		return hello, nil
	}
	s.Hello = hello
	return nil, nil
}

func (g *Greet) welcome(s *session.Session, hello *wire.Hello) ([]session.Message, error) {
	now := time.Now()
	standing, err := g.Registry.Device(s.Site, registry.HelloFacts{Replica: hello.Replica, Type: hello.Type, Version: hello.Version,
		Platform: hello.Platform, Evidence: hello.Evidence, Test: hello.Test, Weak: hello.Weak, At: now, Window: g.ReplicaWindow, ByPassword: s.Decision.ByPassword})
	switch {
	case sitesync.CodeOf(err) == sitesync.CodeInvalid:
		return nil, fmt.Errorf("%w: %w", wire.ErrFrame, err)
	case err != nil:
		return nil, err
	case standing == registry.ReplicaHeld:
		return g.twoDevices(s), nil
	}
	if err := g.Handover.Hello(s.Site, hello.Replica, hello.Holds); err != nil {
		return nil, err
	}
	s.Replica = hello.Replica
	if err := g.Leases.Hello(s, hello.Report.Lease); err != nil {
		return nil, err
	}
	events, receipts, err := g.compare(s, hello)
	if err != nil {
		return nil, err
	}
	welcome, err := g.compose(s, now)
	if err != nil {
		return nil, err
	}
	s.SetGreeted()
	g.Live.Report(s.Site, hello.Report, now)
	return append(append(events, s.To(topic.Welcome, 0, welcome)), receipts...), nil
}

func (g *Greet) twoDevices(s *session.Session) []session.Message {
	s.Refused = wire.RefusedTwoDevices
	return []session.Message{
		s.To(topic.Welcome, 0, &wire.Welcome{Refused: wire.RefusedTwoDevices, Time: time.Now()}),
		session.Event(sitesync.EventTwoDevices, s.Site, 0, "Find out which device is the right one, then reset the site's hardware.",
			"two installations use the name of site %d in turn; both are held until an operator decides", s.Site),
	}
}

// compose makes the welcome. A device that does not know its site yet hears
// nothing but the welcome, so an assignment that does not fit it is told again,
// whole, once the device speaks as its site.
func (g *Greet) compose(s *session.Session, now time.Time) (*wire.Welcome, error) {
	site, err := g.Registry.Site(s.Site)
	if err != nil {
		return nil, err
	}
	id := g.Registry.Identity()
	w := &wire.Welcome{Time: now, Session: s.Number, Site: s.Site, Name: site.Name, Code: site.Code, Hub: id.Hub,
		Generation: id.Generation, GenerationProof: g.Registry.GenerationProof(id.Generation), Limits: limits}
	if s.Decision.ByPassword {
		if w.Credential, err = g.Registry.IssueCredential(s.Decision); err != nil {
			return nil, err
		}
	}
	pages, err := g.assignment(s)
	if err != nil {
		return nil, err
	}
	w.Assignment = *pages[0]
	if len(pages) > 1 {
		s.Stale()
	}
	return w, nil
}
