package localdb

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// refused is a quarantined change on disk: format, op, reason, table, zero, ID.
type refused struct {
	Op     sitesync.Op
	Reason sitesync.Reason
	Key    wire.Key
}

func (r refused) bytes() []byte {
	b := append(make([]byte, 0, 4+len(r.Key.Table)+len(r.Key.ID)), valueFormat, byte(r.Op), byte(r.Reason))
	b = append(b, r.Key.Table...)
	b = append(b, 0)
	return append(b, r.Key.ID...)
}

func parseRefused(b []byte) (refused, error) {
	p := parser{rest: b}
	r := refused{Op: p.begin("refused change")}
	if reason := p.take(1); p.err == nil {
		r.Reason = sitesync.Reason(reason[0])
	}
	table, id, ok := bytes.Cut(p.rest, []byte{0})
	if !ok {
		p.fail()
	}
	if p.err == nil && !r.Reason.Known() {
		p.err = fmt.Errorf("localdb: a refused change for unknown reason %d", r.Reason)
	}
	r.Key = wire.Key{Table: string(table), ID: string(id)}
	return r, p.err
}

// Refused is a change that the hub put into quarantine.
type Refused struct {
	Store  string
	Epoch  sitesync.Epoch
	N      uint64
	Op     sitesync.Op
	Reason sitesync.Reason
	Key    wire.Key
}

// Refused lists the newest quarantined changes of all stores, at most limit of
// each store.
func (d *DB) Refused(limit int) (list []Refused, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		stores, err := readStores(tx)
		if err != nil {
			return err
		}
		for _, s := range stores {
			left := limit
			r := kv.Range{Prefix: keyOf('x', s.ID, 0), Reverse: true}
			err := tx.Iterate(r, func(key, value []byte) (bool, error) {
				q, err := parseRefused(value)
				if err != nil || left == 0 {
					return false, err
				}
				left--
				list = append(list, Refused{Store: s.Code, Epoch: epochOf(key), N: numberOf(key), Op: q.Op, Reason: q.Reason, Key: q.Key})
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func epochOf(key []byte) sitesync.Epoch {
	return sitesync.Epoch(binary.BigEndian.Uint64(key[len(key)-16:]))
}

// reasonsBetween gives the reasons of the changes in (after, through] that are
// in quarantine.
func reasonsBetween(tx *kv.Tx, store sitesync.StoreID, epoch sitesync.Epoch, after, through uint64) (map[uint64]sitesync.Reason, error) {
	if through <= after {
		return nil, nil
	}
	found := map[uint64]sitesync.Reason{}
	r := kv.Range{Prefix: epochPrefix('x', store, epoch), From: refusedKey(store, epoch, after+1)}
	err := tx.Iterate(r, func(key, value []byte) (bool, error) {
		q, err := parseRefused(value)
		if err != nil || numberOf(key) > through {
			return false, err
		}
		found[numberOf(key)] = q.Reason
		return true, nil
	})
	return found, err
}
