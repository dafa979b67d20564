package recordstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var quarantineTests = []test{
	{"Quarantine/list and get", quarantineShown},
	{"Quarantine/apply at the centre", quarantineAtCentre},
	{"Quarantine/apply at a site", quarantineProposed},
	{"Quarantine/a proposal's store comes to the centre", quarantineComesHome},
	{"Quarantine/discard", quarantineDiscarded},
	{"Quarantine/what cannot be applied", quarantineFaulty},
	{"Quarantine/once for each command", quarantineOnce},
	{"Quarantine/a proposal that comes back", quarantineReturns},
	{"Quarantine/watched", quarantineWatched},
	{"Quarantine/frames", quarantineFrames},
	{"Import", importOutbox},
}

var decideAt = time.Date(2025, 3, 4, 5, 6, 7, 8e6, time.UTC)

// decision is anna's.
func decision(item uint64, verb string) records.Decision {
	return records.Decision{Item: item, At: decideAt, Audit: sitesync.Audit{At: sitesync.At(decideAt), By: "anna", Command: "quarantine." + verb}}
}

func (f *fixture) item(id uint64) sitesync.Quarantined {
	f.Helper()
	q, err := f.Quarantined(id)
	if err != nil {
		f.Fatal(err)
	}
	return q
}

// late has Nadi write while the store goes to another owner, so that the given
// changes are in quarantine, as items 1, 2, …
func (f *fixture) late(owner sitesync.SiteID, replica sitesync.ReplicaID, changes ...sitesync.Change) *Device {
	f.Helper()
	d := f.device(store, nadi, first)
	d.Put("stock", "a", `{"n":1}`)
	f.push(d, 1, 1)
	f.give(store, owner, replica, sitesync.PhaseActive)
	for _, c := range changes {
		d.Add(c)
	}
	f.apply(d.Batch(2, d.Last()), wire.Settled, d.Last(), 0, len(changes))
	return d
}

func quarantineShown(f *fixture) {
	f.late(suva, second, put("a", `{"n":2}`), remove("a"), put("b", `{"n":3}`), put("c", `{`))
	var got []string
	list := func(after uint64, most int) {
		f.Helper()
		err := f.QuarantinedAfter(after, func(q sitesync.Quarantined) (bool, error) {
			got = append(got, fmt.Sprintf("%d %s %s %s n%d %s %s %q", q.ID, q.Op, q.Record, q.Data, q.N, q.Reason, q.State, q.Raw))
			most--
			return most > 0, nil
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	list(0, 2)
	list(2, 9)
	want := []string{`1 put a {"n":2} n2 stale_epoch open ""`, `2 delete a  n3 stale_epoch open ""`,
		`3 put b {"n":3} n4 stale_epoch open ""`, `4 put c  n5 stale_epoch open "{"`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		f.Errorf("listed\n%s", strings.Join(got, "\n"))
	}
	q := f.item(1)
	if string(q.Present) != `{"n":1}` || q.Site != nadi || q.Store != store || q.Epoch != sitesync.NewEpoch(1, 1) || q.Table != "stock" {
		f.Errorf("got %+v", q)
	}
	if q := f.item(3); q.Present != nil {
		f.Errorf("got %+v", q)
	}
	_, err := f.Quarantined(9)
	f.fails(err, sitesync.CodeNotFound)
}

func quarantineAtCentre(f *fixture) {
	f.late(sitesync.CentralSite, sitesync.ReplicaID{}, put("a", `{"n":2}`), remove("a"), put("b", `{"n":3}`))
	bad := decision(1, "apply")
	bad.IfMatch = sitesync.ETag([]byte(`{"n":9}`))
	f.nothing(store, func() {
		_, err := f.ApplyQuarantined(bad)
		f.fails(err, sitesync.CodeConflict)
	})
	good := decision(1, "apply")
	good.IfMatch = sitesync.ETag([]byte(`{"n":1}`))
	before := f.meta(store)
	q, err := f.ApplyQuarantined(good)
	if err != nil || q.State != sitesync.QuarantineApplied || q.By != "anna" || q.Decided == nil || string(q.Present) != `{"n":2}` {
		f.Errorf("applied %+v, %v", q, err)
	}
	if m := f.meta(store); m.Settled != before.Settled+1 || m.Seq != before.Seq+1 || m.Foreign != m.Seq {
		f.Errorf("meta %+v", m)
	}
	if _, err := f.ApplyQuarantined(decision(2, "apply")); err != nil {
		f.Fatal(err)
	}
	if got := show(f.scan(store)); got != "" {
		f.Errorf("records %s", got)
	}
	if n := f.Undecided(nadi, store); n != 1 {
		f.Errorf("%d undecided", n)
	}
	f.restart()
	for _, verb := range []string{"apply", "discard"} {
		decide := f.ApplyQuarantined
		if verb == "discard" {
			decide = f.Discard
		}
		f.nothing(store, func() {
			_, err := decide(decision(1, verb))
			f.fails(err, sitesync.CodeConflict)
			_, err = decide(decision(9, verb))
			f.fails(err, sitesync.CodeNotFound)
		})
	}
	entries, err := f.Audit("", 10)
	if err != nil || len(entries) != 2 || entries[0].By != "anna" || *entries[0].Store != store || *entries[0].Site != nadi ||
		!strings.Contains(string(entries[1].After), `"data":{"n":2}`) || string(entries[1].Before) != `{"n":1}` {
		f.Errorf("audit %+v, %v", entries, err)
	}
}

// quarantineProposed follows proposals to the store's owner: taken over, stale,
// and proposed again.
func quarantineProposed(f *fixture) {
	f.late(suva, second, put("a", `{"n":2}`), put("b", `{"n":3}`))
	owner := NewDevice(store, f.origin())
	for id := uint64(1); id <= 2; id++ {
		q, err := f.ApplyQuarantined(decision(id, "apply"))
		if err != nil || q.State != sitesync.QuarantineProposed {
			f.Fatalf("proposed %+v, %v", q, err)
		}
	}
	f.restart()
	list, err := f.Proposals(store)
	one, two := put("a", `{"n":2}`), put("b", `{"n":3}`)
	one.Quarantine, two.Quarantine = 1, 2
	if err != nil || len(list) != 2 || fmt.Sprint(list[0]) != fmt.Sprint(records.Proposal{Item: 1, Change: one, Expect: sitesync.ETag([]byte(`{"n":1}`))}) ||
		fmt.Sprint(list[1]) != fmt.Sprint(records.Proposal{Item: 2, Change: two}) {
		f.Errorf("proposals %+v, %v", list, err)
	}
	if list, err := f.Proposals(store + 1); err != nil || len(list) > 0 {
		f.Errorf("of another store: %+v, %v", list, err)
	}
	f.nothing(store, func() { // it waits already, and cannot be taken back
		if q, err := f.ApplyQuarantined(decision(1, "apply")); err != nil || q.State != sitesync.QuarantineProposed {
			f.Errorf("again: %+v, %v", q, err)
		}
		_, err := f.Discard(decision(1, "discard"))
		f.fails(err, sitesync.CodeConflict)
		stranger := records.Origin{Epoch: owner.Origin.Epoch, Site: nadi, Replica: first}
		if was, err := f.RefuseProposal(1, stranger, decideAt); was || err != nil {
			f.Errorf("a stranger's answer: %v, %v", was, err)
		}
	})
	forged := put("a", `{"n":99}`)
	forged.Quarantine = 2
	owner.Add(one)
	owner.Add(forged)
	f.push(owner, 1, 2)
	if q := f.item(1); q.State != sitesync.QuarantineApplied || q.Decided == nil {
		f.Errorf("taken over: %+v", q)
	}
	if q := f.item(2); q.State != sitesync.QuarantineProposed {
		f.Errorf("closed by another change: %+v", q)
	}
	if was, err := f.RefuseProposal(2, owner.Origin, decideAt); !was || err != nil {
		f.Errorf("the owner's answer: %v, %v", was, err)
	}
	if was, err := f.RefuseProposal(2, owner.Origin, decideAt); was || err != nil {
		f.Errorf("the owner's answer again: %v, %v", was, err)
	}
	if q, list := f.item(2), must(f.Proposals(store)); q.State != sitesync.QuarantineStale || len(list) > 0 || f.Undecided(nadi, 0) != 1 {
		f.Errorf("stale: %+v, waiting %v", q, list)
	}
	f.restart()
	if q, err := f.ApplyQuarantined(decision(2, "apply")); err != nil || q.State != sitesync.QuarantineProposed {
		f.Errorf("proposed again: %+v, %v", q, err)
	}
	owner.Add(two)
	f.push(owner, 3, 3)
	if n := f.Undecided(nadi, 0); n != 0 {
		f.Errorf("%d undecided", n)
	}
}

func (f *fixture) origin() records.Origin {
	f.Helper()
	m := f.meta(store)
	return m.Origin()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// quarantineComesHome moves the store to the centre before the site has
// answered.
func quarantineComesHome(f *fixture) {
	f.late(suva, second, put("a", `{"n":2}`), put("b", `{"n":3}`))
	for id := uint64(1); id <= 2; id++ {
		must(f.ApplyQuarantined(decision(id, "apply")))
	}
	owner := NewDevice(store, f.origin())
	owner.Put("stock", "b", `{"n":7}`)
	f.push(owner, 1, 1)
	if err := f.SettleProposals(store, decideAt); err != nil {
		f.Fatal(err)
	}
	if list := must(f.Proposals(store)); len(list) != 2 {
		f.Errorf("settled while the store was at a site: %v left", list)
	}
	f.central(store)
	for range 2 {
		if err := f.SettleProposals(store, decideAt); err != nil {
			f.Fatal(err)
		}
		f.restart()
	}
	if a, b := f.item(1).State, f.item(2).State; a != sitesync.QuarantineApplied || b != sitesync.QuarantineStale {
		f.Errorf("a is %s, b is %s", a, b)
	}
	if got, want := show(f.scan(store)), "put stock/a {\"n\":2}\nput stock/b {\"n\":7}\n"; got != want {
		f.Errorf("records\n%s", got)
	}
	if entries := must(f.Audit("", 10)); len(entries) != 4 {
		f.Errorf("audit %+v", entries)
	}
}

func quarantineWatched(f *fixture) {
	told := 0
	f.Watch(func(site sitesync.SiteID, of sitesync.StoreID) {
		if site != nadi || of != store || f.Undecided(nadi, store) != uint64(2-max(told-1, 0)) {
			f.Errorf("told of site %d and store %d, as number %d, with %d undecided", site, of, told, f.Undecided(nadi, store))
		}
		told++
	})
	f.late(suva, second, put("a", `{"n":2}`), put("b", `{"n":3}`))
	if _, err := f.ApplyQuarantined(decision(1, "apply")); err != nil { // proposed
		f.Fatal(err)
	}
	f.central(store)
	if err := f.SettleProposals(store, decideAt); err != nil {
		f.Fatal(err)
	}
	if _, err := f.Discard(decision(2, "discard")); err != nil || told != 4 {
		f.Errorf("told %d times, %v", told, err)
	}
}

func quarantineDiscarded(f *fixture) {
	f.late(suva, second, put("a", ` {"n": 2} `), put("b", "{\"\xff"))
	for id := uint64(1); id <= 2; id++ {
		q, err := f.Discard(decision(id, "discard"))
		if err != nil || q.State != sitesync.QuarantineDiscarded || q.By != "anna" {
			f.Errorf("discarded %+v, %v", q, err)
		}
	}
	if n := f.Undecided(nadi, 0); n != 0 {
		f.Errorf("%d undecided", n)
	}
	entries := must(f.Audit("", 10))
	if len(entries) != 2 {
		f.Fatalf("audit %+v", entries)
	}
	var whole sitesync.Quarantined
	if err := json.Unmarshal(entries[0].After, &whole); err != nil || string(whole.Raw) != "{\"\xff" || whole.N != 3 || whole.Record != "b" {
		f.Errorf("the audit log has %s, %v", entries[0].After, err)
	}
	if got, want := show(f.scan(store)), "put stock/a {\"n\":1}\n"; got != want {
		f.Errorf("records\n%s", got)
	}
}

func quarantineFaulty(f *fixture) {
	d := f.device(store, nadi, first)
	d.Add(put("a", `{`))
	d.Add(sitesync.Change{Op: sitesync.OpPut, Table: "stock", ID: "b", Data: []byte(`{}`), To: "N2"})
	f.apply(d.All(), wire.Settled, 2, 0, 2)
	elsewhere := NewDevice(1234, d.Origin)
	elsewhere.Put("stock", "a", `{}`)
	f.apply(elsewhere.All(), wire.Settled, 1, 0, 1)
	f.nothing(store, func() {
		for id, code := range map[uint64]sitesync.Code{1: sitesync.CodeInvalid, 2: sitesync.CodeInvalid, 3: sitesync.CodeNotFound} {
			_, err := f.ApplyQuarantined(decision(id, "apply"))
			f.fails(err, code)
		}
	})
	if n := f.Undecided(nadi, 0); n != 3 {
		f.Errorf("%d undecided", n)
	}
}

func quarantineOnce(f *fixture) {
	f.late(sitesync.CentralSite, sitesync.ReplicaID{}, put("a", `{"n":2}`), put("b", `{}`))
	dec := decision(1, "apply")
	dec.Replay = records.Replay{By: "anna", ID: "c1", Args: [32]byte{1}, Memory: time.Minute}
	must(f.ApplyQuarantined(dec))
	f.restart()
	f.nothing(store, func() {
		if q, err := f.ApplyQuarantined(dec); err != nil || q.State != sitesync.QuarantineApplied {
			f.Errorf("again: %+v, %v", q, err)
		}
		other := decision(2, "discard")
		other.Replay = dec.Replay
		other.Replay.Args = [32]byte{2}
		_, err := f.Discard(other)
		f.fails(err, sitesync.CodeIDReused)
	})
	if entries := must(f.Audit("", 10)); len(entries) != 1 {
		f.Errorf("audit %+v", entries)
	}
}

// quarantineReturns has the first owner make a proposal its own change, and
// lose the store before that is sent: it is no second item, whatever became of
// the first.
func quarantineReturns(f *fixture) {
	f.late(suva, second, put("a", `{"n":2}`))
	must(f.ApplyQuarantined(decision(1, "apply")))
	lost := NewDevice(store, f.origin())
	taken := put("a", `{"n":2}`)
	taken.Quarantine = 1
	lost.Add(taken)
	forged := put("a", `{"n":5}`)
	forged.Quarantine = 1
	lost.Add(forged)

	m := f.give(store, nadi, second, sitesync.PhaseActive)
	f.apply(lost.Batch(1, 1), wire.Settled, 1, 0, 0)
	owner := NewDevice(store, m.Origin())
	owner.Add(taken)
	f.push(owner, 1, 1)
	if q := f.item(1); q.State != sitesync.QuarantineApplied {
		f.Errorf("taken over: %+v", q)
	}
	res := f.apply(lost.Batch(2, 2), wire.Settled, 2, 0, 1)
	f.reasons(res, 2, sitesync.ReasonStaleEpoch, 1)
	owner.Add(taken) // it is the writer's to say what comes next
	f.push(owner, 2, 2)
}

func quarantineFrames(f *fixture) {
	f.late(suva, second, put("a", `{"n":2}`))
	for i := range 20 {
		if err := f.BadFrame(nadi, store, fmt.Appendf(nil, "frame %d", i), decideAt); err != nil {
			f.Fatal(err)
		}
	}
	var ids []uint64
	check := f.QuarantinedAfter(1, func(q sitesync.Quarantined) (bool, error) {
		if want := fmt.Sprintf("frame %d", q.ID-2); q.Reason != sitesync.ReasonBadFrame || string(q.Raw) != want || q.Site != nadi || q.Store != store {
			f.Errorf("item %+v with %q, want %q", q, q.Raw, want)
		}
		ids = append(ids, q.ID)
		return true, nil
	})
	if check != nil || len(ids) != 16 || ids[0] != 6 {
		f.Errorf("frames %v, %v", ids, check)
	}
	if n := f.Undecided(nadi, 0); n != 1 {
		f.Errorf("%d undecided: frames are no changes", n)
	}
	_, err := f.ApplyQuarantined(decision(10, "apply"))
	f.fails(err, sitesync.CodeInvalid)
	dec := decision(10, "discard")
	dec.Replay = records.Replay{By: "anna", ID: "c1", Memory: time.Minute}
	for range 2 {
		if q, err := f.Discard(dec); err != nil || q.State != sitesync.QuarantineDiscarded || len(q.Raw) > 0 {
			f.Errorf("discarded %+v, %v", q, err)
		}
	}
	_, err = f.Discard(decision(10, "discard"))
	f.fails(err, sitesync.CodeConflict)
	if entries := must(f.Audit("", 10)); len(entries) != 1 || !strings.Contains(string(entries[0].After), `"raw":"ZnJhbWUgOA=="`) {
		f.Errorf("audit %s", entries[0].After)
	}
}

// importOutbox brings the outbox of a device that was replaced.
func importOutbox(f *fixture) {
	d := f.device(store, nadi, first)
	for i := range 6 {
		d.Put("stock", fmt.Sprint(i), `{}`)
	}
	f.push(d, 1, 3)
	b := d.Batch(2, 5) // the device has a receipt of the first alone
	b.After, b.Import = 1, &sitesync.Audit{At: sitesync.At(decideAt), By: "anna", Command: "quarantine.import"}
	f.nothing(store, func() {
		_, err := f.Apply(b)
		f.fails(err, sitesync.CodeInUse)
	})
	f.give(store, nadi, second, sitesync.PhaseActive)
	res := f.apply(b, wire.Settled, 5, 0, 2)
	f.reasons(res, 4, sitesync.ReasonStaleEpoch, 2)
	f.restart()
	f.apply(b, wire.Settled, 5, 0, 0)
	f.refused(d.Batch(6, 6), sitesync.ReasonStaleEpoch) // the device turns up by itself
	entries := must(f.Audit("", 10))
	if len(entries) != 1 || entries[0].By != "anna" || *entries[0].Site != nadi || !strings.Contains(string(entries[0].After), `"imported":2`) {
		f.Errorf("audit %+v", entries)
	}
}
