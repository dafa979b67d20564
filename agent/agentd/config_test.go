package agentd

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"sitesync/agent/api"
	"sitesync/agent/engine"
	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
)

func testConfig(t *testing.T) Config {
	t.Helper()
	var c Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.DataFlag(flags)
	c.Flags(flags)
	c.Data, c.Log = filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler)
	c.HardwareFacts = filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(c.HardwareFacts, []byte(`{"board_serial":"TEST-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSampleFile holds that the sample in configs is read, and says what the
// defaults are.
func TestSampleFile(t *testing.T) {
	var c, want Config
	for _, into := range []*Config{&c, &want} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		into.DataFlag(flags)
		into.Flags(flags)
		flags.String("config", "", "")
		file := "../../configs/agent.yaml"
		if into == &want {
			file = ""
		}
		if _, err := settings.Load(flags, "SITESYNC_AGENT_TEST_", file); err != nil {
			t.Fatal(err)
		}
	}
	if c.Timings != want.Timings || c.Data != want.Data || c.API != want.API || c.Type != want.Type {
		t.Errorf("configs/agent.yaml gives %+v, the defaults are %+v", c, want)
	}
}

// TestSampleIsWhole holds that the sample names every setting of the agent.
func TestSampleIsWhole(t *testing.T) {
	sample, err := os.ReadFile("../../configs/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ofHub := []string{"lease-margin", "replay-memory", "replica-window", "status-interval", "tombstone-retention"}
	var c Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.DataFlag(flags)
	c.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(ofHub, f.Name) && !regexp.MustCompile(`(?m)^(# )?`+f.Name+`:`).Match(sample) {
			t.Errorf("configs/agent.yaml says nothing of %s", f.Name)
		}
	})
}

func text(s string) *string { return &s }

// TestEdited tells edits that keep the site from those that may be another.
func TestEdited(t *testing.T) {
	a, err := Open(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	first := api.SiteEdit{Hub: text("mqtts://hub.example.org"), Name: text("Nadi"), Password: text("a-password")}
	for _, missing := range []api.SiteEdit{
		{Name: first.Name, Password: first.Password},
		{Hub: first.Hub, Password: first.Password},
		{Hub: first.Hub, Name: first.Name},
		{Hub: text("http://hub"), Name: first.Name, Password: first.Password},
		{Hub: first.Hub, Name: first.Name, Password: first.Password, CA: text("no PEM")},
	} {
		if _, _, err := a.edited(nil, missing); sitesync.CodeOf(err) != sitesync.CodeInvalid {
			t.Errorf("%+v: %v", missing, err)
		}
	}
	next, other, err := a.edited(nil, first)
	if err != nil || other || !next.Fresh {
		t.Fatalf("the first details: %+v, other %v, %v", next, other, err)
	}
	next.Credential, next.Fresh, next.HubID = "ssc1_x", false, "00"
	if err := a.engine.Edit(func(s *engine.Site) error { *s = next; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		edit  api.SiteEdit
		other bool
		fresh bool
	}{
		{"a new name alone", api.SiteEdit{Name: text("Nadi Town")}, false, false},
		{"a new password", api.SiteEdit{Password: text("another")}, false, true},
		{"name and password", api.SiteEdit{Name: text("Suva"), Password: text("another")}, true, true},
		{"another hub", api.SiteEdit{Hub: text("mqtts://other.example.org")}, true, false},
		{"the same hub", api.SiteEdit{Hub: first.Hub}, false, false},
	} {
		next, other, err := a.edited(a.engine.Site(), test.edit)
		if err != nil || other != test.other || next.Fresh != test.fresh || next.Switch != test.other {
			t.Errorf("%s: other %v, fresh %v, switch %v, %v", test.name, other, next.Fresh, next.Switch, err)
		}
	}
}

// TestSiteFile holds that the secrets are readable by their owner alone and
// that a newer file is refused.
func TestSiteFile(t *testing.T) {
	dir := t.TempDir()
	site := engine.Site{Hub: "mqtts://hub.example.org", Name: "Nadi", Password: "a-password"}
	if err := site.Save(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "site.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("site.json: %v %v", info.Mode(), err)
	}
	got, err := engine.LoadSite(dir)
	if err != nil || got.Name != "Nadi" || got.Password != "a-password" {
		t.Errorf("read back %+v, %v", got, err)
	}
	b, err := json.Marshal(map[string]any{"format": 99})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.LoadSite(dir); sitesync.CodeOf(err) != sitesync.CodeDataNewer {
		t.Errorf("a newer site file: %v", err)
	}
}
