package records

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// item is a quarantined change on disk, whole: nothing of what the device sent
// is left out, so that a person can decide about it at any later time.
type item struct {
	Format   int              `json:"format"`
	ID       uint64           `json:"id"`
	Store    sitesync.StoreID `json:"store"`
	Origin   Origin           `json:"origin"`
	N        uint64           `json:"n"`
	Reason   uint8            `json:"reason"` // sitesync.Reason by its number
	Op       sitesync.Op      `json:"op"`
	Table    string           `json:"table"`
	Record   string           `json:"record"`
	To       string           `json:"to,omitempty"`
	Data     []byte           `json:"data"` // byte for byte
	Received sitesync.Time    `json:"received"`
	State    string           `json:"state"`
}

const stateOpen = "open"

// quarantine keeps change n of the batch. The key (store, origin, n) makes a
// repeat harmless.
func (w *writer) quarantine(p *prepared, n uint64, reason sitesync.Reason) (wire.Refusal, error) {
	c := &p.Changes[n-p.First]
	id, err := w.nextQuarantineID()
	if err != nil {
		return wire.Refusal{}, err
	}
	key := quarantineKey(p.Store, p.Origin, n)
	it := item{Format: MetaFormat, ID: id, Store: p.Store, Origin: p.Origin, N: n, Reason: uint8(reason), Op: c.Op,
		Table: c.Table, Record: c.ID, To: c.To, Data: c.Data, Received: sitesync.At(w.at), State: stateOpen}
	putJSON(w.tx, key, it)
	w.tx.Set(quarantineIndexKey(id), key)
	w.refused++
	return refusal(w.tx, &it)
}

func (w *writer) nextQuarantineID() (uint64, error) {
	value, _, err := w.tx.Get(quarantineLast)
	if err != nil {
		return 0, err
	}
	var last uint64
	if len(value) == 8 {
		last = binary.BigEndian.Uint64(value)
	}
	w.tx.Set(quarantineLast, binary.BigEndian.AppendUint64(nil, last+1))
	return last + 1, nil
}

// refusal tells the device of an item, with the record as the hub has it now.
func refusal(tx *kv.Tx, it *item) (wire.Refusal, error) {
	r := wire.Refusal{N: it.N, Reason: sitesync.Reason(it.Reason), Table: it.Table, ID: it.Record}
	value, ok, err := tx.Get(recordKey(it.Store, wire.Key{Table: it.Table, ID: it.Record}))
	if err != nil || !ok {
		return r, err
	}
	rec, err := parseRecord(value)
	if err == nil && rec.live() {
		r.Present, r.Data = true, rec.data
	}
	return r, err
}

// refusals lists the quarantined changes of an origin with n in (after, through].
func refusals(tx *kv.Tx, store sitesync.StoreID, o Origin, after, through uint64) ([]wire.Refusal, error) {
	if through <= after {
		return nil, nil
	}
	var items []item
	r := kv.Range{Prefix: quarantinePrefix(store, o), From: quarantineKey(store, o, after+1)}
	err := tx.Iterate(r, func(_, value []byte) (bool, error) {
		var it item
		if err := json.Unmarshal(value, &it); err != nil {
			return false, fmt.Errorf("records: quarantined change: %w", err)
		}
		if it.N > through {
			return false, nil
		}
		items = append(items, it)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	var out []wire.Refusal
	for i := range items {
		r, err := refusal(tx, &items[i])
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Settled implements State.
func (d *DB) Settled(store sitesync.StoreID, o Origin, after uint64) (res Result, err error) {
	err = d.kv.View(func(tx *kv.Tx) error {
		m, exists, err := meta(tx, store)
		if err != nil {
			return err
		}
		t, err := newWriter(tx, m, store, time.Time{}).track(store, o, exists)
		if err != nil {
			return err
		}
		res = Result{Outcome: wire.Settled, Settled: t.Settled, Chain: t.Chain, After: after, Head: m.Head()}
		res.Quarantined, err = refusals(tx, store, o, after, res.Settled)
		return err
	})
	return res, err
}

// badFramesKept is how many frames of a site are kept, the newest.
const badFramesKept = 16

// badFrame is a frame that could not be taken, on disk.
type badFrame struct {
	Format   int              `json:"format"`
	Store    sitesync.StoreID `json:"store"`
	Received sitesync.Time    `json:"received"`
	Length   int              `json:"length"`
	Frame    []byte           `json:"frame"`
}

// BadFrame implements State.
func (d *DB) BadFrame(site sitesync.SiteID, store sitesync.StoreID, frame []byte, at time.Time) error {
	kept := frame[:min(len(frame), sitesync.MaxRecord)]
	return d.kv.Update(func(tx *kv.Tx) error {
		var keys [][]byte
		err := tx.Iterate(kv.Range{Prefix: badFramePrefix(site), KeysOnly: true}, func(key, _ []byte) (bool, error) {
			keys = append(keys, append([]byte(nil), key...))
			return true, nil
		})
		if err != nil {
			return err
		}
		for len(keys) >= badFramesKept {
			tx.Delete(keys[0])
			keys = keys[1:]
		}
		putJSON(tx, badFrameKey(site, at), badFrame{Format: MetaFormat, Store: store, Received: sitesync.At(at), Length: len(frame), Frame: kept})
		return nil
	})
}

// countQuarantine counts the open items of every site, once, at the start.
func (d *DB) countQuarantine(tx *kv.Tx) error {
	var places [][]byte
	err := tx.Iterate(kv.Range{Prefix: quarantineIndex, Prefetch: 100}, func(_, place []byte) (bool, error) {
		places = append(places, append([]byte(nil), place...))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, place := range places {
		var it item
		if ok, err := getJSON(tx, place, &it); err != nil {
			return err
		} else if ok && it.State == stateOpen {
			d.quarantined[it.Origin.Site]++
		}
	}
	return nil
}

func (d *DB) addQuarantined(site sitesync.SiteID, n uint64) {
	if n == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quarantined[site] += n
}
