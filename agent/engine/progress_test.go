package engine

import (
	"log/slog"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

// TestRates measures what is under way from its beginning, and forgets it with
// the link.
func TestRates(t *testing.T) {
	began := time.Now().Add(-10 * time.Second)
	e := &Engine{Options: Options{Log: slog.New(slog.DiscardHandler)}}
	e.show(sitesync.LinkOnline, nil)
	near := func(got, want float64) bool { return got > want*0.9 && got < want*1.1 }

	e.sentSome(began, 30, true)
	e.sentSome(time.Now(), 20, true) // the same stretch
	e.loadedSome(3, began, 0)
	e.loadedSome(3, began, 400)
	if st := e.Status(); !near(st.SendRate, 5) || st.Loading != 3 || !near(st.LoadRate, 40) {
		t.Errorf("%+v", st)
	}
	e.sentSome(began, 5, false) // all is sent
	e.loadedSome(4, time.Now(), 7)
	if st := e.Status(); st.SendRate != 0 || st.Loading != 4 || st.LoadRate != 0 {
		t.Errorf("nothing was measured yet: %+v", st)
	}
	e.loadedSome(4, began, 100)
	e.show(sitesync.LinkOffline, nil)
	e.show(sitesync.LinkOnline, nil)
	if st := e.Status(); st.Loading != 0 || st.LoadRate != 0 {
		t.Errorf("after the link was lost: %+v", st)
	}
}
