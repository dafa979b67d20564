package admin

import (
	"testing"
	"time"

	"sitesync/hub/session"
)

func TestHubStatus(t *testing.T) {
	h := house(t)
	h.bind("Nadi", 2, testHardware(1))
	h.Live.Update(2, func(l *session.Live) { l.Backlog = 41 })
	h.Machine = func() Machine {
		return Machine{Version: "1.2.3", Started: time.Now().Add(-time.Minute), Connections: Connections{Devices: 7}, Rates: Rates{Pushed: 12.5}}
	}
	s := must[HubStatus](h, "hub.status", `{}`)
	if s.Version != "1.2.3" || s.Uptime < 60 || s.Uptime > 120 || len(s.Hub) != 32 || s.Generation != h.Registry.Identity().Generation ||
		s.Connections.Devices != 7 || s.Rates.Pushed != 12.5 || s.Backlog != 41 || s.Handovers != 1 {
		t.Errorf("%+v", s)
	}
	if s.Sites["total"] != 2 || s.Sites["online"] != 1 || s.Sites["offline"] != 1 || s.Sites["never"] != 0 {
		t.Errorf("sites %v", s.Sites)
	}
	if s.Stores["total"] != 2 || s.Stores["active"] != 1 || s.Stores["loading"] != 1 {
		t.Errorf("stores %v", s.Stores)
	}
}
