package localdb

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// receiptsKept is how many settled changes of a store can still be asked for.
const receiptsKept = 100_000

// refused is a quarantined change on disk: format, op, reason, table, ID.
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
	if len(b) < 4 || b[0] != valueFormat {
		return refused{}, fmt.Errorf("localdb: a refused change of unknown format")
	}
	table, id, ok := bytes.Cut(b[3:], []byte{0})
	if !ok {
		return refused{}, fmt.Errorf("localdb: a refused change that is cut short")
	}
	return refused{Op: sitesync.Op(b[1]), Reason: sitesync.Reason(b[2]), Key: wire.Key{Table: string(table), ID: string(id)}}, nil
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
		for _, s := range d.Stores() {
			n := 0
			r := kv.Range{Prefix: keyOf('x', s.ID, 0), Reverse: true}
			err := tx.Iterate(r, func(key, value []byte) (bool, error) {
				q, err := parseRefused(value)
				list = append(list, Refused{Store: s.Code, Epoch: epochOf(key), N: numberOf(key), Op: q.Op, Reason: q.Reason, Key: q.Key})
				n++
				return n < limit, err
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

// Receipt is what is known of one change.
type Receipt struct {
	Store   string         `json:"store"` // code
	Epoch   sitesync.Epoch `json:"epoch"`
	N       uint64         `json:"n"`
	Receipt string         `json:"receipt"` // queued, applied, quarantined
	Reason  string         `json:"reason,omitempty"`
}

// progress is how far a reader of receipts has come in one epoch of a store:
// what it knows to be settled, and what it knows to be queued.
type progress struct {
	Store   sitesync.StoreID `json:"s"`
	Epoch   sitesync.Epoch   `json:"e"`
	Settled uint64           `json:"a"`
	Queued  uint64           `json:"q"`
}

// Receipts tells what is known of changes, per store and epoch in the order of
// n, from a place that an earlier answer gave ("" is the oldest that is kept).
// Each change comes when it is first seen, and once more when it is settled
// after having been seen queued. An empty answer repeats the place. Errors:
// invalid.
func (d *DB) Receipts(after string, limit int) (list []Receipt, next string, err error) {
	places, err := parsePlaces(after)
	if err != nil {
		return nil, "", err
	}
	err = d.kv.View(func(tx *kv.Tx) error {
		for _, s := range d.Stores() {
			for _, o := range append(slices.Clone(s.Past), s.Outbox) {
				p := place(&places, s.ID, o.Epoch)
				if list, err = receipts(tx, &s, &o, p, list, limit); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return list, formatPlaces(places), nil
}

// receipts adds what is new of one epoch and moves the place on.
func receipts(tx *kv.Tx, s *Store, o *Outbox, p *progress, list []Receipt, limit int) ([]Receipt, error) {
	if o.Confirmed > receiptsKept {
		p.Settled = max(p.Settled, o.Confirmed-receiptsKept)
	}
	add := func(n uint64, receipt, reason string) {
		list = append(list, Receipt{Store: s.Code, Epoch: o.Epoch, N: n, Receipt: receipt, Reason: reason})
	}
	reasons, err := reasonsBetween(tx, s.ID, o.Epoch, p.Settled, o.Confirmed)
	if err != nil {
		return nil, err
	}
	for p.Settled < o.Confirmed && len(list) < limit {
		p.Settled++
		if reason, ok := reasons[p.Settled]; ok {
			add(p.Settled, "quarantined", reason.String())
		} else {
			add(p.Settled, "applied", "")
		}
	}
	if p.Settled < o.Confirmed {
		return list, nil
	}
	for p.Queued = max(p.Queued, p.Settled); p.Queued < o.Last && len(list) < limit; {
		p.Queued++
		add(p.Queued, "queued", "")
	}
	return list, nil
}

func reasonsBetween(tx *kv.Tx, store sitesync.StoreID, epoch sitesync.Epoch, after, through uint64) (map[uint64]sitesync.Reason, error) {
	found := map[uint64]sitesync.Reason{}
	if through <= after {
		return found, nil
	}
	r := kv.Range{Prefix: epochPrefix('x', store, epoch), From: refusedKey(store, epoch, after+1)}
	err := tx.Iterate(r, func(key, value []byte) (bool, error) {
		q, err := parseRefused(value)
		found[numberOf(key)] = q.Reason
		return numberOf(key) < through, err
	})
	return found, err
}

func place(places *[]*progress, store sitesync.StoreID, epoch sitesync.Epoch) *progress {
	for _, p := range *places {
		if p.Store == store && p.Epoch == epoch {
			return p
		}
	}
	p := &progress{Store: store, Epoch: epoch}
	*places = append(*places, p)
	return p
}

// maxPlace bounds what a reader may send as its place.
const maxPlace = 64 << 10

func parsePlaces(after string) (places []*progress, err error) {
	if after == "" {
		return nil, nil
	}
	bad := sitesync.Errorf(sitesync.CodeInvalid, "send the next of an earlier answer, or leave after out", "after is not a place in the receipts").WithField("after")
	if len(after) > maxPlace {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(after)
	if err != nil || json.Unmarshal(b, &places) != nil || slices.Contains(places, nil) {
		return nil, bad
	}
	return places, nil
}

func formatPlaces(places []*progress) string {
	if len(places) == 0 {
		return ""
	}
	b, err := json.Marshal(places)
	if err != nil {
		panic(err) // numbers and strings alone
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
