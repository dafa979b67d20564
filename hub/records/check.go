package records

import (
	"encoding/binary"
	"fmt"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Check reads everything of a store and holds it against itself: the counters
// and the digest against the records, the log against the records, and the
// epochs in which devices wrote, which never go down along the log (G3). Its
// error says what does not fit; there is none for a store without data.
func (d *DB) Check(store sitesync.StoreID) error {
	return d.kv.View(func(tx *kv.Tx) error {
		m, ok, err := meta(tx, store)
		if err != nil || !ok {
			return err
		}
		c := checking{tx: tx, meta: &m, hasher: sitesync.NewHasher()}
		if err := c.records(); err != nil {
			return fmt.Errorf("records: store %d: %w", store, err)
		}
		if err := c.log(); err != nil {
			return fmt.Errorf("records: store %d: %w", store, err)
		}
		return nil
	})
}

type checking struct {
	tx     *kv.Tx
	meta   *Meta
	hasher *sitesync.Hasher
	seqs   int // of records and tombstones
}

func (c *checking) records() error {
	var live, bytes int64
	var digest sitesync.Digest
	err := c.tx.Iterate(kv.Range{Prefix: storeKey(c.meta.Store, recordKind, 0), Prefetch: 100}, func(key, value []byte) (bool, error) {
		r, err := parseRecord(value)
		if err != nil {
			return false, err
		}
		k, err := splitRecordKey(key)
		if err != nil {
			return false, err
		}
		c.seqs++
		if r.live() {
			live++
			bytes += int64(len(r.data))
			digest.Add(c.hasher.Record(k.Table, k.ID, r.data))
		}
		return true, c.inLog(k, r)
	})
	if m := c.meta; err == nil && (live != m.Records || bytes != m.Bytes || digest != m.Digest) {
		err = fmt.Errorf("%d records of %d bytes with digest %s, where the meta says %d, %d, %s", live, bytes, digest, m.Records, m.Bytes, m.Digest)
	}
	return err
}

// inLog looks for a record's place in the log.
func (c *checking) inLog(k wire.Key, r record) error {
	value, ok, err := c.tx.Get(logKey(c.meta.Store, r.seq))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("record %v is not in the log at %d", k, r.seq)
	}
	e, err := parseEntry(value)
	if err == nil && (e.key != k || e.op != r.op) {
		err = fmt.Errorf("record %v is %v in the log at %d", k, e, r.seq)
	}
	return err
}

func (c *checking) log() error {
	entries := 0
	var last sitesync.Epoch
	err := c.tx.Iterate(kv.Range{Prefix: storeKey(c.meta.Store, logKind, 0), Prefetch: 100}, func(key, value []byte) (bool, error) {
		e, err := parseEntry(value)
		if err != nil {
			return false, err
		}
		entries++
		seq := binary.BigEndian.Uint64(key[len(key)-8:])
		switch {
		case seq > c.meta.Seq:
			return false, fmt.Errorf("the log has an entry at %d, and its head is at %d", seq, c.meta.Seq)
		case e.epoch != 0 && e.epoch < last, e.epoch > c.meta.Epoch:
			return false, fmt.Errorf("%v was written in epoch %s, after epoch %s, in a store in epoch %s", e.key, e.epoch, last, c.meta.Epoch)
		}
		last = max(last, e.epoch)
		return true, nil
	})
	if err == nil && entries != c.seqs {
		err = fmt.Errorf("the log has %d entries for %d records and deletes", entries, c.seqs)
	}
	return err
}
