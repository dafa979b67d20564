package localdb

import (
	"bytes"
	"sync"
	"testing"

	"sitesync/shared/kv"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// stock makes the changes of a pharmacy: JSON of about 300 bytes.
type stock struct{ *sample.Source }

func newStock() stock { return stock{sample.New(1)} }

func (s stock) line() Write {
	r := s.StockLine()
	return Write{Op: sitesync.OpPut, Table: r.Table, ID: r.ID, Data: r.Data}
}

// batch makes as many lines as one call of Write takes.
func (s stock) batch(d *DB) (writes []Write) {
	most, changes := d.WriteLimit()
	for size := 0; len(writes) < changes; {
		w := s.line()
		c := sitesync.Change{Table: w.Table, ID: w.ID, Data: w.Data}
		if size += c.Size(); size > most {
			break
		}
		writes = append(writes, w)
	}
	return writes
}

// batches makes them beforehand, so that they are not measured.
func (s stock) batches(d *DB, n int) (all [][]Write) {
	for range n {
		all = append(all, s.batch(d))
	}
	return all
}

// BenchmarkWrite writes batches of new records, and of changed ones, beside
// bare kv with the same bytes under the same keys.
func BenchmarkWrite(b *testing.B) {
	b.Run("kv", func(b *testing.B) {
		d := open(b, b.TempDir())
		batches := newStock().batches(d, b.N)
		n := uint64(0)
		b.ResetTimer()
		for _, batch := range batches {
			must(b, d.kv.Update(func(tx *kv.Tx) error {
				for i := range batch {
					n++
					key := wire.Key{Table: batch[i].Table, ID: batch[i].ID}
					tx.Set(recordKey(storeA, key), batch[i].Data)
					tx.Set(outboxKey(storeA, epoch1, n), append(make([]byte, 0, len(batch[i].Data)+50), batch[i].Data...))
				}
				return nil
			}))
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
	})
	for _, changed := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "changed"}[changed], func(b *testing.B) {
			b.ReportAllocs()
			d := open(b, b.TempDir())
			activate(b, d, storeA, epoch1)
			batches := newStock().batches(d, b.N)
			if changed {
				for _, batch := range batches {
					write(b, d, batch...)
					for i := range batch {
						batch[i].Data = append(bytes.TrimSuffix(batch[i].Data, []byte("}")), `,"note":1}`...)
					}
				}
			}
			n := 0
			b.ResetTimer()
			for _, batch := range batches {
				n += len(write(b, d, batch...))
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkWriters makes single changes from eight writers, beside bare kv that
// reads and writes as many keys.
func BenchmarkWriters(b *testing.B) {
	const writers = 8
	run := func(b *testing.B, one func(n int, w Write) error) {
		b.ReportAllocs()
		lines := make([]Write, b.N)
		for i, s := 0, newStock(); i < b.N; i++ {
			lines[i] = s.line()
		}
		b.ResetTimer()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := w; i < b.N; i += writers {
					if err := one(i, lines[i]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	}
	b.Run("kv", func(b *testing.B) {
		d := open(b, b.TempDir())
		activate(b, d, storeA, epoch1)
		store := stateOf(b, d, storeA)
		value := store.bytes()
		run(b, func(n int, w Write) error {
			return d.kv.Update(func(tx *kv.Tx) error {
				key := recordKey(storeA, wire.Key{Table: w.Table, ID: w.ID})
				for _, k := range [][]byte{storeKey(storeA), key} {
					if _, _, err := tx.Get(k); err != nil {
						return err
					}
				}
				tx.Set(storeKey(storeA), value)
				tx.Set(key, w.Data)
				tx.Set(outboxKey(storeA, epoch1, uint64(n)), w.Data)
				return nil
			})
		})
	})
	b.Run("localdb", func(b *testing.B) {
		d := open(b, b.TempDir())
		activate(b, d, storeA, epoch1)
		run(b, func(_ int, w Write) error {
			_, err := d.Write(storeA, []Write{w})
			return err
		})
	})
}
