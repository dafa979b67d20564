package console

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sitesync/hub/hubd"
	"sitesync/hub/registry"
	"sitesync/hub/rig"
	"sitesync/shared/kv"
)

// fill makes the data directory of a hub with many sites. It goes through the
// registry, on a memory whose content is then written in a few commits, and
// hashes passwords cheaply: as commands it would take half an hour.
func fill(t *testing.T, dir string, sites int) {
	t.Helper()
	m := &memory{values: map[string][]byte{}}
	r, err := registry.Open(m, registry.Options{Argon2: registry.Argon2{Memory: 8, Time: 1, Threads: 1}})
	check(t, err)
	_, err = r.EnsureAdmin(rig.AdminPassword)
	check(t, err)
	for i := range sites {
		_, err := r.CreateSite(registry.Actor{Name: "admin"},
			registry.NewSite{Name: fmt.Sprintf("Facility %05d", i), Code: fmt.Sprintf("F%d", i), Password: password})
		check(t, err)
	}
	r.Close()
	check(t, os.MkdirAll(dir, 0o700))
	db, err := kv.Open(kv.Options{Dir: filepath.Join(dir, "db"), Kind: "hub", Format: hubd.Format})
	check(t, err)
	items, err := m.List("", "", len(m.values))
	check(t, err)
	backend := registry.NewKV(db)
	for chunk := range slices.Chunk(items, 4000) {
		check(t, backend.Commit(registry.Commit{Write: chunk}))
	}
	check(t, db.Close())
}

// memory is a registry's state in memory, for one goroutine.
type memory struct {
	values  map[string][]byte
	watcher func([]registry.Item)
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	value, ok := m.values[key]
	return value, ok, nil
}

func (m *memory) List(prefix, after string, limit int) (items []registry.Item, err error) {
	for _, key := range slices.Sorted(maps.Keys(m.values)) {
		if strings.HasPrefix(key, prefix) && key > after && len(items) < limit {
			items = append(items, registry.Item{Key: key, Value: m.values[key]})
		}
	}
	return items, nil
}

func (m *memory) Commit(c registry.Commit) error {
	for _, want := range c.If {
		if have, ok := m.values[want.Key]; ok != (want.Value != nil) || !bytes.Equal(have, want.Value) {
			return registry.ErrConflict
		}
	}
	for _, item := range c.Write {
		if m.values[item.Key] = item.Value; item.Value == nil {
			delete(m.values, item.Key)
		}
	}
	if m.watcher != nil {
		m.watcher(c.Write)
	}
	return nil
}

func (m *memory) Watch(fn func([]registry.Item)) (stop func()) {
	m.watcher = fn
	return func() { m.watcher = nil }
}
