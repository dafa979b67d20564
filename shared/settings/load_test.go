package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"sitesync/shared/sitesync"
)

// sample is a program's settings, of every kind of flag in use.
type sample struct {
	flags   *pflag.FlagSet
	http    string
	unsafe  bool
	most    int
	rate    float64
	pause   time.Duration
	hosts   []string
	args    []string
	timings Timings
}

func newSample() *sample {
	s := &sample{flags: pflag.NewFlagSet("sample", pflag.ContinueOnError)}
	s.flags.StringVar(&s.http, "http", "127.0.0.1:8080", "")
	s.flags.BoolVar(&s.unsafe, "unsafe-plain", false, "")
	s.flags.IntVar(&s.most, "most", 3, "")
	s.flags.Float64Var(&s.rate, "rate", 0.5, "")
	s.flags.DurationVar(&s.pause, "pause", time.Second, "")
	s.flags.StringSliceVar(&s.hosts, "allowed-host", []string{"a"}, "")
	s.flags.StringArrayVar(&s.args, "arg", nil, "")
	s.flags.String("config", "", "")
	s.timings.Flags(s.flags)
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sitesync.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const everything = `
# a comment
http: 127.0.0.1:1
unsafe-plain: true
most: 7
rate: 0.25
pause: 5s
allowed-host: [b, "c,d"]
arg:
  - x
  - 010
pull-interval: 3m
`

func TestFile(t *testing.T) {
	s := newSample()
	if _, err := Load(s.flags, "SAMPLE_", write(t, everything)); err != nil {
		t.Fatal(err)
	}
	if s.http != "127.0.0.1:1" || !s.unsafe || s.most != 7 || s.rate != 0.25 || s.pause != 5*time.Second {
		t.Errorf("read %+v", s)
	}
	if !slices.Equal(s.hosts, []string{"b", "c,d"}) || !slices.Equal(s.args, []string{"x", "010"}) {
		t.Errorf("lists are %q and %q", s.hosts, s.args)
	}
	if s.timings.PullInterval != 3*time.Minute || s.timings.Keepalive != time.Minute {
		t.Errorf("timings are %+v", s.timings)
	}
	if s.flags.Changed("http") {
		t.Error("a setting of the file counts as given on the command line")
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	t.Setenv("SAMPLE_HTTP", "")
	t.Setenv("SAMPLE_MOST", "8")
	t.Setenv("SAMPLE_ALLOWED_HOST", "e,f")
	t.Setenv("SAMPLE_PULL_INTERVAL", "4m")
	s := newSample()
	if err := s.flags.Parse([]string{"--most", "9"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(s.flags, "SAMPLE_", write(t, everything)); err != nil {
		t.Fatal(err)
	}
	if s.most != 9 {
		t.Errorf("the flag says 9, most is %d", s.most)
	}
	if s.http != "" || s.timings.PullInterval != 4*time.Minute || !slices.Equal(s.hosts, []string{"e", "f"}) {
		t.Errorf("the environment was not taken: %q %s %q", s.http, s.timings.PullInterval, s.hosts)
	}
	if s.pause != 5*time.Second {
		t.Errorf("the file says 5s, pause is %s", s.pause)
	}
	if s.timings.BackoffMax != 5*time.Minute {
		t.Errorf("backoff-max is %s", s.timings.BackoffMax)
	}
}

func TestNoFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n", "{}\n"} {
		s := newSample()
		if _, err := Load(s.flags, "SAMPLE_", write(t, text)); err != nil || s.most != 3 {
			t.Errorf("%q: most is %d, error %v", text, s.most, err)
		}
	}
}

func TestFileFromEnvironment(t *testing.T) {
	t.Setenv("SAMPLE_CONFIG", write(t, "most: 5"))
	s := newSample()
	unknown, err := Load(s.flags, "SAMPLE_", "")
	if err != nil || s.most != 5 || len(unknown) != 0 {
		t.Errorf("most is %d, unknown %q, error %v", s.most, unknown, err)
	}
}

func TestUnknownVariablesAreListed(t *testing.T) {
	t.Setenv("SAMPLE_MSOT", "5")
	t.Setenv("SAMPLE_A", "5")
	t.Setenv("OTHER_A", "5")
	unknown, err := Load(newSample().flags, "SAMPLE_", "")
	if err != nil || !slices.Equal(unknown, []string{"SAMPLE_A", "SAMPLE_MSOT"}) {
		t.Errorf("unknown %q, error %v", unknown, err)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text, says, field string }{
		{"unknown key", "http: x\nhtpt: y\n", `line 2: there is no setting "htpt"`, "htpt"},
		{"the file in the file", "config: x\n", `there is no setting "config"`, "config"},
		{"twice", "most: 1\nmost: 2\n", "line 2: most is there already, in line 1", ""},
		{"number", "most: many\n", "line 1: most: ", "most"},
		{"bool", "unsafe-plain: no\n", "write true or false", "unsafe-plain"},
		{"duration", "pause: 5\n", "write a duration such as", "pause"},
		{"list for one", "most: [1, 2]\n", "one value, not a list", "most"},
		{"mapping for one", "most: {a: 1}\n", "a plain value", "most"},
		{"mapping in a list", "arg: [{a: 1}]\n", "a plain value", "arg"},
		{"nothing", "http:\n", "there is no value", "http"},
		{"anchor", "http: &a x\narg: [*a]\n", "a plain value", "arg"},
		{"merge", "<<: {most: 1}\n", `there is no setting "<<"`, "<<"},
		{"a list", "- a\n", "line 1: there are no settings", ""},
		{"a text", "hello\n", "line 1: there are no settings", ""},
		{"broken", "http: [\n", "one setting a line", ""},
		{"two documents", "most: 1\n---\nmost: 2\n", "more than one YAML document", ""},
		{"key that is a list", "? [a]\n: 1\n", "not a text", ""},
		{"too long", "#" + strings.Repeat("x", maxFile), "more than", ""},
		{"zero wait", "pull-interval: 0s\n", "0s is not between 1ms", "pull-interval"},
		{"negative wait", "backoff-min: -1s\n", "-1s is not between 1ms", "backoff-min"},
		{"wait without unit", "backoff-min: 10\n", `"10" is not a duration`, "backoff-min"},
		{"endless wait", "purge-after: 900000h\n", "is not between", "purge-after"},
		{"keepalive below a second", "keepalive: 10ms\n", "is not between 1s", "keepalive"},
	} {
		file := write(t, c.text)
		_, err := Load(newSample().flags, "SAMPLE_", file)
		e := sitesync.AsError(err)
		if e == nil || e.Code != sitesync.CodeUsage || e.Next == "" {
			t.Errorf("%s: error %v (code %q)", c.name, err, sitesync.CodeOf(err))
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), file) || e.Field != c.field {
			t.Errorf("%s: says %q, field %q", c.name, err, e.Field)
		}
	}
}

func TestBadVariable(t *testing.T) {
	t.Setenv("SAMPLE_MOST", "many")
	_, err := Load(newSample().flags, "SAMPLE_", "")
	if sitesync.CodeOf(err) != sitesync.CodeUsage || !strings.Contains(err.Error(), `SAMPLE_MOST is "many"`) {
		t.Errorf("error %v", err)
	}
}

func TestUnreadableFile(t *testing.T) {
	for _, file := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		_, err := Load(newSample().flags, "SAMPLE_", file)
		if sitesync.CodeOf(err) != sitesync.CodeUsage || !strings.Contains(err.Error(), file) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTimings(t *testing.T) {
	s := newSample()
	err := s.flags.Parse([]string{"--backoff-min", "10m", "--keepalive=5s", "--replica-window", "1ms"})
	if err != nil || s.timings.Keepalive != 5*time.Second || s.timings.ReplicaWindow != time.Millisecond {
		t.Fatalf("timings %+v, error %v", s.timings, err)
	}
	if err := s.timings.Check(); sitesync.CodeOf(err) != sitesync.CodeUsage {
		t.Errorf("backoff-min above backoff-max: error %v", err)
	}
	if err := s.flags.Parse([]string{"--pull-interval", "0"}); err == nil {
		t.Error("a wait of 0 was taken")
	}
	for _, name := range strings.Fields("keepalive backoff-min backoff-max pull-interval request-timeout tombstone-retention " +
		"purge-after lease-margin replay-memory status-interval credential-retry replica-window") {
		f := s.flags.Lookup(name)
		if f == nil || f.Usage == "" || f.DefValue == "0s" || f.Value.Type() != "duration" {
			t.Errorf("%s: flag %+v", name, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("a: &x [*x]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ks, err := parse(text)
		if err != nil && ks != nil {
			t.Fatal("settings and an error")
		}
		for _, k := range ks {
			v := newSample().flags.Lookup("allowed-host").Value
			_ = k.assign(v) // must not panic
		}
	})
}
