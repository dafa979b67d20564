package localdb

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Keys:
//
//	i                            replica ID
//	c                            stands while everything is being cleared
//	l                            lease
//	s <store>                    Store, JSON
//	r <store> <table> 0 <id>     record
//	o <store> <epoch> <n>        outbox entry
//	x <store> <epoch> <n>        change that the hub put into quarantine
//	p <store> <item>             what became of a proposal
var (
	replicaKey   = []byte{'i'}
	storesPrefix = []byte{'s'}
)

func storeKey(store sitesync.StoreID) []byte { return keyOf('s', store, 0) }

func keyOf(kind byte, store sitesync.StoreID, room int) []byte {
	key := append(make([]byte, 0, 9+room), kind)
	return binary.BigEndian.AppendUint64(key, uint64(store))
}

// recordKey keeps the order of (table, ID): a table name has no zero byte.
func recordKey(store sitesync.StoreID, k wire.Key) []byte {
	key := keyOf('r', store, len(k.Table)+1+len(k.ID))
	key = append(key, k.Table...)
	key = append(key, 0)
	return append(key, k.ID...)
}

func splitRecordKey(key []byte) (wire.Key, error) {
	table, id, ok := bytes.Cut(key[9:], []byte{0})
	if !ok {
		return wire.Key{}, fmt.Errorf("localdb: a record key without an end of the table")
	}
	return wire.Key{Table: string(table), ID: string(id)}, nil
}

func numbered(kind byte, store sitesync.StoreID, epoch sitesync.Epoch, n uint64) []byte {
	key := binary.BigEndian.AppendUint64(keyOf(kind, store, 16), uint64(epoch))
	return binary.BigEndian.AppendUint64(key, n)
}

func outboxKey(store sitesync.StoreID, epoch sitesync.Epoch, n uint64) []byte {
	return numbered('o', store, epoch, n)
}

func refusedKey(store sitesync.StoreID, epoch sitesync.Epoch, n uint64) []byte {
	return numbered('x', store, epoch, n)
}

// epochPrefix is what the numbered keys of an epoch begin with.
func epochPrefix(kind byte, store sitesync.StoreID, epoch sitesync.Epoch) []byte {
	return binary.BigEndian.AppendUint64(keyOf(kind, store, 8), uint64(epoch))
}

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
