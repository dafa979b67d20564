package registry

import "errors"

// Backend keeps the registry's durable state: small values under text keys.
// It is the seam at which a replicated log or a SQL database can stand in for
// the embedded one. Everything else in this package is written against it, and
// one contract suite runs against every implementation.
//
// All methods may be called from any goroutine. Keys have 1 to 1,000 bytes,
// values at most 1 MiB. Slices given and received are not changed afterwards
// by either side.
type Backend interface {
	// Get reads one key. It sees every commit that returned before.
	Get(key string) (value []byte, ok bool, err error)

	// List reads at most limit items whose keys begin with prefix and lie
	// after the key after ("" = from the first), in the order of their bytes.
	// A page is one moment's state; two pages may be of different moments.
	List(prefix, after string, limit int) ([]Item, error)

	// Commit makes all of c durable, or nothing, and returns once every
	// watcher in this process has seen it and every commit before it. So an
	// empty one makes sure that the watchers have seen what a Get before has.
	// ErrConflict: a condition did not hold and nothing was done. After any
	// other error the outcome may be unknown: repeating c, or reading, tells.
	Commit(c Commit) error

	// Watch calls fn with the writes of every later commit, one commit after
	// another in the order of commits. fn must return at once and must not
	// call the Backend.
	Watch(fn func(writes []Item)) (stop func())
}

// Item is a key and its value; a nil value stands for no value.
type Item struct {
	Key   string
	Value []byte
}

// Commit is a conditional transaction over at most 4,000 keys.
type Commit struct {
	If    []Item // each key must have exactly this value, or none when nil
	Write []Item // set, or delete when nil; each key once
}

// ErrConflict is Commit's answer when a condition does not hold.
var ErrConflict = errors.New("registry: a condition of the commit does not hold")
