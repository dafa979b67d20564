package kv

import "testing"

// Tables that were read are given back, and can be read again.
func TestLetGo(t *testing.T) {
	o := testOptions(t.TempDir(), true)
	db := open(t, o)
	s := newStock()
	for range 20 {
		err := db.Update(func(tx *Tx) error {
			for _, p := range s.batch() {
				tx.Set(p.key, p.value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil { // all goes into tables
		t.Fatal(err)
	}
	db = open(t, o)
	count := func() (n int) {
		err := db.View(func(tx *Tx) error {
			return tx.Iterate(Range{}, func(_, _ []byte) (bool, error) { n++; return true, nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	resident := func() (bytes int64) {
		tables, err := mappedTables(db.dataPath())
		if err != nil || len(tables) == 0 {
			t.Fatalf("%v, %v", tables, err)
		}
		for _, m := range tables {
			bytes += m.resident
		}
		return bytes
	}
	if n := count(); n != 2*20*batchSize {
		t.Fatalf("%d entries", n)
	}
	before := resident()
	if err := letGo(db.dataPath(), before); err != nil || resident() < before {
		t.Errorf("%d bytes resident after a letGo with room, %v", resident(), err)
	}
	if err := letGo(db.dataPath(), before-1); err != nil {
		t.Fatal(err)
	}
	if after := resident(); before < 3*mib || after > before/4 {
		t.Errorf("%d bytes resident, were %d", after, before)
	}
	if n := count(); n != 2*20*batchSize {
		t.Errorf("%d entries", n)
	}
}
