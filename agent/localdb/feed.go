package localdb

import (
	"sync"

	"sitesync/shared/sitesync"
)

// Event tells a watcher what changed in a store.
type Event struct {
	Kind  EventKind
	Op    sitesync.Op // of EventChange
	Table string
	ID    string
	ETag  string // "" of a delete
	Local bool   // made here, not at the hub
}

// EventKind says what an Event is about.
type EventKind uint8

const (
	EventChange EventKind = 1 // a record
	EventPhase  EventKind = 2 // the store's phase or writability; read Stores
	EventReset  EventKind = 3 // much changed at once: read the store anew
	EventQueue  EventKind = 4 // the outbox: something was queued or settled
)

// feed puts what concurrent transactions have to tell into the order in which
// they committed. A transaction takes its place while it runs (transactions
// run one after another) and tells once it is durable. Who comes early waits
// for those before, which are about to come: they were committed no later.
type feed struct {
	mu       sync.Mutex
	reserved uint64
	told     uint64
	early    map[uint64]func()
	watchers map[*Watch]struct{}
}

func (f *feed) init() { f.early, f.watchers = map[uint64]func(){}, map[*Watch]struct{}{} }

// reserve is called inside of a transaction.
func (f *feed) reserve() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reserved++
	return f.reserved
}

// take runs fn when all earlier places have been taken, and returns then.
func (f *feed) take(place uint64, fn func()) {
	done := make(chan struct{})
	f.mu.Lock()
	f.early[place] = func() { fn(); close(done) }
	for next := f.early[f.told+1]; next != nil; next = f.early[f.told+1] {
		delete(f.early, f.told+1)
		f.told++
		next()
	}
	f.mu.Unlock()
	<-done
}

// Watch is a subscription to the events of all stores.
type Watch struct {
	feed *feed
	fn   func(sitesync.StoreID, []Event)
}

// Watch calls fn, in the order of commits, with what each transaction changed.
// fn must not block and must not write to the database.
func (d *DB) Watch(fn func(store sitesync.StoreID, events []Event)) *Watch {
	w := &Watch{feed: &d.feed, fn: fn}
	d.feed.mu.Lock()
	defer d.feed.mu.Unlock()
	d.feed.watchers[w] = struct{}{}
	return w
}

// Stop ends the subscription; fn is not running when it returns.
func (w *Watch) Stop() {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	delete(w.feed.watchers, w)
}

// tell runs under f.mu, from take.
func (f *feed) tell(store sitesync.StoreID, events []Event) {
	if len(events) == 0 {
		return
	}
	for w := range f.watchers {
		w.fn(store, events)
	}
}
