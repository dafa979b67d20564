package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

// A golden frame is a promise to programs already installed. With -update only
// missing ones are written; to change one, delete it first and say why.
var update = flag.Bool("update", false, "write the golden files that are missing")

// TestGolden holds frames of version 1 against what was released: they are
// read as they were meant, and written again byte for byte.
func TestGolden(t *testing.T) {
	for _, s := range specimens() {
		t.Run(s.name, func(t *testing.T) {
			frame := encodePlain(s.session, s.store, s.message)
			golden := goldenFrame(t, s.name, frame)
			if !bytes.Equal(frame, golden) {
				t.Errorf("%s is written as\n%s", s.name, hex.Dump(frame))
			}
			got := empty(s.message)
			h, err := decode(golden, got)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Header{Kind: s.message.kind(), Session: s.session, Store: s.store}); h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			if !reflect.DeepEqual(got, s.message) {
				t.Errorf("read as %s, want %s", shown(t, got), shown(t, s.message))
			}
			if want := goldenFile(t, s.name+".json", shown(t, got)); !bytes.Equal(shown(t, got), want) {
				t.Errorf("read as\n%s, the golden file says\n%s", shown(t, got), want)
			}
		})
	}
}

// TestGoldenCompressed reads a compressed frame of version 1. How the bytes
// are packed is the library's affair.
func TestGoldenCompressed(t *testing.T) {
	want := &Push{Epoch: sampleEpoch, First: 1}
	for i := range 20 {
		want.Changes = append(want.Changes, sitesync.Change{Op: sitesync.OpPut, Table: "stock_line", ID: fmt.Sprintf("sl-%04d", i),
			Data: fmt.Appendf(nil, `{"item":"Amoxicillin 250mg tabs","packs":%d,"expiry":"2027-%02d-01"}`, i*i, 1+i%12)})
	}
	golden := goldenFrame(t, "push-zstd", Encode(12, 3, want))
	if golden[2] != zstd1 {
		t.Fatal("the golden frame is not compressed")
	}
	h, got, err := Decode[Push](golden)
	if err != nil {
		t.Fatal(err)
	}
	if h.Session != 12 || h.Store != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v: read as %s", h, shown(t, got))
	}
}

// Every kind of the schema has a golden frame, and the frames are all there is.
func TestGoldenComplete(t *testing.T) {
	kinds := map[wirepb.Kind]bool{wirepb.Kind_KIND_UNSPECIFIED: true}
	files := map[string]bool{"push-zstd.hex": true}
	for _, s := range specimens() {
		kinds[s.message.kind()] = true
		files[s.name+".hex"], files[s.name+".json"] = true, true
	}
	for number, name := range wirepb.Kind_name {
		if !kinds[wirepb.Kind(number)] {
			t.Errorf("%s has no golden frame", name)
		}
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "v1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !files[e.Name()] {
			t.Errorf("testdata/v1/%s belongs to no specimen", e.Name())
		}
	}
}

func shown(t *testing.T, m Message) []byte {
	t.Helper()
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// goldenFrame keeps frames as hexadecimal digits, 32 bytes to a line.
func goldenFrame(t *testing.T, name string, frame []byte) []byte {
	t.Helper()
	var text strings.Builder
	for i, b := range frame {
		text.WriteString(hex.EncodeToString([]byte{b}))
		if i%32 == 31 || i == len(frame)-1 {
			text.WriteByte('\n')
		}
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(goldenFile(t, name+".hex", []byte(text.String()))))
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goldenFile(t *testing.T, name string, now []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "v1", name)
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
