package wire

import (
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

func (m *Hello) toWire() proto.Message {
	out := &wirepb.Hello{Page: m.Page, Pages: m.Pages, Replica: m.Replica[:], Version: m.Version, Type: string(m.Type),
		Platform: m.Platform, Evidence: m.Evidence, TestHardware: m.Test, WeakHardware: m.Weak,
		Generation: m.Generation, GenerationProof: m.GenerationProof, Report: reportToWire(m.Report)}
	for i := range m.Stores {
		out.Stores = append(out.Stores, m.Stores[i].toWire())
	}
	return out
}

func (s *StoreState) toWire() *wirepb.StoreState {
	out := &wirepb.StoreState{Store: uint64(s.Store), LoadedEpoch: uint64(s.Loaded), Cursor: s.Cursor.Bytes(),
		Digest: s.Digest[:], Blocked: s.Blocked}
	for _, o := range s.Outbox {
		out.Outbox = append(out.Outbox, &wirepb.OutboxState{Epoch: uint64(o.Epoch), Confirmed: o.Confirmed,
			Chain: set(o.Chain), Last: o.Last})
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
	r.evidence(p.Evidence)
	listed := len(p.Stores)
	for _, s := range p.Stores {
		if listed += len(s.Outbox); listed > maxListed {
			r.fail("more than %d stores and outboxes on a page", maxListed)
			return r.err
		}
		store := StoreState{Store: sitesync.StoreID(s.Store), Loaded: sitesync.Epoch(s.LoadedEpoch),
			Cursor: r.cursor(s.Cursor), Digest: r.fixed(s.Digest, "digest"), Blocked: s.Blocked}
		for _, o := range s.Outbox {
			if o.Confirmed > o.Last {
				r.fail("change %d is confirmed and %d the last", o.Confirmed, o.Last)
			}
			store.Outbox = append(store.Outbox, OutboxState{Epoch: sitesync.Epoch(o.Epoch), Confirmed: o.Confirmed,
				Chain: r.fixed(o.Chain, "chain"), Last: o.Last})
		}
		m.Stores = append(m.Stores, store)
	}
	return r.err
}

// bounded cuts a text of the other side to n bytes, since it is kept and shown.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// evidence bounds what a device says of its facts: each is kept.
func (r *reader) evidence(facts map[string]string) {
	if len(facts) > maxFacts {
		r.fail("%d facts of evidence", len(facts))
	}
	for name, hash := range facts {
		if len(name) > maxFact || len(hash) > maxFact {
			r.fail("a fact of evidence with %d and %d bytes", len(name), len(hash))
		}
	}
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
	if m.Session == 0 || m.Site == 0 || m.Hub == [16]byte{} || p.Limits == nil || p.Assignment == nil {
		r.fail("no session, site, hub, limits or assignment")
		return r.err
	}
	r.assignment(&m.Assignment, p.Assignment)
	return r.err
}

func (m *Assignment) toWire() proto.Message {
	out := &wirepb.Assignment{Version: m.Version, Page: m.Page, Pages: m.Pages,
		LeaseSeconds: seconds(m.Lease), Addresses: m.Addresses}
	for _, pin := range m.CAPins {
		out.CaPins = append(out.CaPins, pin[:])
	}
	for i := range m.Stores {
		out.Stores = append(out.Stores, m.Stores[i].toWire())
	}
	return out
}

func (s *AssignedStore) toWire() *wirepb.AssignedStore {
	return &wirepb.AssignedStore{Store: uint64(s.Store), Code: s.Code, Name: s.Name, Tags: s.Tags,
		Epoch: uint64(s.Epoch), Phase: wirepb.Phase(s.Phase), Handover: s.Handover, Replica: set(s.Replica),
		Settled: s.Settled, Chain: set(s.Chain), Head: s.Head.Bytes(), To: s.To, Records: s.Records, Bytes: s.Bytes,
		OwnerActive: s.OwnerActive, Quarantined: s.Quarantined}
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
		Lease: fromSeconds(p.LeaseSeconds), Addresses: p.Addresses}
	r.pages(p.Page, p.Pages)
	for _, pin := range p.CaPins {
		m.CAPins = append(m.CAPins, r.pin(pin))
	}
	for _, s := range p.Stores {
		if len(s.Tags) > sitesync.MaxTags {
			r.fail("a store with %d tags", len(s.Tags))
			return
		}
		if s.Epoch == 0 {
			r.fail("store %d is in no epoch", s.Store)
		}
		m.Stores = append(m.Stores, AssignedStore{Store: sitesync.StoreID(s.Store), Code: s.Code, Name: s.Name, Tags: s.Tags,
			Epoch: sitesync.Epoch(s.Epoch), Phase: sitesync.Phase(r.enum(int32(s.Phase), wirepb.Phase_name, "phase")),
			Handover: s.Handover, Replica: r.fixed(s.Replica, "replica"), Settled: s.Settled, Chain: r.fixed(s.Chain, "chain"),
			Head: r.cursor(s.Head), To: s.To, Records: s.Records, Bytes: s.Bytes,
			OwnerActive: s.OwnerActive, Quarantined: s.Quarantined})
	}
}
