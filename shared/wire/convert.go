package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

func (*Hello) kind() wirepb.Kind         { return wirepb.Kind_KIND_HELLO }
func (*Welcome) kind() wirepb.Kind       { return wirepb.Kind_KIND_WELCOME }
func (*Push) kind() wirepb.Kind          { return wirepb.Kind_KIND_PUSH }
func (*Receipt) kind() wirepb.Kind       { return wirepb.Kind_KIND_RECEIPT }
func (*Pull) kind() wirepb.Kind          { return wirepb.Kind_KIND_PULL }
func (*Changes) kind() wirepb.Kind       { return wirepb.Kind_KIND_CHANGES }
func (*Assignment) kind() wirepb.Kind    { return wirepb.Kind_KIND_ASSIGNMENT }
func (*ResyncRequest) kind() wirepb.Kind { return wirepb.Kind_KIND_RESYNC_REQUEST }
func (*Manifest) kind() wirepb.Kind      { return wirepb.Kind_KIND_MANIFEST }
func (*Chunk) kind() wirepb.Kind         { return wirepb.Kind_KIND_CHUNK }
func (*Handover) kind() wirepb.Kind      { return wirepb.Kind_KIND_HANDOVER }
func (*Hint) kind() wirepb.Kind          { return wirepb.Kind_KIND_HINT }

// reader collects the first error of a conversion, so that each message reads
// as a list of its fields.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// fixed reads a field of exactly 16 bytes, or the zero value when optional and
// absent.
func (r *reader) fixed(b []byte, what string) (out [16]byte) {
	switch len(b) {
	case 0:
	case len(out):
		copy(out[:], b)
	default:
		r.fail("%s has %d bytes, not 16", what, len(b))
	}
	return out
}

func (r *reader) pin(b []byte) (out [32]byte) {
	if copy(out[:], b) != len(out) || len(b) != len(out) {
		r.fail("a CA pin has %d bytes, not 32", len(b))
	}
	return out
}

func (r *reader) cursor(b []byte) Cursor {
	c, err := ParseCursor(b)
	if err != nil {
		r.fail("%w", err)
	}
	return c
}

// enum takes a known value of an enum other than its zero.
func (r *reader) enum(value int32, names map[int32]string, what string) uint8 {
	if _, ok := names[value]; !ok || value == 0 {
		r.fail("unknown %s %d", what, value)
	}
	return uint8(value)
}

func (r *reader) pages(page, pages uint32) {
	if pages == 0 || pages > MaxPages || page >= pages {
		r.fail("page %d of %d", page, pages)
	}
}

// changes takes changes as a device pushes them: one that breaks a rule of
// records is read too, since it goes to quarantine, not back.
func (r *reader) changes(in []*wirepb.Change) []sitesync.Change {
	out := make([]sitesync.Change, len(in))
	for i, c := range in {
		out[i] = sitesync.Change{
			Op:    sitesync.Op(r.enum(int32(c.Op), wirepb.Op_name, "operation")),
			Table: c.Table, ID: c.Id, Data: c.Data, To: c.To, Quarantine: c.Quarantine,
		}
	}
	return out
}

// delivered takes changes that the hub gives out. They become records at the
// agent as they are, so they must fit there.
func (r *reader) delivered(in []*wirepb.Change) []sitesync.Change {
	out := r.changes(in)
	for i := range out {
		if err := out[i].CheckStored(); err != nil {
			r.fail("a change of the hub: %w", err)
		}
	}
	return out
}

func changesToWire(in []sitesync.Change) []*wirepb.Change {
	all := make([]wirepb.Change, len(in))
	out := make([]*wirepb.Change, len(in))
	for i := range in {
		c := &in[i]
		all[i].Op, all[i].Table, all[i].Id = wirepb.Op(c.Op), c.Table, c.ID
		all[i].Data, all[i].To, all[i].Quarantine = c.Data, c.To, c.Quarantine
		out[i] = &all[i]
	}
	return out
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// set gives the bytes of a 16-byte value, nothing for the zero value.
func set(b [16]byte) []byte {
	if b == [16]byte{} {
		return nil
	}
	return b[:]
}

func reportToWire(r Report) *wirepb.Report {
	return &wirepb.Report{Backlog: r.Backlog, ClockMs: millis(r.Clock), DiskFree: r.DiskFree, Problem: r.Problem,
		LeaseSeconds: seconds(r.Lease), Assignment: r.Assignment}
}

func reportFromWire(r *wirepb.Report) Report {
	return Report{Backlog: r.GetBacklog(), Clock: fromMillis(r.GetClockMs()), DiskFree: r.GetDiskFree(), Problem: bounded(r.GetProblem(), 40),
		Lease: fromSeconds(r.GetLeaseSeconds()), Assignment: r.GetAssignment()}
}

func seconds(d time.Duration) uint64 { return uint64(max(d, 0) / time.Second) }

func fromSeconds(s uint64) time.Duration { return time.Duration(min(s, 1<<31)) * time.Second }

func keyToWire(k Key) *wirepb.Key {
	if k.IsZero() {
		return nil
	}
	return &wirepb.Key{Table: k.Table, Id: k.ID}
}

func keyFromWire(k *wirepb.Key) Key { return Key{Table: k.GetTable(), ID: k.GetId()} }

func cursorsToWire(in []StoreCursor) []*wirepb.StoreCursor {
	out := make([]*wirepb.StoreCursor, len(in))
	for i, c := range in {
		out[i] = &wirepb.StoreCursor{Store: uint64(c.Store), Epoch: uint64(c.Epoch), Cursor: c.Cursor.Bytes()}
	}
	return out
}

func (r *reader) cursors(in []*wirepb.StoreCursor) []StoreCursor {
	out := make([]StoreCursor, len(in))
	for i, c := range in {
		out[i] = StoreCursor{Store: sitesync.StoreID(c.Store), Epoch: sitesync.Epoch(c.Epoch), Cursor: r.cursor(c.Cursor)}
	}
	return out
}

func (m *Push) toWire() proto.Message {
	return &wirepb.Push{Epoch: uint64(m.Epoch), First: m.First, Chain: set(m.Chain),
		Changes: changesToWire(m.Changes), Confirmed: m.Confirmed, Backlog: m.Backlog}
}

func (m *Push) fromWire(body []byte) error {
	var p wirepb.Push
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Push{Epoch: sitesync.Epoch(p.Epoch), First: p.First, Chain: r.fixed(p.Chain, "chain"),
		Changes: r.changes(p.Changes), Confirmed: p.Confirmed, Backlog: p.Backlog}
	if m.First == 0 {
		r.fail("changes are numbered from 1")
	}
	if m.First+uint64(len(m.Changes)) < m.First {
		r.fail("change numbers overflow")
	}
	return r.err
}

func (m *Receipt) toWire() proto.Message {
	out := &wirepb.Receipt{Epoch: uint64(m.Epoch), Outcome: wirepb.Outcome(m.Outcome), Settled: m.Settled,
		Chain: set(m.Chain), After: m.After, Head: m.Head.Bytes()}
	for _, q := range m.Quarantined {
		out.Quarantined = append(out.Quarantined, &wirepb.Refusal{N: q.N, Reason: wirepb.Reason(q.Reason),
			Table: q.Table, Id: q.ID, Present: q.Present, Data: q.Data})
	}
	return out
}

func (m *Receipt) fromWire(body []byte) error {
	var p wirepb.Receipt
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Receipt{Epoch: sitesync.Epoch(p.Epoch), Outcome: Outcome(r.enum(int32(p.Outcome), wirepb.Outcome_name, "outcome")),
		Settled: p.Settled, Chain: r.fixed(p.Chain, "chain"), After: p.After, Head: r.cursor(p.Head)}
	for _, q := range p.Quarantined {
		if len(q.Data) > sitesync.MaxRecord {
			r.fail("a record of %d bytes", len(q.Data))
		}
		m.Quarantined = append(m.Quarantined, Refusal{N: q.N, Reason: sitesync.Reason(r.enum(int32(q.Reason), wirepb.Reason_name, "reason")),
			Table: q.Table, ID: q.Id, Present: q.Present, Data: q.Data})
	}
	return r.err
}

func (m *Pull) toWire() proto.Message {
	return &wirepb.Pull{Stream: m.Stream, Credit: m.Credit, Cursors: cursorsToWire(m.Cursors), TagSet: m.TagSet,
		Report: reportToWire(m.Report)}
}

func (m *Pull) fromWire(body []byte) error {
	var p wirepb.Pull
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Pull{Stream: p.Stream, Credit: p.Credit, Cursors: r.cursors(p.Cursors), TagSet: p.TagSet, Report: reportFromWire(p.Report)}
	return r.err
}

func (m *Changes) toWire() proto.Message {
	return &wirepb.Changes{Stream: m.Stream, From: m.From.Bytes(), Cursor: m.Cursor.Bytes(),
		Changes: changesToWire(m.Changes), Last: m.Last, Reset_: m.Reset, Spent: m.Spent}
}

func (m *Changes) fromWire(body []byte) error {
	var p wirepb.Changes
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Changes{Stream: p.Stream, From: r.cursor(p.From), Cursor: r.cursor(p.Cursor),
		Changes: r.delivered(p.Changes), Last: p.Last, Reset: p.Reset_, Spent: p.Spent}
	return r.err
}

func (m *ResyncRequest) toWire() proto.Message {
	return &wirepb.ResyncRequest{Epoch: uint64(m.Epoch), Stream: m.Stream, Credit: m.Credit,
		After: keyToWire(m.After), Head: m.Head.Bytes(), Records: m.Records}
}

func (m *ResyncRequest) fromWire(body []byte) error {
	var p wirepb.ResyncRequest
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = ResyncRequest{Epoch: sitesync.Epoch(p.Epoch), Stream: p.Stream, Credit: p.Credit,
		After: keyFromWire(p.After), Head: r.cursor(p.Head), Records: p.Records}
	return r.err
}

func (m *Manifest) toWire() proto.Message {
	return &wirepb.Manifest{Handover: m.Handover, Epoch: uint64(m.Epoch), Head: m.Head.Bytes(),
		Records: m.Records, Bytes: m.Bytes, Stream: m.Stream, Spent: m.Spent}
}

func (m *Manifest) fromWire(body []byte) error {
	var p wirepb.Manifest
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Manifest{Handover: p.Handover, Epoch: sitesync.Epoch(p.Epoch), Head: r.cursor(p.Head),
		Records: p.Records, Bytes: p.Bytes, Stream: p.Stream, Spent: p.Spent}
	return r.err
}

func (m *Chunk) toWire() proto.Message {
	return &wirepb.Chunk{Epoch: uint64(m.Epoch), Stream: m.Stream, After: keyToWire(m.After), Through: keyToWire(m.Through),
		Records: changesToWire(m.Records), Last: m.Last, Spent: m.Spent, Gone: m.Gone}
}

func (m *Chunk) fromWire(body []byte) error {
	var p wirepb.Chunk
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Chunk{Epoch: sitesync.Epoch(p.Epoch), Stream: p.Stream, After: keyFromWire(p.After), Through: keyFromWire(p.Through),
		Records: r.delivered(p.Records), Last: p.Last, Spent: p.Spent, Gone: p.Gone}
	return r.err
}

func (m *Handover) toWire() proto.Message {
	return &wirepb.Handover{Step: wirepb.Handover_Step(m.Step), Handover: m.Handover, Epoch: uint64(m.Epoch),
		Replica: set(m.Replica), N: m.N, Digest: m.Digest[:], Cursor: m.Cursor.Bytes()}
}

func (m *Handover) fromWire(body []byte) error {
	var p wirepb.Handover
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Handover{Step: Step(r.enum(int32(p.Step), wirepb.Handover_Step_name, "step")), Handover: p.Handover,
		Epoch: sitesync.Epoch(p.Epoch), Replica: r.fixed(p.Replica, "replica"), N: p.N,
		Digest: r.fixed(p.Digest, "digest"), Cursor: r.cursor(p.Cursor)}
	return r.err
}

func (m *Hint) toWire() proto.Message { return &wirepb.Hint{Heads: cursorsToWire(m.Heads)} }

func (m *Hint) fromWire(body []byte) error {
	var p wirepb.Hint
	if err := proto.Unmarshal(body, &p); err != nil {
		return err
	}
	var r reader
	*m = Hint{Heads: r.cursors(p.Heads)}
	return r.err
}
