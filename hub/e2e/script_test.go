package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sitesync/hub/rig"
)

// TestScript runs the command lines in testdata/script as people type them,
// with the built programs and with the data directories they take by
// themselves. Beside testscript's own commands there are:
//
//	start [NAME=VALUE…] DIR PROGRAM ARGUMENT…
//	        starts a program that serves with the data directory DIR, with only
//	        these variables as settings; what it prints until it is ready is
//	        stdout, and $MQTT, $MQTTS, $HTTP, $HTTPS or $API are its addresses
//	end DIR
//	        ends it with SIGTERM, and it must end well; its log is stderr
//	code N PROGRAM ARGUMENT…
//	        runs a program to its end, which must be with exit code N
//	until PATTERN PROGRAM ARGUMENT…
//	        runs it until its standard output matches
//	call [-token TOKEN] METHOD PATH [DATA]
//	        calls the agent started last, as an application does; the answer is
//	        stdout
//	pick PATTERN FILE
//	        the part of a file, or of stdout, that the pattern's group matches
//	        becomes stdout
//	get NAME FILE
//	        sets the variable NAME to the text of a file, or of stdout
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup:              setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "end": scriptEnd, "code": scriptCode, "until": scriptUntil, "call": scriptCall, "pick": scriptPick, "get": scriptGet,
		},
	})
}

// The files that every script finds. The passwords end with a line break, as
// an editor leaves one.
var scriptFiles = map[string]string{
	"admin-password": "the-admin-password\n",
	"site-password":  "a-site-password\n",
	"wrong-password": "another-password\n",
	"facts.json":     `{"board_serial":"script"}`,
	"stranger.json":  `{"board_serial":"stranger"}`,
	"hub.yaml": `mqtt: 127.0.0.1:0
mqtts: 127.0.0.1:0
http: 127.0.0.1:0
https: 127.0.0.1:0
admin-password-file: admin-password
`,
	"agent.yaml": `api: 127.0.0.1:0
hardware-facts: facts.json
backoff-min: 20ms
backoff-max: 200ms
credential-retry: 300ms
`,
}

func setUpScript(env *testscript.Env) error {
	for name, text := range scriptFiles {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	env.Setenv("PATH", filepath.Dir(programs.Hub)+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("TZ", "UTC")
	// Settings of the commands; those that serve get theirs from start.
	env.Setenv("SITESYNC_HUB_USER_PASSWORD_FILE", "admin-password")
	env.Setenv("SITESYNC_AGENT_CONFIG", "agent.yaml")
	env.Vars = append(env.Vars, rig.RaceOptions)
	served := &serving{processes: map[string]*rig.Process{}}
	env.Values[servingKey{}] = served
	env.Defer(served.kill)
	return nil
}

// serving is what a script has started.
type serving struct {
	processes map[string]*rig.Process // by data directory
	agent     string                  // data directory of the agent started last
}

type servingKey struct{}

func of(ts *testscript.TestScript) *serving { return ts.Value(servingKey{}).(*serving) }

func (s *serving) kill() {
	for _, p := range s.processes {
		p.Kill()
	}
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	n := slices.IndexFunc(args, func(arg string) bool { return !strings.Contains(arg, "=") })
	if neg || n < 0 || len(args) < n+2 {
		ts.Fatalf("usage: start [NAME=VALUE…] DIR PROGRAM ARGUMENT…")
	}
	settings, dir, program := args[:n], ts.MkAbs(args[n]), filepath.Join(filepath.Dir(programs.Hub), args[n+1])
	cmd := rig.Command(program, args[n+2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(cmd.Env, settings...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	process, printed, err := rig.Start(ctx, "ready", cmd)
	ts.Check(err)
	s := of(ts)
	s.processes[dir] = process
	fmt.Fprint(ts.Stdout(), printed)
	var addresses map[string]string
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(dir, "addresses.json"))), &addresses))
	for name, address := range addresses {
		ts.Setenv(strings.ToUpper(name), address)
	}
	if addresses["api"] != "" {
		s.agent = dir
	}
}

func scriptEnd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end DIR")
	}
	dir := ts.MkAbs(args[0])
	process := of(ts).processes[dir]
	if process == nil {
		ts.Fatalf("nothing was started with %s", args[0])
	}
	delete(of(ts).processes, dir)
	err := process.Stop()
	fmt.Fprint(ts.Stderr(), process.Log())
	ts.Check(err)
}

func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARGUMENT…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ts.Check(rig.Until(patience, func() (bool, error) {
		err := ts.Exec(args[1], args[2:]...)
		return pattern.MatchString(ts.ReadFile("stdout")), err
	}))
}

func scriptCall(ts *testscript.TestScript, neg bool, args []string) {
	token := ""
	if len(args) > 2 && args[0] == "-token" {
		token, args = args[1], args[2:]
	} else {
		token = strings.TrimSpace(ts.ReadFile(filepath.Join(of(ts).agent, "token")))
	}
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: call [-token TOKEN] METHOD PATH [DATA]")
	}
	request, err := http.NewRequest(args[0], ts.Getenv("API")+args[1], strings.NewReader(strings.Join(args[2:], "")))
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
	if taken := response.StatusCode < 300; taken == neg {
		ts.Fatalf("the agent answered %d", response.StatusCode)
	}
}

func scriptPick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pick PATTERN FILE")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) != 2 {
		ts.Fatalf("%s has no such part", args[1])
	}
	fmt.Fprintln(ts.Stdout(), found[1])
}

func scriptGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}
