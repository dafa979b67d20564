package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// copyDir makes a copy of a data directory that nobody uses.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// write writes records with the numbers from..to, which say who wrote them.
func write(t *testing.T, agent *rig.Agent, store, by string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		put(t, agent, store, fmt.Sprintf("r-%d", i), fmt.Sprintf(`{"by":%q,"n":%d}`, by, i))
	}
}

// writers counts a store's records at the hub by who wrote them.
func writers(t *testing.T, hub *rig.Hub, store string) map[string]int {
	t.Helper()
	var page struct {
		Items []struct{ Data struct{ By string } }
	}
	check(t, hub.Call("record.list", map[string]any{"store": store, "limit": 1000}, &page))
	count := map[string]int{}
	for _, r := range page.Items {
		count[r.Data.By]++
	}
	return count
}

// backlog is what an agent has waiting.
func backlog(t *testing.T, agent *rig.Agent) uint64 {
	t.Helper()
	st, err := agent.Status()
	check(t, err)
	return st.Backlog
}

// TestClone runs a copy of a device's data directory on the same hardware in
// turn with the original: it is held, whatever it wrote stays with it, and what
// the hub has is not touched.
func TestClone(t *testing.T) {
	for _, c := range []struct {
		name    string
		written int // by the copy before it meets the hub again
	}{
		{"that wrote nothing", 0},
		{"that wrote less", 2},
		{"that wrote as much", 3},
		{"that wrote more", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			hub := startHub(t)
			site, j, err := hub.Register("nadi", password, "NAD1")
			check(t, err)
			original := join(t, "device", j)
			check(t, original.Writable("NAD1", patience))
			write(t, original, "NAD1", "both", 0, 5)
			check(t, original.Sent(patience))
			check(t, original.Stop())
			clone := *original
			clone.Dir = copyDir(t, original.Dir)

			check(t, original.Start())
			write(t, original, "NAD1", "original", 5, 8)
			check(t, original.Sent(patience))
			check(t, original.Stop())
			before := storeAtHub(t, hub, "NAD1")

			news := listen(t, hub, topic.AllEvents)
			_, _, err = clone.Command("", "disable")
			check(t, err)
			check(t, clone.Start())
			keep(t, &clone)
			write(t, &clone, "NAD1", "clone", 5, 5+c.written)
			enable(t, &clone)
			diverged(t, &clone)
			held(t, hub, site)
			e := news.event(sitesync.EventDiverged, site)
			if e.Next == "" || e.Store != nil && *e.Store != before.ID {
				t.Errorf("the event is %+v", e)
			}
			write(t, &clone, "NAD1", "clone", 20, 21) // the application goes on
			if n := backlog(t, &clone); n != uint64(c.written)+1 {
				t.Errorf("%d changes wait at the clone, it made %d", n, c.written+1)
			}
			check(t, clone.Stop())

			check(t, original.Start())
			online(t, original)
			write(t, original, "NAD1", "original", 8, 9)
			check(t, original.Sent(patience))
			equal(t, hub, original, "NAD1", 9)
			if by := writers(t, hub, "NAD1"); by["both"] != 5 || by["original"] != 4 || len(by) != 2 {
				t.Errorf("the hub has records by %v", by)
			}
			if st, err := original.Status(); err != nil || st.Problem != nil {
				t.Errorf("the original's problem is %+v, %v", st.Problem, err)
			}
			if s := siteAtHub(t, hub, site); s.Problem != nil || s.State != sitesync.StateOnline {
				t.Errorf("with the original back, the site is %s with problem %+v", s.State, s.Problem)
			}
			check(t, original.Stop())
			check(t, hub.Stop())
		})
	}
}

func enable(t *testing.T, agent *rig.Agent) {
	t.Helper()
	code, text, err := agent.Do("POST", "/v1/enable", "", nil)
	check(t, err)
	if code != 200 {
		t.Fatalf("enable answered %d: %s", code, text)
	}
}

// diverged waits until a device says that its history is not the hub's, and
// what to do.
func diverged(t *testing.T, agent *rig.Agent) {
	t.Helper()
	problem(t, agent, sitesync.LinkOnline, sitesync.ProblemDiverged)
	st, err := agent.Status()
	check(t, err)
	if st.Problem == nil || !strings.Contains(st.Problem.Next, "operator") {
		t.Errorf("the device says %+v", st.Problem)
	}
}

// held waits until the hub shows a site as diverged.
func held(t *testing.T, hub *rig.Hub, site uint64) {
	t.Helper()
	check(t, rig.Until(patience, func() (bool, error) {
		p := siteAtHub(t, hub, site).Problem
		if p == nil || p.Code != sitesync.ProblemDiverged {
			return false, fmt.Errorf("the hub shows %+v", p)
		}
		return p.Next != "", nil
	}))
}

// TestOlderHub puts an older copy of the hub's data directory under devices
// that are ahead of it: that is noticed, held, and told; nothing is lost, and a
// device that is not ahead goes on.
func TestOlderHub(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	other, otherJoin, err := hub.Register("suva", password, "SUV1")
	check(t, err)
	ahead, even := join(t, "ahead", j), join(t, "even", otherJoin)
	check(t, ahead.Writable("NAD1", patience))
	check(t, even.Writable("SUV1", patience))
	write(t, ahead, "NAD1", "device", 0, 5)
	write(t, even, "SUV1", "device", 0, 2)
	check(t, ahead.Sent(patience))
	check(t, even.Sent(patience))
	check(t, even.Stop())
	check(t, ahead.Stop())
	check(t, hub.Stop())
	older := copyDir(t, hub.Dir)

	check(t, hub.Start())
	check(t, ahead.Start())
	write(t, ahead, "NAD1", "device", 5, 8)
	check(t, ahead.Sent(patience))
	check(t, ahead.Stop())
	check(t, hub.Stop())
	check(t, os.RemoveAll(hub.Dir))
	check(t, os.Rename(older, hub.Dir))

	check(t, hub.Start())
	news := listen(t, hub, topic.AllEvents)
	check(t, ahead.Start())
	diverged(t, ahead)
	held(t, hub, site)
	e := news.event(sitesync.EventHubRestored, site)
	if e.Next == "" {
		t.Errorf("the event is %+v", e)
	}
	write(t, ahead, "NAD1", "device", 8, 10)
	if n := backlog(t, ahead); n != 2 {
		t.Errorf("%d changes wait at the device, want 2", n)
	}
	code, text, err := ahead.Do("GET", "/v1/stores/NAD1/tables/stock/records/r-7", "", nil)
	check(t, err)
	if code != 200 || string(text) != `{"by":"device","n":7}` {
		t.Errorf("the device now has %d %s for what the hub forgot", code, text)
	}

	check(t, even.Start())
	online(t, even)
	write(t, even, "SUV1", "device", 2, 4)
	check(t, even.Sent(patience))
	equal(t, hub, even, "SUV1", 4)
	if p := siteAtHub(t, hub, other).Problem; p != nil {
		t.Errorf("the site that is not ahead has the problem %+v", p)
	}

	// It stays so: over new sessions, and over starts of both.
	check(t, ahead.Stop())
	check(t, hub.Stop())
	check(t, hub.Start())
	check(t, ahead.Start())
	diverged(t, ahead)
	held(t, hub, site)
	if s := storeAtHub(t, hub, "NAD1"); s.Records != 5 {
		t.Errorf("the restored hub has %d records, want the 5 of its backup", s.Records)
	}
	if n := backlog(t, ahead); n != 2 {
		t.Errorf("%d changes wait at the device, want 2", n)
	}
	for _, p := range []interface{ Stop() error }{ahead, even, hub} {
		check(t, p.Stop())
	}
}
