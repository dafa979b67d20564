package localdb

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// childDir makes the test binary a child that writes there, to be killed.
const childDir = "LOCALDB_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Every run of the model opens databases and waits for their disk: a few
	// are enough for each day, -rapid.checks=1000 is for the nights.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// child writes from several goroutines, batches and single changes, and prints
// what Write answered, until it is killed.
func child(dir string) error {
	d, err := Open(dir, nil)
	if err != nil {
		return err
	}
	began := stateOfChild(d)
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				var batch []Write
				for j := range 1 + i%7*w {
					batch = append(batch, put(fmt.Sprintf("%d/%d", w, (i+j)%40), fmt.Sprintf(`{"w":%d,"began":%d,"i":%d,"j":%d}`, w, began, i, j)))
				}
				if i%10 == 9 {
					batch = []Write{del(batch[0].ID)}
				}
				out, err := d.Write(storeA, batch)
				if sitesync.CodeOf(err) == sitesync.CodeNotFound {
					continue
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				var lines strings.Builder
				for k, o := range out {
					fmt.Fprintf(&lines, "%d %s %s %s\n", o.N, batch[k].Op, batch[k].ID, batch[k].Data)
				}
				fmt.Print(lines.String()) // one write: lines of goroutines do not mix
			}
		})
	}
	wg.Wait()
	return nil
}

func stateOfChild(d *DB) uint64 {
	s, _ := d.Store(storeA)
	return s.Outbox.Last
}

// What Write answered is there after a kill -9, whenever it comes: in the
// outbox, under its n, with a right chain, and as a record.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	must(t, d.Close())
	answered := map[uint64]string{}
	for round, atLeast := range []int{1, 100, 800, 3} {
		before := len(answered)
		killChild(t, dir, atLeast, answered)
		if len(answered)-before < atLeast {
			t.Fatalf("round %d: %d changes were answered", round, len(answered)-before)
		}
		d := open(t, dir)
		wantWhole(t, d)
		q := queued(t, d)
		if chains := chainsOf(q); q.First != 1 || chains[len(chains)-1] != q.Last || q.Last != stateOf(t, d, storeA).Outbox.LastChain {
			t.Errorf("round %d: the queue begins at %d, or its chain is broken", round, q.First)
		}
		for n, line := range answered {
			if n > uint64(len(q.Changes)) {
				t.Errorf("round %d: change %d was answered and is lost", round, n)
				continue
			}
			c := q.Changes[n-1]
			if got := fmt.Sprintf("%s %s %s", c.Op, c.ID, c.Data); got != line {
				t.Errorf("round %d: change %d is %q, answered was %q", round, n, got, line)
			}
		}
		must(t, d.Close())
	}
}

// killChild runs a child until it has answered some changes, kills it, and adds
// all that it printed.
func killChild(t *testing.T, dir string, atLeast int, answered map[uint64]string) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	cmd.Stdout = w
	must(t, cmd.Start())
	w.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewReader(r)
	for n := 0; ; n++ {
		if n == atLeast { // then anywhere in what it does next
			time.AfterFunc(time.Duration(time.Now().UnixNano()%int64(20*time.Millisecond)), func() { cmd.Process.Kill() })
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			return // the last line may be cut short
		}
		var number uint64
		text, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if _, err := fmt.Sscan(text, &number); err != nil {
			t.Fatalf("the child printed %q", line)
		}
		if number > 0 { // 0: nothing changed
			answered[number] = rest
		}
	}
}
