// Package agentd is the agent as a running program: it wires the local
// database, the sync engine and the local API, and owns everything that runs.
package agentd

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"sitesync/agent/engine"
	"sitesync/agent/hwid"
	"sitesync/shared/kv"
	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
)

// Config is the agent's settings.
type Config struct {
	Data          string
	API           string // address of the local API
	AllowedHosts  []string
	TLSCert       string // files; needed beyond loopback
	TLSKey        string
	Type          string // auto, mobile or standalone
	HardwareFacts string // file that replaces the facts
	Insecure      bool   // plain mqtt:// beyond loopback
	TrustClock    bool   // the device has a battery-backed clock
	LogLevel      string
	Timings       settings.Timings

	Version string
	Log     *slog.Logger
	Tail    *Tail // of the log, for the hub's operators
}

// DataFlag defines the setting that every command has.
func (c *Config) DataFlag(f *pflag.FlagSet) {
	f.StringVar(&c.Data, "data", "./sitesync-agent-data", "data directory; made at the first start")
	f.StringVar(&c.HardwareFacts, "hardware-facts", "", "JSON file of facts that stand for this device's own; for tests and demonstrations")
	f.BoolVar(&c.Insecure, "insecure", false, "allow mqtt:// beyond this machine: the password can then be read on the way")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
}

// Flags defines the settings of a running agent.
func (c *Config) Flags(f *pflag.FlagSet) {
	f.StringVar(&c.API, "api", "127.0.0.1:7411", "address of the local API")
	f.StringSliceVar(&c.AllowedHosts, "allowed-hosts", nil, "host names under which the API may be called beyond this machine")
	f.StringVar(&c.TLSCert, "tls-cert", "", "certificate of the API, PEM; needed beyond this machine")
	f.StringVar(&c.TLSKey, "tls-key", "", "its key, PEM")
	f.StringVar(&c.Type, "type", "auto", "what the device is: auto, mobile or standalone")
	f.BoolVar(&c.TrustClock, "trust-clock", false, "the device has a battery-backed clock: a longest time offline counts on by it over a reboot, instead of ending with it")
	c.Timings.Flags(f)
}

func (c *Config) deviceType() (sitesync.SiteType, error) {
	switch c.Type {
	case "", "auto":
		return hwid.DeviceType(), nil
	case string(sitesync.TypeMobile), string(sitesync.TypeStandalone):
		return sitesync.SiteType(c.Type), nil
	}
	return "", sitesync.Errorf(sitesync.CodeUsage, "use auto, mobile or standalone", "there is no device type %q", c.Type)
}

func (c *Config) timings() engine.Timings {
	t := &c.Timings
	return engine.Timings{KeepAlive: t.Keepalive, BackoffMin: t.BackoffMin, BackoffMax: t.BackoffMax, PullInterval: t.PullInterval,
		RequestTimeout: t.RequestTimeout, CredentialRetry: t.CredentialRetry, PurgeAfter: t.PurgeAfter}
}

// Logger makes the program's log, on standard error, and keeps its tail.
func (c *Config) Logger() error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "use debug, info, warn or error", "there is no log level %q", c.LogLevel)
	}
	c.Tail = new(Tail)
	c.Log = slog.New(slog.NewTextHandler(io.MultiWriter(os.Stderr, c.Tail), &slog.HandlerOptions{Level: l}))
	return nil
}

// Identify finds out which device this is, from its facts and from what the
// data directory kept. What is to be kept from now on comes with it.
func (c *Config) Identify() (hwid.Kept, hwid.Decision, error) {
	var kept *hwid.Kept
	b, err := os.ReadFile(c.keptFile())
	switch {
	case os.IsNotExist(err):
	case err != nil:
		return hwid.Kept{}, hwid.Decision{}, err
	default:
		if kept, err = hwid.ParseKept(b); err != nil {
			return hwid.Kept{}, hwid.Decision{}, err
		}
	}
	facts := hwid.Facts{}
	if c.HardwareFacts != "" {
		if facts, err = hwid.Load(c.HardwareFacts); err != nil {
			if e := sitesync.AsError(err); e != nil { // of what stands on the command line
				err = sitesync.Errorf(sitesync.CodeUsage, e.Next, "%s", e.Message)
			}
			return hwid.Kept{}, hwid.Decision{}, err
		}
	} else {
		facts = hwid.Gather("/")
	}
	next, decision := hwid.Identify(kept, facts)
	return next, decision, nil
}

func (c *Config) keptFile() string { return filepath.Join(c.Data, "hardware.json") }

// device identifies the device and keeps what it was identified by, durably,
// before the ID is used.
func (c *Config) device() (engine.Device, error) {
	kind, err := c.deviceType()
	if err != nil {
		return engine.Device{}, err
	}
	kept, decision, err := c.Identify()
	if err != nil {
		return engine.Device{}, err
	}
	b, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return engine.Device{}, err
	}
	if err := kv.WriteFileDurable(c.keptFile(), append(b, '\n'), 0o600); err != nil {
		return engine.Device{}, err
	}
	if decision.Verdict == hwid.OtherDevice {
		c.Log.Warn("this data directory comes from another device; the hub will take this one for a stranger", "hardware_id", kept.ID.Grouped())
	}
	return engine.Device{Hardware: kept.ID, Evidence: kept.Evidence, Test: decision.Test, Weak: decision.Weak, Type: kind,
		Platform: hwid.Platform(), Version: c.Version}, nil
}
