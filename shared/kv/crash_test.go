package kv

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// The test binary runs itself as a child that writes, to be killed.
const (
	childDir   = "KV_TEST_DIR"
	childSmall = "KV_TEST_SMALL"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childSmall) != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child writes numbered keys from several goroutines and prints each when it
// is durable, until it is killed.
func child(dir string, small bool) error {
	db, err := Open(testOptions(dir, small))
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				if err := db.Update(put(key, childValue(key, i))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(key)
			}
		})
	}
	wg.Wait()
	return nil
}

// childValue is 300 bytes, and now and then enough to fill the logs of both
// kinds quickly.
func childValue(key string, i int) string {
	size := 300
	if i%50 == 49 {
		size = 1200 * kib
	} else if i%5 == 4 {
		size = 60 * kib
	}
	return strings.Repeat(key+" ", size/(len(key)+1)+1)
}

// What Update has answered is there after a kill -9, whenever it comes, and
// the directory opens. Not parallel: a child holds for a moment, between fork
// and exec, every lock that its parent has or just gave up.
func TestKill(t *testing.T) {
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for round, keys := range []int{1, 60, 500} {
				cmd, out := startChild(t, dir, c.small)
				printed := readKeys(out, keys)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				for line := range lines(out) { // what it had printed by then
					printed = append(printed, line)
				}
				_ = cmd.Wait()
				if len(printed) < keys {
					t.Fatalf("round %d: the child printed %d keys and ended", round, len(printed))
				}
				db := open(t, testOptions(dir, c.small))
				for _, key := range printed {
					_, n, _ := strings.Cut(key, "/")
					var i int
					_, _ = fmt.Sscan(n, &i)
					want(t, db, key, childValue(key, i))
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	cmd, out := startChild(t, dir, true)
	readKeys(out, 1)
	_, err := Open(testOptions(dir, true))
	wantCode(t, err, sitesync.CodeDataLocked)
	if text := fmt.Sprint(err); !strings.Contains(text, dir) || !strings.Contains(text, fmt.Sprint(cmd.Process.Pid)) {
		t.Errorf("%s names neither directory nor process", text)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	db := open(t, testOptions(dir, true)) // the lock went with its owner
	_, err = Open(testOptions(dir, true))
	wantCode(t, err, sitesync.CodeDataLocked)
	set(t, db, "a", "1")
}

func startChild(t *testing.T, dir string, small bool) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	if small {
		cmd.Env = append(cmd.Env, childSmall+"=1")
	}
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); r.Close() })
	return cmd, bufio.NewScanner(io.Reader(r))
}

// readKeys reads n keys, then goes on for a moment so that the kill comes
// anywhere.
func readKeys(out *bufio.Scanner, n int) []string {
	var keys []string
	for len(keys) < n && out.Scan() {
		keys = append(keys, out.Text())
	}
	time.Sleep(time.Duration(time.Now().UnixNano() % int64(20*time.Millisecond)))
	return keys
}

// lines gives the whole lines that are left; the last may be cut short.
func lines(out *bufio.Scanner) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for out.Scan() {
			if !yield(out.Text()) {
				return
			}
		}
	}
}
