package api

import "net/http"

// getOutbox answers what waits for the hub, as one moment has it, in the form
// in which the hub imports it. An answer that fails half-way is cut off.
func (s *Server) getOutbox(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", typeNDJSON)
	if r.Method == http.MethodHead {
		return nil
	}
	return s.agent.Export(w)
}
