package recordstest

import (
	"fmt"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

var handoverTests = []test{
	{"Handovers/by ID and newest first", handoversListed},
}

// handoversListed has handovers under way and ended, of two stores, two of
// which ended with one transition.
func handoversListed(f *fixture) {
	begin := func(store sitesync.StoreID, id uint64, ended ...sitesync.Handover) {
		f.Helper()
		m := f.meta(store)
		next := m
		next.Handover = &sitesync.Handover{ID: id, Store: store, From: 1, To: nadi, State: sitesync.HandoverLoading, By: "anna"}
		if _, err := f.Transition(m.Version, next, ended); err != nil {
			f.Fatal(err)
		}
	}
	end := func(store sitesync.StoreID, id uint64, state sitesync.HandoverState) sitesync.Handover {
		return sitesync.Handover{ID: id, Store: store, From: 1, To: nadi, State: state, By: "anna"}
	}
	f.central(store)
	f.central(store + 1)
	begin(store, 3)
	begin(store+1, 5)
	begin(store, 7, end(store, 3, sitesync.HandoverCancelled), end(store, 6, sitesync.HandoverCancelled))
	f.transition(store+1, func(m *records.Meta) { m.Intent++ }) // the same goes on
	f.restart()
	list := func(store sitesync.StoreID, before uint64, most int) (text string) {
		f.Helper()
		err := f.Handovers(store, before, func(h sitesync.Handover) (bool, error) {
			text += fmt.Sprintf("%d of %d %s, ", h.ID, h.Store, h.State)
			most--
			return most > 0, nil
		})
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	for _, c := range []struct {
		store  sitesync.StoreID
		before uint64
		most   int
		want   string
	}{
		{0, 0, 9, "7 of 7 loading, 6 of 7 cancelled, 5 of 8 loading, 3 of 7 cancelled, "},
		{0, 7, 2, "6 of 7 cancelled, 5 of 8 loading, "},
		{0, 3, 9, ""},
		{store + 1, 0, 9, "5 of 8 loading, "},
		{store, 7, 9, "6 of 7 cancelled, 3 of 7 cancelled, "},
		{99, 0, 9, ""},
	} {
		if got := list(c.store, c.before, c.most); got != c.want {
			f.Errorf("of store %d before %d: %q, want %q", c.store, c.before, got, c.want)
		}
	}
	for id, want := range map[uint64]sitesync.HandoverState{3: sitesync.HandoverCancelled, 5: sitesync.HandoverLoading, 7: sitesync.HandoverLoading, 4: ""} {
		h, ok, err := f.Handover(id)
		if err != nil || ok != (want != "") || h.State != want || ok && h.ID != id {
			f.Errorf("handover %d: %+v, %v, %v; want %q", id, h, ok, err, want)
		}
	}
}
