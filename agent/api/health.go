package api

import (
	"net/http"

	"sitesync/shared/sitesync"
)

// getHealth answers anybody whether data can be written here, and tells nothing
// else. Whether it is sent is in the status.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	if err := s.db.CheckWrites(); err != nil {
		s.log.Warn("not healthy: the database takes no writes", keyError, err)
		return answer(w, http.StatusServiceUnavailable, health{"failing"})
	}
	return answer(w, http.StatusOK, health{"ok"})
}

type health struct {
	Status string `json:"status"`
}

// getMetrics answers with the program's numbers, as Prometheus reads them.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	if s.metrics == nil {
		return sitesync.Errorf(sitesync.CodeNotFound, "see the API's description for the paths there are", "there are no metrics here")
	}
	s.metrics.ServeHTTP(w, r)
	return nil
}
