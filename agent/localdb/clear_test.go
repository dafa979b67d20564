package localdb

import (
	"fmt"
	"strings"
	"testing"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// keysLeft counts the keys in the database.
func keysLeft(t *testing.T, d *DB) (n int) {
	t.Helper()
	must(t, d.kv.View(func(tx *kv.Tx) error {
		return tx.Iterate(kv.Range{KeysOnly: true}, func(_, _ []byte) (bool, error) { n++; return true, nil })
	}))
	return n
}

// fill writes more than one transaction clears, with keys as long as they come.
func fill(t *testing.T, d *DB) {
	t.Helper()
	for i := range 6 {
		var batch []Write
		for j := range 250 {
			batch = append(batch, put(fmt.Sprintf("%0200d", 1000*i+j), `{"v":1}`))
		}
		write(t, d, batch...)
	}
}

func TestClear(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	activate(t, d, storeA, epoch1)
	fill(t, d)
	replica := d.Replica()
	_, place, err := d.Receipts("", 10)
	must(t, err)
	must(t, d.Clear())
	for range 2 {
		if d.Replica() == replica || d.Replica().IsZero() || len(d.Stores()) != 0 || d.Backlog() != 0 {
			t.Errorf("replica %s, %d stores, backlog %d", d.Replica(), len(d.Stores()), d.Backlog())
		}
		if n := keysLeft(t, d); n != 1 {
			t.Errorf("%d keys are left", n)
		}
		d = reopen(t, d, dir)
	}
	_, err = d.Write(storeA, []Write{put("1", `{}`)})
	wantCode(t, err, sitesync.CodeNoSuchStore)
	activate(t, d, storeA, epoch1) // the same store of another hub
	if w := write(t, d, put("1", `{}`))[0]; w.N != 1 {
		t.Errorf("%+v", w)
	}
	wantPoll(t, d, place, "S3/1.1/1=queued")
}

// A Clear that a crash cut short is finished by the next start.
func TestClearCutShort(t *testing.T) {
	for _, after := range []string{"the mark", "a part", "all but the mark"} {
		t.Run(after, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir)
			activate(t, d, storeA, epoch1)
			fill(t, d)
			replica := d.Replica()
			must(t, d.kv.Update(func(tx *kv.Tx) error { tx.Set(clearingKey, []byte{1}); return nil }))
			must(t, d.kv.Update(func(tx *kv.Tx) error {
				if after == "the mark" {
					return nil
				}
				_, more, err := d.clearSome(tx, nil)
				if !more {
					t.Error("one transaction clears it all; the test needs more")
				}
				return err
			}))
			for more := after == "all but the mark"; more; {
				must(t, d.kv.Update(func(tx *kv.Tx) (err error) { _, more, err = d.clearSome(tx, nil); return err }))
			}
			d = reopen(t, d, dir)
			if d.Replica() == replica || len(d.Stores()) != 0 || keysLeft(t, d) != 1 {
				t.Errorf("replica %s, %d stores, %d keys", d.Replica(), len(d.Stores()), keysLeft(t, d))
			}
			activate(t, d, storeA, epoch1)
			write(t, d, put("1", `{}`))
			wantWhole(t, d)
		})
	}
}

// A change that the application makes while somebody decides to clear is not
// lost.
func TestClearUnless(t *testing.T) {
	d := writable(t)
	write(t, d, put("1", `{}`), put("2", `{}`))
	for _, unsent := range []uint64{0, 1} {
		wantCode(t, d.ClearUnless(unsent), sitesync.CodeUnsent)
	}
	write(t, d, put("3", `{}`))
	if d.Backlog() != 3 {
		t.Errorf("backlog %d", d.Backlog())
	}
	wantSettled(t, d, receiptFor(queued(t, d), 3), Agrees)
	must(t, d.ClearUnless(0))
	if len(d.Stores()) != 0 {
		t.Error("there still are stores")
	}
}

// What was written before a Clear is cleared, what comes after is refused;
// nothing is accepted in between.
func TestClearAmongWriters(t *testing.T) {
	d := writable(t)
	fill(t, d)
	stop := make(chan struct{})
	ended := make(chan error)
	go func() {
		for i := 0; ; i++ {
			if _, err := d.Write(storeA, []Write{put(fmt.Sprint("w", i), `{}`)}); err != nil {
				ended <- err
				return
			}
			if i == 20 {
				close(stop)
			}
		}
	}()
	<-stop
	must(t, d.Clear())
	wantCode(t, <-ended, sitesync.CodeNoSuchStore)
	if keysLeft(t, d) != 1 || len(d.Stores()) != 0 {
		t.Errorf("%d keys, %d stores", keysLeft(t, d), len(d.Stores()))
	}
	if err := d.Assign([]wire.AssignedStore{assigned(storeA, epoch1, sitesync.PhaseLoading)}, someday); err != nil {
		t.Error(err)
	}
	d.clearing.Store(true)
	if err := d.Assign([]wire.AssignedStore{assigned(storeB, epoch1, sitesync.PhaseLoading)}, someday); err == nil || !strings.Contains(err.Error(), "cleared") {
		t.Errorf("a store was assigned during a Clear: %v", err)
	}
	d.clearing.Store(false)
}
