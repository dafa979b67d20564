package wire

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sitesync/shared/sitesync"
)

// stockLines makes changes like those of a pharmacy: JSON of about 300 bytes.
func stockLines(n int) []sitesync.Change {
	r := rand.New(rand.NewPCG(1, 2))
	lines := make([]sitesync.Change, n)
	for i := range lines {
		id := fmt.Sprintf("%016x", r.Uint64())
		data := fmt.Appendf(nil, `{"id":"%s","itemId":"%08X","itemName":"Amoxicillin 250mg tabs","batch":"B%06d","expiryDate":"2027-%02d-%02d",`+
			`"packSize":%d,"numberOfPacks":%d,"costPricePerPack":%d.%02d,"sellPricePerPack":%d.%02d,"availableNumberOfPacks":%d,`+
			`"locationId":"%08X","onHold":false,"supplierId":"%08X","note":null}`,
			id, r.Uint32N(2000), r.IntN(1e6), 1+r.IntN(12), 1+r.IntN(28), 1+r.IntN(500), r.IntN(1000), r.IntN(100), r.IntN(100),
			r.IntN(200), r.IntN(100), r.IntN(1000), r.Uint32N(40), r.Uint32N(300))
		lines[i] = sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: id, Data: data}
	}
	return lines
}

// BenchmarkPush encodes and decodes a push of 500 stock lines.
func BenchmarkPush(b *testing.B) {
	lines := stockLines(sitesync.MaxBatchChanges)
	size := 0
	for i := range lines {
		size += lines[i].Size()
	}
	push := &Push{Epoch: sitesync.NewEpoch(1, 4), First: 1, Changes: lines}
	frame := Encode(7, 3, push)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(size))
		for b.Loop() {
			Encode(7, 3, push)
		}
		b.ReportMetric(float64(len(frame))/float64(len(lines)), "B/record")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(size))
		for b.Loop() {
			if _, _, err := Decode[Push](frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
