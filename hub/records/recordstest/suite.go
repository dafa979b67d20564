package recordstest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Restarter is a State that can be closed and opened again, as by a restart of
// the hub. The suite does so to one between the steps of its tests.
type Restarter interface{ Restart(t testing.TB) }

// Run tests an implementation. open makes a State that holds nothing; it is
// the implementation's to clean up when the test ends.
func Run(t *testing.T, open func(t *testing.T) records.State) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, State: open(t)}
			test.run(f)
			f.restart()
			f.checkAll()
		})
	}
}

var tests = slices.Concat(applyTests, fenceTests, faultTests, receiptTests, metaTests, logTests, sweepTests, editTests, quarantineTests, handoverTests, dropTests, modelTests)

type test struct {
	name string
	run  func(*fixture)
}

// Who is who in the tests.
const (
	store = sitesync.StoreID(7)
	nadi  = sitesync.SiteID(2)
	suva  = sitesync.SiteID(3)
)

var (
	first  = sitesync.ReplicaID{1}
	second = sitesync.ReplicaID{2}
)

// fixture is a State under test.
type fixture struct {
	*testing.T
	records.State
}

func (f *fixture) restart() {
	if r, ok := f.State.(Restarter); ok {
		r.Restart(f)
	}
}

func (f *fixture) meta(store sitesync.StoreID) records.Meta {
	f.Helper()
	m, ok, err := f.Meta(store)
	if err != nil || !ok {
		f.Fatalf("meta of store %d: %v, %v", store, ok, err)
	}
	return m
}

func (f *fixture) head(store sitesync.StoreID) wire.Cursor {
	f.Helper()
	m := f.meta(store)
	return m.Head()
}

func (f *fixture) pinned(store sitesync.StoreID) wire.Cursor {
	f.Helper()
	m := f.meta(store)
	return m.PinnedHead()
}

// transition replaces the present meta, if there is one, by what change makes
// of it.
func (f *fixture) transition(store sitesync.StoreID, change func(m *records.Meta)) records.Meta {
	f.Helper()
	m, _, err := f.Meta(store)
	if err != nil {
		f.Fatal(err)
	}
	from := m.Version
	m.Store = store
	change(&m)
	made, err := f.Transition(from, m, nil)
	if err != nil {
		f.Fatalf("transition of store %d: %v", store, err)
	}
	return made
}

// give begins a new epoch of a store.
func (f *fixture) give(store sitesync.StoreID, site sitesync.SiteID, replica sitesync.ReplicaID, phase sitesync.Phase) records.Meta {
	f.Helper()
	return f.transition(store, func(m *records.Meta) {
		m.Owner, m.Replica, m.Phase, m.Epoch = site, replica, phase, m.Epoch.Next(1)
	})
}

// central makes a store that is active at the centre.
func (f *fixture) central(store sitesync.StoreID) records.Meta {
	f.Helper()
	return f.give(store, sitesync.CentralSite, sitesync.ReplicaID{}, sitesync.PhaseActive)
}

// device makes a device to which a store is given, active.
func (f *fixture) device(store sitesync.StoreID, site sitesync.SiteID, replica sitesync.ReplicaID) *Device {
	f.Helper()
	m := f.give(store, site, replica, sitesync.PhaseActive)
	return NewDevice(store, m.Origin())
}

// apply applies a batch and checks what is answered.
func (f *fixture) apply(b records.Batch, outcome wire.Outcome, settled uint64, applied, refused int) records.Result {
	f.Helper()
	res, err := f.Apply(b)
	if err != nil {
		f.Fatal(err)
	}
	if res.Outcome != outcome || res.Settled != settled || res.Applied != applied || res.Refused != refused {
		f.Fatalf("changes %d to %d: outcome %d, settled %d, %d applied, %d refused; want %d, %d, %d, %d", b.First, b.First+uint64(len(b.Changes))-1,
			res.Outcome, res.Settled, res.Applied, res.Refused, outcome, settled, applied, refused)
	}
	return res
}

// push applies changes of an active device that are all new and in order.
func (f *fixture) push(d *Device, from, through uint64) records.Result {
	f.Helper()
	res := f.apply(d.Batch(from, through), wire.Settled, through, int(through-from+1), 0)
	if res.Chain != d.Chain(through) {
		f.Fatalf("chain %s at %d, the device has %s", res.Chain, through, d.Chain(through))
	}
	return res
}

// nothing checks that fn leaves a store as it is.
func (f *fixture) nothing(store sitesync.StoreID, fn func()) {
	f.Helper()
	before, was := f.meta(store), f.scan(store)
	fn()
	f.restart()
	if after := f.meta(store); !reflect.DeepEqual(after, before) {
		f.Errorf("the meta was\n%+v and is\n%+v", before, after)
	}
	if is := f.scan(store); !reflect.DeepEqual(is, was) {
		f.Errorf("the records were\n%v and are\n%v", was, is)
	}
}

// fails checks the code of an error, and that a person is told what to do.
func (f *fixture) fails(err error, code sitesync.Code) {
	f.Helper()
	e := sitesync.AsError(err)
	if e == nil || e.Code != code {
		f.Fatalf("error %v, want code %q", err, code)
	}
	if e.Next == "" {
		f.Errorf("%q says nothing of what to do next", e.Message)
	}
}

// scan reads a store's records in pages.
func (f *fixture) scan(store sitesync.StoreID) (all []sitesync.Change) {
	f.Helper()
	for after := (wire.Key{}); ; {
		page, err := f.Scan(store, after, records.Limit{Records: 7, Bytes: 1 << 20})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, page.Records...)
		if page.Last {
			return all
		}
		if after = page.Through; len(page.Records) == 0 {
			f.Fatal("an empty page that is not the last")
		}
	}
}

// log reads a store's log from a cursor in pages, to its end.
func (f *fixture) log(store sitesync.StoreID, from wire.Cursor, own sitesync.Epoch) (all []sitesync.Change, end wire.Cursor) {
	f.Helper()
	for {
		page, err := f.Changes(store, from, records.Filter{Own: own}, records.Limit{Records: 3, Bytes: 1 << 20})
		if err != nil || page.Reset || page.Ahead {
			f.Fatalf("log from %v: reset %v, ahead %v, %v", from, page.Reset, page.Ahead, err)
		}
		all = append(all, page.Changes...)
		if page.More && page.Cursor.Seq <= from.Seq {
			f.Fatalf("the cursor went from %d to %d", from.Seq, page.Cursor.Seq)
		}
		if from = page.Cursor; !page.More {
			return all, from
		}
	}
}

// checkAll checks the invariants of every store.
func (f *fixture) checkAll() {
	f.Helper()
	err := f.Metas(func(m records.Meta) error {
		f.check(m.Store)
		return nil
	})
	if err != nil {
		f.Error(err)
	}
}

// check computes anew what a store's meta says, and holds the log against the
// records.
func (f *fixture) check(store sitesync.StoreID) {
	f.Helper()
	m := f.meta(store)
	live := map[wire.Key]string{}
	var bytes int64
	var digest sitesync.Digest
	last := wire.Key{}
	for _, c := range f.scan(store) {
		k := wire.Key{Table: c.Table, ID: c.ID}
		if c.Op != sitesync.OpPut || !last.IsZero() && !less(last, k) {
			f.Errorf("store %d: %v %v comes after %v", store, c.Op, k, last)
		}
		last, live[k] = k, string(c.Data)
		bytes += int64(len(c.Data))
		digest.Add(sitesync.NewHasher().Record(c.Table, c.ID, c.Data))
	}
	if c, ok := f.State.(interface{ Check(sitesync.StoreID) error }); ok {
		if err := c.Check(store); err != nil {
			f.Error(err)
		}
	}
	if m.Records != int64(len(live)) || m.Bytes != bytes || m.Digest != digest {
		f.Errorf("store %d: the meta says %d records, %d bytes, digest %s; they are %d, %d, %s", store, m.Records, m.Bytes, m.Digest, len(live), bytes, digest)
	}
	f.checkLog(store, &m, live)
}

func (f *fixture) checkLog(store sitesync.StoreID, m *records.Meta, live map[wire.Key]string) {
	f.Helper()
	seen := map[wire.Key]bool{}
	entries, end := f.log(store, wire.Cursor{Log: m.Log, Seq: m.Floor}, 0)
	if end != m.Head() {
		f.Errorf("store %d: the log ends at %v, the head is %v", store, end, m.Head())
	}
	for _, c := range entries {
		k := wire.Key{Table: c.Table, ID: c.ID}
		data, exists := live[k]
		if seen[k] || exists != (c.Op == sitesync.OpPut) || string(c.Data) != data {
			f.Errorf("store %d: the log has %v of %v with %q (again: %v), the record is %q", store, c.Op, k, c.Data, seen[k], data)
		}
		seen[k] = true
	}
	for k := range live {
		if !seen[k] && m.Floor == 0 {
			f.Errorf("store %d: the log has nothing of %v", store, k)
		}
	}
}

func less(a, b wire.Key) bool {
	if a.Table != b.Table {
		return a.Table < b.Table
	}
	return a.ID < b.ID
}

// fill makes and pushes puts of records 0 to n-1 of a table.
func (f *fixture) fill(d *Device, table string, n int) {
	f.Helper()
	from := d.Last() + 1
	for i := range n {
		d.Put(table, fmt.Sprintf("%03d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	f.push(d, from, d.Last())
}

// show writes changes as text, to be compared.
func show(changes []sitesync.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%v %s/%s %s\n", c.Op, c.Table, c.ID, c.Data)
	}
	return b.String()
}

// long is a time that is past all that a test has written.
func long() time.Time { return time.Now().Add(time.Hour) }
