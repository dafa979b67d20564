package localdb

import (
	"fmt"
	"maps"
	"slices"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// modelHub is what a hub knows of store A, in the plainest form: a map of
// records, a log of which were touched, and per epoch what is settled.
type modelHub struct {
	epoch   sitesync.Epoch
	phase   sitesync.Phase // 0: another site's
	records map[string]string
	log     []logged // seq is the place in it, from 1
	pin     uint64   // the log's end when the loading began
	tracks  map[sitesync.Epoch]*track
}

type logged struct {
	id  string
	own sitesync.Epoch // whose change it was, 0: not the device's
}

// track is what is settled of an epoch, kept whole.
type track struct {
	chain   sitesync.Chain
	taken   []string // taken[n-1] is change n, as shown by text
	refused map[uint64]sitesync.Reason
	ids     []string
}

func newModelHub() *modelHub {
	return &modelHub{epoch: epoch1, phase: sitesync.PhaseLoading, records: map[string]string{}, tracks: map[sitesync.Epoch]*track{}}
}

func text(op sitesync.Op, id string, data []byte) string {
	return fmt.Sprintf("%s %s %s", op, id, data)
}

func (h *modelHub) track(epoch sitesync.Epoch) *track {
	if h.tracks[epoch] == nil {
		h.tracks[epoch] = &track{refused: map[uint64]sitesync.Reason{}}
	}
	return h.tracks[epoch]
}

func (h *modelHub) head() wire.Cursor { return cursorAt(uint64(len(h.log))) }

func (h *modelHub) assignment() []wire.AssignedStore {
	if h.phase == 0 {
		return nil
	}
	return []wire.AssignedStore{assigned(storeA, h.epoch, h.phase)}
}

// set is an edit at the hub or by another site, or an applied change.
func (h *modelHub) set(op sitesync.Op, id, data string, own sitesync.Epoch) {
	h.log = append(h.log, logged{id, own})
	if delete(h.records, id); op == sitesync.OpPut {
		h.records[id] = data
	}
}

// push takes a batch as hub/records does: duplicates, chain, fence, rules.
func (h *modelHub) push(q Queue, confirmed uint64, refuse func(n uint64) bool) (*wire.Receipt, error) {
	t := h.track(q.Epoch)
	settled := uint64(len(t.taken))
	if q.First > settled+1 {
		return h.receipt(q.Epoch, confirmed, wire.Gap), nil
	}
	chains := append([]sitesync.Chain{q.Chain}, chainsOf(q)...)
	if last := q.First + uint64(len(q.Changes)) - 1; settled <= last && chains[settled-(q.First-1)] != t.chain {
		return nil, fmt.Errorf("epoch %s: the chain at %d is not the hub's", q.Epoch, settled)
	}
	for i, c := range q.Changes {
		n := q.First + uint64(i)
		if n <= settled {
			continue
		}
		t.taken, t.ids, t.chain = append(t.taken, text(c.Op, c.ID, c.Data)), append(t.ids, c.ID), chains[i+1]
		switch {
		case q.Epoch != h.epoch || h.phase != sitesync.PhaseActive:
			t.refused[n] = sitesync.ReasonStaleEpoch
		case refuse(n):
			t.refused[n] = sitesync.ReasonSize
		default:
			h.set(c.Op, c.ID, string(c.Data), q.Epoch)
		}
	}
	return h.receipt(q.Epoch, confirmed, wire.Settled), nil
}

func (h *modelHub) receipt(epoch sitesync.Epoch, after uint64, outcome wire.Outcome) *wire.Receipt {
	t := h.track(epoch)
	r := &wire.Receipt{Epoch: epoch, Outcome: outcome, Settled: uint64(len(t.taken)), Chain: t.chain, After: after, Head: h.head()}
	for n := after + 1; n <= r.Settled; n++ {
		if reason := t.refused[n]; reason != 0 {
			data, present := h.records[t.ids[n-1]]
			r.Quarantined = append(r.Quarantined, wire.Refusal{N: n, Reason: reason, Table: "t", ID: t.ids[n-1], Present: present, Data: []byte(data)})
		}
	}
	return r
}

// changes reads up to most entries of the log after a cursor, without the
// device's own, each record once and as it is now.
func (h *modelHub) changes(from wire.Cursor, most int) *wire.Changes {
	m := &wire.Changes{From: from, Cursor: from}
	seen := map[string]bool{}
	for m.Cursor.Seq < uint64(len(h.log)) && len(m.Changes) < most {
		m.Cursor = cursorAt(m.Cursor.Seq + 1)
		e := h.log[m.Cursor.Seq-1]
		if e.own == h.epoch || seen[e.id] {
			continue
		}
		seen[e.id] = true
		c := sitesync.Change{Op: sitesync.OpDelete, Table: "t", ID: e.id}
		if data, ok := h.records[e.id]; ok {
			c = hubRecord(e.id, data)
		}
		m.Changes = append(m.Changes, c)
	}
	return m
}

// scan gives the next chunk of all records.
func (h *modelHub) scan(after wire.Key, most int) *wire.Chunk {
	c := &wire.Chunk{Epoch: h.epoch, After: after, Through: after, Last: true}
	for _, id := range slices.Sorted(maps.Keys(h.records)) {
		switch k := key(id); {
		case k.Compare(after) <= 0:
		case len(c.Records) == most:
			c.Last = false
		default:
			c.Records, c.Through = append(c.Records, hubRecord(id, h.records[id])), k
		}
	}
	return c
}

// foreignAfter reports whether the log has something after a cursor that the
// device did not write itself.
func (h *modelHub) foreignAfter(c wire.Cursor) bool {
	return slices.ContainsFunc(h.log[c.Seq:], func(e logged) bool { return e.own != h.epoch })
}

func (h *modelHub) digest() (digest sitesync.Digest) {
	for id, data := range h.records {
		digest.Add(sitesync.NewHasher().Record("t", id, []byte(data)))
	}
	return digest
}
