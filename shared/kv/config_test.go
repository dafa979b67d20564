package kv

import "testing"

// Only a power cut would show that these are lost.
func TestDurableConfiguration(t *testing.T) {
	for _, c := range configurations {
		if o := badgerOptions("dir", c.small); !o.SyncWrites || o.InMemory || o.BypassLockGuard {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}
