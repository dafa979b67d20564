package localdb

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Format is the version of the data directory's form.
const Format = 1

// Store is a store as the agent holds it.
type Store struct {
	ID       sitesync.StoreID  `json:"id"`
	Code     string            `json:"code"`
	Name     string            `json:"name"`
	Tags     []string          `json:"tags,omitempty"`
	Epoch    sitesync.Epoch    `json:"epoch"`
	Phase    sitesync.Phase    `json:"phase"`
	Handover uint64            `json:"handover,omitempty"`
	To       string            `json:"to,omitempty"`    // site that gets it, of draining and released
	Since    sitesync.Time     `json:"since"`           // when Phase began, by this device's clock
	Loaded   sitesync.Epoch    `json:"loaded"`          // the epoch the hub confirmed it may write in
	Outbox   Outbox            `json:"outbox"`          // of Epoch
	Past     []Outbox          `json:"past,omitempty"`  // of former epochs, while something waits there
	Ended    []Outbox          `json:"ended,omitempty"` // of former epochs, with nothing left to send; for receipts
	Cursor   wire.Cursor       `json:"cursor"`
	Resync   *Resync           `json:"resync,omitempty"`
	Blocked  *sitesync.Problem `json:"blocked,omitempty"` // nothing of it is pushed or pulled
	Records  int64             `json:"records"`
	Bytes    int64             `json:"bytes"`
	Digest   sitesync.Digest   `json:"digest"`
	Refused  uint64            `json:"refused"` // changes that the hub put into quarantine

	Quarantined uint64         `json:"quarantined,omitempty"` // of them, those on which nobody has decided yet, as the hub said last
	OwnerActive *sitesync.Time `json:"ownerActive,omitempty"` // of released: since when this copy may go, by this device's clock
	Purged      bool           `json:"purged,omitempty"`      // of released: no record is left
	Waiting     *Waiting       `json:"waiting,omitempty"`     // since when changes wait

	dropped bool // in memory alone: it is not there any more
}

// Outbox is the state of an epoch's queue: 1..Confirmed are settled,
// Confirmed+1..Last wait.
type Outbox struct {
	Epoch          sitesync.Epoch `json:"epoch"`
	Confirmed      uint64         `json:"confirmed"`
	ConfirmedChain sitesync.Chain `json:"confirmedChain"`
	Last           uint64         `json:"last"`
	LastChain      sitesync.Chain `json:"lastChain"`
}

// Queued is how many changes wait.
func (o *Outbox) Queued() uint64 { return o.Last - o.Confirmed }

// Resync is how far the full-data delivery of an epoch has come.
type Resync struct {
	Epoch   sitesync.Epoch `json:"epoch"`
	Head    wire.Cursor    `json:"head"` // the manifest's; zero before it
	After   wire.Key       `json:"after"`
	Records uint64         `json:"records"` // arrived
	Total   uint64         `json:"total"`
	Scanned bool           `json:"scanned"` // every chunk has arrived
	Blank   bool           `json:"blank"`   // the store was empty when it began: nothing can be in the way
}

// Queued is how many changes of the store wait, of all epochs.
func (s *Store) Queued() uint64 {
	n := s.Outbox.Queued()
	for i := range s.Past {
		n += s.Past[i].Queued()
	}
	return n
}

// Writable tells why nobody may write in the store, nil when the lease decides:
// see DB.Writable.
func (s *Store) Writable() error {
	switch {
	case s.Phase == sitesync.PhaseActive && s.Loaded == s.Epoch:
		return nil
	case s.Phase == sitesync.PhaseDraining:
		return sitesync.Errorf(sitesync.CodeStoreMoving, "change it at that site from now on; what was written here is being sent",
			"the store %s is moving to %s since %s", s.Code, orAnother(s.To), s.Since.Format(sitesync.TimeFormat))
	case s.Phase == sitesync.PhaseReleased:
		return sitesync.Errorf(sitesync.CodeStoreReleased, "change it at that site, or ask the hub's operator to move it back",
			"the store %s moved to %s at %s", s.Code, orAnother(s.To), s.Since.Format(sitesync.TimeFormat))
	case s.Phase == sitesync.PhaseActive:
		return sitesync.Errorf(sitesync.CodeStoreLoading, "ask the hub's operator to look at this site",
			"this device holds no confirmed copy of the store %s, so it is read-only", s.Code)
	default:
		return sitesync.Errorf(sitesync.CodeStoreLoading, "try again when the status shows it as active; what has arrived can be read",
			"the store %s is still arriving at this site", s.Code)
	}
}

func orAnother(site string) string {
	if site == "" {
		return "another site"
	}
	return site
}

// outbox finds the queue of an epoch.
func (s *Store) outbox(epoch sitesync.Epoch) *Outbox {
	if s.Outbox.Epoch == epoch {
		return &s.Outbox
	}
	for i := range s.Past {
		if s.Past[i].Epoch == epoch {
			return &s.Past[i]
		}
	}
	return nil
}

// waits reports whether change n of an epoch is not settled yet.
func (s *Store) waits(epoch sitesync.Epoch, n uint64) bool {
	o := s.outbox(epoch)
	return n != 0 && o != nil && n > o.Confirmed
}

// mostEnded is how many epochs that are over are remembered.
const mostEnded = 16

// endPast puts the queues of former epochs that have run empty among those
// that are over, and forgets those of which no receipts are kept any more.
func (s *Store) endPast() {
	var waiting []Outbox
	for _, o := range s.Past {
		if o.Queued() > 0 {
			waiting = append(waiting, o)
		} else {
			s.end(o)
		}
	}
	s.Past = waiting
}

func (s *Store) end(o Outbox) {
	if o.Last == 0 {
		return
	}
	s.Ended = append(s.Ended, o)
	slices.SortFunc(s.Ended, func(a, b Outbox) int { return cmp.Compare(a.Epoch, b.Epoch) })
	var later uint64 // settled in the epochs after
	for i := len(s.Ended) - 1; i >= 0; i-- {
		if later >= receiptsKept || len(s.Ended)-i > mostEnded {
			s.Ended = slices.Clone(s.Ended[i+1:])
			return
		}
		later += s.Ended[i].Confirmed
	}
}

// clone gives a copy that shares nothing a caller could change.
func (s *Store) clone() Store {
	c := *s
	c.Past = append([]Outbox(nil), s.Past...)
	c.Ended = append([]Outbox(nil), s.Ended...)
	c.Tags = append([]string(nil), s.Tags...)
	if s.Resync != nil {
		r := *s.Resync
		c.Resync = &r
	}
	if s.Blocked != nil {
		p := *s.Blocked
		c.Blocked = &p
	}
	if s.OwnerActive != nil {
		at := *s.OwnerActive
		c.OwnerActive = &at
	}
	if s.Waiting != nil {
		w := *s.Waiting
		c.Waiting = &w
	}
	return c
}

// bytes is a store on disk.
func (s *Store) bytes() []byte {
	value, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("localdb: a store that cannot be written: %v", err)) // its types always can
	}
	return value
}

func readStore(tx *kv.Tx, id sitesync.StoreID) (*Store, bool, error) {
	value, ok, err := tx.Get(storeKey(id))
	if err != nil || !ok {
		return nil, false, err
	}
	s, err := parseStore(id, value)
	return s, err == nil, err
}

func parseStore(id sitesync.StoreID, value []byte) (*Store, error) {
	s := new(Store)
	if err := json.Unmarshal(value, s); err != nil {
		return nil, fmt.Errorf("localdb: store %d: %w", id, err)
	}
	return s, nil
}

// decoded remembers what each store's bytes mean, since every change to a
// record reads and writes its store. What the bytes are, the database alone
// says: after a transaction that failed they are others, and are read anew.
type decoded map[sitesync.StoreID]struct {
	value []byte
	store *Store // not to be changed: it is shown too
}

// store gives a store that the caller may change.
func (c decoded) store(id sitesync.StoreID, value []byte) (*Store, error) {
	if known := c[id]; known.store != nil && bytes.Equal(known.value, value) {
		s := known.store.clone()
		return &s, nil
	}
	return parseStore(id, value)
}

// bytes gives what is to be written of a store, which the caller does not
// change any more.
func (c decoded) bytes(s *Store) []byte {
	known := c[s.ID]
	known.value, known.store = s.bytes(), s
	c[s.ID] = known
	return known.value
}

// readStores reads all stores, by code, as the transaction sees them: what is
// in memory may be newer than a snapshot.
func readStores(tx *kv.Tx) (list []Store, err error) {
	err = tx.Iterate(kv.Range{Prefix: storesPrefix}, func(_, value []byte) (bool, error) {
		var s Store
		if err := json.Unmarshal(value, &s); err != nil {
			return false, fmt.Errorf("localdb: store: %w", err)
		}
		list = append(list, s)
		return true, nil
	})
	sortByCode(list)
	return list, err
}
