package registry

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// Options say how a registry works.
type Options struct {
	ReplayMemory time.Duration // how long commands are remembered; 0 = 10 minutes
	Argon2       Argon2        // what hashing a password costs; zero = DefaultArgon2
	Logger       *slog.Logger  // nil logs nothing
}

// Keys of log attributes.
const (
	logComponent = "component"
	logKey       = "key"
	logUser      = "user"
	logError     = "error"
)

// Registry is the hub's registry. All methods may be called from any
// goroutine. Unless a method says otherwise its writes are durable when it
// returns nil, and visible to every read from then on.
type Registry struct {
	backend Backend
	log     *slog.Logger
	memory  time.Duration
	hasher  *hasher
	guesses *guesses
	shown   shownOnce
	numbers numbers
	ticks   ticks
	again   sync.Mutex // held by the one edit that runs again
	stop    func()

	mu       sync.RWMutex // guards what follows; never held during a commit
	index    *index
	watchers map[int]func(Change)
	watched  int
}

// Open reads the registry in b, or begins it: hub ID, hub key and the central
// site. Errors for people: CodeDataNewer.
func Open(b Backend, o Options) (*Registry, error) {
	if o.ReplayMemory == 0 {
		o.ReplayMemory = 10 * time.Minute
	}
	if o.Argon2 == (Argon2{}) {
		o.Argon2 = DefaultArgon2
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Registry{
		backend:  b,
		log:      o.Logger.With(logComponent, "registry"),
		memory:   o.ReplayMemory,
		hasher:   newHasher(o.Argon2),
		guesses:  newGuesses(),
		index:    newIndex(),
		watchers: make(map[int]func(Change)),
	}
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("registry: begin: %w", err)
	}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("registry: load: %w", err)
	}
	return r, nil
}

// Close takes the registry off its Backend, which its owner closes. No method
// may be called afterwards.
func (r *Registry) Close() { r.stop() }

// load fills the index. Commits of others that happen meanwhile wait at the
// index's lock and are applied after it, which does no harm where the listing
// saw them already.
func (r *Registry) load() error {
	r.mu.Lock()
	r.stop = r.backend.Watch(r.follow)
	err := r.index.load(r.backend)
	r.mu.Unlock()
	if err != nil {
		r.stop()
		return err
	}
	newest, err := r.backend.List(prefixAudit, "", 1)
	if err != nil {
		r.stop()
		return err
	}
	if len(newest) > 0 {
		r.ticks.since(newest[0].Key)
	}
	return nil
}

// Change says what a commit touched.
type Change struct {
	Sites   []sitesync.SiteID  // edited, bound, held, reset, deleted; not SaveLive
	Stores  []sitesync.StoreID // edited, deleted
	Intents []sitesync.StoreID // stores with a new intent
	Users   []string           // users and tokens, deleted ones too; not their LastUsed
	Asks    []sitesync.SiteID  // sites whose device was asked for something, or has answered
	Reset   []sitesync.SiteID  // of Sites, those that had a device and have none now
}

// Watch calls fn after every commit that changed something, before the edit
// that made it returns, one commit after another. fn may read the registry but
// must not edit it, and must return at once: commits wait for it.
func (r *Registry) Watch(fn func(Change)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched++
	id := r.watched
	r.watchers[id] = fn
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, id)
	}
}

// follow brings the index up to a commit and tells the watchers.
func (r *Registry) follow(writes []Item) {
	var set changeSet
	r.mu.Lock()
	for _, w := range writes {
		if err := r.index.apply(w, &set); err != nil {
			r.log.Error("a committed value cannot be read", logKey, w.Key, logError, err)
		}
	}
	watchers := make([]func(Change), 0, len(r.watchers))
	for _, fn := range r.watchers {
		watchers = append(watchers, fn)
	}
	r.mu.Unlock()
	if change, any := set.change(); any {
		for _, fn := range watchers {
			fn(change)
		}
	}
}

// changeSet collects a Change.
type changeSet struct {
	sites, reset    map[siteID]bool
	asks            map[siteID]bool
	stores, intents map[storeID]bool
	users           map[string]bool
}

func add[K comparable](set *map[K]bool, k K) {
	if *set == nil {
		*set = make(map[K]bool)
	}
	(*set)[k] = true
}

func (s *changeSet) change() (c Change, any bool) {
	c = Change{Sites: sorted(s.sites), Stores: sorted(s.stores), Intents: sorted(s.intents), Users: sorted(s.users), Reset: sorted(s.reset)}
	c.Asks = sorted(s.asks)
	return c, len(c.Sites)+len(c.Stores)+len(c.Intents)+len(c.Users)+len(c.Asks) > 0
}

func sorted[K interface {
	comparable
	~uint64 | ~string
}](set map[K]bool) []K {
	keys := make([]K, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
