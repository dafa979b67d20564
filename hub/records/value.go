package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// valueFormat is the first byte of records and log entries on disk.
const valueFormat = 1

// record is a record or tombstone on disk:
// format, op, uvarint seq, uvarint changed (Unix ms), data.
type record struct {
	op      sitesync.Op
	seq     uint64
	changed int64
	data    []byte
}

func (r record) bytes() []byte {
	b := make([]byte, 0, 2+2*binary.MaxVarintLen64+len(r.data))
	b = append(b, valueFormat, byte(r.op))
	b = binary.AppendUvarint(b, r.seq)
	b = binary.AppendUvarint(b, uint64(r.changed))
	return append(b, r.data...)
}

// parseRecord shares its data with b.
func parseRecord(b []byte) (record, error) {
	var r record
	op, rest, err := parseValue(b, "record")
	if err != nil {
		return r, err
	}
	seq, n := binary.Uvarint(rest)
	if n <= 0 {
		return r, fmt.Errorf("records: a record without a seq")
	}
	changed, m := binary.Uvarint(rest[n:])
	if m <= 0 {
		return r, fmt.Errorf("records: a record without a time")
	}
	return record{op: op, seq: seq, changed: int64(changed), data: rest[n+m:]}, nil
}

func (r record) live() bool { return r.op == sitesync.OpPut }

func (r record) shape(store sitesync.StoreID, k wire.Key) sitesync.Record {
	return sitesync.Record{Store: store, Table: k.Table, ID: k.ID, Data: r.data, ETag: sitesync.ETag(r.data),
		Changed: sitesync.At(time.UnixMilli(r.changed))}
}

// entry is a log entry on disk: format, op, uvarint epoch of the device that
// wrote it (0: written by the hub), table, zero byte, ID. The data is the
// record's: the log has the newest version only.
type entry struct {
	op    sitesync.Op
	epoch sitesync.Epoch
	key   wire.Key
}

func (e entry) bytes() []byte {
	b := make([]byte, 0, 3+binary.MaxVarintLen64+len(e.key.Table)+len(e.key.ID))
	b = append(b, valueFormat, byte(e.op))
	b = binary.AppendUvarint(b, uint64(e.epoch))
	return appendKey(b, e.key)
}

func parseEntry(b []byte) (entry, error) {
	op, rest, err := parseValue(b, "log entry")
	if err != nil {
		return entry{}, err
	}
	epoch, n := binary.Uvarint(rest)
	if n <= 0 {
		return entry{}, fmt.Errorf("records: a log entry without an epoch")
	}
	key, err := parseKey(rest[n:], "log entry")
	return entry{op: op, epoch: sitesync.Epoch(epoch), key: key}, err
}

// tombstone is found by its place in the log when its time is over. On disk:
// format, op, uvarint changed (Unix ms), table, zero byte, ID.
type tombstone struct {
	changed int64
	key     wire.Key
}

func (t tombstone) bytes() []byte {
	b := make([]byte, 0, 3+binary.MaxVarintLen64+len(t.key.Table)+len(t.key.ID))
	b = append(b, valueFormat, byte(sitesync.OpDelete))
	b = binary.AppendUvarint(b, uint64(t.changed))
	return appendKey(b, t.key)
}

func parseTombstone(b []byte) (tombstone, error) {
	_, rest, err := parseValue(b, "tombstone")
	if err != nil {
		return tombstone{}, err
	}
	changed, n := binary.Uvarint(rest)
	if n <= 0 {
		return tombstone{}, fmt.Errorf("records: a tombstone without a time")
	}
	key, err := parseKey(rest[n:], "tombstone")
	return tombstone{changed: int64(changed), key: key}, err
}

func appendKey(b []byte, k wire.Key) []byte {
	b = append(b, k.Table...)
	b = append(b, 0)
	return append(b, k.ID...)
}

func parseKey(b []byte, what string) (wire.Key, error) {
	table, id, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return wire.Key{}, fmt.Errorf("records: a %s without an end of the table", what)
	}
	return wire.Key{Table: string(table), ID: string(id)}, nil
}

func parseValue(b []byte, what string) (sitesync.Op, []byte, error) {
	if len(b) < 2 || b[0] != valueFormat {
		return 0, nil, fmt.Errorf("records: a %s of unknown format", what)
	}
	op := sitesync.Op(b[1])
	if op != sitesync.OpPut && op != sitesync.OpDelete {
		return 0, nil, fmt.Errorf("records: a %s with unknown operation %d", what, op)
	}
	return op, b[2:], nil
}
