package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Anybody may ask whether the agent is well, and hears nothing more.
func TestHealth(t *testing.T) {
	d := newDevice(t)
	response, err := http.Get(d.server.URL + "/healthz")
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	var told map[string]any
	check(t, json.Unmarshal(body, &told))
	if response.StatusCode != 200 || len(told) != 1 || told["status"] != "ok" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	db := openDB(t, t.TempDir())
	broken := New(Options{DB: db, Agent: d.agent, Tokens: d.tokens})
	broken.Close()
	check(t, db.Close())
	w := httptest.NewRecorder()
	broken.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/healthz", nil))
	if w.Code != 503 || w.Body.String() != `{"status":"failing"}`+"\n" {
		t.Errorf("without a database: %d %s", w.Code, w.Body)
	}
}
