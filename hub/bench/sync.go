package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/sample"
)

const (
	store    = "BENCH"
	password = "bench-password"
)

// sync measures a whole life: written offline, pushed, and loaded by a fresh
// device, with the real programs.
func (b *bench) sync() error {
	hub, err := rig.StartHub(b.programs, b.dir)
	if err != nil {
		return err
	}
	defer hub.Kill()
	site, join, err := hub.Register("bench", password, store)
	if err != nil {
		return err
	}
	agent, err := rig.JoinAgent(b.programs, filepath.Join(b.dir, "first"), "first", join, password, "--backoff-max", "200ms", "--backoff-min", "100ms")
	if err != nil {
		return err
	}
	if err := agent.Writable(store, time.Minute); err != nil {
		return err
	}
	if err := hub.Stop(); err != nil {
		return err
	}
	lines := rig.Lines(sample.New(7), b.records)
	took, err := b.timed(func() error { return agent.Bulk(store, lines) })
	if err != nil {
		return err
	}
	n := float64(b.records)
	b.add(row{What: "local API: NDJSON bulk, durable, hub away", Value: n / took.Seconds(), Unit: "records/s", Floor: "bare badger", baseline: b.bulkFloor})

	if err := hub.Start(); err != nil {
		return err
	}
	before := loopback()
	took, err = b.timed(func() error { return b.untilSent(agent) })
	if err != nil {
		return err
	}
	b.add(row{What: "push until the last receipt", Value: n / took.Seconds(), Unit: "records/s", Floor: "the floor", baseline: b.pushFloor})
	b.add(row{What: "bytes on loopback while pushing, TLS and TCP headers and acks included", Value: float64(loopback()-before) / n, Unit: "bytes/record"})
	b.add(row{What: "agent's memory, peak", Value: float64(agent.PeakMemory()) / (1 << 20), Unit: "MiB"})
	agent.Kill()
	return b.load(hub, site)
}

// untilSent waits for the backlog of a running agent to end, from its first
// receipt on.
func (b *bench) untilSent(agent *rig.Agent) error { return agent.Sent(10 * time.Minute) }

// load measures a device that replaces the first.
func (b *bench) load(hub *rig.Hub, site uint64) error {
	if err := hub.Call("site.reset-hardware", map[string]any{"site": site, "force": true}, nil); err != nil {
		return err
	}
	second, err := rig.NewAgent(b.programs, filepath.Join(b.dir, "second"), "second")
	if err != nil {
		return err
	}
	ca := hub.Addresses.CA
	if out, code, err := second.Command(password, "join", "--hub", "mqtts://"+hub.Addresses.MQTTS, "--ca", ca, "--site", "bench", "--password-file", "-"); err != nil || code != 0 {
		return fmt.Errorf("joining again: %d %s %w", code, out, err)
	}
	began := time.Now()
	if err := second.Start(); err != nil {
		return err
	}
	defer second.Kill()
	if err := second.Writable(store, 10*time.Minute); err != nil {
		return err
	}
	took := time.Since(began)
	b.add(row{What: "resync of a fresh device, from its start until writable", Value: float64(b.records) / took.Seconds(), Unit: "records/s", Floor: "the floor", baseline: b.loadFloor})
	b.add(row{What: "agent's memory after the resync, peak", Value: float64(second.PeakMemory()) / (1 << 20), Unit: "MiB"})
	return b.compare(hub, second)
}

// compare refuses figures of a run in which something got lost.
func (b *bench) compare(hub *rig.Hub, agent *rig.Agent) error {
	var at struct {
		Store struct {
			Records int64
			Digest  string
		}
	}
	if err := hub.Call("store.get", map[string]any{"store": store}, &at); err != nil {
		return err
	}
	stores, err := agent.Stores()
	if err != nil {
		return err
	}
	if len(stores) != 1 || stores[0].Records != int64(b.records) || at.Store.Records != int64(b.records) || stores[0].Digest.String() != at.Store.Digest {
		return fmt.Errorf("agent and hub do not hold the same: %+v, %+v", stores, at)
	}
	return nil
}

// single measures one change at a time: the rate of eight clients, and the time
// from a local write to its receipt on an idle system.
func (b *bench) single() error {
	dir := filepath.Join(b.dir, "single")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	hub, err := rig.StartHub(b.programs, dir)
	if err != nil {
		return err
	}
	defer hub.Kill()
	_, join, err := hub.Register("bench", password, store)
	if err != nil {
		return err
	}
	agent, err := rig.JoinAgent(b.programs, filepath.Join(dir, "agent"), "single", join, password)
	if err != nil {
		return err
	}
	defer agent.Kill()
	if err := agent.Writable(store, time.Minute); err != nil {
		return err
	}
	if err := b.latency(agent); err != nil {
		return err
	}
	return b.puts(agent)
}

func put(agent *rig.Agent, r sample.Record) error {
	code, text, err := agent.Do(http.MethodPut, "/v1/stores/"+store+"/tables/"+r.Table+"/records/"+r.ID, "application/json", bytes.NewReader(r.Data))
	if err == nil && code != http.StatusCreated {
		err = fmt.Errorf("put answered %d: %s", code, text)
	}
	return err
}

// latencies is how many single changes are followed to their receipts.
const latencies = 200

func (b *bench) latency(agent *rig.Agent) error {
	source := sample.New(9)
	var took []time.Duration
	for range latencies {
		r := source.StockLine()
		began := time.Now()
		if err := put(agent, r); err != nil {
			return err
		}
		if err := agent.Sent(time.Minute); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.add(row{What: "one change, put until receipt, median (polled every 5 ms)", Value: took[latencies/2].Seconds() * 1000, Unit: "ms"})
	b.add(row{What: "one change, put until receipt, 99th percentile", Value: took[latencies*99/100].Seconds() * 1000, Unit: "ms"})
	return nil
}

func (b *bench) puts(agent *rig.Agent) error {
	errs := make(chan error, singleClients)
	var wait sync.WaitGroup
	began := time.Now()
	for c := range singleClients {
		source := sample.New(uint64(100 + c))
		wait.Go(func() {
			for range singleWrites / singleClients {
				if err := put(agent, source.StockLine()); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	b.add(row{What: "local API: single durable PUTs, 8 clients", Value: singleWrites / time.Since(began).Seconds(), Unit: "writes/s", Floor: "bare badger", baseline: b.groupFloor})
	return <-errs
}
