package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// StoreItem is a store in GET /v1/stores.
type StoreItem struct {
	ID sitesync.StoreID `json:"id"`
	Store
	Name    string            `json:"name"`
	Records int64             `json:"records"`
	Digest  sitesync.Digest   `json:"digest"`
	Head    string            `json:"head"`    // how far reading from the hub has come; opaque
	Problem *sitesync.Problem `json:"problem"` // why it is held back, if it is
}

// list is the shape of every list.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, s.status())
}

func (s *Server) status() Status { return Complete(s.agent.Status(), s.db) }

// Complete adds to a status what the database knows: Backlog, Stores, and what
// is wrong with them when nothing else is.
func Complete(st Status, db *localdb.DB) Status {
	stores := db.Stores()
	now := time.Now()
	st.Backlog, st.Stores = 0, make([]Store, 0, len(stores))
	for i := range stores {
		s := storeOf(db, &stores[i])
		if left := s.Loaded.Total - min(s.Loaded.Records, s.Loaded.Total); stores[i].ID == st.Rates.Loading && s.Phase == sitesync.PhaseLoading {
			s.Loaded.ETA = expected(now, left, st.Rates.Load)
		}
		if since := s.QueuedSince; since != nil && (st.OldestAt == nil || since.Before(st.OldestAt.Time)) {
			st.OldestAt = since
		}
		st.Stores = append(st.Stores, s)
		st.Backlog += s.Queued
	}
	st.ETA = expected(now, st.Backlog, st.Rates.Send)
	var overdue *sitesync.Problem
	if st.Lease, overdue = leaseOf(db.Lease()); overdue != nil && (st.Problem == nil || st.Problem.Code == sitesync.ProblemUnreachable) {
		st.Problem = overdue
	}
	if st.Problem == nil {
		st.Problem = problemOf(stores)
	}
	return st
}

// farthest is beyond what anybody waits for; a speed that would need longer
// says that nothing moves.
const farthest = 30 * 24 * time.Hour

// expected is when so much will be done at a speed.
func expected(now time.Time, left uint64, rate float64) *sitesync.Time {
	if left == 0 || rate <= 0 || float64(left)/rate > farthest.Seconds() {
		return nil
	}
	at := sitesync.At(now.Add(time.Duration(float64(left) / rate * float64(time.Second))))
	return &at
}

// leaseOf shows a lease, and what is to be said of one that is over.
func leaseOf(l localdb.LeaseStatus) (*Lease, *sitesync.Problem) {
	if l.Length == 0 {
		return nil, nil
	}
	shown := &Lease{MaxOffline: uint64(l.Length / time.Second), Expired: l.Expired}
	if !l.Until.IsZero() {
		at := sitesync.At(l.Until)
		shown.ReadOnlyAt = &at
	}
	if !l.Expired {
		return shown, nil
	}
	return shown, &sitesync.Problem{Code: sitesync.ProblemLeaseExpired,
		Message: fmt.Sprintf("The hub was not reached for longer than this site may be without it (%s), so its stores are read-only.", l.Length),
		Next:    "Bring this device online. Everything that was written is kept, and is sent then; the stores can be written again as soon as the hub has answered."}
}

func (s *Server) listStores(w http.ResponseWriter, _ *http.Request) error {
	stores := s.db.Stores()
	items := make([]StoreItem, 0, len(stores))
	for i := range stores {
		items = append(items, itemOf(s.db, &stores[i]))
	}
	return answer(w, http.StatusOK, list[StoreItem]{Items: items})
}

func storeOf(db *localdb.DB, s *localdb.Store) Store {
	loaded := Loaded{Records: uint64(max(s.Records, 0)), Total: uint64(max(s.Records, 0))}
	if s.Resync != nil {
		loaded = Loaded{Records: s.Resync.Records, Total: s.Resync.Total}
	}
	why := sitesync.CodeOf(db.Writable(s))
	shown := Store{Code: s.Code, Phase: s.Phase, Writable: why == "", Epoch: s.Epoch, Queued: s.Queued(), Loaded: loaded,
		Quarantined: s.Quarantined, QueuedSince: s.QueuedSince(), Why: why}
	if s.Phase == sitesync.PhaseDraining || s.Phase == sitesync.PhaseReleased {
		since := s.Since
		shown.To, shown.Since = s.To, &since
	}
	return shown
}

func itemOf(db *localdb.DB, s *localdb.Store) StoreItem {
	return StoreItem{ID: s.ID, Store: storeOf(db, s), Name: s.Name, Records: s.Records, Digest: s.Digest, Head: s.Cursor.String(), Problem: s.Blocked}
}

// problemOf gives what is wrong with the stores: the first that is held back,
// else that the hub refused changes.
func problemOf(stores []localdb.Store) *sitesync.Problem {
	var refused uint64
	var where []string
	for i := range stores {
		s := &stores[i]
		if s.Blocked != nil {
			return s.Blocked
		}
		if s.Quarantined > 0 {
			refused += s.Quarantined
			where = append(where, fmt.Sprintf("%d of store %s", s.Quarantined, s.Code))
		}
	}
	if refused == 0 {
		return nil
	}
	what, them := fmt.Sprintf("%d changes", refused), "them"
	if refused == 1 {
		what, them = "1 change", "it"
	}
	return &sitesync.Problem{Code: sitesync.ProblemQuarantined,
		Message: fmt.Sprintf("The hub did not apply %s made on this device (%s) and keeps %s in quarantine.", what, strings.Join(where, ", "), them),
		Next:    fmt.Sprintf("Look for the reasons in the receipts, and ask the hub's operator to apply or discard %s.", them)}
}
