// Package hubd is the hub as a running program: it wires the broker, the
// durable state and the handlers, and owns everything that runs.
package hubd

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sitesync/hub/admin"
	"sitesync/hub/broker"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/link"
	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
)

// Config is the hub's settings.
type Config struct {
	Data              string
	MQTT, MQTTS       string // addresses; "" is off
	HTTP, HTTPS       string
	PublicAddress     string   // host that devices use; "" is the listener's, or the machine's name
	PublicURLs        []string // replace what is made of the listeners and PublicAddress
	UnsafePlain       bool     // plain MQTT and HTTP beyond loopback
	ProtectMetrics    bool     // ask this machine for a token as well
	AdminPasswordFile string
	LogLevel          string
	Timings           settings.Timings

	Version string       // of the program
	Log     *slog.Logger // set by Run's caller or from LogLevel

	// For tests that run a hub within themselves. The zero values are what a
	// program has.
	Listen  broker.ListenFunc
	Argon2  registry.Argon2
	Commit  func(commit func() error) error // see kv.Options
	Records func(*records.DB) admin.Records // what the handlers work on
}

// Flags defines the settings as flags.
func (c *Config) Flags(f *pflag.FlagSet) {
	f.StringVar(&c.Data, "data", "./sitesync-hub-data", "data directory; made at the first start")
	f.StringVar(&c.MQTT, "mqtt", "127.0.0.1:1883", "address for MQTT without encryption; empty turns it off")
	f.StringVar(&c.MQTTS, "mqtts", ":8883", "address for MQTT over TLS; empty turns it off")
	f.StringVar(&c.HTTP, "http", "127.0.0.1:8080", "address for HTTP without encryption; empty turns it off")
	f.StringVar(&c.HTTPS, "https", ":8443", "address for HTTPS and MQTT over WebSocket; empty turns it off")
	f.StringVar(&c.PublicAddress, "public-address", "", "host name or address under which devices reach this hub (default: the listener's host, or the machine's name)")
	f.StringSliceVar(&c.PublicURLs, "public-urls", nil, "URLs under which devices reach this hub, the best first, for one behind a router or a proxy (default: made of the listeners)")
	f.BoolVar(&c.UnsafePlain, "unsafe-plain", false, "allow MQTT and HTTP without encryption beyond this machine: passwords can then be read on the way")
	f.BoolVar(&c.ProtectMetrics, "protect-metrics", false, "ask for a token at /metrics from this machine too, for a hub behind a proxy on it; beyond this machine it always is")
	f.StringVar(&c.AdminPasswordFile, "admin-password-file", "", "file with the password of the first user admin; only read at the first start (default: a random one, printed once)")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	c.Timings.Flags(f)
}

// check refuses what would be unsafe or cannot work.
func (c *Config) check() error {
	for _, u := range c.PublicURLs {
		if _, err := link.ParseURL(u, true); err != nil {
			return err
		}
	}
	for flag, address := range map[string]string{"mqtt": c.MQTT, "http": c.HTTP} {
		if address == "" || c.UnsafePlain {
			continue
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return sitesync.Errorf(sitesync.CodeUsage, "write it as host:port", "--%s %q is not an address", flag, address)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return sitesync.Errorf(sitesync.CodeUsage, "use --mqtts and --https beyond this machine, or add --unsafe-plain if the network is yours alone",
				"--%s %s would carry passwords without encryption beyond this machine", flag, address)
		}
	}
	return nil
}

// adminPassword reads the file given for the first start.
func (c *Config) adminPassword() (string, error) {
	if c.AdminPasswordFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.AdminPasswordFile)
	if err != nil {
		return "", sitesync.Errorf(sitesync.CodeUsage, "check the path given with --admin-password-file", "the password file cannot be read: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", sitesync.Errorf(sitesync.CodeUsage, "write the password into it, on one line", "the file %s is empty", c.AdminPasswordFile)
	}
	return password, nil
}

// Logger makes the program's log, on standard error.
func Logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "use debug, info, warn or error", "there is no log level %q", level)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}

// sweepInterval is how often old tombstones are looked for.
const sweepInterval = time.Hour

// publicHost is the host that devices use for a listener.
func (c *Config) publicHost(listener net.Addr) string {
	if c.PublicAddress != "" {
		return c.PublicAddress
	}
	host, _, _ := net.SplitHostPort(listener.String())
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return host
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}

func port(a net.Addr) string {
	_, p, _ := net.SplitHostPort(a.String())
	return p
}

// url builds a hub URL.
func url(scheme, host string, a net.Addr, path string) string {
	return fmt.Sprintf("%s://%s%s", scheme, net.JoinHostPort(host, port(a)), path)
}
