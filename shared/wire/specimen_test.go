package wire

import (
	"time"

	"sitesync/shared/sitesync"
)

// specimen is a message of which a golden frame is kept.
type specimen struct {
	name    string
	session uint64
	store   sitesync.StoreID
	message Decoder
}

var (
	sampleEpoch   = sitesync.NewEpoch(1, 4)
	sampleReplica = sitesync.ReplicaID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	sampleChain   = sitesync.Chain{0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	sampleDigest  = sitesync.Digest{0xd0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	sampleCursor  = Cursor{Log: LogID{0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Seq: 300}
	sampleTime    = time.Date(2026, 3, 1, 7, 30, 0, 250e6, time.UTC)
	sampleChanges = []sitesync.Change{
		{Op: sitesync.OpPut, Table: "stock_line", ID: "a/1", Data: []byte(`{"packs":12,"note":"Grüße"}`)},
		{Op: sitesync.OpDelete, Table: "stock_line", ID: "a/2"},
		{Op: sitesync.OpPut, Table: "order", ID: "7", Data: []byte(`{}`), To: "NAD2"},
	}
	sampleRecords = []sitesync.Change{
		{Op: sitesync.OpPut, Table: "_inbox", ID: "1", Data: []byte(`{"from":"NAD2"}`)},
		{Op: sitesync.OpPut, Table: "stock_line", ID: "a/1", Data: []byte(`{"packs":12}`)},
	}
	sampleReport = Report{Backlog: 5, Clock: sampleTime, DiskFree: 1 << 30, Problem: "quarantined"}
)

// specimens has a message of every kind, with every field set.
func specimens() []specimen {
	assignment := Assignment{Version: 3, Page: 0, Pages: 2, Lease: 36 * time.Hour,
		Addresses: []string{"mqtts://hub.example:8883", "wss://hub.example:8443/mqtt"}, CAPins: [][32]byte{{0: 0xca, 31: 0xfe}},
		Stores: []AssignedStore{
			{Store: 3, Code: "NAD1", Name: "Nadi Hospital", Tags: []string{"country:fj", "kind:hospital"}, Epoch: sampleEpoch,
				Phase: sitesync.PhaseActive, Replica: sampleReplica, Settled: 12, Chain: sampleChain, Head: sampleCursor,
				Records: 100, Bytes: 30_000},
			{Store: 4, Code: "NAD2", Name: "Store", Epoch: sampleEpoch, Phase: sitesync.PhaseDraining, Handover: 9, To: "Suva"},
		}}
	return []specimen{
		{"hello", 0, 0, &Hello{Page: 0, Pages: 1, Replica: sampleReplica, Version: "1.0.0", Type: sitesync.TypeMobile,
			Platform: "linux/arm64", Evidence: map[string]string{"machine_id": "0011223344556677", "mac:eth0": "8899aabbccddeeff"},
			Test: true, Weak: true, Generation: 1, GenerationProof: []byte("proof"), Report: sampleReport,
			Stores: []StoreState{{Store: 3, Loaded: sampleEpoch, Cursor: sampleCursor, Digest: sampleDigest, Blocked: true,
				Outbox: []OutboxState{{Epoch: sampleEpoch - 1, Last: 2}, {Epoch: sampleEpoch, Confirmed: 12, Chain: sampleChain, Last: 17}}}}}},
		{"welcome", 0, 0, &Welcome{Time: sampleTime, Session: 12, Site: 6, Name: "Nadi", Code: "NAD", Credential: "sitesync-device-x",
			Hub: sampleReplica, Generation: 1, GenerationProof: []byte("proof"),
			Limits: Limits{BatchChanges: 500, BatchBytes: 4 << 20, WindowBatches: 8, WindowBytes: 4 << 20, CreditBytes: 4 << 20}, Assignment: assignment}},
		{"welcome-refused", 0, 0, &Welcome{Time: sampleTime, Refused: RefusedTwoDevices}},
		{"push", 12, 3, &Push{Epoch: sampleEpoch, First: 13, Chain: sampleChain, Changes: sampleChanges, Confirmed: 12, Backlog: 2}},
		{"receipt", 12, 3, &Receipt{Epoch: sampleEpoch, Outcome: Settled, Settled: 15, Chain: sampleChain, After: 12, Head: sampleCursor,
			Quarantined: []Refusal{{N: 13, Reason: sitesync.ReasonStaleEpoch, Table: "stock_line", ID: "a/1", Present: true, Data: []byte(`{"packs":1}`)},
				{N: 15, Reason: sitesync.ReasonTarget, Table: "order", ID: "7"}}}},
		{"pull", 12, 0, &Pull{Stream: 5, Credit: 65_536, Cursors: []StoreCursor{{Store: 3, Epoch: sampleEpoch, Cursor: sampleCursor}, {Store: 4}},
			TagSet: 2, Report: sampleReport}},
		{"changes", 12, 3, &Changes{Stream: 5, From: sampleCursor, Cursor: Cursor{Log: sampleCursor.Log, Seq: 302},
			Changes: []sitesync.Change{sampleChanges[0], sampleChanges[1]}, Last: true, Reset: true, Spent: 1000}},
		{"assignment", 12, 0, &assignment},
		{"resync-request", 12, 3, &ResyncRequest{Epoch: sampleEpoch, Stream: 6, Credit: 65_536, After: Key{"stock_line", "a/1"}, Head: sampleCursor}},
		{"manifest", 12, 3, &Manifest{Handover: 9, Epoch: sampleEpoch, Head: sampleCursor, Records: 100, Bytes: 30_000, Stream: 6, Spent: 10}},
		{"chunk", 12, 3, &Chunk{Epoch: sampleEpoch, Stream: 6, After: Key{"_ack", "1"}, Through: Key{"stock_line", "a/1"},
			Records: sampleRecords, Last: true, Spent: 100, Gone: true}},
		{"handover", 12, 3, &Handover{Step: Loaded, Handover: 9, Epoch: sampleEpoch, Replica: sampleReplica, N: 17,
			Digest: sampleDigest, Cursor: sampleCursor}},
		// What was added while version 1 was out; the frames above are as they were.
		{"handover-purged", 12, 3, &Handover{Step: Purged, Handover: 9, Epoch: sampleEpoch, Replica: sampleReplica}},
		{"push-proposal", 12, 3, &Push{Epoch: sampleEpoch, First: 13, Chain: sampleChain, Confirmed: 12,
			Changes: []sitesync.Change{{Op: sitesync.OpDelete, Table: "stock_line", ID: "a/2", Quarantine: 77}}}},
		{"pull-lease", 12, 0, &Pull{Stream: 5, Credit: 65_536, Cursors: []StoreCursor{}, Report: Report{Lease: 36 * time.Hour, Assignment: 3}}},
		{"assignment-released", 12, 0, &Assignment{Version: 4, Pages: 1, Stores: []AssignedStore{{Store: 3, Code: "NAD1", Name: "Store",
			Epoch: sampleEpoch, Phase: sitesync.PhaseReleased, To: "Suva", OwnerActive: true, Quarantined: 500}}}},
		{"resync-request-progress", 12, 3, &ResyncRequest{Epoch: sampleEpoch, Stream: 6, Credit: 65_536, After: Key{"stock_line", "a/1"},
			Head: sampleCursor, Records: 700}},
		{"hint", 12, 0, &Hint{Heads: []StoreCursor{{Store: 3, Epoch: sampleEpoch, Cursor: sampleCursor}}}},
	}
}

// empty makes a message of the kind of m to decode into.
func empty(m Message) Decoder {
	switch m.(type) {
	case *Hello:
		return new(Hello)
	case *Welcome:
		return new(Welcome)
	case *Push:
		return new(Push)
	case *Receipt:
		return new(Receipt)
	case *Pull:
		return new(Pull)
	case *Changes:
		return new(Changes)
	case *Assignment:
		return new(Assignment)
	case *ResyncRequest:
		return new(ResyncRequest)
	case *Manifest:
		return new(Manifest)
	case *Chunk:
		return new(Chunk)
	case *Handover:
		return new(Handover)
	case *Hint:
		return new(Hint)
	}
	panic("a message that no test knows")
}

// encodePlain is Encode without compression, whose bytes may change with the
// library.
func encodePlain(session uint64, store sitesync.StoreID, m Message) []byte {
	body, err := marshal.Marshal(m.toWire())
	if err != nil {
		panic(err)
	}
	return plainFrame(m, session, store, body)
}

func plainFrame(m Message, session uint64, store sitesync.StoreID, body []byte) []byte {
	return append(Header{Kind: m.kind(), Session: session, Store: store}.begin(plain, len(body)), body...)
}

// packedFrame is a frame whose body is compressed, whatever its size.
func packedFrame(m Message, session uint64, store sitesync.StoreID, body []byte) []byte {
	return encoder().EncodeAll(body, Header{Kind: m.kind(), Session: session, Store: store}.begin(zstd1, len(body)))
}
