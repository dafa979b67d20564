package localdb

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// proposed is what became of a proposal, on disk: it is answered the same when
// it comes again, whatever became of the record since.
type proposed struct {
	Epoch sitesync.Epoch `json:"epoch"`
	wire.ProposalResult
}

func proposalKey(store sitesync.StoreID, item uint64) []byte {
	return binary.BigEndian.AppendUint64(keyOf('p', store, 8), item)
}

// Propose makes a quarantined change one of this device's own, if the record is
// still as the administrator who wants it saw it. It is durable when it is
// answered, and carries the quarantined change's number. Errors: those of Write
// for a store that cannot be written now; the hub asks again later.
func (d *DB) Propose(p *wire.Proposal) (result wire.ProposalResult, err error) {
	op, ok := sitesync.ParseOp(p.Op)
	change := sitesync.Change{Op: op, Table: p.Table, ID: p.Record, Data: p.Data, Quarantine: p.Quarantine}
	if !ok || p.Quarantine == 0 {
		return result, sitesync.Errorf(sitesync.CodeInvalid, "look whether this program's version fits the hub's", "a proposal that cannot be read")
	}
	if err := change.Check(); err != nil {
		return result, err
	}
	err = d.change(p.Store, func(tx *kv.Tx, s *Store) ([]Event, error) {
		key := proposalKey(p.Store, p.Quarantine)
		known, again, err := proposalOf(tx, key)
		if err != nil {
			return nil, err
		}
		if again && known.Epoch == s.Epoch {
			result = known.ProposalResult
			return nil, errUnchanged
		}
		if p.Epoch != s.Epoch {
			return nil, sitesync.Errorf(sitesync.CodeStoreLoading, "propose it again when the store is active", "the store %s is in epoch %s here, not %s", s.Code, s.Epoch, p.Epoch)
		}
		if err := d.Writable(s); err != nil {
			return nil, err
		}
		b := batch{tx: tx, store: s, hasher: sitesync.NewHasher()}
		if result, err = b.propose(&change, p.IfMatch); err != nil {
			return nil, err
		}
		value, err := json.Marshal(proposed{s.Epoch, result})
		tx.Set(key, value)
		return b.events, err
	})
	return result, err
}

func (b *batch) propose(c *sitesync.Change, expect string) (wire.ProposalResult, error) {
	key := wire.Key{Table: c.Table, ID: c.ID}
	old, existed, err := b.record(key)
	if err != nil {
		return wire.ProposalResult{}, err
	}
	now := ""
	if existed {
		now = sitesync.ETag(old.data)
	}
	if now != expect {
		return wire.ProposalResult{State: wire.ProposalStale}, nil
	}
	n := b.queue(c, old, existed)
	return wire.ProposalResult{State: wire.ProposalMade, N: n}, nil
}

func proposalOf(tx *kv.Tx, key []byte) (p proposed, ok bool, err error) {
	value, ok, err := tx.Get(key)
	if err != nil || !ok {
		return p, false, err
	}
	if err := json.Unmarshal(value, &p); err != nil {
		return p, false, fmt.Errorf("localdb: proposal: %w", err)
	}
	return p, true, nil
}
