package localdb

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// ExportHead is the first line of an exported outbox.
type ExportHead struct {
	Format   int                `json:"format"` // 1
	Kind     string             `json:"kind"`   // "sitesync-outbox"
	Site     sitesync.SiteID    `json:"site"`
	Hub      string             `json:"hub"` // hex of the hub's ID
	Replica  sitesync.ReplicaID `json:"replica"`
	Exported sitesync.Time      `json:"exported"`
	Changes  uint64             `json:"changes"`
}

// ExportLine is one change that the hub has not confirmed.
type ExportLine struct {
	Store sitesync.StoreID `json:"store"`
	Code  string           `json:"code"`
	Epoch sitesync.Epoch   `json:"epoch"`
	N     uint64           `json:"n"`
	Chain sitesync.Chain   `json:"chain"` // c(n)
	Op    string           `json:"op"`
	Table string           `json:"table"`
	ID    string           `json:"id"`
	To    string           `json:"to,omitempty"`
	Data  json.RawMessage  `json:"data,omitempty"`
}

// Export writes everything that waits in the outbox as NDJSON: a head, then a
// line per change in the order in which they would be pushed. Nothing is taken
// out. It returns how many changes it wrote.
func (d *DB) Export(w io.Writer, site sitesync.SiteID, hub string) (uint64, error) {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	head := ExportHead{Format: 1, Kind: "sitesync-outbox", Site: site, Hub: hub, Replica: d.Replica(), Exported: sitesync.At(time.Now()), Changes: d.Backlog()}
	if err := out.Encode(head); err != nil {
		return 0, err
	}
	var n uint64
	for _, s := range d.Stores() {
		for _, o := range append(s.Past, s.Outbox) {
			written, err := d.exportQueue(out, &s, &o)
			if n += written; err != nil {
				return n, fmt.Errorf("exporting the outbox: %w", err)
			}
		}
	}
	return n, nil
}

func (d *DB) exportQueue(out *json.Encoder, s *Store, o *Outbox) (n uint64, err error) {
	r := kv.Range{Prefix: epochPrefix('o', s.ID, o.Epoch), From: outboxKey(s.ID, o.Epoch, o.Confirmed+1), Prefetch: 100}
	err = d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, value []byte) (bool, error) {
			e, err := parseEntry(value)
			if err != nil {
				return false, err
			}
			c := &e.change
			n++
			return true, out.Encode(ExportLine{Store: s.ID, Code: s.Code, Epoch: o.Epoch, N: numberOf(key), Chain: e.chain,
				Op: c.Op.String(), Table: c.Table, ID: c.ID, To: c.To, Data: c.Data})
		})
	})
	return n, err
}
