package localdb

import (
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Queue is a run of changes from the outbox, as a push carries them.
type Queue struct {
	Epoch   sitesync.Epoch
	First   uint64
	Chain   sitesync.Chain // c(First-1)
	Changes []sitesync.Change
	Last    sitesync.Chain // c of the last change
}

// Read takes up to the given number and bytes of changes of an epoch after n,
// at least one if there is any. chain is c(after), which the caller knows from
// the store or from the queue before.
func (d *DB) Read(store sitesync.StoreID, epoch sitesync.Epoch, after uint64, chain sitesync.Chain, changes, bytes int) (Queue, error) {
	q := Queue{Epoch: epoch, First: after + 1, Chain: chain, Last: chain}
	size := 0
	r := kv.Range{Prefix: epochPrefix('o', store, epoch), From: outboxKey(store, epoch, after+1), Prefetch: min(changes, 100)}
	err := d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, value []byte) (bool, error) {
			if n := q.First + uint64(len(q.Changes)); numberOf(key) != n {
				return false, fmt.Errorf("localdb: outbox of store %d epoch %s: change %d is missing", store, epoch, n)
			}
			e, err := parseEntry(append([]byte(nil), value...))
			if err != nil {
				return false, err
			}
			if size += e.change.Size(); len(q.Changes) > 0 && (len(q.Changes) >= changes || size > bytes) {
				return false, nil
			}
			q.Changes, q.Last = append(q.Changes, e.change), e.chain
			return true, nil
		})
	})
	return q, err
}

// Verdict is what comparing the hub's settled n and chain with the agent's own
// history says.
type Verdict uint8

const (
	Agrees    Verdict = 1
	HubBehind Verdict = 2 // the hub has settled less than it confirmed before: it was restored
	Differs   Verdict = 3 // the histories differ, or the hub has settled what this device never made
)

// Compare holds what the hub has settled of an epoch against the outbox.
func (d *DB) Compare(store sitesync.StoreID, epoch sitesync.Epoch, settled uint64, chain sitesync.Chain) (v Verdict, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		s, ok, err := readStore(tx, store)
		if err != nil {
			return err
		}
		o := (*Outbox)(nil)
		if ok {
			o = s.outbox(epoch)
		}
		if o == nil {
			o = &Outbox{Epoch: epoch}
		}
		v, err = compareChain(tx, store, o, settled, chain)
		return err
	})
	return v, err
}

func compareChain(tx *kv.Tx, store sitesync.StoreID, o *Outbox, settled uint64, chain sitesync.Chain) (Verdict, error) {
	own := o.ConfirmedChain
	switch {
	case settled < o.Confirmed:
		return HubBehind, nil
	case settled > o.Last:
		return Differs, nil
	case settled > o.Confirmed:
		value, ok, err := tx.Get(outboxKey(store, o.Epoch, settled))
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, fmt.Errorf("localdb: outbox of store %d epoch %s: change %d is missing", store, o.Epoch, settled)
		}
		e, err := parseEntry(value)
		if err != nil {
			return 0, err
		}
		own = e.chain
	}
	if own != chain {
		return Differs, nil
	}
	return Agrees, nil
}

// Settle takes a receipt in: what it settles leaves the outbox, and what the
// hub put into quarantine is remembered and replaced by the hub's record,
// unless a later local change of it exists. It is the only thing that trims an
// outbox. A receipt whose chain is not the agent's own changes nothing and is
// answered with Differs. One that tells nothing new is answered with Agrees,
// but a Gap behind what was confirmed with HubBehind: to send on from there
// would never end.
func (d *DB) Settle(store sitesync.StoreID, r *wire.Receipt) (Verdict, error) {
	for {
		verdict, more, err := d.settleSome(store, r)
		if err != nil || !more {
			return verdict, err
		}
	}
}

// settleSome settles as much as one transaction takes.
func (d *DB) settleSome(store sitesync.StoreID, r *wire.Receipt) (verdict Verdict, more bool, err error) {
	bytes, entries := d.kv.Limit()
	err = d.change(store, func(tx *kv.Tx, s *Store) ([]Event, error) {
		o := s.outbox(r.Epoch)
		if verdict, err = judge(tx, store, o, r); err != nil {
			return nil, err
		}
		if verdict != Agrees || o == nil || r.Settled <= o.Confirmed || r.After > o.Confirmed {
			return nil, errUnchanged
		}
		t := trimming{batch: batch{tx: tx, store: s, hasher: sitesync.NewHasher()}, outbox: o, receipt: r,
			room: bytes / 2, keys: entries - storeKeys}
		if err := t.run(); err != nil {
			return nil, err
		}
		more = o.Confirmed < r.Settled
		t.events = append(t.events, Event{Kind: EventQueue})
		if s.Blocked != nil && s.Blocked.Code == sitesync.ProblemBadFrame {
			s.Blocked = nil
			t.events = append(t.events, Event{Kind: EventPhase})
		}
		s.endPast()
		s.noteSettled()
		return t.events, nil
	})
	return verdict, more, err
}

// judge compares a receipt with the queue it is about, nil when that is over.
// What is quarantined has to be told from the first change that is not
// confirmed; a receipt that begins later is left to its repetition.
func judge(tx *kv.Tx, store sitesync.StoreID, o *Outbox, r *wire.Receipt) (Verdict, error) {
	switch {
	case o == nil:
		return Agrees, nil
	case r.Settled < o.Confirmed && r.Outcome != wire.Gap:
		return Agrees, nil // an older one, on its way for long
	default:
		return compareChain(tx, store, o, r.Settled, r.Chain)
	}
}

// trimming takes settled entries out of a queue.
type trimming struct {
	batch
	outbox  *Outbox
	receipt *wire.Receipt
	room    int64 // bytes left in the transaction
	keys    int64 // and entries
}

func (t *trimming) run() error {
	refused := map[uint64]*wire.Refusal{}
	for i := range t.receipt.Quarantined {
		refused[t.receipt.Quarantined[i].N] = &t.receipt.Quarantined[i]
	}
	s, o := t.store, t.outbox
	r := kv.Range{Prefix: epochPrefix('o', s.ID, o.Epoch), From: outboxKey(s.ID, o.Epoch, o.Confirmed+1), Prefetch: 100}
	return t.tx.Iterate(r, func(key, value []byte) (bool, error) {
		n := numberOf(key)
		if n > t.receipt.Settled || t.room < 0 || t.keys < 0 {
			return false, nil
		}
		e, err := parseEntry(value)
		if err != nil {
			return false, err
		}
		t.tx.Delete(outboxKey(s.ID, o.Epoch, n))
		t.room -= 64
		t.keys--
		changed := wire.Key{Table: e.change.Table, ID: e.change.ID}
		switch refusal := refused[n]; {
		case refusal != nil:
			err = t.refuse(n, e.change.Op, changed, refusal)
		case e.change.Op == sitesync.OpDelete:
			err = t.bury(n, changed)
		}
		o.Confirmed, o.ConfirmedChain = n, e.chain
		return true, err
	})
}

// bury removes the remains of a deleted record once its delete is settled.
func (t *trimming) bury(n uint64, key wire.Key) error {
	r, live, err := t.record(key)
	if err == nil && !live && r.epoch == t.outbox.Epoch && r.n == n {
		t.tx.Delete(recordKey(t.store.ID, key))
		t.room -= 512
		t.keys--
	}
	return err
}

// refuse remembers a quarantined change and takes over the hub's record.
func (t *trimming) refuse(n uint64, op sitesync.Op, key wire.Key, q *wire.Refusal) error {
	t.tx.Set(refusedKey(t.store.ID, t.outbox.Epoch, n), refused{Op: op, Reason: q.Reason, Key: key}.bytes())
	t.store.Refused++
	t.room -= int64(len(q.Data)) + 1024
	t.keys -= 3
	if t.store.Phase == sitesync.PhaseReleased {
		return t.bury(n, key) // of another site's store the hub tells nothing
	}
	now, live, err := t.record(key)
	if err != nil || now.epoch != t.outbox.Epoch || now.n != n {
		return err // a later local change stands
	}
	if !q.Present {
		t.put(key, record{op: sitesync.OpDelete}, sitesync.Hash{}, now, live)
		t.event(sitesync.OpDelete, key, "", false)
		return nil
	}
	t.put(key, record{op: sitesync.OpPut, data: q.Data}, t.hasher.Record(key.Table, key.ID, q.Data), now, live)
	t.event(sitesync.OpPut, key, sitesync.ETag(q.Data), false)
	return nil
}

// Block holds a store back with a problem, or lets it go with nil.
func (d *DB) Block(store sitesync.StoreID, p *sitesync.Problem) error {
	if s, ok := d.Store(store); !ok || s.Blocked == nil && p == nil {
		return nil
	}
	return d.change(store, func(_ *kv.Tx, s *Store) ([]Event, error) {
		s.Blocked = p
		return []Event{{Kind: EventPhase}}, nil
	})
}
