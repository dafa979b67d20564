package agentd

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

const (
	tailLines = 1000 // kept
	tailLine  = 500  // bytes of one that are kept
)

// Tail keeps the newest lines of the log in memory. Its zero value is ready,
// and a nil one keeps nothing.
type Tail struct {
	mu    sync.Mutex
	lines []string
	next  int // where the next line goes, once there are tailLines
}

// Write takes whole lines.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(p) {
		t.add(string(bytes.TrimRight(line[:min(len(line), tailLine)], "\n")))
	}
	return len(p), nil
}

func (t *Tail) add(line string) {
	line = strings.ToValidUTF8(line, "")
	if len(t.lines) < tailLines {
		t.lines = append(t.lines, line)
		return
	}
	t.lines[t.next] = line
	t.next = (t.next + 1) % tailLines
}

// Lines gives the newest lines, at most n, the oldest of them first.
func (t *Tail) Lines(n int) []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Concat(t.lines[t.next:], t.lines[:t.next])
	return all[len(all)-max(0, min(n, len(all))):]
}
