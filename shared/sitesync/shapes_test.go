package sitesync

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimeJSON(t *testing.T) {
	east := time.FixedZone("east", 12*3600)
	for _, c := range []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 3, 1, 7, 30, 0, 250_999_999, time.UTC), `"2026-03-01T07:30:00.250Z"`},
		{time.Date(2026, 3, 1, 7, 30, 0, 0, east), `"2026-02-28T19:30:00.000Z"`},
		{time.Time{}, `"0001-01-01T00:00:00.000Z"`},
	} {
		b, err := json.Marshal(At(c.in))
		if err != nil || string(b) != c.want {
			t.Errorf("%v is %s, want %s (%v)", c.in, b, c.want, err)
		}
		if b, err := json.Marshal(Time{c.in}); err != nil || string(b) != c.want {
			t.Errorf("%v without At is %s, want %s (%v)", c.in, b, c.want, err)
		}
		var back Time
		if err := json.Unmarshal(b, &back); err != nil || back != At(c.in) {
			t.Errorf("%s comes back as %v, %v", b, back, err)
		}
		if b, err := json.Marshal(map[Time]int{At(c.in): 1}); err != nil || string(b) != `{`+c.want+`:1}` {
			t.Errorf("as a key %s, %v", b, err)
		}
	}
	var back Time
	if err := json.Unmarshal([]byte(`"2026-03-01T19:30:00+12:00"`), &back); err != nil || !back.Equal(time.Date(2026, 3, 1, 7, 30, 0, 0, time.UTC)) {
		t.Errorf("a time of another zone is %v, %v", back, err)
	}
	if json.Unmarshal([]byte(`"yesterday"`), &back) == nil {
		t.Error("a time that is none was taken")
	}
	if b, err := json.Marshal(struct{ At *Time }{}); err != nil || string(b) != `{"At":null}` {
		t.Errorf("no time is %s, %v", b, err)
	}
}

// The shapes are a contract: names, order, null where nothing is.
func TestShapes(t *testing.T) {
	at := At(time.Date(2026, 3, 1, 7, 30, 0, 0, time.UTC))
	for _, c := range []struct {
		shape any
		want  string
	}{
		{Site{ID: 6, Code: "NAD", Name: "Nadi", Type: TypeMobile, Enabled: true, Transport: TransportAuto,
			Stores: []SiteStore{{ID: 3, Code: "NAD1", Name: "N", Epoch: NewEpoch(1, 4), Phase: PhaseActive}}, State: StateOnline, LastSeen: &at, Revision: 7},
			`{"id":6,"code":"NAD","name":"Nadi","type":"mobile","enabled":true,"hardwareId":null,"transport":"auto",` +
				`"stores":[{"id":3,"code":"NAD1","name":"N","epoch":"1.4","phase":"active"}],"state":"online","lastSeen":"2026-03-01T07:30:00.000Z",` +
				`"lastSync":null,"backlog":0,"version":"","platform":"","clockSkewMs":0,"problem":null,"revision":7,"activeHere":false,"maxOffline":0,"mirror":false}`},
		{Store{ID: 3, Code: "NAD1", Tags: []string{}, Site: 6, Epoch: NewEpoch(1, 4), Phase: PhaseLoading},
			`{"id":3,"code":"NAD1","name":"","tags":[],"site":6,"epoch":"1.4","phase":"loading","handover":null,"records":0,"bytes":0,"head":"","digest":"00000000000000000000000000000000"}`},
		{Handover{ID: 1, Store: 3, From: 6, To: 7, State: HandoverLoading, Epoch: NewEpoch(1, 5), Started: at, By: "admin"},
			`{"id":1,"store":3,"from":6,"to":7,"state":"loading","epoch":"1.5","started":"2026-03-01T07:30:00.000Z","ended":null,` +
				`"sent":{"records":0,"bytes":0},"total":{"records":0,"bytes":0},"eta":null,"by":"admin"}`},
		{Quarantined{ID: 1, Store: 3, Table: "t", Record: "1", Op: "put", Data: json.RawMessage(`{}`), Reason: ReasonStaleEpoch, Site: 6,
			Epoch: NewEpoch(1, 4), N: 12, Received: at, State: "open"},
			`{"id":1,"store":3,"table":"t","record":"1","op":"put","data":{},"reason":"stale_epoch","site":6,"epoch":"1.4","n":12,` +
				`"received":"2026-03-01T07:30:00.000Z","present":null,"state":"open"}`},
		{Record{Store: 3, Table: "t", ID: "1", Data: json.RawMessage(`{}`), ETag: "e", Changed: at},
			`{"store":3,"table":"t","id":"1","data":{},"etag":"e","changed":"2026-03-01T07:30:00.000Z"}`},
		{SiteStatus{Site: 6, Online: true, Session: 12, Type: TypeMobile, State: StateOnline, Revision: 7}, `{"site":6,"online":true,"session":12,"type":"mobile","version":"","lastSync":null,"backlog":0,"problem":null,"state":"online","lastSeen":null,"clockSkewMs":0,"revision":7}`},
		{EventMessage{At: at, Kind: EventSiteOnline}, `{"at":"2026-03-01T07:30:00.000Z","kind":"site.online","site":null,"store":null,"message":"","next":""}`},
		{Audit{At: at, By: "admin"}, `{"at":"2026-03-01T07:30:00.000Z","by":"admin","from":"","command":"","id":"","site":null,"store":null,"before":null,"after":null}`},
		{Problem{Code: ProblemTLS, Message: "m", Next: "n"}, `{"code":"tls","message":"m","next":"n"}`},
	} {
		b, err := json.Marshal(c.shape)
		if err != nil || string(b) != c.want {
			t.Errorf("%T is\n%s, want\n%s (%v)", c.shape, b, c.want, err)
		}
	}
}
