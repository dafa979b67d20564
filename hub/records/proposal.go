package records

import (
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Proposals implements State.
func (d *DB) Proposals(store sitesync.StoreID) (list []Proposal, err error) {
	if !d.undecided.proposals(store) {
		return nil, nil
	}
	err = d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: proposalPrefix(store)}, func(_, place []byte) (bool, error) {
			var it item
			ok, err := getJSON(tx, place, &it)
			if err != nil || !ok {
				return err == nil, err
			}
			c := it.change()
			c.Quarantine = it.ID
			list = append(list, Proposal{Item: it.ID, Change: c, Expect: it.Expect})
			return true, nil
		})
	})
	return list, err
}

// RefuseProposal implements State.
func (d *DB) RefuseProposal(id uint64, o Origin, at time.Time) (was bool, err error) {
	var moves []move
	err = d.kv.Update(func(tx *kv.Tx) error {
		moves = nil
		w, it, err := proposed(tx, id, at)
		if err != nil || it == nil || w.meta.Origin() != o {
			return err
		}
		w.decide(it, sitesync.QuarantineStale)
		moves = w.moves
		return nil
	})
	if err == nil {
		d.count(moves)
	}
	return len(moves) > 0, err
}

// SettleProposals implements State.
func (d *DB) SettleProposals(store sitesync.StoreID, at time.Time) error {
	list, err := d.Proposals(store)
	for _, p := range list {
		if err == nil {
			err = d.settleProposal(p.Item, at)
		}
	}
	return err
}

func (d *DB) settleProposal(id uint64, at time.Time) error {
	var moves []move
	err := d.kv.Update(func(tx *kv.Tx) error {
		moves = nil
		w, it, err := proposed(tx, id, at)
		if err != nil || it == nil || !w.atCentre() {
			return err
		}
		change := it.change()
		present, err := presentOf(tx, it.Store, wire.Key{Table: change.Table, ID: change.ID})
		if err != nil {
			return err
		}
		to := sitesync.QuarantineStale
		if etagOf(present) == it.Expect {
			to = sitesync.QuarantineApplied
			if err := w.edit(&change, w.hasher.Record(change.Table, change.ID, change.Data)); err != nil {
				return err
			}
		}
		dec := deciding{Decision: &Decision{At: at, Audit: sitesync.Audit{At: sitesync.At(at), By: it.By, Command: "quarantine.apply"}}, w: w, item: it}
		dec.audit(to, present)
		w.decide(it, to)
		moves = w.moves
		return putAudit(tx, at, it.Store, &dec.Audit)
	})
	if err == nil {
		d.count(moves)
	}
	return err
}

// proposed reads an item that waits for the owner of its store, nil when it
// does not any more.
func proposed(tx *kv.Tx, id uint64, at time.Time) (*writer, *item, error) {
	place, ok, err := tx.Get(quarantineIndexKey(id))
	if err != nil || !ok || place[0] != storesPrefix[0] {
		return nil, nil, err
	}
	it := new(item)
	if ok, err = getJSON(tx, place, it); err != nil || !ok || it.State != sitesync.QuarantineProposed {
		return nil, nil, err
	}
	m, _, err := meta(tx, it.Store)
	return newWriter(tx, m, it.Store, at), it, err
}
