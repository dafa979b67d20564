package wire

import (
	"testing"

	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

func stockLines(n int) []sitesync.Change {
	source := sample.New(1)
	lines := make([]sitesync.Change, n)
	for i := range lines {
		r := source.StockLine()
		lines[i] = sitesync.Change{Op: sitesync.OpPut, Table: r.Table, ID: r.ID, Data: r.Data}
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
