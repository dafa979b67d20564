package localdb

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// DB is the agent's durable state.
type DB struct {
	kv       *kv.DB
	leases   leases
	feed     feed
	clearing atomic.Bool // a Clear has begun: no store takes changes
	decoded  decoded     // belongs to the transaction that runs

	mu      sync.RWMutex
	replica sitesync.ReplicaID
	stores  map[sitesync.StoreID]*Store // as committed
}

// Options of a database.
type Options struct {
	Dir        string
	Clock      Clock // nil: the process's own, as if the device had booted with it
	TrustClock bool  // the device has a battery-backed clock, which counts over a reboot
	Log        *slog.Logger

	Commit func(commit func() error) error // see kv.Options
}

// Open opens the database below a directory and makes it, with a new replica,
// at the first start. Errors: data_locked, data_newer; disk_full only when
// there is something to write: at the first start, and after a Clear that was
// cut short.
func Open(o Options) (*DB, error) {
	db, err := kv.Open(kv.Options{Dir: o.Dir, Kind: "agent", Format: Format, Small: true, Reserve: 32 << 20, Commit: o.Commit, Logger: o.Log})
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = processClock()
	}
	d := &DB{kv: db, decoded: decoded{}, stores: map[sitesync.StoreID]*Store{},
		leases: leases{clock: o.Clock, trust: o.TrustClock, changing: new(sync.Mutex), mu: new(sync.Mutex)}}
	d.feed.init()
	err = d.load()
	switch {
	case err == nil && d.clearing.Load():
		err = d.finishClear()
	case err == nil && d.replica.IsZero():
		err = d.renew()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// Close ends what Open began.
func (d *DB) Close() error { return d.kv.Close() }

// Replica is this data directory's ID.
func (d *DB) Replica() sitesync.ReplicaID {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.replica
}

// DiskFree is the free space of the disk, in bytes.
func (d *DB) DiskFree() uint64 { return d.kv.Stats().DiskFree }

func (d *DB) load() error {
	return d.kv.View(func(tx *kv.Tx) error {
		id, ok, err := tx.Get(replicaKey)
		if err == nil && ok && copy(d.replica[:], id) != len(d.replica) {
			err = fmt.Errorf("localdb: a replica ID of %d bytes", len(id))
		}
		if err != nil {
			return err
		}
		_, clearing, err := tx.Get(clearingKey)
		if err != nil {
			return err
		}
		d.clearing.Store(clearing)
		if err := d.loadLease(tx); err != nil {
			return err
		}
		stores, err := readStores(tx)
		for i := range stores {
			d.stores[stores[i].ID] = &stores[i]
		}
		return err
	})
}

// renew gives the directory a new replica and ends a Clear.
func (d *DB) renew() error {
	replica := sitesync.NewReplicaID()
	err := d.kv.Update(func(tx *kv.Tx) error {
		tx.Set(replicaKey, replica[:])
		tx.Delete(clearingKey)
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.replica = replica
	d.mu.Unlock()
	d.leases.forget()
	d.clearing.Store(false)
	return nil
}

// Stores lists the stores by code.
func (d *DB) Stores() []Store {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]Store, 0, len(d.stores))
	for _, s := range d.stores {
		list = append(list, s.clone())
	}
	sortByCode(list)
	return list
}

func sortByCode(list []Store) {
	slices.SortFunc(list, func(a, b Store) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID)) })
}

// Store gives a store by its ID.
func (d *DB) Store(id sitesync.StoreID) (Store, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s, ok := d.stores[id]
	if !ok {
		return Store{}, false
	}
	return s.clone(), true
}

// Resolve gives a store by its code. Where a store that went to another site
// left its code to a newer one, it is the newer one's. Errors: no_such_store.
func (d *DB) Resolve(code string) (Store, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found *Store
	for _, s := range d.stores {
		if s.Code == code && (found == nil || s.outranks(found)) {
			found = s
		}
	}
	if found == nil {
		return Store{}, sitesync.Errorf(sitesync.CodeNoSuchStore, "see GET /v1/stores for those this site has",
			"this site has no store %q", code)
	}
	return found.clone(), nil
}

func (s *Store) outranks(other *Store) bool {
	if gone := s.Phase == sitesync.PhaseReleased; gone != (other.Phase == sitesync.PhaseReleased) {
		return !gone
	}
	return s.ID > other.ID
}

// Backlog is how many changes wait for the hub.
func (d *DB) Backlog() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var n uint64
	for _, s := range d.stores {
		n += s.Queued()
	}
	return n
}

// errUnchanged ends a transaction that has nothing to write, as a success.
var errUnchanged = errors.New("localdb: nothing to write")

// change runs fn in a transaction with the store's present state, writes the
// state back, and makes it visible once it is durable. fn returns the events
// that watchers of the store are told, or errUnchanged.
func (d *DB) change(id sitesync.StoreID, fn func(tx *kv.Tx, s *Store) ([]Event, error)) error {
	var place uint64
	var after *Store
	var events []Event
	err := d.kv.Update(func(tx *kv.Tx) error {
		s, ok, err := d.storeIn(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return sitesync.Errorf(sitesync.CodeNoSuchStore, "see GET /v1/stores for those this site has", "this site has no store %d", id)
		}
		if events, err = fn(tx, s); err != nil {
			return err
		}
		tx.Set(storeKey(s.ID), d.decoded.bytes(s))
		after, place = s, d.feed.reserve()
		return nil
	})
	d.publish(place, err, []*Store{after}, events)
	if err == errUnchanged {
		return nil
	}
	return err
}

// storeIn reads a store to change it. Once a Clear has begun there is none.
func (d *DB) storeIn(tx *kv.Tx, id sitesync.StoreID) (*Store, bool, error) {
	if d.clearing.Load() {
		return nil, false, nil
	}
	value, ok, err := tx.Get(storeKey(id))
	if err != nil || !ok {
		return nil, false, err
	}
	s, err := d.decoded.store(id, value)
	return s, err == nil, err
}

// publish makes a committed state visible, in the order of commits: when it
// returns, so is all that was committed before. A place that was reserved and
// then failed is given up.
func (d *DB) publish(place uint64, err error, after []*Store, events []Event) {
	if place == 0 {
		return
	}
	d.feed.take(place, func() {
		if err != nil {
			return
		}
		d.mu.Lock()
		for _, s := range after {
			if s.dropped {
				delete(d.stores, s.ID)
			} else {
				d.stores[s.ID] = s
			}
		}
		d.mu.Unlock()
		for _, s := range after {
			d.feed.tell(s.ID, events)
		}
	})
}
