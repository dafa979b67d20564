package kv

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// batchSize is the number of records in a batch: each is a record and an entry
// of a log.
const batchSize = 500

type pair struct{ key, value []byte }

// stock makes batches like those of a pharmacy: JSON of about 300 bytes.
type stock struct {
	r *rand.Rand
	n uint64
}

func newStock() *stock { return &stock{r: rand.New(rand.NewPCG(1, 2))} }

func (s *stock) batch() []pair {
	pairs := make([]pair, 0, 2*batchSize)
	for range batchSize {
		s.n++
		id := fmt.Sprintf("%016x", s.r.Uint64())
		record := fmt.Appendf(nil, `{"id":"%s","itemId":"%08X","itemName":"Amoxicillin 250mg tabs","batch":"B%06d","expiryDate":"2027-%02d-%02d",`+
			`"packSize":%d,"numberOfPacks":%d,"costPricePerPack":%d.%02d,"sellPricePerPack":%d.%02d,"availableNumberOfPacks":%d,`+
			`"locationId":"%08X","onHold":false,"supplierId":"%08X","note":null}`,
			id, s.r.Uint32N(2000), s.r.IntN(1e6), 1+s.r.IntN(12), 1+s.r.IntN(28), 1+s.r.IntN(500), s.r.IntN(1000), s.r.IntN(100), s.r.IntN(100),
			s.r.IntN(200), s.r.IntN(100), s.r.IntN(1000), s.r.Uint32N(40), s.r.Uint32N(300))
		pairs = append(pairs,
			pair{fmt.Appendf(nil, "r/3/stock_line/%s", id), record},
			pair{binary.BigEndian.AppendUint64([]byte("l/3/"), s.n), []byte("stock_line/" + id)})
	}
	return pairs
}

// BenchmarkUpdate writes batches, beside bare badger with the same options.
func BenchmarkUpdate(b *testing.B) {
	for _, c := range configurations {
		b.Run(c.name+"/batch/badger", func(b *testing.B) {
			db := bare(b, c.small)
			run(b, batchSize, 1, func(s *stock) error {
				return db.Update(func(txn *badger.Txn) error {
					for _, p := range s.batch() {
						if err := txn.Set(p.key, p.value); err != nil {
							return err
						}
					}
					return nil
				})
			})
		})
		b.Run(c.name+"/batch/kv", func(b *testing.B) {
			db := open(b, testOptions(b.TempDir(), c.small))
			run(b, batchSize, 1, func(s *stock) error {
				return db.Update(func(tx *Tx) error {
					for _, p := range s.batch() {
						tx.Set(p.key, p.value)
					}
					return nil
				})
			})
		})
		b.Run(c.name+"/8 writers/badger", func(b *testing.B) {
			db := bare(b, c.small)
			run(b, 1, 8, func(s *stock) error {
				return db.Update(func(txn *badger.Txn) error {
					return txn.Set(fmt.Appendf(nil, "%016x", s.r.Uint64()), make([]byte, 300))
				})
			})
		})
		b.Run(c.name+"/8 writers/kv", func(b *testing.B) {
			db := open(b, testOptions(b.TempDir(), c.small))
			run(b, 1, 8, func(s *stock) error {
				return db.Update(func(tx *Tx) error {
					tx.Set(fmt.Appendf(nil, "%016x", s.r.Uint64()), make([]byte, 300))
					return nil
				})
			})
			st := db.Stats()
			b.ReportMetric(float64(st.Commits)/float64(st.Groups), "updates/group")
		})
	}
	b.Run("fsync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for b.Loop() {
			if _, err := f.Write(make([]byte, 300)); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// bare opens badger as Open does, and nothing around it.
func bare(b *testing.B, small bool) *badger.DB {
	db, err := badger.Open(badgerOptions(b.TempDir(), small).WithLogger(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

// run calls update b.N times from some writers, each with a stock of its own.
func run(b *testing.B, records, writers int, update func(*stock) error) {
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			s := &stock{r: rand.New(rand.NewPCG(1, uint64(w))), n: uint64(w) << 40}
			for range (b.N + writers - 1 - w) / writers {
				if err := update(s); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkScan reads 100,000 records in order.
func BenchmarkScan(b *testing.B) {
	for _, c := range configurations {
		for _, prefetch := range []int{0, 100} {
			b.Run(fmt.Sprintf("%s/prefetch %d", c.name, prefetch), func(b *testing.B) {
				db := open(b, testOptions(b.TempDir(), c.small))
				s := newStock()
				for range 100_000 / batchSize {
					err := db.Update(func(tx *Tx) error {
						for _, p := range s.batch() {
							tx.Set(p.key, p.value)
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				n := 0
				for b.Loop() {
					err := db.View(func(tx *Tx) error {
						return tx.Iterate(Range{Prefix: []byte("r/"), Prefetch: prefetch}, func(_, _ []byte) (bool, error) { n++; return true, nil })
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}
