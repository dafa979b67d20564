package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// world is an engine with its database, and a hub that it reaches over a
// network, in a bubble of package synctest: waiting costs nothing.
type world struct {
	*testing.T
	hub     *hub
	net     *network
	dir     string
	timings Timings
	db      *localdb.DB
	engine  *Engine
	stop    context.CancelFunc
	ended   chan error
}

// timings of the tests: short where time passes, since Badger's own timers go
// off in it.
var testTimings = Timings{KeepAlive: time.Minute, BackoffMin: time.Second, BackoffMax: 30 * time.Second, PullInterval: 5 * time.Minute,
	RequestTimeout: 10 * time.Second, CredentialRetry: time.Minute, ProbeInterval: 2 * time.Minute}

// inWorld runs a test in a world whose device has joined and whose engine does
// not run yet.
func inWorld(t *testing.T, test func(w *world)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		w := &world{T: t, hub: h, net: &network{hub: h, delay: 5 * time.Millisecond}, dir: dir, timings: testTimings}
		site := Site{Hub: "mqtts://hub:8883", Name: "Nadi", Password: "secret", Fresh: true}
		w.check(site.Save(dir))
		w.open()
		t.Cleanup(w.close) // also when the test fails in the middle
		test(w)
	})
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open opens the data directory.
func (w *world) open() {
	w.Helper()
	var err error
	w.db, err = localdb.Open(localdb.Options{Dir: filepath.Join(w.dir, "db"), Log: slog.New(slog.DiscardHandler)})
	w.check(err)
	w.engine, err = New(Options{Dir: w.dir, DB: w.db, Device: Device{Hardware: sitesync.NewHardwareID([32]byte{7}), Type: sitesync.TypeMobile, Version: "test"},
		Timings: w.timings, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.db.Close()
		w.Fatal(err)
	}
	w.engine.dial = w.net.dial
}

// run runs the engine.
func (w *world) run() {
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.ended = make(chan error, 1)
	go func() { w.ended <- w.engine.Run(ctx) }()
}

// halt ends the engine.
func (w *world) halt() {
	w.Helper()
	if w.stop == nil {
		return
	}
	w.stop()
	began := time.Now()
	w.check(<-w.ended)
	if took := time.Since(began); took > 2*time.Second {
		w.Errorf("it took %s to end", took)
	}
	w.stop = nil
}

func (w *world) close() {
	w.Helper()
	w.halt()
	w.check(w.db.Close())
	for _, l := range w.hub.links {
		l.cut(errCut)
	}
}

// restart ends the engine and the database and opens both again.
func (w *world) restart() {
	w.Helper()
	w.halt()
	w.check(w.db.Close())
	w.open()
	w.run()
}

// until waits for a condition, at most for some time.
func (w *world) until(what string, most time.Duration, condition func() bool) {
	w.Helper()
	deadline := time.Now().Add(most)
	for {
		synctest.Wait()
		ok := false
		w.hub.do(func() { ok = condition() })
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%s: not within %s; status %+v, problem %+v, backlog %d, stores %+v", what, most, w.engine.Status(), w.engine.Status().Problem, w.db.Backlog(), w.db.Stores())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// for lets time pass.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// dials is how often the hub was dialled.
func (w *world) dials() (n int) {
	w.hub.do(func() { n = w.net.dials })
	return n
}

// came is how many messages of a kind the hub got.
func (w *world) came(kind topic.Kind) (n int) {
	w.hub.do(func() { n = w.hub.count[kind] })
	return n
}

func (w *world) store(id sitesync.StoreID) localdb.Store {
	st, _ := w.db.Store(id)
	return st
}

func (w *world) online() {
	w.Helper()
	w.until("online", time.Minute, func() bool { return w.engine.Status().Link == sitesync.LinkOnline })
}

func (w *world) writable(ids ...sitesync.StoreID) {
	w.Helper()
	for _, id := range ids {
		w.until(fmt.Sprintf("store %d writable", id), 2*time.Minute, func() bool {
			st, known := w.db.Store(id)
			return known && st.Writable() == nil
		})
	}
}

// started runs the engine until the stores are writable.
func (w *world) started(ids ...sitesync.StoreID) {
	w.Helper()
	w.run()
	w.online()
	w.writable(ids...)
}

// bulk writes changes of the given size each, in as few transactions as possible.
func (w *world) bulk(store sitesync.StoreID, prefix string, changes, bytes int) {
	w.Helper()
	var list []localdb.Write
	flush := func() {
		_, err := w.db.Write(store, list)
		w.check(err)
		list = nil
	}
	for i := range changes {
		list = append(list, localdb.Write{Op: sitesync.OpPut, Table: "t", ID: fmt.Sprintf("%s%05d", prefix, i), Data: []byte(filler(bytes, i))})
		if len(list) == 100 {
			flush()
		}
	}
	if len(list) > 0 {
		flush()
	}
}

func (w *world) put(store sitesync.StoreID, id, data string) {
	w.Helper()
	_, err := w.db.Write(store, []localdb.Write{{Op: sitesync.OpPut, Table: "t", ID: id, Data: []byte(data)}})
	w.check(err)
}

// filler is data that does not compress.
func filler(bytes, seed int) string {
	b := make([]byte, max(bytes-10, 0))
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[x>>58]
	}
	return `{"a":"` + string(b) + `"}`
}

func puts(prefix string, n int) (list []sitesync.Change) {
	for i := range n {
		list = append(list, sitesync.Change{Op: sitesync.OpPut, Table: "t", ID: fmt.Sprintf("%s%05d", prefix, i), Data: []byte(filler(60, i))})
	}
	return list
}

// sent waits until nothing waits for the hub.
func (w *world) sent(most time.Duration) {
	w.Helper()
	w.until("everything sent", most, func() bool { return w.db.Backlog() == 0 })
}

// equal checks that a store is the same here and at the hub, and that every
// change was applied once, in order.
func (w *world) equal(ids ...sitesync.StoreID) {
	w.Helper()
	synctest.Wait()
	w.hub.do(func() {
		w.Helper()
		for _, id := range ids {
			st, at := w.store(id), w.hub.stores[id]
			if st.Digest != at.digest() || st.Records != int64(len(at.records)) {
				w.Errorf("store %d: %d records here and %d at the hub, or others", id, st.Records, len(at.records))
			}
			seen := map[string]bool{}
			for _, c := range at.applied {
				if seen[c] {
					w.Errorf("store %d: applied twice: %.40s", id, c)
				}
				seen[c] = true
			}
			if st.Outbox.Last != at.settled[st.Epoch] {
				w.Errorf("store %d: %d changes made, %d settled", id, st.Outbox.Last, at.settled[st.Epoch])
			}
		}
	})
}

// problemOf is what is shown to be wrong with a store, "" for nothing.
func (w *world) problemOf(id sitesync.StoreID) sitesync.ProblemCode {
	if p := w.store(id).Blocked; p != nil {
		return p.Code
	}
	return ""
}

// central writes at the hub.
func (w *world) central(id sitesync.StoreID, changes ...sitesync.Change) {
	w.hub.do(func() {
		for i := range changes {
			w.hub.stores[id].write(&changes[i], 0)
		}
	})
}

// TestMain has package wire make its shared coders outside of the bubbles.
func TestMain(m *testing.M) {
	warm := wire.Encode(0, 0, &wire.Push{First: 1, Changes: puts("warm", 10)})
	if _, _, err := wire.Decode[wire.Push](warm); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
