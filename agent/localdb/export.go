package localdb

import (
	"bytes"
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

// ExportLine is one change that the hub has not confirmed. Data is without
// blanks, as a line of JSON has to be; where the change has others, Raw is its
// data byte for byte, which chain and ETag are made of.
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
	Raw   []byte           `json:"raw,omitempty"` // base64

	Quarantine uint64          `json:"quarantine,omitempty"` // the quarantined change that it takes over
	Before     *sitesync.Chain `json:"before,omitempty"`     // c(n-1), of the first line of a store and epoch
}

// Export writes everything that waits in the outbox as NDJSON: a head, then a
// line per change in the order in which they would be pushed, all as of one
// moment. Nothing is taken out. It returns how many changes it wrote.
func (d *DB) Export(w io.Writer, site sitesync.SiteID, hub string) (n uint64, err error) {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	err = d.kv.View(func(tx *kv.Tx) error {
		stores, err := readStores(tx)
		if err != nil {
			return err
		}
		head := ExportHead{Format: 1, Kind: "sitesync-outbox", Site: site, Hub: hub, Replica: d.Replica(), Exported: sitesync.At(time.Now())}
		for i := range stores {
			head.Changes += stores[i].Queued()
		}
		if err := out.Encode(head); err != nil {
			return err
		}
		for i := range stores {
			s := &stores[i]
			for _, o := range append(s.Past, s.Outbox) {
				written, err := exportQueue(tx, out, s, &o)
				if n += written; err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("exporting the outbox: %w", err)
	}
	return n, nil
}

func exportQueue(tx *kv.Tx, out *json.Encoder, s *Store, o *Outbox) (n uint64, err error) {
	r := kv.Range{Prefix: epochPrefix('o', s.ID, o.Epoch), From: outboxKey(s.ID, o.Epoch, o.Confirmed+1), Prefetch: 100}
	err = tx.Iterate(r, func(key, value []byte) (bool, error) {
		e, err := parseEntry(value)
		if err != nil {
			return false, err
		}
		c := &e.change
		line := ExportLine{Store: s.ID, Code: s.Code, Epoch: o.Epoch, N: numberOf(key), Chain: e.chain,
			Op: c.Op.String(), Table: c.Table, ID: c.ID, To: c.To, Quarantine: c.Quarantine}
		if c.Op == sitesync.OpPut {
			var plain bytes.Buffer
			if err := json.Compact(&plain, c.Data); err != nil {
				return false, fmt.Errorf("change %d of store %s: %w", line.N, s.Code, err)
			}
			line.Data = plain.Bytes()
			if !bytes.Equal(line.Data, c.Data) {
				line.Raw = c.Data
			}
		}
		if n == 0 {
			line.Before = &o.ConfirmedChain
		}
		n++
		return true, out.Encode(line)
	})
	return n, err
}
