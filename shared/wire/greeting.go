package wire

import (
	"time"

	"google.golang.org/protobuf/proto"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

// MaxPages bounds the pages of one hello or assignment.
const MaxPages = 256

// Sizes from which lists are paged: a page stays under PageBytes with the
// largest entries that the rules of names allow.
const (
	helloPageStores      = 200
	assignmentPageStores = 100
)

// SplitHello makes the pages of a hello. All but the first carry stores alone.
func SplitHello(h Hello) []*Hello {
	groups := groupsOf(h.Stores, helloPageStores)
	pages := make([]*Hello, len(groups))
	for i, group := range groups {
		page := &Hello{Replica: h.Replica, Version: h.Version, Type: h.Type}
		if i == 0 {
			*page = h
		}
		page.Page, page.Pages, page.Stores = uint32(i), uint32(len(groups)), group
		pages[i] = page
	}
	return pages
}

// SplitAssignment makes the pages of an assignment. All carry its version.
func SplitAssignment(a Assignment) []*Assignment {
	groups := groupsOf(a.Stores, assignmentPageStores)
	pages := make([]*Assignment, len(groups))
	for i, group := range groups {
		page := a
		page.Page, page.Pages, page.Stores = uint32(i), uint32(len(groups)), group
		pages[i] = &page
	}
	return pages
}

// groupsOf cuts a list into groups of at most n; an empty list is one group.
func groupsOf[T any](list []T, n int) [][]T {
	groups := [][]T{}
	for len(list) > n {
		groups, list = append(groups, list[:n]), list[n:]
	}
	return append(groups, list)
}

func (m *Hello) toWire() proto.Message {
	out := &wirepb.Hello{Page: m.Page, Pages: m.Pages, Replica: m.Replica[:], Version: m.Version, Type: string(m.Type),
		Platform: m.Platform, Evidence: m.Evidence, TestHardware: m.Test, WeakHardware: m.Weak,
		Generation: m.Generation, GenerationProof: m.GenerationProof, Report: reportToWire(m.Report)}
	for _, s := range m.Stores {
		store := &wirepb.StoreState{Store: uint64(s.Store), LoadedEpoch: uint64(s.Loaded), Cursor: s.Cursor.Bytes(),
			Digest: s.Digest[:], Blocked: s.Blocked}
		for _, o := range s.Outbox {
			store.Outbox = append(store.Outbox, &wirepb.OutboxState{Epoch: uint64(o.Epoch), Confirmed: o.Confirmed,
				Chain: set(o.Chain), Last: o.Last})
		}
		out.Stores = append(out.Stores, store)
	}
	return out
}

func (m *Hello) fromWire(body []byte) error {
	var p wirepb.Hello
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Hello{Page: p.Page, Pages: p.Pages, Replica: r.fixed(p.Replica, "replica"), Version: bounded(p.Version, 80),
		Type: sitesync.SiteType(p.Type), Platform: bounded(p.Platform, 120), Evidence: p.Evidence,
		Test: p.TestHardware, Weak: p.WeakHardware, Generation: p.Generation, GenerationProof: p.GenerationProof,
		Report: reportFromWire(p.Report)}
	r.pages(p.Page, p.Pages)
	if m.Replica.IsZero() {
		r.fail("no replica")
	}
	if m.Type != sitesync.TypeMobile && m.Type != sitesync.TypeStandalone {
		r.fail("unknown device type %q", bounded(p.Type, 20))
	}
	if len(p.Evidence) > 64 {
		r.fail("%d facts of evidence", len(p.Evidence))
	}
	for _, s := range p.Stores {
		store := StoreState{Store: sitesync.StoreID(s.Store), Loaded: sitesync.Epoch(s.LoadedEpoch),
			Cursor: r.cursor(s.Cursor), Digest: r.fixed(s.Digest, "digest"), Blocked: s.Blocked}
		for _, o := range s.Outbox {
			store.Outbox = append(store.Outbox, OutboxState{Epoch: sitesync.Epoch(o.Epoch), Confirmed: o.Confirmed,
				Chain: r.fixed(o.Chain, "chain"), Last: o.Last})
		}
		m.Stores = append(m.Stores, store)
	}
	return r.err
}

// bounded cuts a text of the other side to n bytes, since it is kept and shown.
func bounded(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func (m *Welcome) toWire() proto.Message {
	out := &wirepb.Welcome{Refused: wirepb.Refused(m.Refused), TimeMs: millis(m.Time)}
	if m.Refused != 0 {
		return out
	}
	out.Session, out.Site, out.Name, out.Code = m.Session, uint64(m.Site), m.Name, m.Code
	out.Credential, out.Hub, out.Generation, out.GenerationProof = m.Credential, m.Hub[:], m.Generation, m.GenerationProof
	out.Limits = &wirepb.Limits{BatchChanges: m.Limits.BatchChanges, BatchBytes: m.Limits.BatchBytes,
		WindowBatches: m.Limits.WindowBatches, WindowBytes: m.Limits.WindowBytes, CreditBytes: m.Limits.CreditBytes}
	out.Assignment = m.Assignment.toWire().(*wirepb.Assignment)
	return out
}

func (m *Welcome) fromWire(body []byte) error {
	var p wirepb.Welcome
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	if p.Refused != 0 {
		*m = Welcome{Refused: Refused(r.enum(int32(p.Refused), wirepb.Refused_name, "refusal")), Time: fromMillis(p.TimeMs)}
		return r.err
	}
	*m = Welcome{Time: fromMillis(p.TimeMs), Session: p.Session, Site: sitesync.SiteID(p.Site), Name: p.Name, Code: p.Code,
		Credential: p.Credential, Hub: r.fixed(p.Hub, "hub"), Generation: p.Generation, GenerationProof: p.GenerationProof}
	if l := p.Limits; l != nil {
		m.Limits = Limits{BatchChanges: l.BatchChanges, BatchBytes: l.BatchBytes,
			WindowBatches: l.WindowBatches, WindowBytes: l.WindowBytes, CreditBytes: l.CreditBytes}
	}
	if m.Session == 0 || m.Site == 0 || p.Assignment == nil {
		r.fail("no session, site or assignment")
		return r.err
	}
	r.assignment(&m.Assignment, p.Assignment)
	return r.err
}

func (m *Assignment) toWire() proto.Message {
	out := &wirepb.Assignment{Version: m.Version, Page: m.Page, Pages: m.Pages,
		LeaseSeconds: uint64(m.Lease / time.Second), Addresses: m.Addresses}
	for _, pin := range m.CAPins {
		out.CaPins = append(out.CaPins, pin[:])
	}
	for _, s := range m.Stores {
		out.Stores = append(out.Stores, &wirepb.AssignedStore{Store: uint64(s.Store), Code: s.Code, Name: s.Name, Tags: s.Tags,
			Epoch: uint64(s.Epoch), Phase: wirepb.Phase(s.Phase), Handover: s.Handover, Replica: set(s.Replica),
			Settled: s.Settled, Chain: set(s.Chain), Head: s.Head.Bytes(), To: s.To, Records: s.Records, Bytes: s.Bytes})
	}
	return out
}

func (m *Assignment) fromWire(body []byte) error {
	var p wirepb.Assignment
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	r.assignment(m, &p)
	return r.err
}

func (r *reader) assignment(m *Assignment, p *wirepb.Assignment) {
	*m = Assignment{Version: p.Version, Page: p.Page, Pages: p.Pages,
		Lease: time.Duration(min(p.LeaseSeconds, 1<<31)) * time.Second, Addresses: p.Addresses}
	r.pages(p.Page, p.Pages)
	for _, pin := range p.CaPins {
		m.CAPins = append(m.CAPins, r.pin(pin))
	}
	for _, s := range p.Stores {
		m.Stores = append(m.Stores, AssignedStore{Store: sitesync.StoreID(s.Store), Code: s.Code, Name: s.Name, Tags: s.Tags,
			Epoch: sitesync.Epoch(s.Epoch), Phase: sitesync.Phase(r.enum(int32(s.Phase), wirepb.Phase_name, "phase")),
			Handover: s.Handover, Replica: r.fixed(s.Replica, "replica"), Settled: s.Settled, Chain: r.fixed(s.Chain, "chain"),
			Head: r.cursor(s.Head), To: s.To, Records: s.Records, Bytes: s.Bytes})
	}
}
