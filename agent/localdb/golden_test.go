package localdb

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// A golden file is what some device has on its disk. With -update only missing
// ones are written; to change one, raise Format first.
var update = flag.Bool("update", false, "write the golden files that are missing")

func golden(t *testing.T, name string, now []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "v1", name)
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, now, 0o644))
	}
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

func goldenHex(t *testing.T, name string, now []byte) []byte {
	t.Helper()
	text := golden(t, name+".hex", append([]byte(hex.EncodeToString(now)), '\n'))
	b, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	must(t, err)
	if !bytes.Equal(b, now) {
		t.Errorf("%s is written as %x, was %x", name, now, b)
	}
	return b
}

func TestGoldenRecords(t *testing.T) {
	for name, r := range map[string]record{
		"record-local":   {op: sitesync.OpPut, epoch: sitesync.NewEpoch(1, 4), n: 300, changed: 1_790_000_000_123, data: []byte(`{"packs":12}`)},
		"record-hub":     {op: sitesync.OpPut, changed: 1_790_000_000_123, data: []byte(`{"packs":12}`)},
		"record-deleted": {op: sitesync.OpDelete, epoch: sitesync.NewEpoch(1, 4), n: 7, data: []byte{}},
	} {
		got, err := parseRecord(goldenHex(t, name, r.bytes()))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestGoldenEntries(t *testing.T) {
	chain := sitesync.Chain{0xc0, 15: 0xff}
	for name, e := range map[string]entry{
		"entry-put":      {chain: chain, change: sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: "a/1", Data: []byte(`{"packs":12}`)}},
		"entry-delete":   {chain: chain, change: sitesync.Change{Op: sitesync.OpDelete, Table: "stock_line", ID: "a/1"}},
		"entry-proposal": {chain: chain, change: sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: "a/1", Data: []byte(`{"packs":12}`), Quarantine: 300}},
		"entry-transfer": {chain: chain, change: sitesync.Change{Op: sitesync.OpPut, Table: "order", ID: "ü", To: "NAD2", Data: []byte(`{}`)}},
	} {
		got, err := parseEntry(goldenHex(t, name, e.bytes()))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestGoldenRefused(t *testing.T) {
	want := refused{Op: sitesync.OpDelete, Reason: sitesync.ReasonTarget, Key: wire.Key{Table: "stock_line", ID: "a/1"}}
	got, err := parseRefused(goldenHex(t, "refused", want.bytes()))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGoldenKeys(t *testing.T) {
	for name, k := range map[string][]byte{
		"key-store":    storeKey(3),
		"key-record":   recordKey(3, wire.Key{Table: "stock_line", ID: "a/1"}),
		"key-outbox":   outboxKey(3, sitesync.NewEpoch(1, 4), 300),
		"key-refused":  refusedKey(3, sitesync.NewEpoch(1, 4), 300),
		"key-replica":  replicaKey,
		"key-lease":    leaseKey,
		"key-proposal": proposalKey(3, 300),
		"key-clear":    clearingKey,
	} {
		goldenHex(t, name, k)
	}
	k := recordKey(3, wire.Key{Table: "stock_line", ID: "a/1"})
	if got, err := splitRecordKey(k); err != nil || got != (wire.Key{Table: "stock_line", ID: "a/1"}) {
		t.Errorf("%v, %v", got, err)
	}
	o := outboxKey(3, sitesync.NewEpoch(1, 4), 300)
	if epochOf(o) != sitesync.NewEpoch(1, 4) || numberOf(o) != 300 {
		t.Errorf("%s/%d", epochOf(o), numberOf(o))
	}
}

func TestGoldenStore(t *testing.T) {
	chain := sitesync.Chain{0xc0, 15: 0xff}
	want := Store{ID: 3, Code: "NAD1", Name: "Nadi <main>", Tags: []string{"country:fj"}, Epoch: sitesync.NewEpoch(1, 4), Phase: sitesync.PhaseLoading,
		Handover: 9, To: "Suva", Since: sitesync.At(someday), Loaded: sitesync.NewEpoch(1, 2),
		Outbox:  Outbox{Epoch: sitesync.NewEpoch(1, 4), Confirmed: 12, ConfirmedChain: chain, Last: 17, LastChain: chain},
		Past:    []Outbox{{Epoch: sitesync.NewEpoch(1, 2), Confirmed: 1, ConfirmedChain: chain, Last: 2, LastChain: chain}},
		Ended:   []Outbox{{Epoch: sitesync.NewEpoch(1, 1), Confirmed: 1, ConfirmedChain: chain, Last: 1, LastChain: chain}},
		Cursor:  wire.Cursor{Log: wire.LogID{0xa0}, Seq: 300},
		Resync:  &Resync{Epoch: sitesync.NewEpoch(1, 4), Head: wire.Cursor{Log: wire.LogID{0xa0}, Seq: 301}, After: key("a/1"), Records: 5, Total: 100, Scanned: true, Blank: true},
		Blocked: &sitesync.Problem{Code: sitesync.ProblemBadFrame, Message: "m", Next: "n"},
		Records: 100, Bytes: 30_000, Digest: sitesync.Digest{0xd0}, Refused: 2}
	var indented bytes.Buffer
	must(t, json.Indent(&indented, want.bytes(), "", "  "))
	indented.WriteByte('\n')
	kept := golden(t, "store.json", indented.Bytes())
	if !bytes.Equal(kept, indented.Bytes()) {
		t.Errorf("a store is written as\n%s, was\n%s", indented.Bytes(), kept)
	}
	var got Store
	must(t, json.Unmarshal(kept, &got))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	clone := want.clone()
	if !reflect.DeepEqual(clone, want) {
		t.Errorf("the clone is %+v", clone)
	}
	clone.Past[0].Last, clone.Ended[0].Last, clone.Tags[0], clone.Resync.Records, clone.Blocked.Message = 99, 99, "x", 99, "x"
	if !reflect.DeepEqual(got, want) {
		t.Error("a clone shares what it was made of")
	}
}

// Values that are damaged are refused, whatever they are.
func TestDamagedValues(t *testing.T) {
	e := entry{change: sitesync.Change{Op: sitesync.OpDelete, Table: "stock_line", ID: "a/1", To: "X"}}.bytes()
	r := record{op: sitesync.OpPut, epoch: 1 << 40, n: 300}.bytes()
	q := refused{Op: sitesync.OpPut, Reason: sitesync.ReasonSize, Key: wire.Key{Table: "t", ID: "1"}}.bytes()
	with := func(b []byte, at int, v byte) []byte { b = bytes.Clone(b); b[at] = v; return b }
	fails := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	for n := range len(e) {
		_, err := parseEntry(e[:n])
		fails("an entry cut short", err)
	}
	for n := range len(r) {
		_, err := parseRecord(r[:n])
		fails("a record cut short", err)
	}
	for n := range 5 {
		_, err := parseRefused(q[:n])
		fails("a refused change cut short", err)
	}
	for at, v := range map[int]byte{0: 2, 1: 3} {
		_, err := parseEntry(with(e, at, v))
		fails("an entry", err)
		_, err = parseRecord(with(r, at, v))
		fails("a record", err)
		_, err = parseRefused(with(q, at, v))
		fails("a refused change", err)
	}
	_, err := parseRefused(with(q, 2, 8))
	fails("a refused change for no known reason", err)
	_, err = parseEntry(append(e[:18:18], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	fails("an entry with a table of 2^64-1 bytes", err)
	_, err = splitRecordKey(storeKey(3))
	fails("a key without table", err)
}

func FuzzValues(f *testing.F) {
	f.Add(entry{change: sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: "a/1", To: "X", Data: []byte(`{}`)}}.bytes())
	f.Add(record{op: sitesync.OpPut, epoch: 1 << 40, n: 300, data: []byte(`{}`)}.bytes())
	f.Add(refused{Op: sitesync.OpPut, Reason: sitesync.ReasonSize, Key: wire.Key{Table: "t", ID: "1"}}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRecord(b); err == nil {
			if again, err := parseRecord(r.bytes()); err != nil || !reflect.DeepEqual(again, r) {
				t.Errorf("record %+v becomes %+v, %v", r, again, err)
			}
		}
		if e, err := parseEntry(b); err == nil {
			if again, err := parseEntry(e.bytes()); err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("entry %+v becomes %+v, %v", e, again, err)
			}
		}
		if q, err := parseRefused(b); err == nil && !bytes.Equal(q.bytes(), b) {
			t.Errorf("refused change %+v is written as %x, was %x", q, q.bytes(), b)
		}
	})
}
