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
	"sitesync/shared/wire"
)

// These make the test binary a child that works in a directory, to be killed.
const (
	childDir  = "LOCALDB_TEST_DIR"
	childWork = "LOCALDB_TEST_WORK" // "write" or "load"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childWork)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Every run of the model opens databases and waits for their disk: a few
	// are enough for each day, -rapid.checks=1000 is for the nights.
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func child(dir, work string) error {
	d, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	if work == "load" {
		return loadOn(d, crashRecords())
	}
	return writeOn(d)
}

// writeOn writes from several goroutines, batches and single changes, and
// prints what Write answered, until it is killed.
func writeOn(d *DB) error {
	s, _ := d.Store(storeA)
	began := s.Outbox.Last
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
	cmd, r := startChild(t, dir, "write")
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

// startChild starts a child that is killed when the test ends, if not before,
// and gives what it prints.
func startChild(t *testing.T, dir, work string) (*exec.Cmd, *os.File) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childWork+"="+work)
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	cmd.Stdout = w
	must(t, cmd.Start())
	w.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); r.Close() })
	return cmd, r
}

// crashRecords are what the hub has in the crash of a resync: chunks of them
// take several transactions each.
func crashRecords() (records []sitesync.Change) {
	for i := range 3000 {
		records = append(records, hubRecord(fmt.Sprintf("%05d", 2*i), fmt.Sprintf(`{"hub":%d,"pad":%q}`, i, strings.Repeat("x", 200))))
	}
	return records
}

// loadOn goes on with a resync from where the database stands, and prints that
// it begins, then each chunk that it applied.
func loadOn(d *DB, records []sitesync.Change) error {
	fmt.Println("open")
	for {
		s, _ := d.Store(storeA)
		if s.Resync.Scanned {
			return nil
		}
		rest := records
		for len(rest) > 0 && key(rest[0].ID).Compare(s.Resync.After) <= 0 {
			rest = rest[1:]
		}
		c := chunksOf(epoch2, rest, 1000)[0]
		c.After = s.Resync.After
		if err := d.ApplyChunk(storeA, c); err != nil {
			return err
		}
		fmt.Println(c.Through.ID)
	}
}

// A resync goes on after a kill -9 wherever it comes, into a store with other
// things in it, and what was applied stays.
func TestKillResync(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	for i := range 4 {
		var batch []Write
		for j := range 500 {
			batch = append(batch, put(fmt.Sprintf("%05d", 3*(500*i+j)), `{"v":1}`))
		}
		write(t, d, batch...)
	}
	wantSettled(t, d, receiptFor(queued(t, d), 2000), Agrees)
	loading(t, d, epoch2)
	must(t, d.Close())
	var after wire.Key
	for range 4 {
		cmd, out := startChild(t, dir, "load")
		applied := bufio.NewScanner(out)
		applied.Scan()                                                            // it is open
		time.Sleep(time.Duration(20+time.Now().UnixNano()%80) * time.Millisecond) // anywhere in its work
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		for applied.Scan() {
			after = key(applied.Text())
		}
		d = open(t, dir)
		wantWhole(t, d)
		if s := stateOf(t, d, storeA); s.Resync.After.Compare(after) < 0 {
			t.Errorf("chunks through %s were applied, the resync stands at %s", after.ID, s.Resync.After.ID)
		}
		must(t, d.Close())
	}
	d = open(t, dir)
	must(t, loadOn(d, crashRecords()))
	wantLoaded(t, d, crashRecords())
}
