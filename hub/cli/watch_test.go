package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"rsc.io/qr"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// output is what a command that runs prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// begin runs a command line that does not end by itself. end ends it as Ctrl-C
// does, and it must end well.
func (l *line) begin(args ...string) (out, errOut *output, end func()) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	out, errOut = new(output), new(output)
	root := newRoot()
	root.SetArgs(append(args, "--data", l.dir, "--user-password-file", l.key("admin")))
	root.SetIn(strings.NewReader(""))
	root.SetOut(out)
	root.SetErr(errOut)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	return out, errOut, func() {
		l.t.Helper()
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("%q ended with %v\n%s%s", args, err, out, errOut)
		}
	}
}

func await(t *testing.T, out *output, what string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(out.String(), what); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there is no %q in\n%s", what, out)
		}
	}
}

func TestWatchSites(t *testing.T) {
	l := startHub(t)
	l.run(0, "site", "create", "Nadi", "--password-file", "$/site")
	out, _, end := l.begin("site", "list", "--watch")
	lines, _, endLines := l.begin("site", "list", "--watch", "--output", "ndjson", "--q", "uva")
	await(t, out, "  Central: online\n")
	await(t, out, "  Nadi: never\n")
	l.run(0, "site", "create", "Suva", "--password-file", "$/site")
	await(t, out, "  Suva: never\n")
	await(t, lines, `"name":"Suva"`)
	l.run(0, "site", "update", "Suva", "1", "--enabled=false")
	await(t, out, "  Suva: disabled\n")
	l.run(0, "site", "delete", "Nadi", "--yes")
	await(t, out, "  site 2: no longer in this list\n")
	end()
	endLines()
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("%d lines for 5 changes:\n%s", n, out)
	}
	for text := range strings.Lines(lines.String()) {
		if !json.Valid([]byte(text)) || !strings.Contains(text, "Suva") {
			t.Errorf("a line %q", text)
		}
	}
	_, errOut := l.run(2, "site", "list", "--watch", "--output", "json")
	contains(t, errOut, "--output is table or ndjson")
}

func TestFollowEvents(t *testing.T) {
	l := startHub(t)
	out, errOut, end := l.begin("event", "tail")
	lines, linesErr, endLines := l.begin("event", "tail", "--output", "ndjson", "--kind", "handover.")
	await(t, errOut, "Waiting for events")
	await(t, linesErr, "Waiting for events")
	l.run(0, "site", "create", "Nadi", "--password-file", "$/site")
	l.run(0, "store", "create", "NAD1", "Nadi pharmacy")
	l.run(0, "store", "move", "NAD1", "Nadi")
	l.main(3, "site", "list", "--data", l.dir, "--password-file", "$/wrong")
	await(t, out, "handover.loading  handover 1: store NAD1 is being delivered to Nadi\n")
	await(t, out, "user.login_failed  a login as user/admin from 127.0.0.1 failed\n    If this")
	await(t, lines, `"kind":"handover.loading"`)
	end()
	endLines()
	var e sitesync.EventMessage
	if err := json.Unmarshal([]byte(lines.String()), &e); err != nil || strings.Count(lines.String(), "\n") != 1 {
		t.Errorf("%v in %q", err, lines)
	}
	l.run(2, "event", "tail", "--output", "json")
	kinds, _ := l.run(0, "event", "kinds", "--output", "ndjson")
	if n := strings.Count(kinds, "\n"); n != len(sitesync.Events) {
		t.Errorf("%d kinds", n)
	}
}

func TestScreenIsNotOverfilled(t *testing.T) {
	text := "HEAD\na\nb\nc\nd\n"
	if got := cut(text, 5, 4); got != text {
		t.Errorf("%q", got)
	}
	if got, want := cut(text, 4, 4), "HEAD\na\nb\n… and 2 more; narrow it with --state or --q\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The drawing has the modules of the code, with their quiet zone.
func TestCodeOnATerminal(t *testing.T) {
	const text = "sitesync1:eyJ1IjpbIm1xdHRzOi8vMTI3LjAuMC4xOjQwMDU1Il19"
	var b bytes.Buffer
	if err := drawCode(&b, text); err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(rows) != (code.Size+2*quiet+1)/2 {
		t.Fatalf("%d rows for %d modules", len(rows), code.Size)
	}
	dark := 0
	for r, row := range rows {
		row, ok := strings.CutPrefix(row, "\x1b[30;107m")
		row, ends := strings.CutSuffix(row, "\x1b[0m")
		cells := []rune(row)
		if !ok || !ends || len(cells) != code.Size+2*quiet {
			t.Fatalf("row %d: %q", r, row)
		}
		for i, cell := range cells {
			x, y := i-quiet, 2*r-quiet
			upper, lower := strings.ContainsRune("█▀", cell), strings.ContainsRune("█▄", cell)
			if upper != code.Black(x, y) || lower != code.Black(x, y+1) {
				t.Fatalf("module %d, %d is another", x, y)
			}
			if upper {
				dark++
			}
		}
	}
	if dark < code.Size {
		t.Errorf("%d dark modules", dark)
	}
}

// Every command that cannot be undone is one of the table, and its question
// names arguments that it has.
func TestFinalCommands(t *testing.T) {
	for name, question := range final {
		row, ok := admin.Lookup(name)
		if name == "site.wipe" && !ok {
			continue // it comes with the commands to devices
		}
		if !ok {
			t.Errorf("%s is no command", name)
			continue
		}
		in := newArguments(&row)
		named := false
		for _, v := range in.values {
			named = named || strings.Contains(question, strings.ToUpper(kebab(v.field.Name)))
		}
		if !named {
			t.Errorf("%s asks %q, which names nothing", name, question)
		}
	}
}
