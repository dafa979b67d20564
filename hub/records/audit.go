package records

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// auditBytes is how large a part of the audit log becomes: an entry has the
// record before and after, at most 2 MiB.
const auditBytes = 4 << 20

// Audit implements State. A place is an entry's key.
func (d *DB) Audit(after string, limit int) (entries []sitesync.AuditEntry, err error) {
	from, err := auditPlace(after)
	if err != nil {
		return nil, err
	}
	size := 0
	err = d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{Prefix: auditPrefix, From: from, Reverse: true}, func(key, value []byte) (bool, error) {
			place := hex.EncodeToString(key[1:])
			if place == after {
				return true, nil
			}
			var a sitesync.Audit
			if err := json.Unmarshal(value, &a); err != nil {
				return false, fmt.Errorf("records: audit entry: %w", err)
			}
			entries = append(entries, sitesync.AuditEntry{Audit: a, Place: place})
			size += len(value)
			return len(entries) < limit && size < auditBytes, nil
		})
	})
	return entries, err
}

// auditPlace is the key to begin at.
func auditPlace(after string) ([]byte, error) {
	if after == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(after)
	if err != nil || len(key) != 16 {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, "take it from the former page's next", "there is no such place in the audit log").WithField("after")
	}
	return append([]byte{'a'}, key...), nil
}

// putAudit keeps an entry at its time, or just after it where there is one
// already.
func putAudit(tx *kv.Tx, at time.Time, store sitesync.StoreID, a *sitesync.Audit) error {
	for ; ; at = at.Add(1) {
		key := auditKey(at, store)
		if _, taken, err := tx.Get(key); err != nil {
			return err
		} else if !taken {
			putJSON(tx, key, a)
			return nil
		}
	}
}
