package sim

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var (
	firstSeed = flag.Uint64("seed", 1, "seed of the first history")
	runs      = flag.Int("runs", 24, "how many histories to play")
	verbose   = flag.Bool("log", false, "print the logs of all programs")
)

// TestMain has package wire make its shared coders outside of the bubbles.
func TestMain(m *testing.M) {
	flag.Parse()
	warm := wire.Encode(0, 0, &wire.Push{First: 1, Changes: []sitesync.Change{{Op: sitesync.OpPut, Table: "t", ID: "1", Data: make([]byte, 4000)}}})
	if _, _, err := wire.Decode[wire.Push](warm); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// inBubble runs a test where time only passes when everybody waits.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// TestHistories plays histories and checks the guarantees after each.
func TestHistories(t *testing.T) {
	for i := range *runs {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dir := scratch(t)
			began := time.Now()
			var h *history
			inBubble(t, func(t *testing.T) { h = play(t, seed, dir) })
			t.Logf("%s; %s", h.summary(), time.Since(began).Round(time.Millisecond))
			for _, what := range h.wrong {
				t.Error(what)
			}
			if len(h.fired) == 0 {
				t.Error("nothing went wrong in this history, so it shows nothing")
			}
		})
	}
}

// scratch is a directory in memory where there is one: a history has thousands
// of commits, and cuts the power by itself.
func scratch(t *testing.T) string {
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "sitesync-sim")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
