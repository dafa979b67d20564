package localdb

import (
	"fmt"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// receiptFor is what a hub that took the queue through n says.
func receiptFor(q Queue, n uint64, quarantined ...wire.Refusal) *wire.Receipt {
	r := &wire.Receipt{Epoch: q.Epoch, Outcome: wire.Settled, Settled: n, After: q.First - 1, Chain: q.Chain, Quarantined: quarantined}
	if n >= q.First {
		r.Chain = chainsOf(q)[n-q.First]
	}
	return r
}

func wantSettled(t *testing.T, d *DB, r *wire.Receipt, want Verdict) {
	t.Helper()
	got, err := d.Settle(storeA, r)
	if err != nil || got != want {
		t.Errorf("verdict %d, %v, want %d", got, err, want)
	}
}

func confirmed(t *testing.T, d *DB) uint64 { return stateOf(t, d, storeA).Outbox.Confirmed }

func TestRead(t *testing.T) {
	d := writable(t)
	for i := range 5 {
		write(t, d, put(fmt.Sprint(i), `{"a":"`+strings.Repeat("x", 100)+`"}`))
	}
	all := queued(t, d)
	chains := chainsOf(all)
	size := all.Changes[0].Size()
	for _, c := range []struct {
		after          uint64
		changes, bytes int
		want           int
	}{
		{0, 2, 1 << 20, 2}, {0, 9, 2*size + 1, 2}, {0, 9, 2 * size, 2}, {0, 9, 2*size - 1, 1}, {0, 9, 1, 1}, {0, 0, 0, 1}, {3, 9, 1 << 20, 2}, {5, 9, 1 << 20, 0},
	} {
		chain := sitesync.Chain{}
		if c.after > 0 {
			chain = chains[c.after-1]
		}
		q, err := d.Read(storeA, epoch1, c.after, chain, c.changes, c.bytes)
		must(t, err)
		if len(q.Changes) != c.want || q.First != c.after+1 || q.Chain != chain || q.Epoch != epoch1 {
			t.Errorf("%+v: %d changes from %d", c, len(q.Changes), q.First)
		}
		if want := chainAfter(chain, chains, c.after, len(q.Changes)); q.Last != want {
			t.Errorf("%+v: ends with chain %s, want %s", c, q.Last, want)
		}
	}
}

func chainAfter(before sitesync.Chain, chains []sitesync.Chain, after uint64, n int) sitesync.Chain {
	if n == 0 {
		return before
	}
	return chains[int(after)+n-1]
}

func TestSettle(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`), put("3", `{}`), del("2"))
	q := queued(t, d)

	wantSettled(t, d, receiptFor(q, 2), Agrees) // a part
	if confirmed(t, d) != 2 || d.Backlog() != 2 {
		t.Errorf("confirmed %d, backlog %d", confirmed(t, d), d.Backlog())
	}
	wantSettled(t, d, receiptFor(q, 2), Agrees) // again
	wantSettled(t, d, receiptFor(q, 1), Agrees) // an older one, late
	if confirmed(t, d) != 2 {
		t.Errorf("confirmed %d", confirmed(t, d))
	}
	if rest := queued(t, d); rest.First != 3 || len(rest.Changes) != 2 || rest.Chain != chainsOf(q)[1] {
		t.Errorf("the rest is from %d", rest.First)
	}
	write(t, d, put("4", `{}`)) // while the receipt is on its way
	wantSettled(t, d, receiptFor(q, 4), Agrees)
	if s := stateOf(t, d, storeA); s.Outbox.Confirmed != 4 || s.Outbox.Last != 5 || s.Outbox.ConfirmedChain != q.Last {
		t.Errorf("%+v", s.Outbox)
	}
	wantWhole(t, d) // the deleted record is gone with its entry
}

// A receipt that is not of this history changes nothing.
func TestSettleDiffers(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`), put("3", `{}`))
	q := queued(t, d)
	wantSettled(t, d, receiptFor(q, 1), Agrees)
	before := stateOf(t, d, storeA)
	other := sitesync.Chain{9}
	for _, c := range []struct {
		name    string
		receipt wire.Receipt
		want    Verdict
	}{
		{"another chain", wire.Receipt{Settled: 3, Chain: other, After: 1}, Differs},
		{"another chain at what is confirmed", wire.Receipt{Settled: 1, Chain: other, After: 1}, Differs},
		{"more than was made", wire.Receipt{Settled: 4, Chain: q.Last, After: 1}, Differs},
		{"far more than was made", wire.Receipt{Settled: 1<<64 - 1, Chain: q.Last, After: 1}, Differs},
		{"a gap behind what is confirmed", wire.Receipt{Settled: 0, Outcome: wire.Gap}, HubBehind},
		{"a gap at what is confirmed", wire.Receipt{Settled: 1, Outcome: wire.Gap, Chain: chainsOf(q)[0]}, Agrees},
		{"an epoch that is not here", wire.Receipt{Epoch: epoch2, Settled: 2, Chain: other}, Agrees},
		{"quarantine told from beyond what is confirmed", wire.Receipt{Settled: 3, Chain: q.Last, After: 2}, Agrees},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.receipt
			if r.Epoch == 0 {
				r.Epoch = epoch1
			}
			if r.Outcome == 0 {
				r.Outcome = wire.Settled
			}
			wantSettled(t, d, &r, c.want)
			if after := stateOf(t, d, storeA); after.Outbox != before.Outbox {
				t.Errorf("%+v became %+v", before.Outbox, after.Outbox)
			}
		})
	}
	_, err := d.Settle(99, receiptFor(q, 3))
	wantCode(t, err, sitesync.CodeNoSuchStore)
}

func TestCompare(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`), put("3", `{}`))
	q := queued(t, d)
	chains := chainsOf(q)
	wantSettled(t, d, receiptFor(q, 1), Agrees)
	for _, c := range []struct {
		epoch   sitesync.Epoch
		settled uint64
		chain   sitesync.Chain
		want    Verdict
	}{
		{epoch1, 1, chains[0], Agrees}, {epoch1, 2, chains[1], Agrees}, {epoch1, 3, chains[2], Agrees},
		{epoch1, 0, sitesync.Chain{}, HubBehind}, {epoch1, 1, chains[1], Differs}, {epoch1, 2, chains[0], Differs}, {epoch1, 4, chains[2], Differs},
		{epoch2, 0, sitesync.Chain{}, Agrees}, {epoch2, 1, chains[0], Differs},
	} {
		got, err := d.Compare(storeA, c.epoch, c.settled, c.chain)
		if err != nil || got != c.want {
			t.Errorf("%s/%d: verdict %d, %v, want %d", c.epoch, c.settled, got, err, c.want)
		}
	}
	if got, err := d.Compare(99, epoch1, 0, sitesync.Chain{}); err != nil || got != Agrees {
		t.Errorf("a store that is not here: %d, %v", got, err)
	}
}

// What the hub put into quarantine gives way to the hub's record, unless it was
// changed here since.
func TestSettleQuarantined(t *testing.T) {
	d := writable(t)
	write(t, d, put("changed", `{"v":1}`), put("deleted", `{"v":1}`), put("later", `{"v":1}`), put("gone", `{"v":1}`), put("stays", `{"v":1}`))
	wantSettled(t, d, receiptFor(queued(t, d), 5), Agrees)

	write(t, d, put("changed", `{"v":2}`), del("deleted"), put("later", `{"v":2}`), put("gone", `{"v":2}`), put("new", `{"v":2}`)) // 6…10
	write(t, d, put("later", `{"v":3}`))                                                                                           // 11
	q := queued(t, d)
	refusal := func(n uint64, id, present string) wire.Refusal {
		return wire.Refusal{N: n, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: id, Present: present != "", Data: []byte(present)}
	}
	wantSettled(t, d, receiptFor(q, 10, refusal(6, "changed", `{"hub":1}`), refusal(7, "deleted", `{"hub":2}`), refusal(8, "later", `{"hub":3}`),
		refusal(9, "gone", ""), refusal(10, "new", "")), Agrees)
	for id, data := range map[string]string{"changed": `{"hub":1}`, "deleted": `{"hub":2}`, "later": `{"v":3}`, "gone": "", "new": "", "stays": `{"v":1}`} {
		wantData(t, d, id, data)
	}
	if s := stateOf(t, d, storeA); s.Refused != 5 || s.Queued() != 1 {
		t.Errorf("%+v", s)
	}
	// The later change is refused as well.
	wantSettled(t, d, receiptFor(queued(t, d), 11, refusal(11, "later", `{"hub":4}`)), Agrees)
	wantData(t, d, "later", `{"hub":4}`)

	list, err := d.Refused(3)
	must(t, err)
	if len(list) != 3 || list[0].N != 11 || list[0].Reason != sitesync.ReasonStaleEpoch || list[0].Key.ID != "later" || list[0].Store != "S3" ||
		list[1].N != 10 || list[0].Op != sitesync.OpPut || list[0].Epoch != epoch1 {
		t.Errorf("%+v", list)
	}
	if list, err := d.Refused(9); err != nil || len(list) != 6 || list[4].Op != sitesync.OpDelete {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := d.Refused(0); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// It is the device's own change that is refused, whatever record the hub names.
func TestSettleQuarantinedOther(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{"v":1}`), put("2", `{"v":1}`))
	wantSettled(t, d, receiptFor(queued(t, d), 1, wire.Refusal{N: 1, Reason: sitesync.ReasonSchema, Table: "t", ID: "2"}), Agrees)
	wantData(t, d, "2", `{"v":1}`)
	wantData(t, d, "1", "")
}

// A settled delete is buried only when the record was not written since.
func TestBury(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), del("1"), put("1", `{"again":1}`), put("2", `{}`), del("2"))
	q := queued(t, d)
	wantSettled(t, d, receiptFor(q, 2), Agrees)
	wantData(t, d, "1", `{"again":1}`)
	wantSettled(t, d, receiptFor(q, 4), Agrees)
	must(t, d.ApplyChanges(storeA, &wire.Changes{From: cursorAt(1), Cursor: cursorAt(2), Changes: []sitesync.Change{
		{Op: sitesync.OpPut, Table: "t", ID: "2", Data: []byte(`{"hub":1}`)}}}))
	wantData(t, d, "2", "") // its delete waits
	wantSettled(t, d, receiptFor(q, 5), Agrees)
	wantWhole(t, d)
}

// A receipt of more than one transaction takes is settled in several.
func TestSettleMany(t *testing.T) {
	d := writable(t)
	const n = 1500
	var refusals []wire.Refusal
	for i := 0; i < n; i += 500 {
		var batch []Write
		for j := range 500 {
			id := fmt.Sprintf("%05d", i+j)
			batch = append(batch, put(id, `{"v":1}`))
			if (i+j)%3 == 0 {
				refusals = append(refusals, wire.Refusal{N: uint64(i + j + 1), Reason: sitesync.ReasonSize, Table: "t", ID: id, Present: true,
					Data: []byte(`{"hub":"` + strings.Repeat("x", 1000) + `"}`)})
			}
		}
		write(t, d, batch...)
	}
	wantSettled(t, d, receiptFor(queued(t, d), n, refusals...), Agrees)
	if s := stateOf(t, d, storeA); s.Queued() != 0 || s.Refused != uint64(len(refusals)) || s.Records != n {
		t.Errorf("%d queued, %d refused, %d records", s.Queued(), s.Refused, s.Records)
	}
}

// Records as large as they come are taken over from a receipt.
func TestSettleLarge(t *testing.T) {
	d := writable(t)
	var refusals []wire.Refusal
	for i, size := range []int{128<<10 - 20, 128<<10 - 30, 100 << 10, sitesync.MaxRecord, 128<<10 - 5, 90 << 10} {
		id := fmt.Sprint(i)
		write(t, d, put(id, `{"v":1}`))
		refusals = append(refusals, wire.Refusal{N: uint64(i + 1), Reason: sitesync.ReasonSchema, Table: "t", ID: id, Present: true,
			Data: []byte(`{"hub":"` + strings.Repeat("x", size-10) + `"}`)})
	}
	wantSettled(t, d, receiptFor(queued(t, d), 6, refusals...), Agrees)
	for i, r := range refusals {
		wantData(t, d, fmt.Sprint(i), string(r.Data))
	}
}

// Former epochs are pushed and settled beside the present one.
func TestSettlePast(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{"v":1}`), put("2", `{"v":1}`))
	old := queued(t, d)
	again := assigned(storeA, epoch2, sitesync.PhaseLoading)
	must(t, d.Assign([]wire.AssignedStore{again}, someday))
	if s := stateOf(t, d, storeA); len(s.Past) != 1 || s.Past[0].Queued() != 2 || s.Outbox.Last != 0 {
		t.Fatalf("%+v", s)
	}
	q, err := d.Read(storeA, epoch1, 0, sitesync.Chain{}, 9, 1<<20)
	if err != nil || len(q.Changes) != 2 || q.Last != old.Last {
		t.Errorf("%d changes, %v", len(q.Changes), err)
	}
	wantSettled(t, d, receiptFor(old, 1), Agrees)
	if s := stateOf(t, d, storeA); len(s.Past) != 1 || s.Past[0].Confirmed != 1 {
		t.Errorf("%+v", s)
	}
	if v, err := d.Compare(storeA, epoch1, 1, chainsOf(old)[0]); err != nil || v != Agrees {
		t.Errorf("verdict %d, %v", v, err)
	}
	wantSettled(t, d, receiptFor(old, 2, wire.Refusal{N: 2, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: "2", Present: true, Data: []byte(`{"hub":2}`)}), Agrees)
	if s := stateOf(t, d, storeA); len(s.Past) != 0 || len(s.Ended) != 1 || s.Queued() != 0 {
		t.Errorf("%+v", s)
	}
	wantData(t, d, "2", `{"hub":2}`)
	wantSettled(t, d, receiptFor(old, 2), Agrees) // once more, late
}

// A change of a former epoch does not touch what the present one did to its
// record, though both have the same n.
func TestSettlePastBehind(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{"v":1}`), del("1"), put("2", `{"v":1}`))
	old := queued(t, d)
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, &wire.Chunk{Epoch: epoch2, Last: true}))
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive))
	write(t, d, put("1", `{"v":2}`), del("1"), put("2", `{"v":3}`))
	refused := wire.Refusal{N: 3, Reason: sitesync.ReasonStaleEpoch, Table: "t", ID: "2", Present: true, Data: []byte(`{"hub":1}`)}
	wantSettled(t, d, receiptFor(old, 3, refused), Agrees)
	wantData(t, d, "1", "")
	wantData(t, d, "2", `{"v":3}`)
	wantWhole(t, d) // the delete of record 1 still waits
}

// Problems of unreadable frames end with a good one, others do not.
func TestBlock(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`))
	q := queued(t, d)
	must(t, d.Block(storeA, &sitesync.Problem{Code: sitesync.ProblemBadFrame, Message: "m", Next: "n"}))
	write(t, d, put("3", `{}`)) // local work goes on
	wantSettled(t, d, receiptFor(q, 1), Agrees)
	if s := stateOf(t, d, storeA); s.Blocked != nil {
		t.Errorf("still held back: %+v", s.Blocked)
	}
	must(t, d.Block(storeA, &sitesync.Problem{Code: sitesync.ProblemDiverged, Message: "m", Next: "n"}))
	wantSettled(t, d, receiptFor(q, 2), Agrees)
	if s := stateOf(t, d, storeA); s.Blocked == nil {
		t.Error("a divergence was forgotten")
	}
	must(t, d.Block(storeA, nil))
	must(t, d.Block(storeA, nil))
	must(t, d.Block(99, nil))
	if s := stateOf(t, d, storeA); s.Blocked != nil {
		t.Errorf("still held back: %+v", s.Blocked)
	}
}
