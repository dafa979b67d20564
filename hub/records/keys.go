package records

import (
	"encoding/binary"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Keys. Everything of a store lies below 's' and its ID, so that a store can
// be dropped, moved or checked as one range:
//
//	s <store> m                              meta
//	s <store> r <table> 0 <id>               record or tombstone
//	s <store> l <seq>                        log entry
//	s <store> t <seq>                        tombstone, in the order of the log
//	s <store> p <epoch> <site> <replica>     what an origin settled in the past
//	s <store> q <epoch> <site> <replica> <n> quarantined change
//	s <store> h <handover>                   handover that has ended
//	q <id>                                   place of a quarantined change, or of a frame
//	w <store> <id>                           place of a quarantined change that is proposed
//	h <id>                                   store of a handover
//	b <site> <time>                          frame that could not be taken
//	a <time> <store>                         audit entry of an edit
//	y <hash>                                 command that was carried out
//	x <store>                                store that was dropped, with records left on the disk
//	n                                        last quarantine ID
const (
	metaKind       = 'm'
	recordKind     = 'r'
	logKind        = 'l'
	tombstoneKind  = 't'
	pastKind       = 'p'
	quarantineKind = 'q'
	handoverKind   = 'h'
)

var (
	storesPrefix    = []byte{'s'}
	quarantineIndex = []byte{'q'}
	handoverIndex   = []byte{'h'}
	auditPrefix     = []byte{'a'}
	quarantineLast  = []byte{'n'}
	droppedPrefix   = []byte{'x'}
)

func storeKey(store sitesync.StoreID, kind byte, room int) []byte {
	key := make([]byte, 0, 10+room)
	key = append(key, 's')
	key = binary.BigEndian.AppendUint64(key, uint64(store))
	return append(key, kind)
}

func metaKey(store sitesync.StoreID) []byte { return storeKey(store, metaKind, 0) }

// recordKey keeps the order of (table, ID): a table name has no zero byte.
func recordKey(store sitesync.StoreID, k wire.Key) []byte {
	return appendKey(storeKey(store, recordKind, len(k.Table)+1+len(k.ID)), k)
}

func splitRecordKey(key []byte) (wire.Key, error) { return parseKey(key[10:], "record key") }

func logKey(store sitesync.StoreID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(storeKey(store, logKind, 8), seq)
}

func tombstoneKey(store sitesync.StoreID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(storeKey(store, tombstoneKind, 8), seq)
}

func appendOrigin(key []byte, o Origin) []byte {
	key = binary.BigEndian.AppendUint64(key, uint64(o.Epoch))
	key = binary.BigEndian.AppendUint64(key, uint64(o.Site))
	return append(key, o.Replica[:]...)
}

func pastKey(store sitesync.StoreID, o Origin) []byte {
	return appendOrigin(storeKey(store, pastKind, 32), o)
}

func quarantinePrefix(store sitesync.StoreID, o Origin) []byte {
	return appendOrigin(storeKey(store, quarantineKind, 40), o)
}

func quarantineKey(store sitesync.StoreID, o Origin, n uint64) []byte {
	return binary.BigEndian.AppendUint64(quarantinePrefix(store, o), n)
}

func handoverKey(store sitesync.StoreID, id uint64) []byte {
	return binary.BigEndian.AppendUint64(storeKey(store, handoverKind, 8), id)
}

func quarantineIndexKey(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'q'}, id)
}

func handoverIndexKey(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'h'}, id)
}

func droppedKey(store sitesync.StoreID) []byte {
	return binary.BigEndian.AppendUint64([]byte{'x'}, uint64(store))
}

func proposalPrefix(store sitesync.StoreID) []byte {
	return binary.BigEndian.AppendUint64([]byte{'w'}, uint64(store))
}

func proposalKey(store sitesync.StoreID, id uint64) []byte {
	return binary.BigEndian.AppendUint64(proposalPrefix(store), id)
}

// badFrameKey takes a time in Unix nanoseconds.
func badFrameKey(site sitesync.SiteID, place uint64) []byte {
	return binary.BigEndian.AppendUint64(badFramePrefix(site), place)
}

func badFramePrefix(site sitesync.SiteID) []byte {
	return binary.BigEndian.AppendUint64([]byte{'b'}, uint64(site))
}

// auditKey is at or, since another entry may have that time, a little after it.
func auditKey(at time.Time, store sitesync.StoreID) []byte {
	key := binary.BigEndian.AppendUint64([]byte{'a'}, uint64(at.UnixNano()))
	return binary.BigEndian.AppendUint64(key, uint64(store))
}
