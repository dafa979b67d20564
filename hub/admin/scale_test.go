package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/hub/handover"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

const manySites = 20_000

// large makes a hub of many sites, each with a device that is mostly offline,
// and one of so many with a store.
func large(tb testing.TB, every int) *hub {
	h := newHubOn(tb, func(b registry.Backend) { copySites(tb, b, manySites) })
	var workers sync.WaitGroup
	const atOnce = 64
	for w := range atOnce {
		workers.Go(func() {
			for id := every * (w + 1); id <= manySites; id += every * atOnce {
				m := records.Meta{Store: sitesync.StoreID(id), Owner: sitesync.SiteID(id + 1), Phase: sitesync.PhaseActive, Epoch: sitesync.NewEpoch(1, 1)}
				if _, err := h.Records.Transition(0, m, nil); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	workers.Wait()
	var err error
	if h.Handover, err = handover.New(h.Records, h.Registry, h.Log, func(handover.Moved) {}); err != nil {
		tb.Fatal(err)
	}
	for id := sitesync.SiteID(2); id <= manySites+1; id++ {
		h.Live.Update(id, func(l *session.Live) { l.Online, l.LastSeen = id%50 == 0, time.Now() })
	}
	return h
}

// copySites writes a site and its store many times under other names, past the
// registry: as commands they would take minutes.
func copySites(tb testing.TB, b registry.Backend, n int) {
	reg, err := registry.Open(b, registry.Options{Argon2: cheap})
	if err != nil {
		tb.Fatal(err)
	}
	actor := registry.Actor{Kind: registry.ActorUser, Name: "anna", Command: "site.create"}
	if _, err := reg.CreateStore(actor, registry.NewStore{Code: "S1", Name: "Facility store"}); err != nil {
		tb.Fatal(err)
	}
	if _, err := reg.CreateSite(actor, registry.NewSite{Name: "Facility 00001", Code: "F", Password: "correct horse"}); err != nil {
		tb.Fatal(err)
	}
	hardware := sitesync.NewHardwareID([32]byte{1})
	replica := sitesync.NewReplicaID()
	if d, err := reg.Authenticate(registry.Login{Name: "Facility 00001", Secret: []byte("correct horse"), Hardware: hardware, ReplicaShort: replica.Short()}); err != nil || d.Outcome != registry.Accepted {
		tb.Fatalf("%+v, %v", d, err)
	}
	reg.Close()
	var writes []registry.Item
	for i := 2; i <= n; i++ {
		writes = append(writes,
			copied(tb, b, "R/site/", 2, i+1, map[string]any{"id": i + 1, "name": fmt.Sprintf("Facility %05d", i)}),
			copied(tb, b, "R/device/", 2, i+1, map[string]any{"site": i + 1, "credentials": nil}),
			copied(tb, b, "R/store/", 1, i, map[string]any{"id": i, "code": fmt.Sprint("S", i), "site": i + 1}))
	}
	for chunk := range slices.Chunk(writes, 600) {
		if err := b.Commit(registry.Commit{Write: chunk}); err != nil {
			tb.Fatal(err)
		}
	}
}

func copied(tb testing.TB, b registry.Backend, prefix string, from, to int, change map[string]any) registry.Item {
	raw, ok, err := b.Get(fmt.Sprintf("%s%020d", prefix, from))
	var fields map[string]any
	if err == nil && ok {
		err = json.Unmarshal(raw, &fields)
	}
	if err != nil || !ok {
		tb.Fatalf("%s%d: %v, %v", prefix, from, ok, err)
	}
	for name, value := range change {
		fields[name] = value
	}
	text, err := json.Marshal(fields)
	if err != nil {
		tb.Fatal(err)
	}
	return registry.Item{Key: fmt.Sprintf("%s%020d", prefix, to), Value: text}
}

// reads are the ways in which a large registry is looked at, with how long 99
// of 100 of them may take.
var reads = []struct {
	name, command, args, want string
	most                      time.Duration
}{
	{"list", "site.list", `{"limit":100,"after":"15000"}`, `"id":15100,`, 20 * time.Millisecond},
	{"list by state", "site.list", `{"limit":100,"state":"online"}`, `"state":"online"`, 20 * time.Millisecond},
	{"list by a rare state", "site.list", `{"limit":100,"state":"refused"}`, `"items":[]`, 20 * time.Millisecond},
	{"list by name", "site.list", `{"limit":100,"q":"facility 19"}`, `Facility 19099`, 20 * time.Millisecond},
	{"list by a name nobody has", "site.list", `{"limit":100,"q":"nothing is called so"}`, `"items":[]`, 20 * time.Millisecond},
	{"get", "site.get", `{"site":12346}`, `"id":12346,`, 2 * time.Millisecond},
}

// measure is how long half of some runs of a read took at most, and 99 of 100.
func (h *hub) measure(runs int, command, args, want string) (median, most time.Duration) {
	took := make([]time.Duration, runs)
	for i := range took {
		began := time.Now()
		_, answer := h.Handle(h.t.Context(), viewer, command, []byte(`{"id":"a","args":`+args+`}`), "", nil)
		took[i] = time.Since(began)
		if !strings.Contains(string(answer), want) {
			h.t.Fatalf("%s %s gives %.300s", command, args, answer)
		}
	}
	slices.Sort(took)
	return took[runs/2], took[(runs*99+99)/100-1]
}

// TestTwentyThousandSites has bounds that a busy machine and the race detector
// leave room for; the times to reach are the benchmark's.
func TestTwentyThousandSites(t *testing.T) {
	h := large(t, 20)
	for _, r := range reads {
		if median, _ := h.measure(5, r.command, r.args, r.want); median > 50*r.most {
			t.Errorf("%s took %s", r.name, median)
		}
	}
}

// BenchmarkTwentyThousandSites fails where a read takes longer than it may.
func BenchmarkTwentyThousandSites(b *testing.B) {
	h := large(b, 1)
	for _, r := range reads {
		b.Run(r.name, func(b *testing.B) {
			h.t = b
			for b.Loop() {
				median, most := h.measure(300, r.command, r.args, r.want)
				b.ReportMetric(float64(median.Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(most.Microseconds())/1000, "p99-ms")
				if most > r.most {
					b.Errorf("99 of 100 within %s, want %s", most, r.most)
				}
			}
		})
	}
}
