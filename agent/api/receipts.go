package api

import (
	"net/http"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const (
	usualReceipts = 100
	mostReceipts  = 1000
)

// listReceipts always answers a next; an empty page repeats the place.
func (s *Server) listReceipts(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, usualReceipts, mostReceipts)
	if err != nil {
		return err
	}
	items, next, err := s.db.Receipts(r.URL.Query().Get("after"), limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct {
		Items []localdb.Receipt `json:"items"`
		Next  string            `json:"next"`
	}{append([]localdb.Receipt{}, items...), next})
}

// Refused is a change that the hub put into quarantine.
type Refused struct {
	Store  string          `json:"store"` // code
	Epoch  sitesync.Epoch  `json:"epoch"`
	N      uint64          `json:"n"`
	Op     string          `json:"op"`
	Table  string          `json:"table"`
	ID     string          `json:"id"`
	Reason sitesync.Reason `json:"reason"`
}

// listRefused lists the newest ones of each store.
func (s *Server) listRefused(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, usualReceipts, mostReceipts)
	if err != nil {
		return err
	}
	found, err := s.db.Refused(limit)
	if err != nil {
		return err
	}
	items := make([]Refused, 0, len(found))
	for _, f := range found {
		items = append(items, Refused{Store: f.Store, Epoch: f.Epoch, N: f.N, Op: f.Op.String(), Table: f.Key.Table, ID: f.Key.ID, Reason: f.Reason})
	}
	return answer(w, http.StatusOK, list[Refused]{Items: items})
}
