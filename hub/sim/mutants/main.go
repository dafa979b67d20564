// Command mutants shows that the simulation can fail: it takes rules out of the
// real code, one at a time, and plays histories until one of them finds it.
//
//	go run ./hub/sim/mutants -only fence
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	runs := flag.Int("runs", len(histories()), "how many histories each must be found in, of those that CI plays")
	only := flag.String("only", "", "only rules with this in their words")
	flag.Parse()
	missed := 0
	for _, m := range mutations {
		if !strings.Contains(m.rule, *only) {
			continue
		}
		fmt.Printf("without %q:\n", m.rule)
		f, err := m.find(*runs)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		case f.seed == 0:
			missed++
			fmt.Printf("  not found in %d histories\n", *runs)
		default:
			fmt.Printf("  found by history %d, seed %d, after %s: %s\n", f.number, f.seed, f.took.Round(100*time.Millisecond), f.complaint)
		}
	}
	if missed > 0 {
		fmt.Printf("%d not found: the simulation cannot see them\n", missed)
		os.Exit(1)
	}
}

// histories are the seeds that CI plays.
func histories() (seeds []int) {
	for _, slice := range []struct{ first, runs int }{{1, 24}, {1001, 226}} {
		for i := range slice.runs {
			seeds = append(seeds, slice.first+i)
		}
	}
	return seeds
}

// finding is the first history that fails.
type finding struct {
	number    int // from 1
	seed      int // 0: none does
	took      time.Duration
	complaint string
}

// find builds the simulation without the rule and plays histories.
func (m *mutation) find(runs int) (f finding, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	program, err := m.build(dir)
	if err != nil {
		return f, err
	}
	began := time.Now()
	for i, seed := range histories()[:min(runs, len(histories()))] {
		cmd := exec.Command(program, "-test.run", "TestHistories", "-seed", fmt.Sprint(seed), "-runs", "1")
		cmd.Dir = filepath.FromSlash("hub/sim")
		out, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		if _, ran := errors.AsType[*exec.ExitError](err); !ran {
			return f, err
		}
		return finding{i + 1, seed, time.Since(began), complaint(string(out))}, nil
	}
	return finding{took: time.Since(began)}, nil
}

// complaint is the first of them.
func complaint(out string) string {
	for line := range strings.Lines(out) {
		if _, what, ok := strings.Cut(line, "sim_test.go:"); ok && !strings.Contains(what, ": seed ") {
			_, what, _ = strings.Cut(what, ": ")
			return fmt.Sprintf("%.160s", strings.TrimSpace(what))
		}
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return fmt.Sprintf("%.160s", out)
}

func (m *mutation) build(dir string) (program string, err error) {
	files, err := m.apply(".")
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		real, err := filepath.Abs(filepath.FromSlash(name))
		if err != nil {
			return "", err
		}
		changed := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay.Replace)))
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			return "", err
		}
		overlay.Replace[real] = changed
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "sim.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", program, "./hub/sim").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%q: %w\n%s", m.rule, err, out)
	}
	return program, nil
}

// apply gives the changed files of the module at root, by their names in it.
func (m *mutation) apply(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range m.edits {
		text, read := files[e.file]
		if !read {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file))); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%q: %s has this text %d times and not once, so the mutation has to be written anew:\n%s", m.rule, e.file, n, e.old)
		}
		files[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}
