package registry

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
)

// memory is a Backend without a disk, held to the same contract as the real
// one. It serves where a test makes hundreds of registries, or runs in a bubble
// of fake time.
type memory struct {
	mu       sync.Mutex
	values   map[string][]byte
	watchers map[int]func([]Item)
	watched  int
	onCommit func(c Commit) // called before the conditions are checked
}

func newMemory() *memory {
	return &memory{values: make(map[string][]byte), watchers: make(map[int]func([]Item))}
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	return value, ok, nil
}

func (m *memory) List(prefix, after string, limit int) (items []Item, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		if strings.HasPrefix(key, prefix) && key > after {
			items = append(items, Item{key, value})
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.Key, b.Key) })
	return items[:min(limit, len(items))], nil
}

func (m *memory) Commit(c Commit) error {
	if m.onCommit != nil {
		m.onCommit(c)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, want := range c.If {
		value, ok := m.values[want.Key]
		if ok != (want.Value != nil) || !bytes.Equal(value, want.Value) {
			return ErrConflict
		}
	}
	for _, w := range c.Write {
		if w.Value == nil {
			delete(m.values, w.Key)
		} else {
			m.values[w.Key] = w.Value
		}
	}
	for _, fn := range m.watchers {
		fn(c.Write)
	}
	return nil
}

func (m *memory) Watch(fn func([]Item)) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watched++
	id := m.watched
	m.watchers[id] = fn
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, id)
	}
}

func TestMemoryBackend(t *testing.T) { testBackend(t, func(*testing.T) Backend { return newMemory() }) }
