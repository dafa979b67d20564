package records

import (
	"encoding/binary"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// item is a quarantined change on disk, whole: nothing of what the device sent
// is left out, so that a person can decide about it at any later time.
type item struct {
	Format   int              `json:"format"`
	ID       uint64           `json:"id"`
	Store    sitesync.StoreID `json:"store"`
	Origin   Origin           `json:"origin"`
	N        uint64           `json:"n"`
	Chain    sitesync.Chain   `json:"chain"`  // c(N): a receipt can end at this change
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
func (w *writer) quarantine(p *prepared, n uint64, reason sitesync.Reason, tell *telling) error {
	c := &p.Changes[n-p.First]
	id, err := w.nextQuarantineID()
	if err != nil {
		return err
	}
	key := quarantineKey(p.Store, p.Origin, n)
	it := item{Format: MetaFormat, ID: id, Store: p.Store, Origin: p.Origin, N: n, Chain: p.chainAt(n), Reason: uint8(reason), Op: c.Op,
		Table: c.Table, Record: c.ID, To: c.To, Data: c.Data, Received: sitesync.At(w.at), State: stateOpen}
	putJSON(w.tx, key, it)
	w.tx.Set(quarantineIndexKey(id), key)
	w.refused++
	return tell.add(&it)
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

// countQuarantine counts the open items of every site, once, at the start.
func (d *DB) countQuarantine(tx *kv.Tx) error {
	return tx.Iterate(kv.Range{Prefix: quarantineIndex, Prefetch: 100}, func(_, place []byte) (bool, error) {
		var it item
		ok, err := getJSON(tx, place, &it)
		if ok && it.State == stateOpen {
			d.quarantined[it.Origin.Site]++
		}
		return err == nil, err
	})
}

func (d *DB) addQuarantined(site sitesync.SiteID, n uint64) {
	if n == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quarantined[site] += n
}
