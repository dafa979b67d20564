package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

// largestStore is an assigned store with everything as long as the rules of
// names allow.
func largestStore(i int) AssignedStore {
	tags := make([]string, sitesync.MaxTags)
	for j := range tags {
		tags[j] = strings.Repeat("k", 40) + ":" + strings.Repeat("v", 38) + fmt.Sprintf("%02d", j)
	}
	return AssignedStore{Store: 1<<63 + sitesync.StoreID(i), Code: strings.Repeat("C", sitesync.MaxStoreCode),
		Name: strings.Repeat("𝄞", sitesync.MaxStoreName), Tags: tags, Epoch: 1<<64 - 1, Phase: sitesync.PhaseDraining,
		Handover: 1<<64 - 1, Replica: sampleReplica, Settled: 1<<64 - 1, Chain: sampleChain, Head: Cursor{Log: sampleCursor.Log, Seq: 1<<64 - 1},
		To: strings.Repeat("𝄞", sitesync.MaxSiteName), Records: 1<<64 - 1, Bytes: 1<<64 - 1}
}

func smallStore(i int) AssignedStore {
	return AssignedStore{Store: sitesync.StoreID(i), Code: "S", Name: "S", Epoch: 1, Phase: sitesync.PhaseActive}
}

func TestSplitAssignment(t *testing.T) {
	for _, c := range []struct {
		name  string
		store func(int) AssignedStore
		n     int
	}{{"none", smallStore, 0}, {"one", largestStore, 1}, {"largest", largestStore, 500}, {"smallest", smallStore, 20_000}} {
		t.Run(c.name, func(t *testing.T) {
			a := Assignment{Version: 7, Addresses: []string{"mqtts://hub.example:8883"}, CAPins: make([][32]byte, 2), Lease: 3600e9}
			for i := range c.n {
				a.Stores = append(a.Stores, c.store(i))
			}
			pages := SplitAssignment(a)
			var stores []AssignedStore
			for i, p := range pages {
				frame := encodePlain(1<<64-1, 0, p)
				if len(frame) > PageBytes {
					t.Errorf("page %d has %d bytes", i, len(frame))
				}
				_, got, err := Decode[Assignment](frame)
				if err != nil {
					t.Fatal(err)
				}
				if got.Version != 7 || int(got.Page) != i || int(got.Pages) != len(pages) || len(got.Addresses) != 1 || got.Lease != a.Lease {
					t.Errorf("page %d is %+v", i, got)
				}
				stores = append(stores, got.Stores...)
			}
			if !reflect.DeepEqual(stores, a.Stores) {
				t.Errorf("%d stores in, %d out, or in another order", len(a.Stores), len(stores))
			}
			if len(pages) > 1 && len(pages[0].Stores) == len(pages[1].Stores) && len(encodePlain(0, 0, pages[0])) < PageBytes/2 {
				t.Errorf("%d pages that are not half full", len(pages))
			}
			wantWelcome(t, pages[0])
		})
	}
}

// wantWelcome puts the first page into the largest welcome, which is a page too.
func wantWelcome(t *testing.T, first *Assignment) {
	t.Helper()
	w := &Welcome{Time: sampleTime, Session: 1<<64 - 1, Site: 1<<64 - 1, Name: strings.Repeat("𝄞", sitesync.MaxSiteName),
		Code: strings.Repeat("𝄞", sitesync.MaxSiteCode), Credential: strings.Repeat("c", 200), Hub: sampleReplica, Generation: 1<<32 - 1,
		GenerationProof: make([]byte, 64), Limits: Limits{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, Assignment: *first}
	frame := encodePlain(0, 0, w)
	if len(frame) > PageBytes {
		t.Errorf("a welcome of %d bytes", len(frame))
	}
	if _, _, err := Decode[Welcome](frame); err != nil {
		t.Error(err)
	}
}

func TestSplitHello(t *testing.T) {
	full := StoreState{Store: 1 << 63, Loaded: 1<<64 - 1, Cursor: Cursor{Log: sampleCursor.Log, Seq: 1<<64 - 1}, Digest: sampleDigest, Blocked: true}
	for i := range 40 {
		full.Outbox = append(full.Outbox, OutboxState{Epoch: 1<<64 - 41 + sitesync.Epoch(i), Confirmed: 1<<64 - 2, Chain: sampleChain, Last: 1<<64 - 1})
	}
	for _, c := range []struct {
		name  string
		store StoreState
		n     int
	}{{"none", full, 0}, {"full", full, 1000}, {"bare", StoreState{}, 20_000}} {
		t.Run(c.name, func(t *testing.T) {
			h := Hello{Replica: sampleReplica, Version: strings.Repeat("v", 80), Type: sitesync.TypeStandalone, Platform: strings.Repeat("p", 120),
				Evidence: map[string]string{}, Generation: 3, GenerationProof: make([]byte, 64), Report: sampleReport}
			for i := range 64 {
				h.Evidence[fmt.Sprintf("mac:enp%05ds0f0", i)] = "0011223344556677"
			}
			for i := range c.n {
				s := c.store
				s.Store = sitesync.StoreID(i)
				h.Stores = append(h.Stores, s)
			}
			pages := SplitHello(h)
			var stores []StoreState
			for i, p := range pages {
				frame := encodePlain(0, 0, p)
				if len(frame) > PageBytes {
					t.Errorf("page %d has %d bytes", i, len(frame))
				}
				_, got, err := Decode[Hello](frame)
				if err != nil {
					t.Fatal(err)
				}
				if got.Replica != h.Replica || int(got.Page) != i || int(got.Pages) != len(pages) {
					t.Errorf("page %d is %d of %d", i, got.Page, got.Pages)
				}
				if first := i == 0; first != (len(got.Evidence) == 64) || first != (got.Generation == 3) {
					t.Errorf("page %d: %d facts, generation %d", i, len(got.Evidence), got.Generation)
				}
				stores = append(stores, got.Stores...)
			}
			if !reflect.DeepEqual(stores, h.Stores) {
				t.Errorf("%d stores in, %d out, or in another order", len(h.Stores), len(stores))
			}
		})
	}
}

// The largest things that are sent fit a frame: a batch with the least and with
// the largest records, and a record as large as they come.
func TestLargest(t *testing.T) {
	id := strings.Repeat("i", sitesync.MaxRecordID)
	for _, c := range []struct {
		name    string
		n, data int
	}{{"500 changes in 4 MiB", sitesync.MaxBatchChanges, sitesync.MaxBatchBytes/sitesync.MaxBatchChanges - 300}, {"four large records", 4, sitesync.MaxRecord - 300},
		{"one change", 1, sitesync.MaxRecord}} {
		t.Run(c.name, func(t *testing.T) {
			m := &Push{Epoch: 1, First: 1}
			size := 0
			for range c.n {
				change := sitesync.Change{Op: sitesync.OpPut, Table: "t", ID: id, Data: make([]byte, c.data)}
				m.Changes = append(m.Changes, change)
				size += change.Size()
			}
			if size > sitesync.MaxBatchBytes {
				t.Fatalf("a batch of %d bytes is not allowed", size)
			}
			if _, got, err := Decode[Push](encodePlain(1, 1, m)); err != nil || len(got.Changes) != c.n {
				t.Error(err)
			}
		})
	}
}
