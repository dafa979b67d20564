package sitesync

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// SiteID numbers a site. The hub gives it out, never twice.
type SiteID uint64

// StoreID numbers a store. The hub gives it out, never twice.
type StoreID uint64

const (
	// CentralSite is the hub itself. It exists from the first start.
	CentralSite SiteID = 1
	// CentralStore holds central data: changed at the centre, read everywhere.
	CentralStore StoreID = 0
)

func (id SiteID) String() string  { return strconv.FormatUint(uint64(id), 10) }
func (id StoreID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Epoch says who may write a store: it belongs to one site and one replica.
// The high 32 bits are the hub's generation, the low 32 bits a counter, so
// that numbers compare as (generation, counter).
type Epoch uint64

// NewEpoch joins a generation and a counter.
func NewEpoch(generation, counter uint32) Epoch {
	return Epoch(generation)<<32 | Epoch(counter)
}

// Generation grows with every restore and promotion of the hub.
func (e Epoch) Generation() uint32 { return uint32(e >> 32) }

// Counter grows with every change of owner or replica.
func (e Epoch) Counter() uint32 { return uint32(e) }

// Next is the epoch after e on a hub of the given generation.
func (e Epoch) Next(generation uint32) Epoch {
	return NewEpoch(max(generation, e.Generation()), e.Counter()+1)
}

func (e Epoch) String() string {
	return fmt.Sprintf("%d.%d", e.Generation(), e.Counter())
}

// MarshalText makes an epoch a string like "1.4" in JSON.
func (e Epoch) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the form MarshalText writes.
func (e *Epoch) UnmarshalText(text []byte) error {
	g, c, ok := strings.Cut(string(text), ".")
	generation, err1 := strconv.ParseUint(g, 10, 32)
	counter, err2 := strconv.ParseUint(c, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return Errorf(CodeInvalid, "write it as generation.counter, for example 1.4", "%q is not an epoch", clip(string(text)))
	}
	*e = NewEpoch(uint32(generation), uint32(counter))
	return nil
}

// ReplicaID is one agent data directory: 128 random bits. The zero value
// stands for "no replica yet".
type ReplicaID [16]byte

// NewReplicaID makes a random one.
func NewReplicaID() ReplicaID {
	var id ReplicaID
	rand.Read(id[:])
	return id
}

// IsZero reports whether no replica has been filled in.
func (id ReplicaID) IsZero() bool { return id == ReplicaID{} }

func (id ReplicaID) String() string { return hex.EncodeToString(id[:]) }

// Short is the form used in client IDs: eight characters, enough to tell the
// replicas of one device apart.
func (id ReplicaID) Short() string {
	return base32.StdEncoding.EncodeToString(id[:5])
}

// MarshalText writes the replica as hexadecimal digits, none as "".
func (id ReplicaID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads the form MarshalText writes.
func (id *ReplicaID) UnmarshalText(text []byte) error {
	*id = ReplicaID{}
	if len(text) == 0 {
		return nil
	}
	return unhex(id[:], text, "replica")
}

// ClientID is the MQTT client identifier of a device.
func ClientID(hardware HardwareID, replica ReplicaID) string {
	return string(hardware) + "-" + replica.Short()
}

// ParseClientID splits a device's client identifier. ok is false when id has
// not the form, as those of persons and scripts.
func ParseClientID(id string) (hardware HardwareID, replicaShort string, ok bool) {
	h, r, found := strings.Cut(id, "-")
	if !found || len(r) != 8 || !HardwareID(h).Valid() {
		return "", "", false
	}
	if b, err := base32.StdEncoding.DecodeString(r); err != nil || len(b) != 5 {
		return "", "", false // five bytes: neither padding nor line breaks, which base32 lets pass
	}
	return HardwareID(h), r, true
}
