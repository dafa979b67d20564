package localdb

import (
	"encoding/binary"
	"fmt"
	"slices"

	"sitesync/shared/sitesync"
)

// valueFormat is the first byte of records and outbox entries on disk.
const valueFormat = 1

// record is a record on disk: format, op, uvarint epoch and uvarint n of its
// last local change (0: it came from the hub), uvarint time at which this
// device's copy changed (Unix ms, by its clock), data. A deleted record stays
// as op delete until its change is settled.
type record struct {
	op      sitesync.Op
	epoch   sitesync.Epoch
	n       uint64
	changed uint64
	data    []byte
}

func (r record) bytes() []byte {
	b := make([]byte, 0, 2+3*binary.MaxVarintLen64+len(r.data))
	b = append(b, valueFormat, byte(r.op))
	b = binary.AppendUvarint(b, uint64(r.epoch))
	b = binary.AppendUvarint(b, r.n)
	b = binary.AppendUvarint(b, r.changed)
	return append(b, r.data...)
}

func (r record) live() bool { return r.op == sitesync.OpPut }

// parseRecord shares its data with b.
func parseRecord(b []byte) (record, error) {
	p := parser{rest: b}
	op := p.begin("record")
	r := record{op: op, epoch: sitesync.Epoch(p.uvarint()), n: p.uvarint(), changed: p.uvarint()}
	r.data = p.rest
	return r, p.err
}

// proposedFormat is that of an outbox entry which takes over a quarantined
// change.
const proposedFormat = 2

// entry is an outbox entry on disk: format, op, chain, in proposedFormat the
// uvarint number of the quarantined change, then table, ID and address each with
// its length, then the data to the end.
type entry struct {
	chain  sitesync.Chain
	change sitesync.Change
}

func (e entry) bytes() []byte {
	c := &e.change
	b := make([]byte, 0, 2+len(e.chain)+binary.MaxVarintLen64+3*binary.MaxVarintLen16+len(c.Table)+len(c.ID)+len(c.To)+len(c.Data))
	b = append(b, valueFormat, byte(c.Op))
	b = append(b, e.chain[:]...)
	if c.Quarantine != 0 {
		b[0] = proposedFormat
		b = binary.AppendUvarint(b, c.Quarantine)
	}
	for _, s := range []string{c.Table, c.ID, c.To} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, c.Data...)
}

// parseEntry copies nothing but the strings; the data shares b.
func parseEntry(b []byte) (entry, error) {
	p := parser{rest: b}
	var e entry
	proposal := len(b) > 0 && b[0] == proposedFormat
	e.change.Op = p.begin("outbox entry", proposedFormat)
	copy(e.chain[:], p.take(len(e.chain)))
	if proposal {
		e.change.Quarantine = p.uvarint()
	}
	e.change.Table = string(p.take(int(p.uvarint())))
	e.change.ID = string(p.take(int(p.uvarint())))
	e.change.To = string(p.take(int(p.uvarint())))
	if e.change.Op == sitesync.OpPut {
		e.change.Data = p.rest
	}
	return e, p.err
}

// parser reads a value from its front and keeps the first error.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) begin(what string, others ...byte) sitesync.Op {
	head := p.take(2)
	if p.err != nil || head[0] != valueFormat && !slices.Contains(others, head[0]) {
		p.err = fmt.Errorf("localdb: a %s of unknown format", what)
		return 0
	}
	op := sitesync.Op(head[1])
	if op != sitesync.OpPut && op != sitesync.OpDelete {
		p.err = fmt.Errorf("localdb: a %s with unknown operation %d", what, op)
	}
	return op
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.rest) {
		p.fail()
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) fail() {
	if p.err == nil {
		p.err = fmt.Errorf("localdb: a value that is cut short")
	}
}
