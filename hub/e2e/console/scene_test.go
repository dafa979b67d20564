package console

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
)

// scene is a hub of its own with facilities as there could be, for pictures.
type scene struct {
	*rig.Hub
	t     *testing.T
	joins map[string]link.Join // by the site's code
}

var facilities = []struct{ name, code string }{
	{"Nadi Health Centre", "NAD"}, {"Suva Pharmacy", "SUV"}, {"Labasa Hospital", "LAB"}, {"Lautoka Clinic", "LTK"}, {"Sigatoka Hospital", "SIG"},
	{"Savusavu Health Centre", "SAV"}, {"Levuka Nursing Station", "LEV"}, {"Ba Mission Hospital", "BAM"}, {"Taveuni Hospital", "TAV"}, {"Rotuma Hospital", "ROT"},
	{"Vunidawa Health Centre", "VUN"}, {"Kadavu Nursing Station", "KAD"}, {"Navua Hospital", "NAV"}, {"Tavua Clinic", "TVU"},
}

func newScene(t *testing.T) *scene {
	t.Helper()
	h, err := rig.StartHub(programs, t.TempDir(), "--status-interval", "200ms")
	check(t, err)
	t.Cleanup(h.Kill)
	return &scene{h, t, map[string]link.Join{}}
}

func (s *scene) call(command string, args map[string]any, result any) {
	s.t.Helper()
	check(s.t, s.Call(command, args, result))
}

// play sets the scene: devices at work, one away with a store that is to move,
// one stranger, and a change in quarantine.
func (s *scene) play() {
	s.t.Helper()
	for i, f := range facilities {
		var made struct{ Site sitesync.Site }
		s.call("site.create", map[string]any{"name": f.name, "code": f.code, "password": password}, &made)
		if i < 8 {
			s.call("store.create", map[string]any{"code": f.code + "1", "name": f.name + " store", "tags": []string{"region:" + []string{"west", "central", "north"}[i%3]}}, nil)
			s.call("store.move", map[string]any{"store": f.code + "1", "to": made.Site.ID}, nil)
		}
		var answer struct{ Join string }
		s.call("site.join", map[string]any{"site": made.Site.ID}, &answer)
		j, err := link.ParseJoin(answer.Join)
		check(s.t, err)
		s.joins[f.code] = j
	}
	for i, code := range []string{"NAD", "SUV", "LAB", "SIG"} {
		a := s.device(code, s.joins[code])
		check(s.t, a.Writable(code+"1", patience))
		check(s.t, a.Bulk(code+"1", rig.Lines(sample.New(uint64(i)), 200)))
		check(s.t, a.Sent(patience))
		switch code {
		case "LAB":
			a.Kill()
			s.call("store.move", map[string]any{"store": "LAB1", "to": "Savusavu Health Centre"}, nil)
		case "SIG":
			s.late(a, "SIG1")
		}
	}
	s.call("user.create", map[string]any{"name": "litia", "role": "viewer", "password": password}, nil)
	s.call("token.create", map[string]any{"name": "dashboard", "role": "viewer", "expires": "2099-12-31"}, nil)
}

func (s *scene) device(code string, j link.Join) *rig.Agent {
	s.t.Helper()
	a, err := rig.JoinAgent(programs, filepath.Join(s.t.TempDir(), code), code, j, password, quick...)
	check(s.t, err)
	s.t.Cleanup(a.Kill)
	return a
}

// stranger tries to join with other hardware than the one that is bound.
func (s *scene) stranger(code string) {
	s.t.Helper()
	a, err := rig.NewAgent(programs, filepath.Join(s.t.TempDir(), "stranger"), "stranger", quick...)
	check(s.t, err)
	if out, code, err := a.Command(password, "join", s.joins[code].String(), "--password-file", "-"); err != nil || code != 3 {
		s.t.Fatalf("a stranger's join ended with %d: %s %v", code, out, err)
	}
}

// late has a device write in a store that was taken from it, without knowing.
func (s *scene) late(a *rig.Agent, code string) {
	s.t.Helper()
	do(s.t, a, "POST", "/v1/disable", "")
	for i := range 3 {
		do(s.t, a, "PUT", fmt.Sprintf("/v1/stores/%s/tables/patient/records/p-%d", code, i), fmt.Sprintf(`{"name":"Litia","age":%d,"village":"Nabukelevu"}`, 41+i))
	}
	s.call("store.move", map[string]any{"store": code, "to": 1, "force": true}, nil)
	s.call("record.put", map[string]any{"store": code, "table": "patient", "record": "p-0", "data": map[string]any{"name": "Litia", "age": 40}}, nil)
	do(s.t, a, "POST", "/v1/enable", "")
	check(s.t, rig.Until(patience, func() (bool, error) {
		var open struct{ Items []sitesync.Quarantined }
		err := s.Call("quarantine.list", map[string]any{"state": "open"}, &open)
		return len(open.Items) == 3, err
	}))
}

// do makes a request to a device's local API, which must succeed.
func do(t *testing.T, a *rig.Agent, method, path, body string) {
	t.Helper()
	status, text, err := a.Do(method, path, "application/json", strings.NewReader(body))
	check(t, err)
	if status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}
