package sitesync

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckData(t *testing.T) {
	large := func(n int) []byte {
		return append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), n-len(`{"a":""}`))...), `"}`...)
	}
	for _, c := range []struct {
		name string
		data []byte
		code Code // "" is taken
	}{
		{"empty object", []byte(`{}`), ""},
		{"blanks inside", []byte("{ \"a\" :\n 1 }"), ""},
		{"the same name twice", []byte(`{"a":1,"a":2}`), ""},
		{"text of the world", []byte(`{"a":"薬局 \u0000 𝄞"}`), ""},
		{"as large as may be", large(MaxRecord), ""},
		{"a byte larger", large(MaxRecord + 1), CodeTooLarge},
		{"nothing", nil, CodeInvalid},
		{"array", []byte(`[]`), CodeInvalid},
		{"number", []byte(`1`), CodeInvalid},
		{"null", []byte(`null`), CodeInvalid},
		{"blank before", []byte(` {}`), CodeInvalid},
		{"blank behind", []byte("{}\n"), CodeInvalid},
		{"two objects", []byte(`{}{}`), CodeInvalid},
		{"half an object", []byte(`{"a":1`), CodeInvalid},
		{"not JSON", []byte(`{a:1}`), CodeInvalid},
		{"not UTF-8", []byte("{\"a\":\"\xff\"}"), CodeInvalid},
		{"nested too deep", []byte(`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`), CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckData(c.data)
			if CodeOf(err) != c.code {
				t.Fatalf("%v, want code %q", err, c.code)
			}
			if err != nil {
				wantTold(t, err, c.code, "data")
			}
		})
	}
}

func TestChangeCheck(t *testing.T) {
	data := []byte(`{}`)
	for _, c := range []struct {
		name   string
		change Change
		field  string // "" is taken
		stored bool   // the hub may deliver it
	}{
		{name: "put", change: Change{Op: OpPut, Table: "t", ID: "1", Data: data}, stored: true},
		{name: "delete", change: Change{Op: OpDelete, Table: "t", ID: "1"}, stored: true},
		{name: "no operation", change: Change{Table: "t", ID: "1"}, field: "op", stored: true},
		{name: "operation 3", change: Change{Op: 3, Table: "t", ID: "1"}, field: "op", stored: true},
		{name: "reserved table", change: Change{Op: OpPut, Table: "_inbox", ID: "1", Data: data}, field: "table", stored: true},
		{name: "reserved table that is too long", change: Change{Op: OpPut, Table: "_" + strings.Repeat("a", 63), ID: "1", Data: data}, field: "table"},
		{name: "two low lines", change: Change{Op: OpPut, Table: "__a", ID: "1", Data: data}, field: "table"},
		{name: "table with a zero", change: Change{Op: OpPut, Table: "a\x00", ID: "1", Data: data}, field: "table"},
		{name: "no ID", change: Change{Op: OpPut, Table: "t", Data: data}, field: "id"},
		{name: "no data", change: Change{Op: OpPut, Table: "t", ID: "1"}, field: "data", stored: true},
		{name: "delete with data", change: Change{Op: OpDelete, Table: "t", ID: "1", Data: data}, field: "data", stored: true},
		{name: "large", change: Change{Op: OpPut, Table: "t", ID: "1", Data: make([]byte, MaxRecord+1)}, field: "data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.change.Check()
			if (err == nil) != (c.field == "") || err != nil && AsError(err).Field != c.field {
				t.Errorf("Check: %v, want one of field %q", err, c.field)
			}
			if err := c.change.CheckStored(); (err == nil) != c.stored {
				t.Errorf("CheckStored: %v", err)
			}
		})
	}
}

func TestChangeSize(t *testing.T) {
	c := Change{Op: OpPut, Table: "ab", ID: "cde", Data: []byte("{}"), To: "X"}
	if got := c.Size(); got != 2+3+2+1+8 {
		t.Errorf("%d bytes", got)
	}
}

func TestTrimData(t *testing.T) {
	if got := TrimData([]byte(" \t\r\n{ \"a\": 1 }\n ")); string(got) != `{ "a": 1 }` {
		t.Errorf("%q", got)
	}
}

func TestOps(t *testing.T) {
	for _, op := range []Op{OpPut, OpDelete} {
		if got, ok := ParseOp(op.String()); !ok || got != op {
			t.Errorf("%s is read as %d", op, got)
		}
	}
	for _, s := range []string{"", "PUT", "op?", "puts"} {
		if _, ok := ParseOp(s); ok {
			t.Errorf("%q was taken", s)
		}
	}
}

// A digest is the sum of the hashes modulo 2^128, in whatever order they came
// and went.
func TestDigestSum(t *testing.T) {
	hash := rapid.Custom(func(t *rapid.T) Hash {
		if rapid.Bool().Draw(t, "edge") {
			b := rapid.SampledFrom([]byte{0, 1, 0x80, 0xff}).Draw(t, "byte")
			return Hash(bytes.Repeat([]byte{b}, 16))
		}
		return Hash(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "hash"))
	})
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		hashes := rapid.SliceOfN(hash, 0, 20).Draw(t, "hashes")
		gone := rapid.IntRange(0, len(hashes)).Draw(t, "gone")
		var d, other Digest
		want := new(big.Int)
		for i, h := range hashes {
			d.Add(h)
			if i >= gone {
				want.Add(want, new(big.Int).SetBytes(h[:]))
			}
		}
		for _, h := range rapid.Permutation(hashes[:gone]).Draw(t, "order") {
			d.Sub(h)
		}
		if got := new(big.Int).SetBytes(d[:]); got.Cmp(want.Mod(want, modulus)) != 0 {
			t.Fatalf("%x, want %x", got, want)
		}
		steps := rapid.Permutation(hashes[gone:]).Draw(t, "other order")
		for _, h := range hashes[:gone] { // taken out before they were counted in
			other.Sub(h)
		}
		for _, h := range append(steps, hashes[:gone]...) {
			other.Add(h)
		}
		if other != d {
			t.Fatalf("in another order %s, not %s", other, d)
		}
	})
}

// Two histories that differ anywhere have different chains from there on.
func TestChainDiffers(t *testing.T) {
	hasher := NewHasher()
	base := Change{Op: OpPut, Table: "ab", ID: "c", Data: []byte(`{"x":1}`), To: "A"}
	next := func(c Change) Chain { return hasher.Next(Chain{1}, &c, hasher.Record(c.Table, c.ID, c.Data)) }
	seen := map[Chain]string{next(base): "base"}
	for name, c := range map[string]Change{
		"op":                {Op: OpDelete, Table: "ab", ID: "c", Data: base.Data, To: "A"},
		"table and ID":      {Op: OpPut, Table: "a", ID: "bc", Data: base.Data, To: "A"},
		"data":              {Op: OpPut, Table: "ab", ID: "c", Data: []byte(`{"x":2}`), To: "A"},
		"address":           {Op: OpPut, Table: "ab", ID: "c", Data: base.Data, To: "B"},
		"no address":        {Op: OpPut, Table: "ab", ID: "c", Data: base.Data},
		"data in the ID":    {Op: OpPut, Table: "ab", ID: `c{"x":1}`, To: "A"},
		"address in the ID": {Op: OpPut, Table: "ab", ID: "cA", Data: base.Data},
	} {
		if twin, ok := seen[next(c)]; ok {
			t.Errorf("%s has the chain of %s", name, twin)
		}
		seen[next(c)] = name
	}
	if hasher.Next(Chain{2}, &base, hasher.Record("ab", "c", base.Data)) == next(base) {
		t.Error("the chain forgets what came before")
	}
}

// The forms of hashes in JSON come back, and nothing else is taken.
func TestHashText(t *testing.T) {
	in := struct {
		Digest  Digest
		Chain   Chain
		Replica ReplicaID
		None    ReplicaID
	}{Digest: Digest{0xab}, Chain: Chain{15: 0xcd}, Replica: NewReplicaID()}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := in
	out.None = ReplicaID{1}
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("%s becomes %+v, %v", b, out, err)
	}
	for _, text := range []string{"ab", strings.Repeat("x", 32), strings.Repeat("ab", 17), strings.Repeat("a", 1<<20)} {
		var d Digest
		wantTold(t, d.UnmarshalText([]byte(text)), CodeInvalid, "")
		wantTold(t, (*Chain)(&d).UnmarshalText([]byte(text)), CodeInvalid, "")
		wantTold(t, (*ReplicaID)(&d).UnmarshalText([]byte(text)), CodeInvalid, "")
	}
}

func BenchmarkHash(b *testing.B) {
	data := []byte(`{"id":"0011223344556677","note":"` + strings.Repeat("x", 260) + `"}`)
	c := Change{Op: OpPut, Table: "stock_line", ID: "0011223344556677", Data: data}
	h := NewHasher()
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.Record(c.Table, c.ID, c.Data)
		}
	})
	b.Run("chain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.Next(Chain{}, &c, Hash{})
		}
	})
	b.Run("etag", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ETag(data)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Check(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
