package localdb

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"sitesync/shared/sitesync"
)

// progress is how far a reader of receipts has come in one epoch of a store:
// what it knows to be settled, and what it knows to be queued.
type progress struct {
	store   sitesync.StoreID
	epoch   sitesync.Epoch
	settled uint64
	queued  uint64
}

func (p progress) compare(o progress) int {
	return cmp.Or(cmp.Compare(p.store, o.store), cmp.Compare(p.epoch, o.epoch))
}

// places is how far a reader has come in all stores, in the order of store and
// epoch. What lies before the first epoch of a store is told.
type places []progress

// of gives the progress in an epoch; told when all of it is known.
func (l places) of(store sitesync.StoreID, epoch sitesync.Epoch) (p progress, told bool) {
	p = progress{store: store, epoch: epoch}
	i, found := slices.BinarySearchFunc(l, p, progress.compare)
	if found {
		return l[i], false
	}
	later := i < len(l) && l[i].store == store
	first := i == 0 || l[i-1].store != store
	return p, later && first
}

// A place as text is opaque to readers: in base64, the version, the first bytes
// of the replica, then of each progress four numbers. Those of another replica
// are of no use, since its numbers mean other changes.
const (
	placeVersion = 1
	placeReplica = 4
	mostPlace    = 64 << 10 // characters
)

func (l places) text(replica sitesync.ReplicaID) string {
	b := append([]byte{placeVersion}, replica[:placeReplica]...)
	for _, p := range l {
		for _, v := range []uint64{uint64(p.store), uint64(p.epoch), p.settled, p.queued} {
			b = binary.AppendUvarint(b, v)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlaces reads a place. "" and that of another replica are the beginning.
// Errors: invalid.
func parsePlaces(text string, replica sitesync.ReplicaID) (l places, err error) {
	if text == "" {
		return nil, nil
	}
	bad := sitesync.Errorf(sitesync.CodeInvalid, "send the next of an earlier answer, or leave after out", "after is not a place in the receipts").WithField("after")
	if len(text) > mostPlace {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 1+placeReplica || b[0] != placeVersion {
		return nil, bad
	}
	other := !bytes.Equal(b[1:1+placeReplica], replica[:placeReplica])
	in := parser{rest: b[1+placeReplica:]}
	for len(in.rest) > 0 && in.err == nil {
		p := progress{store: sitesync.StoreID(in.uvarint()), epoch: sitesync.Epoch(in.uvarint()), settled: in.uvarint(), queued: in.uvarint()}
		if len(l) > 0 && l[len(l)-1].compare(p) >= 0 {
			return nil, bad
		}
		l = append(l, p)
	}
	if in.err != nil {
		return nil, bad
	}
	if other {
		return nil, nil
	}
	return l, nil
}
