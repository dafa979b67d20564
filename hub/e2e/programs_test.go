package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitesync/hub/rig"
)

// TestDemo runs the README's first command to its summary.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, programs.Hub, "demo", "--exit", "--records", "100").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"The summary", "NAD1", "SUV1", "LAB1", "WHS1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demonstration does not show %s:\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), "equal"); n != 4 {
		t.Errorf("%d stores are equal, want 4:\n%s", n, out)
	}
}

// exitCode runs a program to its end.
func exitCode(t *testing.T, program string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s did not run", program)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestDataDirectory starts programs on data directories they must not touch.
func TestDataDirectory(t *testing.T) {
	hub := startHub(t)
	off := []string{"--mqtt", "", "--mqtts", "", "--http", "", "--https", ""}
	code, out := exitCode(t, programs.Hub, append([]string{"serve", "--data", hub.Dir}, off...)...)
	if code != 5 || !strings.Contains(out, hub.Dir) {
		t.Errorf("a second hub ended with %d: %s", code, out)
	}
	check(t, hub.Stop())
	code, out = exitCode(t, programs.Agent, "run", "--data", hub.Dir)
	if code == 0 || !strings.Contains(out, "hub") {
		t.Errorf("an agent on a hub's directory ended with %d: %s", code, out)
	}
	format := filepath.Join(hub.Dir, "db", "FORMAT")
	b, err := os.ReadFile(format)
	check(t, err)
	check(t, os.WriteFile(format, []byte(strings.Replace(string(b), " 1", " 99", 1)), 0o600))
	code, out = exitCode(t, programs.Hub, append([]string{"serve", "--data", hub.Dir}, off...)...)
	if code != 6 {
		t.Errorf("a hub on a newer directory ended with %d: %s", code, out)
	}
	check(t, os.WriteFile(format, b, 0o600))
	check(t, hub.Start())
}

// TestHealth asks the hub how it is.
func TestHealth(t *testing.T) {
	hub := startHub(t)
	response, err := http.Get("http://" + hub.Addresses.HTTP + "/healthz")
	check(t, err)
	defer response.Body.Close()
	var health struct{ Status string }
	check(t, json.NewDecoder(response.Body).Decode(&health))
	if response.StatusCode != http.StatusOK || health.Status != "ok" {
		t.Errorf("health %d %+v", response.StatusCode, health)
	}
}

// TestLateHub joins a device while the hub is away: the details are saved, and
// the agent gets there by itself.
func TestLateHub(t *testing.T) {
	hub := startHub(t)
	_, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	check(t, hub.Stop())
	agent, err := rig.NewAgent(programs, filepath.Join(t.TempDir(), "late"), "late", quick...)
	check(t, err)
	out, code, err := agent.Command(password, "join", j.String(), "--password-file", "-")
	check(t, err)
	if code != 4 {
		t.Fatalf("joining a hub that is away ended with %d: %s", code, out)
	}
	check(t, agent.Start())
	keep(t, agent)
	time.Sleep(50 * time.Millisecond)
	check(t, hub.Start())
	check(t, agent.Writable("NAD1", patience))
}
