package localdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// DB is the agent's durable state.
type DB struct {
	kv   *kv.DB
	feed feed

	clearing bool // a Clear was cut short before this start

	mu      sync.RWMutex
	replica sitesync.ReplicaID
	stores  map[sitesync.StoreID]*Store // as committed
}

// Open opens the database below a directory and makes it, with a new replica,
// at the first start. Errors: data_locked, data_newer.
func Open(dir string, log *slog.Logger) (*DB, error) {
	db, err := kv.Open(kv.Options{Dir: dir, Kind: "agent", Format: Format, Small: true, Reserve: 32 << 20, Logger: log})
	if err != nil {
		return nil, err
	}
	d := &DB{kv: db, stores: map[sitesync.StoreID]*Store{}}
	d.feed.init()
	err = d.load()
	if err == nil && d.clearing {
		d.clearing = false
		err = d.finishClear()
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
	return d.kv.Update(func(tx *kv.Tx) error {
		id, ok, err := tx.Get(replicaKey)
		if err != nil {
			return err
		}
		if ok {
			if copy(d.replica[:], id) != len(d.replica) {
				return fmt.Errorf("localdb: a replica ID of %d bytes", len(id))
			}
		} else {
			d.replica = sitesync.NewReplicaID()
			tx.Set(replicaKey, d.replica[:])
		}
		if _, d.clearing, err = tx.Get(clearingKey); err != nil {
			return err
		}
		return tx.Iterate(kv.Range{Prefix: storesPrefix}, func(_, value []byte) (bool, error) {
			s := new(Store)
			if err := json.Unmarshal(value, s); err != nil {
				return false, fmt.Errorf("localdb: store: %w", err)
			}
			d.stores[s.ID] = s
			return true, nil
		})
	})
}

// Stores lists the stores by code.
func (d *DB) Stores() []Store {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]Store, 0, len(d.stores))
	for _, s := range d.stores {
		list = append(list, s.clone())
	}
	slices.SortFunc(list, func(a, b Store) int { return compare(a.Code, b.Code) })
	return list
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
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

// Resolve gives a store by its code. Errors: no_such_store.
func (d *DB) Resolve(code string) (Store, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, s := range d.stores {
		if s.Code == code {
			return s.clone(), nil
		}
	}
	return Store{}, sitesync.Errorf(sitesync.CodeNoSuchStore, "see GET /v1/stores for those this site has",
		"this site has no store %q", code)
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

// change runs fn in a transaction with the store's present state, writes the
// state back, and makes it visible once it is durable. fn returns the events
// that watchers of the store are told.
func (d *DB) change(id sitesync.StoreID, fn func(tx *kv.Tx, s *Store) ([]Event, error)) error {
	var place uint64
	var after *Store
	var events []Event
	err := d.kv.Update(func(tx *kv.Tx) error {
		s, ok, err := readStore(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return sitesync.Errorf(sitesync.CodeNoSuchStore, "see GET /v1/stores for those this site has", "this site has no store %d", id)
		}
		if events, err = fn(tx, s); err != nil {
			return err
		}
		writeStore(tx, s)
		after, place = s, d.feed.reserve()
		return nil
	})
	d.publish(place, err, []*Store{after}, events)
	return err
}

// publish makes a committed state visible, in the order of commits. A place
// that was reserved and then failed is given up.
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
			d.stores[s.ID] = s
		}
		d.mu.Unlock()
		for _, s := range after {
			d.feed.tell(s.ID, events)
		}
	})
}

func readStore(tx *kv.Tx, id sitesync.StoreID) (*Store, bool, error) {
	value, ok, err := tx.Get(storeKey(id))
	if err != nil || !ok {
		return nil, false, err
	}
	s := new(Store)
	if err := json.Unmarshal(value, s); err != nil {
		return nil, false, fmt.Errorf("localdb: store %d: %w", id, err)
	}
	return s, true, nil
}

func writeStore(tx *kv.Tx, s *Store) {
	value, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("localdb: a store that cannot be written: %v", err)) // its types always can
	}
	tx.Set(storeKey(s.ID), value)
}
