package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sitesync/hub/admin"
	"sitesync/hub/rig"
)

// TestReadmeCommands runs the MQTT examples of the README, as they stand there
// but for the port and the token, with Debian's clients.
func TestReadmeCommands(t *testing.T) {
	hub := startHub(t)
	var made admin.TokenResult
	check(t, hub.Call("token.create", map[string]any{"name": "script", "role": "admin"}, &made))
	_, port, err := net.SplitHostPort(hub.Addresses.MQTT)
	check(t, err)
	blocks := examples(t, "## Commands by MQTT")
	if len(blocks) != 4 {
		t.Fatalf("the README has %d examples", len(blocks))
	}
	script := strings.NewReplacer("-p 1883", "-p "+port, "sst1_the-token", made.Token).Replace(strings.Join(blocks, "\n"))
	if !strings.Contains(script, made.Token) || !strings.Contains(script, "-p "+port) {
		t.Fatalf("the README does not say where to, or with which token:\n%s", script)
	}
	out := shell(t, script)
	for _, want := range []string{
		`{"id":"1","ok":true,"result":{"store":{"id":1,"code":"NAD1","name":"Nadi pharmacy",`,
		`{"id":"","ok":true,"result":{"items":[{"id":1,`,
		`sitesync/v1/site/1/status {"site":1,"online":true,`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it did not print %s, but\n%s", want, out)
		}
	}
	var stores admin.Page[struct{ Code string }]
	check(t, hub.Call("store.list", nil, &stores))
	if len(stores.Items) != 1 || stores.Items[0].Code != "NAD1" {
		t.Errorf("stores %+v", stores.Items)
	}
}

// examples are the shell blocks of a section of the README.
func examples(t *testing.T, heading string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	check(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("the README has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for {
		_, rest, found := strings.Cut(section, "```sh\n")
		if !found {
			return blocks
		}
		var block string
		block, section, _ = strings.Cut(rest, "```")
		blocks = append(blocks, block)
	}
}

// shell runs a script in a home of its own, and stops at what fails.
func shell(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", rig.RaceOptions)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
