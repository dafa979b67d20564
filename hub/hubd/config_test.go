package hubd

import (
	"net"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"sitesync/shared/settings"
	"sitesync/shared/sitesync"
)

func defaults(t *testing.T, args ...string) Config {
	t.Helper()
	var c Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlainStaysOnThisMachine(t *testing.T) {
	for _, test := range []struct {
		args []string
		ok   bool
	}{
		{nil, true},
		{[]string{"--mqtt", "localhost:1883"}, true},
		{[]string{"--mqtt", "[::1]:1883"}, true},
		{[]string{"--mqtt", ""}, true},
		{[]string{"--mqtt", ":1883"}, false},
		{[]string{"--mqtt", "0.0.0.0:1883"}, false},
		{[]string{"--http", "192.0.2.1:80"}, false},
		{[]string{"--http", "hub.example.org:80"}, false},
		{[]string{"--http", "nonsense"}, false},
		{[]string{"--mqtt", ":1883", "--unsafe-plain"}, true},
		{[]string{"--public-urls", "mqtts://hub.example.org,wss://hub.example.org/mqtt"}, true},
		{[]string{"--public-urls", "http://hub.example.org"}, false},
	} {
		c := defaults(t, test.args...)
		if err := c.check(); (err == nil) != test.ok {
			t.Errorf("%v: %v", test.args, err)
		}
	}
}

func TestPublicHost(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ public, listener, want string }{
		{"", "192.0.2.7:8883", "192.0.2.7"},
		{"", "0.0.0.0:8883", machine},
		{"", "[::]:8883", machine},
		{"hub.example.org", "0.0.0.0:8883", "hub.example.org"},
	} {
		address, err := net.ResolveTCPAddr("tcp", test.listener)
		if err != nil {
			t.Fatal(err)
		}
		c := Config{PublicAddress: test.public}
		if got := c.publicHost(address); got != test.want {
			t.Errorf("public address %q, listener %s: %q, want %q", test.public, test.listener, got, test.want)
		}
	}
}

// TestSampleFile holds that the sample in configs is read, and says what the
// defaults are.
func TestSampleFile(t *testing.T) {
	var c Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Flags(flags)
	flags.String("config", "", "")
	if _, err := settings.Load(flags, "SITESYNC_HUB_TEST_", "../../configs/hub.yaml"); err != nil {
		t.Fatal(err)
	}
	want := defaults(t)
	if c.Timings != want.Timings || c.Data != want.Data || c.MQTT != want.MQTT || c.MQTTS != want.MQTTS || c.HTTP != want.HTTP || c.HTTPS != want.HTTPS {
		t.Errorf("configs/hub.yaml gives %+v, the defaults are %+v", c, want)
	}
}

// TestSampleIsWhole holds that the sample names every setting of the hub.
func TestSampleIsWhole(t *testing.T) {
	sample, err := os.ReadFile("../../configs/hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ofAgent := []string{"backoff-max", "backoff-min", "credential-retry", "pull-interval", "purge-after", "request-timeout"}
	var c Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(ofAgent, f.Name) && !regexp.MustCompile(`(?m)^(# )?`+f.Name+`:`).Match(sample) {
			t.Errorf("configs/hub.yaml says nothing of %s", f.Name)
		}
	})
}

// TestRefusals holds that every reason for which the registry refuses a device
// has a number on the wire.
func TestRefusals(t *testing.T) {
	for _, code := range []sitesync.ProblemCode{sitesync.ProblemDeleted, sitesync.ProblemHardwareReset, sitesync.ProblemReplaced,
		sitesync.ProblemDisabled, sitesync.ProblemSiteRenamed, sitesync.ProblemPasswordChanged, sitesync.ProblemTwoDevices} {
		if got := refusedOf(code).Problem(); got != code {
			t.Errorf("%s goes out as %s", code, got)
		}
	}
}

func TestChoresRunInOrderAndToTheEnd(t *testing.T) {
	c, stop := newChores(), make(chan struct{})
	var got []int
	for i := range 100 {
		c.do(func() {
			got = append(got, i)
			if i == 50 {
				c.do(func() { got = append(got, 100) })
			}
		})
	}
	close(stop)
	c.run(stop)
	for i, n := range got {
		if n != i {
			t.Fatalf("chore %d ran at place %d", n, i)
		}
	}
	if len(got) != 101 {
		t.Fatalf("%d chores ran, want 101", len(got))
	}
}
