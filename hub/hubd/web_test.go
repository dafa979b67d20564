package hubd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// openHub opens a hub on free ports of this machine.
func openHub(t *testing.T, args ...string) *Hub {
	t.Helper()
	return openConfigured(t, nil, args...)
}

func openConfigured(t *testing.T, set func(*Config), args ...string) *Hub {
	t.Helper()
	c := configured(t, args...)
	if set != nil {
		set(&c)
	}
	h, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(t.Context()) })
	return h
}

// configured is the configuration of a hub for a test.
func configured(t *testing.T, args ...string) Config {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("the admin's password"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := defaults(t, append([]string{"--data", t.TempDir(), "--mqtt", "127.0.0.1:0", "--mqtts", "", "--http", "127.0.0.1:0", "--https", "",
		"--admin-password-file", password}, args...)...)
	c.Log, c.Version = slog.New(slog.DiscardHandler), "test"
	c.Argon2 = registry.Argon2{Memory: 64, Time: 1, Threads: 1}
	return c
}

func ask(t *testing.T, h *Hub, path string, header map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("GET", "http://"+h.Addresses().HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMetricsAreWellFormedAndTellNoNames(t *testing.T) {
	h := openHub(t)
	if _, err := h.registry.CreateSite(registry.Actor{Name: "admin"}, registry.NewSite{Name: "Secretsite", Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	code, text := ask(t, h, "/metrics", nil)
	if code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{
		`sitesync_hub_build_info{version="test"} 1`, `sitesync_hub_sites{state="online"} 1`, `sitesync_hub_sites{state="never"} 1`,
		`sitesync_hub_connections{kind="device"} 0`, `sitesync_hub_logins_total{kind="site",result="bad_credentials"} 0`,
		`sitesync_hub_stores{phase="active"} 0`, `sitesync_hub_events_total{kind="hub.disk"} 0`, "sitesync_hub_disk_free_bytes ",
		`sitesync_hub_commit_seconds_bucket{le="0.001"} `, "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Secretsite") || strings.Contains(text, h.config.Data) {
		t.Error("the metrics tell a name")
	}
}

func TestWhoMayReadMetrics(t *testing.T) {
	h, guarded := openHub(t), openHub(t, "--protect-metrics")
	token := func(h *Hub, name string, enabled bool) string {
		t.Helper()
		_, secret, err := h.registry.CreateToken(registry.Actor{Name: "admin"}, registry.NewToken{Name: name, Role: registry.RoleViewer})
		if err != nil {
			t.Fatal(err)
		}
		if !enabled {
			if _, err := h.registry.UpdateUser(registry.Actor{Name: "admin"}, registry.UserEdit{Name: name, Enabled: &enabled}); err != nil {
				t.Fatal(err)
			}
		}
		return "Bearer " + secret
	}
	good, disabled := token(h, "prometheus", true), token(h, "old", false)
	for _, test := range []struct {
		name   string
		hub    *Hub
		header map[string]string
		want   int
	}{
		{"from this machine", h, nil, 200},
		{"by its name", h, map[string]string{"Host": "localhost:8080"}, 200},
		{"with a token", h, map[string]string{"Authorization": good, "X-Forwarded-For": "192.0.2.1"}, 200},
		{"with a wrong token, from this machine", h, map[string]string{"Authorization": good + "x"}, 401},
		{"with a disabled token", h, map[string]string{"Authorization": disabled}, 403},
		{"with another hub's token", guarded, map[string]string{"Authorization": good}, 401},
		{"through a proxy", h, map[string]string{"X-Forwarded-For": "192.0.2.1"}, 401},
		{"through another proxy", h, map[string]string{"Forwarded": "for=192.0.2.1"}, 401},
		{"by a page that was led here", h, map[string]string{"Host": "evil.example.org"}, 401},
		{"protected", guarded, nil, 401},
		{"protected, with its token", guarded, map[string]string{"Authorization": token(guarded, "prometheus", true)}, 200},
		{"with the admin's name", h, map[string]string{"Authorization": "Bearer admin"}, 401},
		{"with nothing", h, map[string]string{"Authorization": "Bearer "}, 401},
	} {
		code, text := ask(t, test.hub, "/metrics", test.header)
		if code != test.want || (code == 200) != strings.Contains(text, "sitesync_hub_sites") {
			t.Errorf("%s: %d, want %d; %.100s", test.name, code, test.want, text)
		}
	}
}

func TestHealth(t *testing.T) {
	var broken atomic.Bool
	h := openConfigured(t, func(c *Config) {
		c.Commit = func(commit func() error) error {
			if broken.Load() {
				return errors.New("input/output error on /secret/path")
			}
			return commit()
		}
	})
	health := func() (int, string, string) {
		t.Helper()
		code, text := ask(t, h, "/healthz", nil)
		var answer struct{ Status, Problem string }
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.DisallowUnknownFields()
		if err := d.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return code, answer.Status, answer.Problem
	}
	if code, status, problem := health(); code != 200 || status != "ok" || problem != "" {
		t.Errorf("a hub that is well: %d %s %s", code, status, problem)
	}
	broken.Store(true)
	if _, err := h.registry.CreateSite(registry.Actor{Name: "admin"}, registry.NewSite{Name: "Nadi", Password: "correct horse"}); err == nil {
		t.Fatal("a broken database took a site")
	}
	if code, status, problem := health(); code != 503 || status != "failing" || !strings.Contains(problem, "database") || strings.Contains(problem, "secret") {
		t.Errorf("a hub with a broken database: %d %s %s", code, status, problem)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9": true, "[::1]:8080": true, "[::1]": true, "LocalHost:1": true, "localhost": true,
		"": false, "192.0.2.1:80": false, "hub.example.org": false, "localhost.example.org:80": false, "[2001:db8::1]:80": false,
	} {
		if loopback(host) != want {
			t.Errorf("loopback(%q) is %t", host, !want)
		}
	}
}

// The numbers move with what happens.
func TestMetricsCount(t *testing.T) {
	h := openHub(t)
	h.counts.device(&registry.Decision{Outcome: registry.Refused, Refused: sitesync.ProblemTwoDevices})
	h.counts.login("user", loginResults[registry.Busy])
	h.counts.event(sitesync.EventHubDisk)
	_, text := ask(t, h, "/metrics", nil)
	for _, want := range []string{
		`sitesync_hub_logins_total{kind="site",result="refused"} 1`, `sitesync_hub_refused_devices_total{reason="two_devices"} 1`,
		`sitesync_hub_logins_total{kind="user",result="busy"} 1`, `sitesync_hub_overload_total 1`, `sitesync_hub_events_total{kind="hub.disk"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %q", want)
		}
	}
}
