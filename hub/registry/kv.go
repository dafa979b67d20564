package registry

import (
	"bytes"
	"fmt"
	"sync"

	"sitesync/shared/kv"
)

// NewKV makes a Backend of the hub's embedded database, in which the registry
// has the keys that begin with "R/". Concurrent commits share an fsync.
func NewKV(db *kv.DB) Backend {
	return &kvBackend{db: db, watchers: make(map[int]func([]Item))}
}

type kvBackend struct {
	db *kv.DB

	mu       sync.Mutex
	queue    []*committed // in the order of commits; the first may still be on its way to the disk
	watchers map[int]func([]Item)
	watched  int
}

// committed is a commit that its watchers have not all seen.
type committed struct {
	writes  []Item
	settled bool // the database has answered
	durable bool
	told    chan struct{} // closed when every watcher has seen it, or it failed
}

func (b *kvBackend) Get(key string) (value []byte, ok bool, err error) {
	err = b.db.View(func(tx *kv.Tx) error {
		value, ok, err = tx.Get([]byte(key))
		return err
	})
	return value, ok, err
}

func (b *kvBackend) List(prefix, after string, limit int) (items []Item, err error) {
	r := kv.Range{Prefix: []byte(prefix)}
	if after != "" {
		r.From = []byte(after + "\x00")
	}
	if limit <= 0 {
		return nil, nil
	}
	err = b.db.View(func(tx *kv.Tx) error {
		return tx.Iterate(r, func(key, value []byte) (bool, error) {
			items = append(items, Item{Key: string(key), Value: bytes.Clone(value)})
			return len(items) < limit, nil
		})
	})
	return items, err
}

// Commit checks the conditions in the order of the database's updates, and
// takes its place in the watchers' queue there, so that the queue has the
// order in which commits see each other.
func (b *kvBackend) Commit(c Commit) error {
	var place *committed
	durable := false
	defer func() {
		if place != nil {
			b.settle(place, durable)
		}
	}()
	err := b.db.Update(func(tx *kv.Tx) error {
		for _, want := range c.If {
			if err := holds(tx, want); err != nil {
				return err
			}
		}
		for _, w := range c.Write {
			if w.Value == nil {
				tx.Delete([]byte(w.Key))
			} else {
				tx.Set([]byte(w.Key), w.Value)
			}
		}
		place = b.enqueue(c.Write)
		return nil
	})
	durable = err == nil
	return err
}

func holds(tx *kv.Tx, want Item) error {
	value, ok, err := tx.Get([]byte(want.Key))
	switch {
	case err != nil:
		return fmt.Errorf("registry: check %s: %w", want.Key, err)
	case ok != (want.Value != nil) || !bytes.Equal(value, want.Value):
		return ErrConflict
	}
	return nil
}

func (b *kvBackend) enqueue(writes []Item) *committed {
	b.mu.Lock()
	defer b.mu.Unlock()
	place := &committed{writes: writes, told: make(chan struct{})}
	b.queue = append(b.queue, place)
	return place
}

// settle notes what became of a commit, tells the watchers of all that have
// come to the head of the queue, and waits until it was this one's turn.
func (b *kvBackend) settle(place *committed, durable bool) {
	b.mu.Lock()
	place.settled, place.durable = true, durable
	for len(b.queue) > 0 && b.queue[0].settled {
		head := b.queue[0]
		b.queue = b.queue[1:]
		if head.durable {
			for _, fn := range b.watchers {
				fn(head.writes)
			}
		}
		close(head.told)
	}
	b.mu.Unlock()
	<-place.told
}

func (b *kvBackend) Watch(fn func(writes []Item)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched++
	id := b.watched
	b.watchers[id] = fn
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, id)
	}
}
