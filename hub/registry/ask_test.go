package registry

import (
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestAsks(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	site := newSite(t, r, "Nadi")
	n := NewAsk{Site: site.ID, Command: "log", Args: []byte(`{"lines":5}`), Until: time.Now().Add(time.Hour)}
	first, err := r.AskDevice(command("site.log", "a1", "x"), n)
	if err != nil || first.State != AskWaiting || first.By != "anna" || first.Number == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := r.AskDevice(command("site.log", "a1", "x"), n); err != nil || again.Number != first.Number {
		t.Errorf("the repeated command: %+v, %v", again, err)
	}
	late := n
	late.Until = time.Now().Add(-time.Second)
	second, err := r.AskDevice(admin, late)
	if err != nil || second.Number <= first.Number {
		t.Fatalf("%+v, %v", second, err)
	}
	r = openOn(t, b, cheap)
	if over := r.OverdueAsks(time.Now()); len(over) != 1 || over[0] != second.Number {
		t.Errorf("overdue %v", over)
	}
	if err := r.EndAsk(second.Number, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.EndAsk(first.Number, []byte(`{"lines":[]}`), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.EndAsk(first.Number, nil, sitesync.Errorf(sitesync.CodeInternal, "", "too late")); err != nil {
		t.Fatal(err)
	}
	asks := r.Asks(site.ID)
	if len(asks) != 2 || asks[0].State != AskDone || string(asks[0].Result) != `{"lines":[]}` || asks[1].State != AskExpired || asks[1].Ended == nil {
		t.Errorf("%+v", asks)
	}
	_, err = r.AskDevice(admin, NewAsk{Site: 99, Command: "log"})
	expectCode(t, err, sitesync.CodeNotFound)
	for range mostAsks {
		_, err = r.AskDevice(admin, n)
	}
	if err != nil || len(r.Asks(site.ID)) > mostAsks {
		t.Errorf("%d are kept, %v", len(r.Asks(site.ID)), err)
	}
	_, err = r.AskDevice(admin, n)
	expectCode(t, err, sitesync.CodeOverload)
}
