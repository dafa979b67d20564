package api

import (
	"net/http"

	"sitesync/agent/localdb"
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
