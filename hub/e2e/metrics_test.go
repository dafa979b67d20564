package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"sitesync/hub/rig"
	"sitesync/shared/sample"
)

// TestMetrics reads the metrics of both programs while data goes from one to
// the other, and holds the Grafana board against them.
func TestMetrics(t *testing.T) {
	hub := startHub(t)
	_, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "tablet", j)
	check(t, agent.Writable("NAD1", patience))
	check(t, agent.Bulk("NAD1", rig.Lines(sample.New(1), 500)))
	check(t, agent.Sent(patience))

	ofHub := get(t, "http://"+hub.Addresses.HTTP+"/metrics", "")
	ofAgent := get(t, agent.URL+"/metrics", agent.Token)
	for text, wants := range map[string][]string{
		ofHub: {`sitesync_hub_changes_total{result="applied"} 500`, `sitesync_hub_connections{kind="device"} 1`, `sitesync_hub_sites{state="online"} 2`,
			`sitesync_hub_stores{phase="active"} 1`, `sitesync_hub_dropped_messages_total{to="device"} 0`, `sitesync_hub_quarantine_open 0`},
		ofAgent: {"sitesync_agent_local_writes_total 500", "sitesync_agent_backlog_changes 0", `sitesync_agent_link{state="online"} 1`,
			`sitesync_agent_stores{phase="active"} 1`},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("there is no %q in\n%s", want, text)
			}
		}
		for _, zero := range []string{"sitesync_hub_push_bytes_total 0\n", `sitesync_hub_feed_bytes_total{kind="resync"} 0` + "\n", "sitesync_agent_last_sync_timestamp_seconds 0\n",
			`sitesync_agent_link_bytes_total{direction="out"} 0` + "\n", "sitesync_hub_commit_seconds_count 0\n"} {
			if strings.Contains(text, zero) {
				t.Errorf("still %q", zero)
			}
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		check(t, err)
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if r, err := http.Get(agent.URL + "/metrics"); err != nil || r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the agent's metrics without a token: %v %v", r, err)
	}
	checkBoard(t, ofHub+ofAgent)
}

// checkBoard holds that every metric that the board asks for is one of ours,
// and that it shows most of them.
func checkBoard(t *testing.T, exposed string) {
	t.Helper()
	text, err := os.ReadFile("../../configs/grafana.json")
	check(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	check(t, json.Unmarshal(text, &board))
	series := regexp.MustCompile(`(?m)^([a-z_]+)(?:\{| )`)
	var have []string
	for _, m := range series.FindAllStringSubmatch(exposed, -1) {
		have = append(have, m[1])
	}
	asked := regexp.MustCompile(`\b((?:sitesync|process|go)_[a-z_]+)`)
	shown := map[string]bool{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			names := asked.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("panel %q asks for nothing: %s", p.Title, target.Expr)
			}
			for _, name := range names {
				shown[name] = true
				if !slices.Contains(have, name) {
					t.Errorf("panel %q asks for %s, which is not there", p.Title, name)
				}
			}
		}
	}
	if len(shown) < 30 {
		t.Errorf("the board shows %d metrics", len(shown))
	}
}

func get(t *testing.T, url, token string) string {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	check(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d: %s", url, response.StatusCode, body)
	}
	return string(body)
}
