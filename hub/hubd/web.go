package hubd

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"sitesync/shared/kv"
)

// webServer serves what there is over HTTP: MQTT over WebSocket, and whether
// the hub is well.
func (h *Hub) webServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/mqtt", h.broker.WebSocketHandler())
	mux.HandleFunc("GET /healthz", h.health)
	mux.HandleFunc("GET /{$}", h.index)
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug)}
}

// health answers 200 when the hub can write: its database is well, and there is
// room on the disk.
func (h *Hub) health(w http.ResponseWriter, _ *http.Request) {
	stats := h.db.Stats()
	answer := struct {
		Status   string `json:"status"`
		Version  string `json:"version"`
		Devices  int    `json:"devices"`
		DiskFree uint64 `json:"diskFree"`
		Problem  string `json:"problem,omitempty"`
	}{Status: "ok", Version: h.config.Version, Devices: h.broker.Stats().Devices, DiskFree: stats.DiskFree}
	status := http.StatusOK
	if err := h.db.Update(func(*kv.Tx) error { return nil }); err != nil {
		answer.Status, answer.Problem, status = "failing", err.Error(), http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		h.log.Debug("a health check was not taken", "error", err)
	}
}

// index tells a person with a browser where they are.
func (h *Hub) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("This is a sitesync hub. Administer it with the sitesync-hub command; see its --help.\n"))
}
