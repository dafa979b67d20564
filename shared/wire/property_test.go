package wire

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
)

// Generators of what the two programs may say to each other.

func bytes16(t *rapid.T, label string) [16]byte {
	return [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
}

func drawText(t *rapid.T, label string, most int) string {
	return rapid.StringN(0, most, most).Draw(t, label)
}

func drawNumber(t *rapid.T, label string) uint64 {
	return rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 300)).Draw(t, label)
}

func drawCursor(t *rapid.T, label string) Cursor {
	if rapid.Bool().Draw(t, label+" set") {
		return Cursor{Log: bytes16(t, label), Seq: drawNumber(t, label)}
	}
	return Cursor{}
}

func drawBytes(t *rapid.T, label string) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, label)
	if len(b) == 0 {
		return nil
	}
	return b
}

func drawList[T any](t *rapid.T, label string, one func(*rapid.T) T) []T {
	list := rapid.SliceOfN(rapid.Custom(one), 0, 5).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

func drawTime(t *rapid.T) time.Time {
	return fromMillis(rapid.Int64Range(-1<<40, 1<<42).Draw(t, "ms"))
}

func drawEpoch(t *rapid.T) sitesync.Epoch { return sitesync.Epoch(drawNumber(t, "epoch")) }

func drawChange(t *rapid.T) sitesync.Change {
	return sitesync.Change{Op: sitesync.Op(rapid.IntRange(1, 2).Draw(t, "op")), Table: drawText(t, "table", 80), ID: drawText(t, "id", 300),
		Data: drawBytes(t, "data"), To: drawText(t, "to", 40),
		Quarantine: drawNumber(t, "quarantine")}
}

// drawStored makes a change that a hub may deliver.
func drawStored(t *rapid.T) sitesync.Change {
	return sitesync.Change{Op: sitesync.Op(rapid.IntRange(1, 2).Draw(t, "op")), Table: rapid.StringMatching(`_?[a-z][a-z0-9_]{0,20}`).Draw(t, "table"),
		ID: rapid.StringMatching(`[A-Za-z0-9/ äß]{1,60}`).Draw(t, "id"), Data: drawBytes(t, "data")}
}

func drawReport(t *rapid.T) Report {
	return Report{Backlog: drawNumber(t, "backlog"), Clock: drawTime(t), DiskFree: drawNumber(t, "free"), Problem: drawText(t, "problem", 40),
		Lease: time.Duration(rapid.Uint32Range(0, 1<<31).Draw(t, "lease")) * time.Second, Assignment: drawNumber(t, "assignment")}
}

func drawStoreCursor(t *rapid.T) StoreCursor {
	return StoreCursor{Store: sitesync.StoreID(drawNumber(t, "store")), Epoch: drawEpoch(t), Cursor: drawCursor(t, "cursor")}
}

func drawKey(t *rapid.T) Key { return Key{Table: drawText(t, "table", 80), ID: drawText(t, "id", 80)} }

func drawAssignment(t *rapid.T) Assignment {
	return Assignment{Version: drawNumber(t, "version"), Page: 1, Pages: 3,
		Lease:     time.Duration(rapid.IntRange(0, 1<<31).Draw(t, "lease")) * time.Second,
		Addresses: drawList(t, "addresses", func(t *rapid.T) string { return drawText(t, "address", 60) }),
		CAPins: drawList(t, "pins", func(t *rapid.T) [32]byte {
			return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "pin"))
		}),
		Stores: drawList(t, "stores", func(t *rapid.T) AssignedStore {
			return AssignedStore{Store: sitesync.StoreID(drawNumber(t, "store")), Code: drawText(t, "code", 40), Name: drawText(t, "name", 40),
				Tags:  drawList(t, "tags", func(t *rapid.T) string { return drawText(t, "tag", 20) }),
				Epoch: drawEpoch(t) | 1, Phase: sitesync.Phase(rapid.IntRange(1, 4).Draw(t, "phase")), Handover: drawNumber(t, "handover"),
				Replica: bytes16(t, "replica"), Settled: drawNumber(t, "settled"), Chain: bytes16(t, "chain"), Head: drawCursor(t, "head"),
				To: drawText(t, "to", 40), Records: drawNumber(t, "records"), Bytes: drawNumber(t, "bytes"),
				OwnerActive: rapid.Bool().Draw(t, "active"), Quarantined: drawNumber(t, "quarantined")}
		})}
}

func drawHello(t *rapid.T) *Hello {
	h := &Hello{Page: 0, Pages: 1, Replica: bytes16(t, "replica"), Version: drawText(t, "version", 80), Type: sitesync.TypeStandalone,
		Platform: drawText(t, "platform", 100), Test: rapid.Bool().Draw(t, "test"), Weak: rapid.Bool().Draw(t, "weak"),
		Generation: rapid.Uint32().Draw(t, "generation"), GenerationProof: drawBytes(t, "proof"), Report: drawReport(t),
		Stores: drawList(t, "stores", func(t *rapid.T) StoreState {
			return StoreState{Store: sitesync.StoreID(drawNumber(t, "store")), Loaded: drawEpoch(t), Cursor: drawCursor(t, "cursor"),
				Digest: bytes16(t, "digest"), Blocked: rapid.Bool().Draw(t, "blocked"),
				Outbox: drawList(t, "outbox", func(t *rapid.T) OutboxState {
					confirmed := rapid.Uint64Range(0, 1<<40).Draw(t, "confirmed")
					return OutboxState{Epoch: drawEpoch(t), Confirmed: confirmed, Chain: bytes16(t, "chain"), Last: confirmed + rapid.Uint64Range(0, 9).Draw(t, "queued")}
				})}
		})}
	h.Replica[0] |= 1 // none is refused
	if evidence := rapid.MapOfN(rapid.StringN(1, 10, 40), rapid.StringN(0, 16, 60), 0, 5).Draw(t, "evidence"); len(evidence) > 0 {
		h.Evidence = maps.Clone(evidence)
	}
	return h
}

func drawMessage(t *rapid.T, kind int) Decoder {
	switch kind {
	case 0:
		return drawHello(t)
	case 1:
		w := &Welcome{Time: drawTime(t), Session: 1 + rapid.Uint64Range(0, 1<<60).Draw(t, "session"), Site: 6, Name: drawText(t, "name", 100),
			Code: drawText(t, "code", 40), Credential: drawText(t, "credential", 60), Hub: bytes16(t, "hub"), Generation: rapid.Uint32().Draw(t, "generation"),
			GenerationProof: drawBytes(t, "proof"), Limits: Limits{BatchChanges: rapid.Uint32().Draw(t, "changes"), CreditBytes: 9}, Assignment: drawAssignment(t)}
		w.Hub[0] |= 1
		return w
	case 2:
		return &Push{Epoch: drawEpoch(t), First: 1 + rapid.Uint64Range(0, 1<<60).Draw(t, "first"), Chain: bytes16(t, "chain"),
			Changes: drawChanges(t, drawChange), Confirmed: drawNumber(t, "confirmed"), Backlog: drawNumber(t, "backlog")}
	case 3:
		return &Receipt{Epoch: drawEpoch(t), Outcome: Outcome(rapid.IntRange(1, 6).Draw(t, "outcome")), Settled: drawNumber(t, "settled"),
			Chain: bytes16(t, "chain"), After: drawNumber(t, "after"), Head: drawCursor(t, "head"),
			Quarantined: drawList(t, "quarantined", func(t *rapid.T) Refusal {
				return Refusal{N: drawNumber(t, "n"), Reason: sitesync.Reason(rapid.IntRange(1, 7).Draw(t, "reason")), Table: drawText(t, "table", 80),
					ID: drawText(t, "id", 80), Present: rapid.Bool().Draw(t, "present"), Data: drawBytes(t, "data")}
			})}
	case 4:
		return &Pull{Stream: rapid.Uint32().Draw(t, "stream"), Credit: drawNumber(t, "credit"),
			Cursors: notNil(drawList(t, "cursors", drawStoreCursor)), TagSet: rapid.Uint32().Draw(t, "tags"), Report: drawReport(t)}
	case 5:
		return &Changes{Stream: rapid.Uint32().Draw(t, "stream"), From: drawCursor(t, "from"), Cursor: drawCursor(t, "cursor"),
			Changes: drawChanges(t, drawStored), Last: rapid.Bool().Draw(t, "last"), Reset: rapid.Bool().Draw(t, "reset"), Spent: drawNumber(t, "spent")}
	case 6:
		a := drawAssignment(t)
		return &a
	case 7:
		return &ResyncRequest{Epoch: drawEpoch(t), Stream: rapid.Uint32().Draw(t, "stream"), Credit: drawNumber(t, "credit"),
			After: drawKey(t), Head: drawCursor(t, "head")}
	case 8:
		return &Manifest{Handover: drawNumber(t, "handover"), Epoch: drawEpoch(t), Head: drawCursor(t, "head"), Records: drawNumber(t, "records"),
			Bytes: drawNumber(t, "bytes"), Stream: rapid.Uint32().Draw(t, "stream"), Spent: drawNumber(t, "spent")}
	case 9:
		return &Chunk{Epoch: drawEpoch(t), Stream: rapid.Uint32().Draw(t, "stream"), After: drawKey(t), Through: drawKey(t),
			Records: drawChanges(t, drawStored), Last: rapid.Bool().Draw(t, "last"), Spent: drawNumber(t, "spent"), Gone: rapid.Bool().Draw(t, "gone")}
	case 10:
		return &Handover{Step: Step(rapid.IntRange(1, 2).Draw(t, "step")), Handover: drawNumber(t, "handover"), Epoch: drawEpoch(t),
			Replica: bytes16(t, "replica"), N: drawNumber(t, "n"), Digest: bytes16(t, "digest"), Cursor: drawCursor(t, "cursor")}
	default:
		return &Hint{Heads: notNil(drawList(t, "heads", drawStoreCursor))}
	}
}

func drawChanges(t *rapid.T, one func(*rapid.T) sitesync.Change) []sitesync.Change {
	return notNil(drawList(t, "changes", one))
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// What one program writes the other reads, whether it was compressed or not.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t, rapid.IntRange(0, 11).Draw(t, "kind"))
		session, store := drawNumber(t, "session"), sitesync.StoreID(drawNumber(t, "store"))
		body, err := marshal.Marshal(m.toWire())
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range [][]byte{Encode(session, store, m), encodePlain(session, store, m), packedFrame(m, session, store, body)} {
			got := empty(m)
			h, err := decode(frame, got)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Header{Kind: m.kind(), Session: session, Store: store}); h != want {
				t.Fatalf("header %+v, want %+v", h, want)
			}
			if parsed, err := ParseHeader(frame); err != nil || parsed != h {
				t.Fatalf("ParseHeader: %+v, %v", parsed, err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Fatalf("read as %+v, written was %+v", got, m)
			}
		}
		if !bytes.Equal(encodePlain(session, store, m), encodePlain(session, store, m)) {
			t.Fatal("two encodings differ")
		}
	})
}

// Cursors come back from bytes and from text, and those of different places
// differ.
func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCursor(t, "cursor")
		if got, err := ParseCursor(c.Bytes()); err != nil || got != c {
			t.Fatalf("from bytes: %v, %v", got, err)
		}
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Cursor
		if err := got.UnmarshalText(text); err != nil || got != c {
			t.Fatalf("from text: %v, %v", got, err)
		}
		if other := drawCursor(t, "other"); bytes.Equal(other.Bytes(), c.Bytes()) != (other == c) {
			t.Fatalf("%v and %v have the bytes %x and %x", c, other, c.Bytes(), other.Bytes())
		}
	})
}

// Keys compare as the bytes of table, zero, ID do, which is how both databases
// keep them.
func TestKeyOrder(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) Key {
		return Key{Table: rapid.StringMatching(`[ab_]{0,3}`).Draw(t, "table"), ID: rapid.StringMatching(`[ !ab]{0,3}`).Draw(t, "id")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		stored := func(k Key) []byte { return slices.Concat([]byte(k.Table), []byte{0}, []byte(k.ID)) }
		if got, want := a.Compare(b), bytes.Compare(stored(a), stored(b)); got != want {
			t.Fatalf("%v to %v is %d, their bytes %d", a, b, got, want)
		}
	})
}
