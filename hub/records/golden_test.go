package records

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var update = flag.Bool("update", false, "write the golden files of the present format")

// Values as they are on disk. What a released version wrote must stay
// readable: when a form changes, these stay and get neighbours.
var (
	goldenAt      = sitesync.At(time.Date(2025, 3, 4, 5, 6, 7, 890e6, time.UTC))
	goldenEpoch   = sitesync.NewEpoch(1, 4)
	goldenReplica = sitesync.ReplicaID{0: 0xab, 15: 0xcd}
	goldenChain   = sitesync.Chain{0: 0x12, 15: 0x34}
	goldenOrigin  = Origin{Epoch: goldenEpoch, Site: 6, Replica: goldenReplica}
	goldenKey     = wire.Key{Table: "stock_line", ID: "Zürich 1"}
	goldenEnded   = endedHandover{Format: 1, Handover: sitesync.Handover{ID: 9, Store: 3, From: 1, To: 6, State: sitesync.HandoverDone, Epoch: goldenEpoch,
		Started: goldenAt, Ended: &goldenAt, Sent: sitesync.Volume{Records: 3, Bytes: 4}, Total: sitesync.Volume{Records: 3, Bytes: 4}, By: "anna"}}
	goldenHandover = sitesync.Handover{ID: 9, Store: 3, From: 1, To: 6, State: sitesync.HandoverLoading, Epoch: goldenEpoch, Started: goldenAt,
		Sent: sitesync.Volume{Records: 1, Bytes: 2}, Total: sitesync.Volume{Records: 3, Bytes: 4}, ETA: &goldenAt, By: "anna"}
)

// jsonValues are the values in JSON, each with a place to read it into.
var jsonValues = map[string]struct{ value, into any }{
	"meta": {&Meta{Format: 1, Store: 3, Version: 17, Owner: 6, Replica: goldenReplica, Epoch: goldenEpoch, Phase: sitesync.PhaseLoading,
		Handover: &goldenHandover, Intent: 5, LoadedTries: 2, Settled: 12, Chain: goldenChain, Log: wire.LogID{0: 1, 15: 2}, Seq: 1000,
		Foreign: 900, Floor: 800, Pin: 850, Records: 100, Bytes: 30_000, Digest: sitesync.Digest{0: 0x56, 15: 0x78}}, new(Meta)},
	"meta-new": {&Meta{Format: 1, Store: 3, Version: 1, Owner: sitesync.CentralSite, Epoch: sitesync.NewEpoch(1, 1),
		Phase: sitesync.PhaseActive, Intent: 1, Log: wire.LogID{0: 1, 15: 2}}, new(Meta)},
	"past": {&past{Format: 1, Settled: 12, Chain: goldenChain, Owned: true}, new(past)},
	"quarantine": {&item{Format: 1, ID: 7, Store: 3, Origin: goldenOrigin, N: 12, Chain: goldenChain, Reason: uint8(sitesync.ReasonSchema),
		Op: sitesync.OpPut, Table: goldenKey.Table, Record: goldenKey.ID, To: "N2", Data: []byte("{\"a\":\"\x00ü"), Received: goldenAt, State: sitesync.QuarantineOpen}, new(item)},
	"badframe": {&badFrame{Format: 1, Store: 3, Received: goldenAt, Length: 5, Frame: []byte{1, 3, 0, 0xff}}, new(badFrame)},
	"handover": {&goldenEnded, new(endedHandover)},
}

// binaryValues are the others, with what reads them.
var binaryValues = map[string]struct {
	value interface{ bytes() []byte }
	parse func([]byte) (any, error)
}{
	"record": {record{op: sitesync.OpPut, seq: 1000, changed: goldenAt.UnixMilli(), data: []byte(`{"itemId":"A1","packs":12}`)},
		func(b []byte) (any, error) { return parseRecord(b) }},
	"record-tombstone": {record{op: sitesync.OpDelete, seq: 1 << 40, changed: goldenAt.UnixMilli(), data: []byte{}},
		func(b []byte) (any, error) { return parseRecord(b) }},
	"log-device": {entry{op: sitesync.OpPut, epoch: goldenEpoch, key: goldenKey}, func(b []byte) (any, error) { return parseEntry(b) }},
	"log-hub":    {entry{op: sitesync.OpDelete, key: goldenKey}, func(b []byte) (any, error) { return parseEntry(b) }},
	"tombstone":  {tombstone{changed: goldenAt.UnixMilli(), key: goldenKey}, func(b []byte) (any, error) { return parseTombstone(b) }},
}

func golden(t *testing.T, name string, present []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "v1", name)
	if *update {
		if err := os.WriteFile(path, append(present, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b)
}

func TestGoldenJSON(t *testing.T) {
	for name, v := range jsonValues {
		present, err := json.MarshalIndent(v.value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		was := golden(t, name+".json", present)
		if err := json.Unmarshal(was, v.into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(v.into, v.value) {
			t.Errorf("%s is read as\n%+v, not\n%+v", name, v.into, v.value)
		}
		if !bytes.Equal(present, was) {
			t.Errorf("%s is written as\n%s\nand was\n%s", name, present, was)
		}
	}
}

func TestGoldenBinary(t *testing.T) {
	for name, v := range binaryValues {
		present := v.value.bytes()
		was, err := hex.DecodeString(string(golden(t, name+".hex", []byte(hex.EncodeToString(present)))))
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.parse(was)
		if err != nil || !reflect.DeepEqual(got, v.value) {
			t.Errorf("%s is read as\n%+v, %v, not\n%+v", name, got, err, v.value)
		}
		if !bytes.Equal(present, was) {
			t.Errorf("%s is written as %x and was %x", name, present, was)
		}
	}
}

// TestUnreadableValues holds that a value which is cut short, or of another
// format or operation, is an error and not a guess.
func TestUnreadableValues(t *testing.T) {
	for name, v := range binaryValues {
		whole := v.value.bytes()
		for _, b := range [][]byte{nil, whole[:1], whole[:2], whole[:3], append([]byte{9}, whole[1:]...), append([]byte{whole[0], 9}, whole[2:]...)} {
			if got, err := v.parse(b); err == nil {
				t.Errorf("%s: %x is read as %+v", name, b, got)
			}
		}
	}
	if _, err := parseEntry([]byte("\x01\x01\x00stock")); err == nil {
		t.Error("a log entry without an end of its table")
	}
	for name, v := range jsonValues {
		whole, err := json.Marshal(v.value)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{nil, whole[:len(whole)-1], bytes.Replace(whole, []byte(`"format":1`), []byte(`"format":2`), 1), []byte(`{}`)} {
			if err := parseJSON(b, v.into); err == nil {
				t.Errorf("%s: %s is read", name, b)
			}
		}
	}
	d := openTest(t)
	for _, text := range []string{`{"format":2,"store":3,"version":1}`, `{"format":1,`} {
		d.write(t, metaKey(3), []byte(text))
		_, _, err := d.Meta(3)
		if err == nil || sitesync.AsError(err) != nil || !strings.Contains(err.Error(), "records: ") {
			t.Errorf("meta %s: %v", text, err)
		}
	}
}

// TestGoldenKeys holds the keys, which order everything.
func TestGoldenKeys(t *testing.T) {
	const store = sitesync.StoreID(3)
	var lines strings.Builder
	for _, k := range []struct {
		name string
		key  []byte
	}{
		{"meta", metaKey(store)},
		{"record", recordKey(store, goldenKey)},
		{"log", logKey(store, 1000)},
		{"tombstone", tombstoneKey(store, 1000)},
		{"past", pastKey(store, goldenOrigin)},
		{"quarantine", quarantineKey(store, goldenOrigin, 12)},
		{"handover", handoverKey(store, 9)},
		{"quarantine index", quarantineIndexKey(7)},
		{"bad frame", badFrameKey(6, uint64(goldenAt.UnixNano()))},
		{"audit", auditKey(goldenAt.Time, store)},
		{"quarantine last", quarantineLast},
		{"dropped", droppedKey(store)},
	} {
		lines.WriteString(k.name + " " + hex.EncodeToString(k.key) + "\n")
	}
	present := strings.TrimSpace(lines.String())
	if was := string(golden(t, "keys.txt", []byte(present))); was != present {
		t.Errorf("the keys are\n%s\nand were\n%s", present, was)
	}
	if k, err := splitRecordKey(recordKey(store, goldenKey)); err != nil || k != goldenKey {
		t.Errorf("the record's key is read as %v, %v", k, err)
	}
}
