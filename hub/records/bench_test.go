package records_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// stock makes stock lines, JSON of about 300 bytes, as those of a pharmacy.
type stock struct{ r *rand.Rand }

func newStock() stock { return stock{rand.New(rand.NewPCG(1, 2))} }

func (s stock) id() string { return fmt.Sprintf("%016x", s.r.Uint64()) }

func (s stock) line(id string) []byte {
	return fmt.Appendf(nil, `{"id":"%s","itemId":"%08X","itemName":"Amoxicillin 250mg tabs","batch":"B%06d","expiryDate":"2027-%02d-%02d",`+
		`"packSize":%d,"numberOfPacks":%d,"costPricePerPack":%d.%02d,"sellPricePerPack":%d.%02d,"availableNumberOfPacks":%d,`+
		`"locationId":"%08X","onHold":false,"supplierId":"%08X","note":null}`,
		id, s.r.Uint32N(2000), s.r.IntN(1e6), 1+s.r.IntN(12), 1+s.r.IntN(28), 1+s.r.IntN(500), s.r.IntN(1000), s.r.IntN(100), s.r.IntN(100),
		s.r.IntN(200), s.r.IntN(100), s.r.IntN(1000), s.r.Uint32N(40), s.r.Uint32N(300))
}

func (s stock) put(id string) sitesync.Change {
	return sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: id, Data: s.line(id)}
}

const batchSize = sitesync.MaxBatchChanges

// BenchmarkApply applies batches of new records and of overwritten ones, beside
// the bare database writing the same record and log entry for each.
func BenchmarkApply(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		db := openKV(b, b.TempDir())
		s, n := newStock(), uint64(0)
		measure(b, func() error {
			changes := make([]sitesync.Change, batchSize)
			for i := range changes {
				changes[i] = s.put(s.id())
			}
			b.StartTimer()
			defer b.StopTimer()
			return db.Update(func(tx *kv.Tx) error {
				for i := range changes {
					n++
					tx.Set([]byte("s1234567r"+changes[i].Table+"\x00"+changes[i].ID), changes[i].Data)
					tx.Set(binary.BigEndian.AppendUint64([]byte("s1234567l"), n), []byte(changes[i].Table+"\x00"+changes[i].ID))
				}
				return nil
			})
		})
	})
	b.Run("new", func(b *testing.B) {
		s := newStock()
		benchmarkApply(b, func(uint64) sitesync.Change { return s.put(s.id()) })
	})
	b.Run("overwritten", func(b *testing.B) {
		s := newStock()
		ids := make([]string, 20_000)
		for i := range ids {
			ids[i] = s.id()
		}
		benchmarkApply(b, func(n uint64) sitesync.Change {
			if n < uint64(len(ids)) {
				return s.put(ids[n])
			}
			return s.put(ids[s.r.IntN(len(ids))])
		})
	})
}

func benchmarkApply(b *testing.B, change func(n uint64) sitesync.Change) {
	state, device := activeStore(b)
	batch := func() records.Batch {
		first := device.Last() + 1
		for range batchSize {
			device.Add(change(device.Last()))
		}
		out := device.Batch(first, device.Last())
		out.After = first - 1
		return out
	}
	for range 20_000 / batchSize {
		applyBatch(b, state, batch())
	}
	measure(b, func() error {
		next := batch()
		b.StartTimer()
		defer b.StopTimer()
		applyBatch(b, state, next)
		return nil
	})
}

// measure runs fn, which starts and stops the timer, b.N times.
func measure(b *testing.B, fn func() error) {
	b.ReportAllocs()
	b.StopTimer()
	b.ResetTimer()
	for range b.N {
		if err := fn(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "records/s")
}

func applyBatch(b *testing.B, state records.State, batch records.Batch) {
	res, err := state.Apply(batch)
	if err != nil || res.Outcome != wire.Settled || res.Applied != len(batch.Changes) {
		b.Fatalf("%+v, %v", res, err)
	}
}

// BenchmarkScan reads 100,000 records in pages as a resync does, and
// BenchmarkChanges reads the log.
func BenchmarkScan(b *testing.B) {
	state := fullStore(b)
	n := 0
	for b.Loop() {
		for after, last := (wire.Key{}), false; !last; {
			page, err := state.Scan(benchStore, after, records.Limit{Records: 2000, Bytes: 512 << 10})
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Records)
			after, last = page.Through, page.Last
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkChanges(b *testing.B) {
	state := fullStore(b)
	n := 0
	for b.Loop() {
		for from, more := (wire.Cursor{}), true; more; {
			page, err := state.Changes(benchStore, from, records.Filter{}, records.Limit{Records: 2000, Bytes: 512 << 10})
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Changes)
			from, more = page.Cursor, page.More
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

const benchStore = sitesync.StoreID(7)

func activeStore(b *testing.B) (records.State, *recordstest.Device) {
	state, err := records.Open(openKV(b, b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	o := records.Origin{Epoch: sitesync.NewEpoch(1, 2), Site: 5, Replica: sitesync.ReplicaID{1}}
	_, err = state.Transition(0, records.Meta{Store: benchStore, Owner: o.Site, Replica: o.Replica, Epoch: o.Epoch, Phase: sitesync.PhaseActive}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return state, recordstest.NewDevice(benchStore, o)
}

func fullStore(b *testing.B) records.State {
	state, device := activeStore(b)
	s := newStock()
	for range 100_000 / batchSize {
		first := device.Last() + 1
		for range batchSize {
			device.Add(s.put(s.id()))
		}
		applyBatch(b, state, device.Batch(first, device.Last()))
	}
	return state
}
