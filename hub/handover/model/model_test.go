// Package model holds the handover protocol as a model for spin, and its check:
// that all that is promised holds on every schedule, and that the model can
// tell, since each rule that is broken in it is found to be missing.
package model

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var deep = flag.Bool("deep", false, "check larger configurations too, which takes minutes and gigabytes")

// A configuration is a model with its -D, as handover.pml names them.
type configuration struct {
	name    string
	defines string
}

var configurations = []configuration{
	{"three commands", "-DCOMMANDS=3 -DQUEUE=1"},
	{"two changes in an epoch", "-DCOMMANDS=2 -DWRITES=2"},
	{"a device is replaced", "-DCOMMANDS=2 -DREPLACE -DNO_FORCE -DQUEUE=1"},
	{"leases", "-DCOMMANDS=2 -DLEASE -DNO_FORCE -DQUEUE=1"},
}

// large is what -deep adds: more of everything, or more at once.
var large = []configuration{
	{"four commands", "-DCOMMANDS=4"},
	{"a device is replaced, with force", "-DCOMMANDS=2 -DREPLACE"},
	{"leases and force", "-DCOMMANDS=2 -DLEASE"},
	{"three sites", "-DCOMMANDS=2 -DSITES=3 -DNO_FORCE"},
}

// TestProtocol has spin go through every schedule of each configuration.
func TestProtocol(t *testing.T) {
	list := configurations
	if *deep {
		list = append(list, large...)
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := check(t, c.defines, search{optimize: "-O1", cc: "-DSAFETY"})
			if v.problem != "" {
				t.Errorf("%s\nto see the schedule: spin -a %s handover.pml && gcc -DSAFETY -o pan pan.c && ./pan -m%d; spin -t -p -g %s handover.pml",
					v.problem, c.defines, depth, c.defines)
			}
			if len(v.unreached) > 0 {
				t.Errorf("nothing was checked of these steps, which never came:\n%s", strings.Join(v.unreached, "\n"))
			}
		})
	}
}

// TestEnd has spin look for schedules that go on for ever although nothing
// fails: a cycle on which there is no fault.
func TestEnd(t *testing.T) {
	t.Parallel()
	if v := check(t, "-DCOMMANDS=2 -DQUEUE=1 -DPROGRESS", cycles); v.problem != "" {
		t.Error(v.problem)
	}
}

// mutations break one rule each. want is a part of what spin finds then.
var mutations = []struct {
	rule    string
	defines string
	want    string
}{
	{"the fence", "-DNO_FENCE", "newest"},
	{"duplicates are recognised before the fence", "-DFENCE_FIRST", "ended"},
	{"duplicates are recognised", "-DNO_DEDUPE", "settled"},
	{"a new epoch for a new owner", "-DNO_EPOCH", "writer"},
	{"drained waits for the last change", "-DNO_DRAIN_GUARD", "ended"},
	{"reports name their handover", "-DNO_HANDOVER_ID -DCOMMANDS=3 -DQUEUE=1", "ended"},
	{"drained is said again of another handover", "-DSAYS_IT_ONCE", "phase"},
	{"a device writes only once the hub has confirmed that it has all", "-DNO_CONFIRMATION", "ended"},
	{"a receipt after the commit", "-DTOLD_EARLY", "confirmed"},
	{"a freeze is durable", "-DFREEZE_IN_MEMORY", "ended"},
	{"assignments belong to a session", "-DSESSIONS_MIX", "ended"},
	{"assignments are told in the order in which they were read", "-DASSIGNMENTS_CROSS", "ended"},
	{"a lease is renewed after the assignment was taken over", "-DLEASE -DLEASE_FIRST", "ended"},
}

// TestMutations shows that the model can fail, and what each rule is good for.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.rule, func(t *testing.T) {
			t.Parallel()
			defines := m.defines
			if !strings.Contains(defines, "COMMANDS") {
				defines += " -DCOMMANDS=2 -DQUEUE=1"
			}
			v := check(t, defines, search{optimize: "-O0", cc: "-DSAFETY"})
			if !strings.Contains(v.problem, "assertion violated") || !strings.Contains(v.problem, m.want) {
				t.Errorf("without this rule all should not be well, but: %q", v.problem)
			}
		})
	}
	t.Run("what was told is not told again and again", func(t *testing.T) {
		t.Parallel()
		if v := check(t, "-DCOMMANDS=2 -DPROGRESS -DTELLS_FOREVER", cycles); !strings.Contains(v.problem, "non-progress cycle") {
			t.Errorf("this goes on for ever, but: %q", v.problem)
		}
	})
}

// search is how pan is built and run.
type search struct{ optimize, cc, run string }

var cycles = search{optimize: "-O1", cc: "-DNP -DNOSTUTTER", run: "-l"}

// depth is more than any schedule without a repetition has steps.
const depth = 20_000

type verdict struct {
	problem   string   // the first that was found
	unreached []string // steps that no schedule came to
}

var (
	errorsFound = regexp.MustCompile(`errors: (\d+)`)
	found       = regexp.MustCompile(`(?m)^pan:\d+: (.*)$`)
	stored      = regexp.MustCompile(`(\d+) states, stored`)
	unreached   = regexp.MustCompile(`(?m)^\t(handover\.pml:\d+, state \d+, .*)$`)
)

// check has spin make a program of the model, and runs it.
func check(t *testing.T, defines string, s search) (v verdict) {
	t.Helper()
	began := time.Now()
	dir := t.TempDir()
	model, err := os.ReadFile("handover.pml")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "handover.pml"), model, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	do(t, dir, "spin", append(strings.Fields(defines), "-a", "handover.pml")...)
	do(t, dir, "gcc", append(strings.Fields(s.cc), s.optimize, "-w", "-o", "pan", "pan.c")...)
	out := do(t, dir, filepath.Join(dir, "pan"), append(strings.Fields(s.run), fmt.Sprintf("-m%d", depth), "-w22")...)
	n, states := errorsFound.FindStringSubmatch(out), stored.FindStringSubmatch(out)
	if n == nil || states == nil || strings.Contains(out, "max search depth too small") {
		t.Fatalf("spin did not get to the end:\n%s", out)
	}
	t.Logf("%s: %s states, %s", defines, states[1], time.Since(began).Round(10*time.Millisecond))
	if n[1] != "0" {
		v.problem = "an error"
		if m := found.FindStringSubmatch(out); m != nil {
			v.problem = m[1]
		}
	}
	for _, m := range unreached.FindAllStringSubmatch(out, -1) {
		if !strings.Contains(m[1], "-end-") {
			v.unreached = append(v.unreached, m[1])
		}
	}
	return v
}

// do runs a program in a directory.
func do(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v; the task packages installs it", err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && t.Context().Err() == nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}
