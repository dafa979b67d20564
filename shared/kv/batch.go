package kv

import "github.com/dgraph-io/badger/v4"

// write is the last thing that happened to a key.
type write struct {
	key, value []byte
	deleted    bool
}

// batch collects writes, one for each key, and knows what they cost.
type batch struct {
	writes map[string]write
	cost   cost
}

func (b *batch) put(limit bound, w write) {
	if b.writes == nil {
		b.writes = make(map[string]write)
	}
	b.replace(limit, string(w.key), w)
}

// add puts all of c into b. It may keep c's map.
func (b *batch) add(limit bound, c batch) {
	if len(b.writes) == 0 {
		*b = c
		return
	}
	for key, w := range c.writes {
		b.replace(limit, key, w)
	}
}

func (b *batch) replace(limit bound, key string, w write) {
	if old, ok := b.writes[key]; ok {
		b.cost = b.cost.minus(limit.costOf(len(old.key), len(old.value)))
	}
	b.cost = b.cost.plus(limit.costOf(len(w.key), len(w.value)))
	b.writes[key] = w
}

// cost is what entries take of what badger allows one transaction.
type cost struct {
	bytes   int64 // badger's estimate of the size in the memtable
	entries int64
	log     int64 // bytes in the value log
}

func (c cost) plus(d cost) cost {
	return cost{c.bytes + d.bytes, c.entries + d.entries, c.log + d.log}
}

func (c cost) minus(d cost) cost {
	return cost{c.bytes - d.bytes, c.entries - d.entries, c.log - d.log}
}

// bound is what one transaction may cost, all inclusive.
type bound struct {
	most      cost
	threshold int64 // values from this size on go to the value log
}

const (
	// Txn.checkSize in badger's txn.go counts a key, its value, two bytes of
	// meta and ten for the version; of a value in the value log it counts the
	// twelve bytes of the pointer.
	entryOverhead = 2 + 10
	pointerSize   = 12

	// Every transaction ends with an entry of badger's own, and a transaction
	// that reaches a limit is refused, not only one that passes it.
	endEntry = int64(len("!badger!txn") + 10)

	// estimateRequestSize in badger's value.go: the longest header, the key
	// with its version, the value, the checksum.
	logOverhead = 22 + 8 + 4
)

func newBound(bdb *badger.DB) bound {
	return bound{
		most: cost{
			bytes:   bdb.MaxBatchSize() - 1 - endEntry,
			entries: bdb.MaxBatchCount() - 2,
			// A value-log file is mapped at twice its nominal size and changed
			// when it has passed that. A transaction below that size never
			// makes badger map it anew, which it does without regard to those
			// who read it at that moment.
			log: bdb.Opts().ValueLogFileSize - 1,
		},
		threshold: bdb.Opts().ValueThreshold,
	}
}

func (b bound) holds(c cost) bool {
	return c.bytes <= b.most.bytes && c.entries <= b.most.entries && c.log <= b.most.log
}

func (b bound) costOf(keyLen, valueLen int) cost {
	key, value := int64(keyLen), int64(valueLen)
	if value < b.threshold {
		return cost{bytes: key + value + entryOverhead, entries: 1}
	}
	return cost{bytes: key + pointerSize + entryOverhead, entries: 1, log: key + value + logOverhead}
}

// Limit gives what one Update may write: the sum of Cost over its writes, and
// how many different keys. A function that wrote more answers ErrTooBig.
func (db *DB) Limit() (bytes int64, entries int64) {
	return db.bound.most.bytes, db.bound.most.entries
}

// Cost gives what a write of a value with that many bytes to a key with that
// many bytes counts against Limit's bytes; a deletion counts as an empty
// value. It is a little more than the sum of both, but of large values, which
// badger keeps apart, hardly more than the key: from 128 KiB on in the small
// configuration, from 1 MiB in the other. Of such values one Update may hold 8
// MiB or 64 MiB besides.
func (db *DB) Cost(key, value int) int64 {
	return db.bound.costOf(key, value).bytes
}
