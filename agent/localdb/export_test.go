package localdb

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestExport(t *testing.T) {
	d := writable(t)
	write(t, d, put("old", `{}`))
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	datas := []string{`{"a":"<b> & ü \u2028"}`, "{ \"a\" :\n\t1 }", `{"n":1.0,"n":2}`}
	write(t, d, put("1", datas[0]), put("2", datas[1]))
	past := queued(t, d)
	loading(t, d, epoch2)
	must(t, d.ApplyChunk(storeA, chunksOf(epoch2, nil, 1)[0]))
	assign(t, d, assigned(storeA, epoch2, sitesync.PhaseActive))
	write(t, d, put("3", datas[2]), del("1"))
	now := queued(t, d)

	var out bytes.Buffer
	n, err := d.Export(&out, 6, "aabb")
	if err != nil || n != 4 {
		t.Fatalf("%d lines, %v", n, err)
	}
	lines := bufio.NewScanner(&out)
	lines.Scan()
	var head ExportHead
	must(t, json.Unmarshal(lines.Bytes(), &head))
	if head.Format != 1 || head.Kind != "sitesync-outbox" || head.Site != 6 || head.Hub != "aabb" || head.Replica != d.Replica() || head.Changes != 4 {
		t.Errorf("%+v", head)
	}
	// The lines are the queues, byte for byte, so that chains and ETags of the
	// imported changes are those of the device.
	queues := map[sitesync.Epoch]*Queue{epoch1: {}, epoch2: {}}
	var order []uint64
	for lines.Scan() {
		var line ExportLine
		must(t, json.Unmarshal(lines.Bytes(), &line))
		op, _ := sitesync.ParseOp(line.Op)
		c := sitesync.Change{Op: op, Table: line.Table, ID: line.ID, To: line.To, Data: line.Data}
		if line.Raw != nil {
			var plain bytes.Buffer
			if err := json.Compact(&plain, line.Raw); err != nil || plain.String() != string(line.Data) {
				t.Errorf("raw %q, data %q", line.Raw, line.Data)
			}
			c.Data = line.Raw
		}
		if line.Store != storeA || line.Code != "S3" {
			t.Errorf("%+v", line)
		}
		q := queues[line.Epoch]
		q.Changes, q.Last = append(q.Changes, c), line.Chain
		order = append(order, line.N)
	}
	for epoch, want := range map[sitesync.Epoch]Queue{epoch1: past, epoch2: now} {
		got := queues[epoch]
		got.Chain = want.Chain
		if chains := chainsOf(*got); chains[len(chains)-1] != want.Last || got.Last != want.Last {
			t.Errorf("epoch %s: chain %s, want %s", epoch, got.Last, want.Last)
		}
	}
	if len(order) != 4 || order[0] != 2 || order[1] != 3 || order[2] != 1 || order[3] != 2 {
		t.Errorf("n in the order %d", order)
	}
	if d.Backlog() != 4 {
		t.Error("something was taken out")
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("no space left")

func (f *fullDisk) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestExportFails(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{"a":"`+strings.Repeat("x", 1000)+`"}`))
	for _, left := range []int{0, 500} {
		if _, err := d.Export(&fullDisk{left}, 6, ""); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
	}
	var out bytes.Buffer
	wantSettled(t, d, receiptFor(queued(t, d), 1), Agrees)
	if n, err := d.Export(&out, 0, ""); err != nil || n != 0 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("nothing waits: %d, %v, %q", n, err, out.String())
	}
}
