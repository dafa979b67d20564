package wire

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sitesync/shared/sitesync"
)

// Report is what a device says of its present condition.
type Report struct {
	Backlog  uint64    // changes queued
	Clock    time.Time // to the millisecond
	DiskFree uint64    // bytes
	Problem  string    // sitesync.ProblemCode of what it has to complain of, or ""

	Lease      time.Duration // in force, durable at the device; 0: none
	Assignment uint64        // version of the last one taken over in this session; 0: none yet
}

// Hello opens a session. It goes in pages (SplitHello), each under PageBytes.
type Hello struct {
	Page, Pages     uint32 // from 0; at least 1
	Replica         sitesync.ReplicaID
	Version         string
	Type            sitesync.SiteType // mobile or standalone
	Platform        string
	Evidence        map[string]string
	Test, Weak      bool   // hardware facts from a file; no strong facts
	Generation      uint32 // the highest seen of the hub
	GenerationProof []byte
	Report          Report
	Stores          []StoreState
}

// Holds reports whether the device has anything of a store.
func (m *Hello) Holds(store sitesync.StoreID) bool {
	return slices.ContainsFunc(m.Stores, func(s StoreState) bool { return s.Store == store })
}

// StoreState is a store as the agent holds it.
type StoreState struct {
	Store   sitesync.StoreID
	Loaded  sitesync.Epoch // the epoch it was confirmed to write in, or 0
	Cursor  Cursor
	Digest  sitesync.Digest
	Outbox  []OutboxState // oldest epoch first
	Blocked bool          // held back at the agent
}

// OutboxState tells what of an epoch waits: Confirmed+1..Last.
type OutboxState struct {
	Epoch     sitesync.Epoch
	Confirmed uint64
	Chain     sitesync.Chain // at Confirmed
	Last      uint64
}

// Refused is why a session is refused, 0 when it is not.
type Refused uint8

const (
	RefusedDeleted         Refused = 1
	RefusedHardwareReset   Refused = 2
	RefusedReplaced        Refused = 3
	RefusedDisabled        Refused = 4
	RefusedSiteRenamed     Refused = 5
	RefusedPasswordChanged Refused = 6
	RefusedTwoDevices      Refused = 7
)

var refusedProblems = map[Refused]sitesync.ProblemCode{
	RefusedDeleted:         sitesync.ProblemDeleted,
	RefusedHardwareReset:   sitesync.ProblemHardwareReset,
	RefusedReplaced:        sitesync.ProblemReplaced,
	RefusedDisabled:        sitesync.ProblemDisabled,
	RefusedSiteRenamed:     sitesync.ProblemSiteRenamed,
	RefusedPasswordChanged: sitesync.ProblemPasswordChanged,
	RefusedTwoDevices:      sitesync.ProblemTwoDevices,
}

// Problem is the problem code of the refusal.
func (r Refused) Problem() sitesync.ProblemCode { return refusedProblems[r] }

// Limits is what the hub takes.
type Limits struct {
	BatchChanges  uint32 // changes of one push
	BatchBytes    uint32 // of one push, before compression
	WindowBatches uint32 // pushes without a receipt
	WindowBytes   uint32 // of them together, as sent
	CreditBytes   uint32 // the most a stream may have outstanding
}

// Welcome answers a hello. When Refused is set only it and Time are.
type Welcome struct {
	Refused         Refused
	Time            time.Time
	Session         uint64
	Site            sitesync.SiteID
	Name, Code      string
	Credential      string // when one is issued
	Hub             [16]byte
	Generation      uint32
	GenerationProof []byte
	Limits          Limits
	Assignment      Assignment // its first page
}

// Assignment is the whole list of a site's stores, in pages of one version.
type Assignment struct {
	Version     uint64
	Page, Pages uint32
	Stores      []AssignedStore
	Lease       time.Duration
	Addresses   []string
	CAPins      [][32]byte
}

// AssignedStore is a store as the hub has it.
type AssignedStore struct {
	Store    sitesync.StoreID
	Code     string
	Name     string
	Tags     []string
	Epoch    sitesync.Epoch
	Phase    sitesync.Phase
	Handover uint64
	Replica  sitesync.ReplicaID
	Settled  uint64
	Chain    sitesync.Chain
	Head     Cursor
	To       string // draining, released: name of the site that gets it
	Records  uint64
	Bytes    uint64

	OwnerActive bool   // released: the new owner has everything, this copy may go
	Quarantined uint64 // changes of this site in quarantine on which nobody has decided
}

// Push carries changes First, First+1, … of one store and epoch.
type Push struct {
	Epoch     sitesync.Epoch
	First     uint64
	Chain     sitesync.Chain // c(First-1)
	Changes   []sitesync.Change
	Confirmed uint64
	Backlog   uint64
}

// Outcome is what became of a push.
type Outcome uint8

const (
	Settled  Outcome = 1
	Gap      Outcome = 2 // go on at settled + 1
	Diverged Outcome = 3
	BadFrame Outcome = 4
	Overload Outcome = 5 // nothing done, try again later
	Held     Outcome = 6 // the hub holds the store until an operator has looked
)

// Receipt tells what is settled of a store's epoch, durable at the hub.
type Receipt struct {
	Epoch       sitesync.Epoch
	Outcome     Outcome
	Settled     uint64
	Chain       sitesync.Chain // at Settled
	After       uint64         // Quarantined is complete for n in (After, Settled]
	Quarantined []Refusal
	Head        Cursor
}

// Refusal is one quarantined change, with the hub's present record.
type Refusal struct {
	N       uint64
	Reason  sitesync.Reason
	Table   string
	ID      string
	Present bool
	Data    []byte
}

// Pull asks for what is new. Credit counts all bytes of the stream so far.
type Pull struct {
	Stream  uint32
	Credit  uint64
	Cursors []StoreCursor
	TagSet  uint32
	Report  Report
}

// StoreCursor is a place in a store's log.
type StoreCursor struct {
	Store  sitesync.StoreID
	Epoch  sitesync.Epoch
	Cursor Cursor
}

// Changes is the next part of a store's log.
type Changes struct {
	Stream  uint32
	From    Cursor // applied only if it is the agent's own
	Cursor  Cursor
	Changes []sitesync.Change
	Last    bool // every store of the pull is at its head
	Reset   bool // the cursor is unknown or too old: resync
	Spent   uint64
}

// Key is a place in the key order of a store's records.
type Key struct {
	Table string `json:"table"` // JSON is for the agent's disk
	ID    string `json:"id"`
}

// IsZero reports whether k is before every record.
func (k Key) IsZero() bool { return k == Key{} }

// Compare is below 0 where k comes before other in the key order, 0 where they
// are the same, else above 0.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Table, other.Table), strings.Compare(k.ID, other.ID))
}

// ResyncRequest asks for a store's full data in key order.
type ResyncRequest struct {
	Epoch  sitesync.Epoch
	Stream uint32
	Credit uint64
	After  Key
	Head   Cursor // the manifest's, when the resync goes on; zero asks for a manifest

	Records uint64 // arrived so far; shown to people
}

// Manifest begins a resync.
type Manifest struct {
	Handover uint64
	Epoch    sitesync.Epoch
	Head     Cursor
	Records  uint64
	Bytes    uint64
	Stream   uint32
	Spent    uint64
}

// Chunk has all live records with keys in (After, Through], or to the end of
// the store when Last.
type Chunk struct {
	Epoch   sitesync.Epoch
	Stream  uint32
	After   Key
	Through Key
	Records []sitesync.Change
	Last    bool
	Spent   uint64
	Gone    bool // the epoch is over or the head unknown: begin anew
}

// Step is a step of a handover that an agent reports.
type Step uint8

const (
	Drained Step = 1 // N is the last change; it may be on its way still
	Loaded  Step = 2
	Purged  Step = 3 // nothing of the released store is left at the device
)

// Handover reports a step.
type Handover struct {
	Step     Step
	Handover uint64
	Epoch    sitesync.Epoch
	Replica  sitesync.ReplicaID
	N        uint64          // drained: the last change
	Digest   sitesync.Digest // loaded
	Cursor   Cursor          // loaded: where the digest was taken
}

// Hint says that something moved.
type Hint struct{ Heads []StoreCursor }
