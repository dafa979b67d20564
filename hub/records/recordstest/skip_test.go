package recordstest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// hasty is a log in memory that gives a place out before the commit, as one
// does who takes numbers from a counter, or from a database's sequence. patient
// gives it out within.
type hasty struct {
	records.State
	patient bool

	mu      sync.Mutex
	seq     uint64
	entries map[uint64]sitesync.Change
	places  map[string]uint64 // by record
}

func (h *hasty) Edit(e records.Edit) (sitesync.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	seq := h.seq
	if !h.patient {
		h.mu.Unlock()
		time.Sleep(rand.N(200 * time.Microsecond)) // the commit of another is faster
		h.mu.Lock()
	}
	if was := h.places[e.Change.ID]; was < seq {
		delete(h.entries, was)
		h.entries[seq], h.places[e.Change.ID] = e.Change, seq
	}
	return sitesync.Record{}, nil
}

func (h *hasty) Changes(_ sitesync.StoreID, from wire.Cursor, _ records.Filter, l records.Limit) (records.Page, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := records.Page{Cursor: from}
	var seqs []uint64
	for seq := range h.entries {
		if seq > from.Seq {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if p.More = i == l.Records; p.More {
			break
		}
		p.Changes, p.Cursor.Seq = append(p.Changes, h.entries[seq]), seq
	}
	return p, nil
}

func (h *hasty) Scan(sitesync.StoreID, wire.Key, records.Limit) (p records.ScanPage, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.entries {
		p.Records = append(p.Records, c)
	}
	return p, nil
}

// TestHastySeqIsFound holds that the suite finds a log that skips changes, and
// that it finds nothing wrong with one that differs from it in that alone.
func TestHastySeqIsFound(t *testing.T) {
	for _, patient := range []bool{false, true} {
		err := findSkipped(&hasty{patient: patient, entries: map[uint64]sitesync.Change{}, places: map[string]uint64{}}, store)
		if patient && err != nil {
			t.Errorf("a sound log is found at fault: %v", err)
		}
		if !patient && (err == nil || !strings.Contains(err.Error(), "a reader at the head")) {
			t.Errorf("a hasty log is not found: %v", err)
		}
	}
}
