// Package rig runs the real programs as processes, for the end-to-end tests
// and the benchmarks: builds them, starts them on free ports, kills them, and
// speaks to them as administrators and applications do.
package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Programs are the built binaries.
type Programs struct{ Hub, Agent string }

// Build builds both programs into dir; race with the race detector.
func Build(dir string, race bool) (Programs, error) {
	p := Programs{Hub: filepath.Join(dir, "sitesync-hub"), Agent: filepath.Join(dir, "sitesync-agent")}
	for out, pkg := range map[string]string{p.Hub: "sitesync/hub", p.Agent: "sitesync/agent"} {
		args := []string{"build", "-o", out}
		if race {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, pkg)...)
		if text, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("building %s: %w\n%s", pkg, err, text)
		}
	}
	return p, nil
}

// Process is a program that runs.
type Process struct {
	cmd   *exec.Cmd
	lines chan string // of its standard output; the newest are kept
	ended chan struct{}
	err   error

	mu  sync.Mutex
	log strings.Builder // standard error
}

// RaceOptions is a variable of the environment for programs that were built
// with the race detector: a race ends them at once, so that no test can miss
// it, and they do not wait for a second when they end.
const RaceOptions = "GORACE=halt_on_error=1 atexit_sleep_ms=10"

// Command is a program that is about to run.
func Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), RaceOptions)
	return cmd
}

// Start starts a program and waits for its line that begins with ready. It
// gives what the program printed until then.
func Start(ctx context.Context, ready string, cmd *exec.Cmd) (*Process, string, error) {
	p := &Process{cmd: cmd, lines: make(chan string, 100), ended: make(chan struct{})}
	program := cmd.Path
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	go p.read(out)
	var printed strings.Builder
	for {
		select {
		case line := <-p.lines:
			printed.WriteString(line + "\n")
			if strings.HasPrefix(line, ready) {
				return p, printed.String(), nil
			}
		case <-p.ended:
			return nil, "", fmt.Errorf("%s ended before it was ready: %w\n%s", filepath.Base(program), p.err, p.Log())
		case <-ctx.Done():
			p.abort()
			return nil, "", fmt.Errorf("%s was not ready in time\n%s", filepath.Base(program), p.Log())
		}
	}
}

func (p *Process) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		select {
		case p.lines <- s.Text():
		default:
		}
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// Write takes the standard error.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// Log is what it wrote to standard error so far.
func (p *Process) Log() string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Kill ends it with SIGKILL, as a power cut would. One that never started, nil,
// stays ended.
func (p *Process) Kill() {
	if p == nil {
		return
	}
	p.cmd.Process.Kill()
	<-p.ended
}

// Stop ends it with SIGTERM and gives its error.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(30 * time.Second):
		p.abort()
		return fmt.Errorf("it did not end on SIGTERM\n%s", p.Log())
	}
}

// abort ends one that hangs with SIGQUIT, so that its log shows where.
func (p *Process) abort() {
	p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		p.Kill()
	}
}

// PeakMemory is the most memory it had resident so far, in bytes; Linux only.
func (p *Process) PeakMemory() int64 { return p.memory("VmHWM:") }

// Memory is what it has resident now, in bytes; Linux only.
func (p *Process) Memory() int64 { return p.memory("VmRSS:") }

func (p *Process) memory(field string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if rest, ok := strings.CutPrefix(line, field); ok {
			fmt.Sscan(rest, &kb)
			return kb << 10
		}
	}
	return 0
}

// readJSON reads a file that a program writes.
func readJSON(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
