package records

import (
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// State is the durable state of all stores. The implementation in this package
// is Badger; the suite in package recordstest holds for every implementation.
//
// What writes is durable when it returns nil. An error that is no
// *sitesync.Error leaves the outcome unknown: the same call again is harmless
// for Apply, and for Transition the version tells.
type State interface {
	// Meta gives a store's meta; ok is false when the store has none.
	Meta(store sitesync.StoreID) (m Meta, ok bool, err error)
	// Metas calls fn for every store in the order of IDs.
	Metas(fn func(Meta) error) error
	// Transition replaces the meta of version from (0: there is none) by next.
	// A new epoch begins at n = 0, and what the old one settled is kept. Only
	// changes of the new writer that were refused before it was let in count as
	// settled. ended are filed as history. ErrConflict: the meta has another
	// version by now.
	Transition(from uint64, next Meta, ended []sitesync.Handover) (Meta, error)

	// Drop takes a store that is active at the centre away, with all that it
	// holds but its quarantine and the history of its handovers. Its ID is never
	// used again. Errors: ErrConflict (the meta has another version by now, or
	// there is none), in_use.
	Drop(store sitesync.StoreID, from uint64, at time.Time) error
	// Reclaim removes some of what dropped stores held from the disk, at most so
	// many keys. It returns 0 when there is nothing left to remove.
	Reclaim(limit int) (removed int, err error)

	// Apply takes a device's batch: see Batch and Result.
	Apply(b Batch) (Result, error)
	// Edit applies a person's change to a store active at the centre.
	Edit(e Edit) (sitesync.Record, error)
	// Settled tells what is settled of the changes a replica made in an epoch,
	// with the quarantined ones after the given n.
	Settled(store sitesync.StoreID, o Origin, after uint64) (Result, error)

	// Changes reads the log after a cursor. Error: not_found, there is no such
	// store; Scan, Get and List find no records in one.
	Changes(store sitesync.StoreID, from wire.Cursor, f Filter, l Limit) (Page, error)
	// Scan reads live records in key order.
	Scan(store sitesync.StoreID, after wire.Key, l Limit) (ScanPage, error)
	// Get reads one live record; NotFound when there is none.
	Get(store sitesync.StoreID, key wire.Key) (sitesync.Record, error)
	// List reads live records of a table ("" for all) after a key.
	List(store sitesync.StoreID, table string, after wire.Key, limit int) ([]sitesync.Record, error)
	// Sweep removes tombstones older than before, and remembers how far, so
	// that older cursors are answered with a reset. It returns how many.
	Sweep(store sitesync.StoreID, before time.Time) (int, error)

	// BadFrame keeps a frame that could not be taken: at most 1 MiB of it, the
	// newest 16 per site.
	BadFrame(site sitesync.SiteID, store sitesync.StoreID, frame []byte, at time.Time) error

	// Undecided counts the quarantined changes of a site on which nobody has
	// decided, of one store, or of all where store is 0; where both are 0, those
	// of all sites. It costs a look-up.
	Undecided(site sitesync.SiteID, store sitesync.StoreID) uint64
	// UndecidedAt lists stores of which Undecided counts some, any of them up to
	// the given number.
	UndecidedAt(site sitesync.SiteID, most int) []sitesync.StoreID
	// Watch has fn told, after each commit, of the sites and stores of which
	// something in quarantine has come, gone or been decided. It must not
	// block, and is given before anything else is called.
	Watch(fn func(site sitesync.SiteID, store sitesync.StoreID))
	// Quarantined gives an item. Error: not_found.
	Quarantined(id uint64) (sitesync.Quarantined, error)
	// QuarantinedAfter calls fn for items in the order of their IDs, from the
	// one after the given ID, until fn answers false. An item's Present is left
	// out.
	QuarantinedAfter(after uint64, fn func(sitesync.Quarantined) (bool, error)) error
	// ApplyQuarantined makes an item a change of its store, where that is
	// active at the centre, or else proposes it to the store's site. Errors:
	// not_found, conflict (it was decided on before, or IfMatch does not hold),
	// invalid (the change breaks a rule).
	ApplyQuarantined(d Decision) (sitesync.Quarantined, error)
	// Discard closes an item; the whole change goes to the audit log. Errors:
	// not_found, conflict.
	Discard(d Decision) (sitesync.Quarantined, error)
	// Proposals lists what waits for the site of a store, in the order of IDs.
	Proposals(store sitesync.StoreID) ([]Proposal, error)
	// RefuseProposal takes the word of the store's owner that the record has
	// moved on: the item is stale. It reports whether it was proposed to that
	// owner.
	RefuseProposal(item uint64, o Origin, at time.Time) (bool, error)
	// SettleProposals decides on what waits for a store that is active at the
	// centre by now: each is applied if the record is as it was, or else stale.
	SettleProposals(store sitesync.StoreID, at time.Time) error

	// Handover gives a handover, under way or ended.
	Handover(id uint64) (sitesync.Handover, bool, error)
	// Handovers calls fn for handovers, the newest first, from the one before
	// the given ID (0: all), of one store where store is not 0, until fn answers
	// false.
	Handovers(store sitesync.StoreID, before uint64, fn func(sitesync.Handover) (bool, error)) error
	// Audit reads the audit entries of record edits, newest first, after a place
	// in that order ("": all): as many as limit says, or fewer that are large.
	// None are left when it gives none. Error: invalid (after).
	Audit(after string, limit int) ([]sitesync.AuditEntry, error)
}

// ErrConflict says that a meta has moved on since it was read: read it again
// and decide anew.
var ErrConflict = sitesync.Errorf(sitesync.CodeConflict, "read the store again and decide anew", "the store's meta has moved on")

// MetaFormat is the version of the form on disk of the meta, and of all else
// that is JSON.
const MetaFormat = 1

// Meta says who owns a store and how far it has come.
type Meta struct {
	Format      int                `json:"format"`
	Store       sitesync.StoreID   `json:"store"`
	Version     uint64             `json:"version"`
	Owner       sitesync.SiteID    `json:"owner"`
	Replica     sitesync.ReplicaID `json:"replica"` // none until the owner's next hello
	Epoch       sitesync.Epoch     `json:"epoch"`
	Phase       sitesync.Phase     `json:"phase"`
	Handover    *sitesync.Handover `json:"handover,omitempty"` // the one under way
	Intent      uint64             `json:"intent"`             // the last intent taken
	LoadedTries int                `json:"loadedTries,omitempty"`
	Copies      []Copy             `json:"copies,omitempty"` // at sites that had the store before

	Settled uint64         `json:"settled"` // n, in Epoch
	Chain   sitesync.Chain `json:"chain"`   // at Settled

	Log     wire.LogID `json:"log"`
	Seq     uint64     `json:"seq"`     // of the newest log entry
	Foreign uint64     `json:"foreign"` // seq of the newest entry that the owner did not write in Epoch
	Floor   uint64     `json:"floor"`   // tombstones up to this seq may be gone
	Pin     uint64     `json:"pin"`     // head when Epoch began: a resync ends with the log from here

	Records int64           `json:"records"` // live
	Bytes   int64           `json:"bytes"`   // of their data
	Digest  sitesync.Digest `json:"digest"`
}

// Copy is what a site still has of a store that went elsewhere. It is listed as
// released there until its device reports the purge, and as long as changes of
// it wait in quarantine.
type Copy struct {
	Site   sitesync.SiteID `json:"site"`
	Purged bool            `json:"purged,omitempty"`
}

// Head is the cursor at the log's end.
func (m *Meta) Head() wire.Cursor { return wire.Cursor{Log: m.Log, Seq: m.Seq} }

// PinnedHead is the cursor from which a resync of the present epoch reads the
// log once its scan is through. No tombstone after it goes while it loads.
func (m *Meta) PinnedHead() wire.Cursor { return wire.Cursor{Log: m.Log, Seq: m.Pin} }

// Origin is who made changes: one replica of one site, in one epoch.
type Origin struct {
	Epoch   sitesync.Epoch     `json:"epoch"`
	Site    sitesync.SiteID    `json:"site"`
	Replica sitesync.ReplicaID `json:"replica"`
}

// Origin is the one that may write.
func (m *Meta) Origin() Origin { return Origin{Epoch: m.Epoch, Site: m.Owner, Replica: m.Replica} }

// Batch is changes First, First+1, … that an origin made.
type Batch struct {
	Store   sitesync.StoreID
	Origin  Origin
	First   uint64
	Chain   sitesync.Chain // c(First-1), as the device has it
	Changes []sitesync.Change
	After   uint64 // the settled n the device holds a receipt of
	At      time.Time

	// Import is set where a person brings the outbox of a device that was
	// replaced. Nothing of it is applied, and a batch of the store's writer is
	// refused. It is the audit entry to be kept if anything is new.
	Import *sitesync.Audit
	Replay Replay // of an import: a repeat of the command refuses as many again
}

// Result is what is settled once a batch has been taken. A site to which the
// store does not belong learns nothing of what is in it: no head, and of its
// refused changes not the present record.
type Result struct {
	Outcome     wire.Outcome
	Settled     uint64
	Chain       sitesync.Chain // at Settled
	After       uint64
	Quarantined []wire.Refusal // complete for n in (After, Told]
	Size        int            // bytes of Quarantined, and of what was read for it
	Told        uint64         // mostly Settled: see Receipt
	ToldChain   sitesync.Chain // at Told
	Head        wire.Cursor
	Applied     int // changes that this call applied
	Refused     int // changes that this call put into quarantine
}

// Edit is a person's change.
type Edit struct {
	Store   sitesync.StoreID
	Change  sitesync.Change
	IfMatch string // ETag the record must have; "*" any; "" no condition
	At      time.Time
	Audit   sitesync.Audit // Before and After are filled in
}

// Decision is a person's about a quarantined change.
type Decision struct {
	Item    uint64
	IfMatch string // of ApplyQuarantined: as in Edit
	At      time.Time
	Audit   sitesync.Audit // Store, Before and After are filled in
	Replay  Replay         // a repeat of the command gives the item as it is by then
}

// Proposal is a quarantined change that waits for the owner of its store.
type Proposal struct {
	Item   uint64
	Change sitesync.Change // its Quarantine is Item
	Expect string          // ETag that the record must have; "": it must not exist
}

// Filter says what a reader of the log leaves out.
type Filter struct {
	// Own leaves out what the origin's replica wrote itself in its epoch.
	Own sitesync.Epoch
}

// Limit bounds an answer; at least one record is given.
type Limit struct {
	Records int
	Bytes   int
}

// Page is a part of a log.
type Page struct {
	Changes []sitesync.Change
	Cursor  wire.Cursor // where it ends
	More    bool
	Reset   bool // the cursor is of another log, or older than the floor: only a scan helps
	Ahead   bool // the cursor is past the head: this log is behind its reader
}

// ScanPage is a part of a store's live records.
type ScanPage struct {
	Records []sitesync.Change
	Through wire.Key
	Last    bool
}
