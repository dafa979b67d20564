package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// TestKilledInTheMiddle has an application write through one agent while hub
// and agent are killed again and again, then checks G1, G2, G4 and G6: every
// write that was answered is at the hub, in its last version, and nothing else
// is.
func TestKilledInTheMiddle(t *testing.T) {
	hub := startHub(t)
	_, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "device", j)
	check(t, agent.Writable("NAD1", patience))

	app := &application{agent: agent, store: "NAD1", wrote: map[string]string{}, unsure: map[string][]string{}, rand: rand.New(rand.NewPCG(1, 2))}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { app.run(stop) })
	for i := range 6 {
		time.Sleep(time.Duration(200+app.draw(400)) * time.Millisecond)
		if i%2 == 0 {
			hub.Kill()
			time.Sleep(time.Duration(app.draw(200)) * time.Millisecond)
			check(t, hub.Start())
			continue
		}
		app.pause.Lock()
		agent.Kill()
		check(t, agent.Start())
		app.pause.Unlock()
	}
	close(stop)
	running.Wait()
	if len(app.wrote) == 0 {
		t.Fatal("the application wrote nothing; the test tests nothing")
	}
	check(t, agent.Sent(patience))
	app.compare(t, hub)
	receipts(t, agent)
	t.Logf("%d records written, %d writes without an answer", len(app.wrote), len(app.unsure))
}

// application writes single records and remembers what was answered.
type application struct {
	agent *rig.Agent
	store string

	pause  sync.Mutex // held while the agent is killed and started
	mu     sync.Mutex
	rand   *rand.Rand
	wrote  map[string]string   // by ID: the last data that was answered with success
	unsure map[string][]string // by ID: data of writes after it that got no answer
}

func (a *application) draw(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rand.IntN(n)
}

func (a *application) run(stop chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		a.pause.Lock()
		url := a.agent.URL
		a.pause.Unlock()
		_ = url
		a.write(n)
	}
}

func (a *application) write(n int) {
	id := fmt.Sprintf("r-%d", a.draw(300))
	data := fmt.Sprintf(`{"version":%d,"id":%q}`, n, id)
	code, _, err := a.agent.Do(http.MethodPut, "/v1/stores/"+a.store+"/tables/stock/records/"+id, "application/json", bytes.NewReader([]byte(data)))
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil:
		a.unsure[id] = append(a.unsure[id], data) // perhaps written, perhaps not
		time.Sleep(5 * time.Millisecond)
	case code == http.StatusOK || code == http.StatusCreated:
		a.wrote[id] = data
		delete(a.unsure, id)
	}
}

// compare holds what the hub has against what was written.
func (a *application) compare(t *testing.T, hub *rig.Hub) {
	t.Helper()
	have := map[string]string{}
	for after := ""; ; {
		args := map[string]any{"store": a.store, "table": "stock", "limit": 100}
		if after != "" {
			args["after"] = after
		}
		var page struct {
			Items []sitesync.Record
			Next  string
		}
		check(t, hub.Call("record.list", args, &page))
		for _, r := range page.Items {
			if _, twice := have[r.ID]; twice {
				t.Errorf("record %s is listed twice", r.ID)
			}
			have[r.ID] = string(r.Data)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for id, data := range a.wrote {
		if have[id] != data && !contains(a.unsure[id], have[id]) {
			t.Errorf("record %s: the hub has %s, the agent said it wrote %s", id, have[id], data)
		}
	}
	for id, data := range have {
		if _, known := a.wrote[id]; !known && !contains(a.unsure[id], data) {
			t.Errorf("record %s: the hub has %s, which nobody wrote", id, data)
		}
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// receipts checks that the numbers of changes are 1, 2, 3, … and all applied.
func receipts(t *testing.T, agent *rig.Agent) {
	t.Helper()
	next, after := uint64(1), ""
	for {
		_, text, err := agent.Do(http.MethodGet, "/v1/receipts?limit=1000&after="+after, "", nil)
		check(t, err)
		var page struct {
			Items []struct {
				N       uint64
				Receipt string
			}
			Next string
		}
		check(t, json.Unmarshal(text, &page))
		for _, r := range page.Items {
			if r.N != next || r.Receipt != "applied" {
				t.Fatalf("receipt %+v, want n %d applied", r, next)
			}
			next++
		}
		if len(page.Items) == 0 {
			return
		}
		after = page.Next
	}
}

// TestWrittenOffline is the issue of every facility: much is written while the
// hub is away, the agent is killed on the way, and a new device takes over.
func TestWrittenOffline(t *testing.T) {
	const records = 20_000
	hub := startHub(t)
	site, j, err := hub.Register("suva", password, "SUV1")
	check(t, err)
	agent := join(t, "first", j)
	check(t, agent.Writable("SUV1", patience))
	check(t, hub.Stop())
	check(t, agent.Bulk("SUV1", rig.Lines(sample.New(3), records)))
	check(t, hub.Start())
	for range 2 {
		half := storeAtHub(t, hub, "SUV1").Records
		check(t, rig.Until(patience, func() (bool, error) {
			now := storeAtHub(t, hub, "SUV1").Records
			return now > half || now == records, nil
		}))
		agent.Kill()
		check(t, agent.Start())
	}
	check(t, agent.Sent(patience))
	equal(t, hub, agent, "SUV1", records)
	agent.Kill()

	check(t, hub.Call("site.reset-hardware", map[string]any{"site": site}, nil))
	second := join(t, "second", j)
	check(t, second.Writable("SUV1", patience))
	equal(t, hub, second, "SUV1", records)
	if epoch := storeAtHub(t, hub, "SUV1").Epoch; epoch != sitesync.NewEpoch(1, 3) {
		t.Errorf("epoch %s after one move and one new device, want 1.3", epoch)
	}
	check(t, agent.Start())
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemHardwareReset)
}
