package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"sitesync/shared/sitesync"
)

// vectors are the test vectors that configs/sync.proto promises to whoever
// writes another agent. Bytes are hexadecimal digits, data is text.
type vectors struct {
	Records []recordVector `json:"records"`
	Chain   []chainVector  `json:"chain"` // one epoch, from n = 1
	Digest  []digestVector `json:"digest"`
	ETags   []etagVector   `json:"etags"`
	Cursors []cursorVector `json:"cursors"`
	Epochs  []epochVector  `json:"epochs"`
}

type recordVector struct {
	Table string `json:"table"`
	ID    string `json:"id"`
	Data  string `json:"data"`
	Hash  string `json:"hash"`
}

type chainVector struct {
	N     uint64 `json:"n"`
	Op    string `json:"op"`
	Table string `json:"table"`
	ID    string `json:"id"`
	Data  string `json:"data,omitempty"`
	To    string `json:"to,omitempty"`
	Chain string `json:"chain"`
}

type digestVector struct {
	Hashes []string `json:"hashes"`
	Digest string   `json:"digest"`
}

type etagVector struct {
	Data string `json:"data"`
	ETag string `json:"etag"`
}

type cursorVector struct {
	Log    string `json:"log,omitempty"`
	Seq    uint64 `json:"seq"`
	Cursor string `json:"cursor"`
}

type epochVector struct {
	Generation uint32 `json:"generation"`
	Counter    uint32 `json:"counter"`
	Epoch      uint64 `json:"epoch"`
	Text       string `json:"text"`
}

// firstPrinciples works the vectors out from the rules alone, with nothing of
// this module.
func firstPrinciples() vectors {
	sum := func(parts ...[]byte) []byte {
		all := sha256.Sum256(bytes.Join(parts, nil))
		return all[:16]
	}
	uvarint := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	record := func(table, id, data string) []byte {
		return sum(uvarint(len(table)), []byte(table), uvarint(len(id)), []byte(id), []byte(data))
	}
	longID := string(bytes.Repeat([]byte("ü"), 100)) // 200 bytes: its length takes two
	var v vectors
	for _, r := range []recordVector{
		{Table: "stock_line", ID: "a/1", Data: `{"packs":12,"note":"Grüße"}`},
		{Table: "stock_line", ID: "a/1", Data: ``},
		{Table: "t", ID: longID, Data: `{}`},
	} {
		r.Hash = hex.EncodeToString(record(r.Table, r.ID, r.Data))
		v.Records = append(v.Records, r)
	}

	chain := make([]byte, 16)
	for i, c := range []chainVector{
		{Op: "put", Table: "stock_line", ID: "a/1", Data: `{"packs":12}`},
		{Op: "delete", Table: "stock_line", ID: "a/1"},
		{Op: "put", Table: "order", ID: "7", Data: `{}`, To: "NAD2"},
	} {
		op := map[string]byte{"put": 1, "delete": 2}[c.Op]
		chain = sum(chain, []byte{op}, record(c.Table, c.ID, c.Data), []byte(c.To))
		c.N, c.Chain = uint64(i+1), hex.EncodeToString(chain)
		v.Chain = append(v.Chain, c)
	}

	all := bytes.Repeat([]byte{0xff}, 16)
	for _, hashes := range [][][]byte{
		{},
		{record("a", "1", "{}")},
		{record("a", "1", "{}"), record("a", "2", "{}"), record("b", "1", `{"x":1}`)},
		{all, all, all}, // it wraps
	} {
		total := new(big.Int)
		d := digestVector{Hashes: []string{}}
		for _, h := range hashes {
			total.Add(total, new(big.Int).SetBytes(h))
			d.Hashes = append(d.Hashes, hex.EncodeToString(h))
		}
		total.Mod(total, new(big.Int).Lsh(big.NewInt(1), 128))
		d.Digest = hex.EncodeToString(total.FillBytes(make([]byte, 16)))
		v.Digest = append(v.Digest, d)
	}

	for _, data := range []string{`{}`, `{"packs":12,"note":"Grüße"}`} {
		v.ETags = append(v.ETags, etagVector{data, hex.EncodeToString(sum([]byte(data)))})
	}

	log := []byte{0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	v.Cursors = []cursorVector{{Cursor: ""}}
	for _, seq := range []uint64{0, 1, 300, 1<<64 - 1} {
		b := binary.AppendUvarint(bytes.Clone(log), seq)
		v.Cursors = append(v.Cursors, cursorVector{hex.EncodeToString(log), seq, hex.EncodeToString(b)})
	}

	v.Epochs = []epochVector{{1, 1, 4294967297, "1.1"}, {1, 4, 4294967300, "1.4"}, {2, 0, 8589934592, "2.0"},
		{4294967295, 4294967295, 18446744073709551615, "4294967295.4294967295"}}
	return v
}

// TestVectors holds the published vectors against the rules, and this module
// against the vectors.
func TestVectors(t *testing.T) {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	if err := out.Encode(firstPrinciples()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "vectors.json")
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	published, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, text.Bytes()) {
		t.Fatalf("by the rules of configs/sync.proto the vectors are\n%s", text.String())
	}
	var v vectors
	if err := json.Unmarshal(published, &v); err != nil {
		t.Fatal(err)
	}
	hashVectors(t, &v)
	codeVectors(t, &v)
}

func hashVectors(t *testing.T, v *vectors) {
	hasher := sitesync.NewHasher()
	for _, r := range v.Records {
		same(t, "record "+r.ID, hasher.Record(r.Table, r.ID, []byte(r.Data)).String(), r.Hash)
	}
	var chain sitesync.Chain
	for _, c := range v.Chain {
		op, _ := sitesync.ParseOp(c.Op)
		change := sitesync.Change{Op: op, Table: c.Table, ID: c.ID, Data: []byte(c.Data), To: c.To}
		chain = hasher.Next(chain, &change, hasher.Record(c.Table, c.ID, change.Data))
		same(t, "chain of "+c.Op, chain.String(), c.Chain)
	}
	for _, d := range v.Digest {
		var digest sitesync.Digest
		for _, h := range d.Hashes {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			digest.Add(sitesync.Hash(b))
		}
		same(t, "digest", digest.String(), d.Digest)
	}
	for _, e := range v.ETags {
		same(t, "etag", sitesync.ETag([]byte(e.Data)), e.ETag)
	}
}

func codeVectors(t *testing.T, v *vectors) {
	for _, c := range v.Cursors {
		b, err := hex.DecodeString(c.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCursor(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 {
			same(t, "log", hex.EncodeToString(got.Log[:]), c.Log)
		}
		if got.Seq != c.Seq {
			t.Errorf("cursor %s: seq %d, want %d", c.Cursor, got.Seq, c.Seq)
		}
		same(t, "cursor", hex.EncodeToString(got.Bytes()), c.Cursor)
	}
	for _, e := range v.Epochs {
		epoch := sitesync.NewEpoch(e.Generation, e.Counter)
		same(t, "epoch", epoch.String(), e.Text)
		if uint64(epoch) != e.Epoch || epoch.Generation() != e.Generation || epoch.Counter() != e.Counter {
			t.Errorf("epoch %d.%d is %d", e.Generation, e.Counter, epoch)
		}
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}
