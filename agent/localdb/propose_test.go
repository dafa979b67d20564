package localdb

import (
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func proposal(item uint64, id, data, expect string) *wire.Proposal {
	p := &wire.Proposal{Quarantine: item, Store: storeA, Epoch: epoch1, Op: "put", Table: "t", Record: id, Data: []byte(data), IfMatch: expect}
	if data == "" {
		p.Op, p.Data = "delete", nil
	}
	return p
}

// TestPropose makes proposals changes of the device's own, once each, whatever
// comes between.
func TestPropose(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	write(t, d, put("a", `{"v":1}`))
	etag := sitesync.ETag([]byte(`{"v":1}`))
	propose := func(p *wire.Proposal, state wire.ProposalState, n uint64) {
		t.Helper()
		r, err := d.Propose(p)
		must(t, err)
		if r.State != state || r.N != n {
			t.Errorf("quarantined change %d: %+v, want %s %d", p.Quarantine, r, state, n)
		}
	}
	propose(proposal(1, "a", `{"v":2}`, "00"), wire.ProposalStale, 0)
	propose(proposal(2, "a", `{"v":2}`, ""), wire.ProposalStale, 0)
	propose(proposal(3, "b", `{"v":2}`, etag), wire.ProposalStale, 0)
	propose(proposal(4, "a", `{"v": 2}`, etag), wire.ProposalMade, 2)
	propose(proposal(5, "a", `{"v": 2}`, sitesync.ETag([]byte(`{"v": 2}`))), wire.ProposalMade, 3) // the same again is a change too
	propose(proposal(6, "c", "", ""), wire.ProposalMade, 4)                                        // and so is a delete of nothing
	write(t, d, put("a", `{"v":1}`))
	d = reopen(t, d, dir)
	propose(proposal(4, "a", `{"v": 2}`, etag), wire.ProposalMade, 2) // it comes again
	propose(proposal(1, "a", `{"v":2}`, etag), wire.ProposalStale, 0)
	q := queued(t, d)
	var items []uint64
	for i := range q.Changes {
		items = append(items, q.Changes[i].Quarantine)
	}
	if len(items) != 5 || items[0] != 0 || items[1] != 4 || items[2] != 5 || items[3] != 6 || items[4] != 0 || string(q.Changes[1].Data) != `{"v": 2}` {
		t.Errorf("queued %+v", q.Changes)
	}
	r, err := d.Get(storeA, wire.Key{Table: "t", ID: "a"})
	if err != nil || string(r.Data) != `{"v":1}` {
		t.Errorf("%s, %v", r.Data, err)
	}
	wantWhole(t, d)
}

func TestProposeRefused(t *testing.T) {
	d := writable(t)
	bad := proposal(1, "a", `{`, "")
	_, err := d.Propose(bad)
	wantCode(t, err, sitesync.CodeInvalid)
	_, err = d.Propose(proposal(0, "a", `{}`, ""))
	wantCode(t, err, sitesync.CodeInvalid)
	unknown := proposal(1, "a", `{}`, "")
	unknown.Op = "merge"
	_, err = d.Propose(unknown)
	wantCode(t, err, sitesync.CodeInvalid)
	other := proposal(1, "a", `{}`, "")
	other.Epoch = epoch2
	_, err = d.Propose(other)
	wantCode(t, err, sitesync.CodeStoreLoading)
	other = proposal(1, "a", `{}`, "")
	other.Store = 99
	_, err = d.Propose(other)
	wantCode(t, err, sitesync.CodeNoSuchStore)
	a := assigned(storeA, epoch1, sitesync.PhaseDraining)
	assign(t, d, a)
	_, err = d.Propose(proposal(1, "a", `{}`, ""))
	wantCode(t, err, sitesync.CodeStoreMoving)
	if s := stateOf(t, d, storeA); s.Outbox.Last != 0 {
		t.Errorf("%+v", s)
	}
}
