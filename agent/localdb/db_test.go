package localdb

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

const (
	storeA sitesync.StoreID = 3
	storeB sitesync.StoreID = 4
)

var (
	epoch1  = sitesync.NewEpoch(1, 1)
	epoch2  = sitesync.NewEpoch(1, 2)
	someday = time.Date(2026, 3, 1, 7, 30, 0, 0, time.UTC)
)

// open opens a database that is checked whole when the test ends.
func open(t testing.TB, dir string) *DB {
	t.Helper()
	d, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func reopen(t testing.TB, d *DB, dir string) *DB {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

// writable opens a database with the empty store A, active in epoch 1.1.
func writable(t testing.TB) *DB {
	t.Helper()
	d := open(t, t.TempDir())
	activate(t, d, storeA, epoch1)
	t.Cleanup(func() { wantWhole(t, d) })
	return d
}

func assigned(store sitesync.StoreID, epoch sitesync.Epoch, phase sitesync.Phase) wire.AssignedStore {
	return wire.AssignedStore{Store: store, Code: fmt.Sprintf("S%d", store), Name: "Store", Epoch: epoch, Phase: phase}
}

// activate brings an empty store of the hub to a database, all the way.
func activate(t testing.TB, d *DB, store sitesync.StoreID, epoch sitesync.Epoch) {
	t.Helper()
	must(t, d.Assign([]wire.AssignedStore{assigned(store, epoch, sitesync.PhaseLoading)}, someday))
	must(t, d.BeginResync(store, &wire.Manifest{Epoch: epoch, Head: cursorAt(1)}))
	must(t, d.ApplyChunk(store, &wire.Chunk{Epoch: epoch, Last: true}))
	must(t, d.Assign([]wire.AssignedStore{assigned(store, epoch, sitesync.PhaseActive)}, someday))
}

func cursorAt(seq uint64) wire.Cursor { return wire.Cursor{Log: wire.LogID{7}, Seq: seq} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(id, data string) Write {
	return Write{Op: sitesync.OpPut, Table: "t", ID: id, Data: []byte(data)}
}

func del(id string) Write { return Write{Op: sitesync.OpDelete, Table: "t", ID: id} }

// write makes changes to store A that have to succeed.
func write(t testing.TB, d *DB, writes ...Write) []Written {
	t.Helper()
	out, err := d.Write(storeA, writes)
	must(t, err)
	if len(out) != len(writes) {
		t.Fatalf("%d results of %d writes", len(out), len(writes))
	}
	return out
}

func stateOf(t testing.TB, d *DB, store sitesync.StoreID) Store {
	t.Helper()
	s, ok := d.Store(store)
	if !ok {
		t.Fatalf("there is no store %d", store)
	}
	return s
}

// queued reads the whole outbox of store A's present epoch.
func queued(t testing.TB, d *DB) Queue {
	t.Helper()
	o := stateOf(t, d, storeA).Outbox
	q, err := d.Read(storeA, o.Epoch, o.Confirmed, o.ConfirmedChain, 1<<30, 1<<30)
	must(t, err)
	return q
}

// chainsOf gives c(n) for every change of a queue.
func chainsOf(q Queue) []sitesync.Chain {
	h, chain := sitesync.NewHasher(), q.Chain
	var all []sitesync.Chain
	for i := range q.Changes {
		c := &q.Changes[i]
		chain = h.Next(chain, c, h.Record(c.Table, c.ID, c.Data))
		all = append(all, chain)
	}
	return all
}

func wantCode(t testing.TB, err error, code sitesync.Code) {
	t.Helper()
	if sitesync.CodeOf(err) != code {
		t.Errorf("error %v, want code %q", err, code)
	}
	if e := sitesync.AsError(err); e != nil && (e.Message == "" || e.Next == "") {
		t.Errorf("%+v tells too little", e)
	}
}

// wantData checks a record of table t in store A; "" is none.
func wantData(t testing.TB, d *DB, id, data string) {
	t.Helper()
	r, err := d.Get(storeA, wire.Key{Table: "t", ID: id})
	if data == "" {
		wantCode(t, err, sitesync.CodeNotFound)
		return
	}
	if err != nil || string(r.Data) != data {
		t.Errorf("record %s is %s, %v, want %s", id, r.Data, err, data)
	}
}

// wantWhole checks what always holds: the sums of every store are those of its
// records, its queues have no gap and their chains are right, a deleted record
// stays only while its delete waits, and memory shows what is on disk.
func wantWhole(t testing.TB, d *DB) {
	t.Helper()
	if err := whole(d); err != nil {
		t.Error(err)
	}
}

func whole(d *DB) error {
	return d.kv.View(func(tx *kv.Tx) error {
		stores, err := readStores(tx)
		if err != nil {
			return err
		}
		shown := d.Stores()
		if len(shown) != len(stores) {
			return fmt.Errorf("%d stores on disk, %d in memory", len(stores), len(shown))
		}
		for i := range stores {
			if onDisk := stores[i].clone(); !reflect.DeepEqual(onDisk, shown[i]) {
				return fmt.Errorf("store %d is %+v on disk, %+v in memory", onDisk.ID, onDisk, shown[i])
			}
			if err := errors.Join(recordsWhole(tx, &stores[i]), outboxWhole(tx, &stores[i])); err != nil {
				return fmt.Errorf("store %d: %w", stores[i].ID, err)
			}
		}
		return nil
	})
}

func recordsWhole(tx *kv.Tx, s *Store) error {
	var count, size int64
	var digest sitesync.Digest
	h := sitesync.NewHasher()
	err := tx.Iterate(kv.Range{Prefix: keyOf('r', s.ID, 0)}, func(key, value []byte) (bool, error) {
		r, err := parseRecord(value)
		if err != nil {
			return false, err
		}
		k, err := splitRecordKey(key)
		if err != nil {
			return false, err
		}
		if !r.live() {
			if !s.waits(r.epoch, r.n) {
				return false, fmt.Errorf("%v stays deleted, and nothing of it waits", k)
			}
			return true, nil
		}
		count, size = count+1, size+int64(len(r.data))
		digest.Add(h.Record(k.Table, k.ID, r.data))
		return true, nil
	})
	if err != nil {
		return err
	}
	if count != s.Records || size != s.Bytes || digest != s.Digest {
		return fmt.Errorf("there are %d records of %d bytes and digest %s, the store says %d, %d, %s", count, size, digest, s.Records, s.Bytes, s.Digest)
	}
	return nil
}

func outboxWhole(tx *kv.Tx, s *Store) error {
	h := sitesync.NewHasher()
	at := map[sitesync.Epoch]*Outbox{}
	for _, o := range append(append([]Outbox{}, s.Past...), s.Outbox) {
		at[o.Epoch] = &Outbox{Last: o.Confirmed, LastChain: o.ConfirmedChain}
	}
	newest := map[wire.Key]entry{} // of what waits
	err := tx.Iterate(kv.Range{Prefix: keyOf('o', s.ID, 0)}, func(key, value []byte) (bool, error) {
		e, err := parseEntry(append([]byte(nil), value...))
		if err != nil {
			return false, err
		}
		o := at[epochOf(key)]
		if o == nil || numberOf(key) != o.Last+1 {
			return false, fmt.Errorf("outbox entry %s/%d is out of place", epochOf(key), numberOf(key))
		}
		c := &e.change
		o.Last, o.LastChain = o.Last+1, h.Next(o.LastChain, c, h.Record(c.Table, c.ID, c.Data))
		if e.chain != o.LastChain {
			return false, fmt.Errorf("outbox entry %s/%d has another chain", epochOf(key), numberOf(key))
		}
		newest[wire.Key{Table: c.Table, ID: c.ID}] = e
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, o := range append(append([]Outbox{}, s.Past...), s.Outbox) {
		if found := at[o.Epoch]; found.Last != o.Last || found.LastChain != o.LastChain {
			return fmt.Errorf("epoch %s ends at %d, the store says %d, or with another chain", o.Epoch, found.Last, o.Last)
		}
	}
	for key, e := range newest { // what waits is what the application sees
		value, ok, err := tx.Get(recordKey(s.ID, key))
		if err != nil {
			return err
		}
		r, err := parseRecord(value)
		if !ok || err != nil || r.op != e.change.Op || string(r.data) != string(e.change.Data) {
			return fmt.Errorf("%v waits as %q and is %q (%v)", key, e.change.Data, r.data, err)
		}
	}
	return nil
}

func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	replica := d.Replica()
	if replica.IsZero() || d.DiskFree() == 0 {
		t.Errorf("replica %s, %d bytes free", replica, d.DiskFree())
	}
	activate(t, d, storeA, epoch1)
	write(t, d, put("1", `{"a":1}`), put("2", `{}`))
	before := d.Stores()
	d = reopen(t, d, dir)
	if d.Replica() != replica {
		t.Error("another replica after opening again")
	}
	if after := d.Stores(); !reflect.DeepEqual(after, before) {
		t.Errorf("%+v becomes %+v", before, after)
	}
	wantData(t, d, "1", `{"a":1}`)
	if _, err := Open(Options{Dir: dir}); sitesync.CodeOf(err) != sitesync.CodeDataLocked {
		t.Errorf("a directory in use: %v", err)
	}
	wantWhole(t, d)
}

func TestResolve(t *testing.T) {
	d := open(t, t.TempDir())
	a, b := assigned(9, epoch1, sitesync.PhaseLoading), assigned(5, epoch1, sitesync.PhaseLoading)
	a.Code = "MAIN"
	must(t, d.Assign([]wire.AssignedStore{a}, someday))
	b.Code = "MAIN" // the code went on to another store when the first one left
	must(t, d.Assign([]wire.AssignedStore{b}, someday))
	s, err := d.Resolve("MAIN")
	if err != nil || s.ID != 5 {
		t.Errorf("store %d, %v, want the one that is still here", s.ID, err)
	}
	_, err = d.Resolve("main")
	wantCode(t, err, sitesync.CodeNoSuchStore)
	if _, ok := d.Store(77); ok {
		t.Error("there is a store 77")
	}
}
