package registry

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"sitesync/shared/sitesync"
)

// edit is an optimistic transaction: it reads through to the Backend, collects
// writes, and commits on the condition that nothing it read has changed.
// Everything a decision rests on must be read through it; the index may lag
// behind a commit that is about to return.
type edit struct {
	r     *Registry
	at    sitesync.Time
	read  map[string][]byte // nil: there was none
	write map[string][]byte // nil: to be deleted
	keys  []string          // of write, in order

	// Of commands only (perform).
	answers bool // the index is read for an answer: it must know all that the edit read
	actor   Actor
	sites   map[siteID]*siteChange
	touched []siteID // keys of sites, in order
	done    result
}

// mostTries bounds how often an edit runs again. Each conflict means that
// another commit was made, so that only a storm comes near it.
const mostTries = 200

// edit runs fn in a transaction and commits what it wrote. fn runs again when
// it met with another commit: it must have no effects but through e and by
// assigning. When fn answers an error nothing is kept.
func (r *Registry) edit(fn func(e *edit) error) error {
	return r.try(false, fn)
}

// try is edit, or only its first half when dry.
func (r *Registry) try(dry bool, fn func(e *edit) error) error {
	for n := range mostTries {
		if n == 1 {
			// Those who met a commit go on one at a time, so that a crowd gets
			// through in as many commits as it has members.
			r.again.Lock()
			defer r.again.Unlock()
		}
		e := &edit{
			r:     r,
			at:    sitesync.At(time.Now()),
			read:  make(map[string][]byte),
			write: make(map[string][]byte),
		}
		err := fn(e)
		switch {
		case err == nil && !dry:
			err = e.commit()
		case sitesync.AsError(err) != nil:
			// A refusal may rest on reads with a commit between them.
			if unsure := e.confirm(); unsure != nil {
				err = unsure
			}
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return sitesync.Errorf(sitesync.CodeOverload, "try again in a moment", "too many edits met in the registry")
}

func (e *edit) commit() error {
	var c Commit
	for _, key := range e.keys {
		before, looked := e.read[key]
		if looked && sameValue(before, e.write[key]) {
			continue
		}
		c.Write = append(c.Write, Item{Key: key, Value: e.write[key]})
	}
	if len(c.Write) == 0 && !e.answers {
		return nil
	}
	return e.send(c)
}

// confirm makes sure that what was read is true together, and that the index
// knows it.
func (e *edit) confirm() error { return e.send(Commit{}) }

func (e *edit) send(c Commit) error {
	for key, value := range e.read {
		c.If = append(c.If, Item{Key: key, Value: value})
	}
	if err := e.r.backend.Commit(c); err != nil {
		return fmt.Errorf("registry: commit: %w", err)
	}
	return nil
}

func sameValue(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// get reads a value, also one that the edit wrote itself.
func get[T value](e *edit, key string) (v T, ok bool, err error) {
	raw, known := e.write[key]
	if !known {
		if raw, err = e.fetch(key); err != nil {
			return v, false, err
		}
	}
	if raw == nil {
		return v, false, nil
	}
	v, err = decode[T](Item{Key: key, Value: raw})
	return v, err == nil, err
}

// need reads a value that belongs to one already read. If it is not there the
// two reads met with a commit between them.
func need[T value](e *edit, key string) (T, error) {
	v, ok, err := get[T](e, key)
	if err == nil && !ok {
		err = fmt.Errorf("%s is missing: %w", key, ErrConflict)
	}
	return v, err
}

func (e *edit) fetch(key string) ([]byte, error) {
	if raw, known := e.read[key]; known {
		return raw, nil
	}
	raw, ok, err := e.r.backend.Get(key)
	if err != nil {
		return nil, fmt.Errorf("registry: read %s: %w", key, err)
	}
	if !ok {
		raw = nil
	}
	e.read[key] = raw
	return raw, nil
}

func (e *edit) put(key string, v value) error {
	raw, err := encode(v)
	if err != nil {
		return fmt.Errorf("registry: write %s: %w", key, err)
	}
	e.set(key, raw)
	return nil
}

func (e *edit) remove(key string) { e.set(key, nil) }

func (e *edit) set(key string, raw []byte) {
	if _, known := e.write[key]; !known {
		e.keys = append(e.keys, key)
	}
	e.write[key] = raw
}

// expectNone makes it a condition that key has no value, without a look.
func (e *edit) expectNone(key string) { e.read[key] = nil }
