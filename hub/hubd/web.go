package hubd

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"sitesync/hub/console"
	"sitesync/hub/registry"
	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// webServer serves what there is over HTTP: the console, MQTT over WebSocket,
// whether the hub is well, and its metrics.
func (h *Hub) webServer() *http.Server {
	mux := http.NewServeMux()
	pages := console.Pages()
	mux.Handle("/{$}", pages)
	mux.Handle("/assets/", pages)
	mux.Handle("/mqtt", h.broker.WebSocketHandler())
	mux.HandleFunc("GET /healthz", h.health)
	mux.Handle("GET /metrics", h.readers(h.metrics.Handler()))
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug)}
}

// health answers 200 when the hub can do its work: its database takes writes,
// which a full disk or a failed one does not, and clients are let in. Anybody
// may ask, so it tells nothing else.
func (h *Hub) health(w http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Status  string `json:"status"`
		Problem string `json:"problem,omitempty"`
	}{Status: "ok", Problem: h.ailment()}
	status := http.StatusOK
	if answer.Problem != "" {
		answer.Status, status = "failing", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		h.log.Debug("a health check was not taken", "error", err)
	}
}

// ailment says why the hub cannot do its work, without what is only for the
// log; "" when it can.
func (h *Hub) ailment() string {
	err := h.db.Update(func(*kv.Tx) error { return nil })
	switch {
	case sitesync.CodeOf(err) == sitesync.CodeDiskFull:
		return "the disk is full"
	case err != nil:
		return "the database takes no writes; see the hub's log"
	case !h.broker.Listening():
		return "no device can connect; see the hub's log"
	}
	return ""
}

// readers lets those in who may read metrics: with a token of any role; and
// without one from this machine itself, unless the hub was told otherwise. What
// shows signs of a proxy comes from elsewhere.
func (h *Hub) readers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		given := r.Header.Get("Authorization")
		outcome := registry.BadCredentials
		if token, ok := strings.CutPrefix(given, "Bearer "); ok {
			_, outcome = h.registry.AuthenticateBearer([]byte(token))
		}
		switch {
		case outcome == registry.Accepted, given == "" && !h.config.ProtectMetrics && local(r):
			next.ServeHTTP(w, r)
		case outcome == registry.NotAuthorized:
			http.Error(w, "This token is disabled or has expired. Make another one: sitesync-hub token create", http.StatusForbidden)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sitesync-hub"`)
			http.Error(w, "Send a token of the hub: Authorization: Bearer TOKEN. Make one with: sitesync-hub token create NAME --role viewer", http.StatusUnauthorized)
		}
	})
}

// local reports whether a request comes from a program on this machine that
// meant this machine: not through a proxy, and not by a page in a browser here
// that another host's name led to.
func local(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	return loopback(r.RemoteAddr) && loopback(r.Host)
}

// loopback reports whether a host, with or without a port, is this machine.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
