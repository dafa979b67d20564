package admin

import (
	"os"
	"regexp"
	"testing"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
)

func TestState(t *testing.T) {
	bound := registry.Site{ID: 2, Enabled: true, HardwareID: testHardware(1)}
	with := func(edit func(*registry.Site)) registry.Site { s := bound; edit(&s); return s }
	seen := session.Live{LastSeen: time.Now()}
	for _, tt := range []struct {
		name string
		site registry.Site
		live session.Live
		want sitesync.SiteState
	}{
		{"central", registry.Site{ID: 1}, session.Live{}, sitesync.StateOnline},
		{"new", registry.Site{ID: 2, Enabled: true}, session.Live{}, sitesync.StateNever},
		{"reset", registry.Site{ID: 2, Enabled: true}, seen, sitesync.StateNever},
		{"away", bound, seen, sitesync.StateOffline},
		{"online", bound, session.Live{Online: true}, sitesync.StateOnline},
		{"refused", bound, session.Live{Online: true, Refused: sitesync.ProblemSiteRenamed}, sitesync.StateRefused},
		{"held", with(func(s *registry.Site) { s.Held = true }), session.Live{Refused: sitesync.ProblemTwoDevices}, sitesync.StateHeld},
		{"disabled", with(func(s *registry.Site) { s.Held, s.Enabled = true, false }), session.Live{Online: true}, sitesync.StateDisabled},
	} {
		if got := state(&tt.site, &tt.live); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSiteProblem(t *testing.T) {
	found := &sitesync.Problem{Code: sitesync.ProblemBadFrame}
	for _, tt := range []struct {
		name        string
		held        bool
		live        session.Live
		quarantined uint64
		want        sitesync.ProblemCode
	}{
		{"none", false, session.Live{}, 0, ""},
		{"quarantine", false, session.Live{}, 3, sitesync.ProblemQuarantined},
		{"reported", false, session.Live{Reported: "disk_full"}, 3, sitesync.ProblemDiskFull},
		{"unknown code reported", false, session.Live{Reported: "<script>"}, 3, sitesync.ProblemQuarantined},
		{"refused", false, session.Live{Reported: "disk_full", Refused: sitesync.ProblemDisabled}, 3, sitesync.ProblemDisabled},
		{"held", true, session.Live{Refused: sitesync.ProblemDisabled}, 3, sitesync.ProblemTwoDevices},
		{"found by the hub", true, session.Live{Problem: found}, 3, sitesync.ProblemBadFrame},
	} {
		p := siteProblem(&registry.Site{Held: tt.held}, &tt.live, tt.quarantined)
		if p == nil {
			p = &sitesync.Problem{}
		}
		if p.Code != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, p.Code, tt.want)
		}
	}
	if p := inQuarantine(7); p.Message[:2] != "7 " || p.Next == "" {
		t.Errorf("quarantine: %+v", p)
	}
}

// TestProblemTexts reads the codes from the domain's source, so that a new one
// cannot be forgotten here.
func TestProblemTexts(t *testing.T) {
	source, err := os.ReadFile("../../shared/sitesync/shapes.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`ProblemCode\s+= "([a-z_]+)"`).FindAllSubmatch(source, -1)
	if len(codes) != len(problems) {
		t.Errorf("%d codes, %d texts", len(codes), len(problems))
	}
	for _, code := range codes {
		p := ProblemText(sitesync.ProblemCode(code[1]))
		if _, known := problems[p.Code]; !known || p.Message == "" || p.Next == "" {
			t.Errorf("%s has no text of its own", p.Code)
		}
	}
	if p := ProblemText("news"); p.Message == "" || p.Next == "" {
		t.Errorf("unknown code: %+v", p)
	}
}

func TestSiteShape(t *testing.T) {
	h := house(t)
	p := must[Page[sitesync.Site]](h, "site.list", `{}`)
	central := p.Items[0]
	if central.ID != 1 || !central.ActiveHere || central.State != sitesync.StateOnline || central.Type != sitesync.TypeCentral || len(central.Stores) != 1 {
		t.Errorf("central site %+v", central)
	}
	h.bind("Nadi", 2, testHardware(1))
	h.Live.Update(2, func(l *session.Live) {
		l.Online, l.LastSeen, l.LastSync = true, time.Date(2026, 1, 2, 3, 4, 5, 6789000, time.UTC), time.Now()
		l.Backlog, l.ClockSkew = 12, -1500*time.Millisecond
	})
	a := h.do(viewer, "site.get", `{"site":"nadi"}`)
	s := result[SiteResult](h, a).Site
	if s.State != sitesync.StateOnline || s.Backlog != 12 || s.ClockSkewMs != -1500 || s.HardwareID == nil || *s.HardwareID != testHardware(1) || s.Problem != nil {
		t.Errorf("site %+v", s)
	}
	for _, want := range []string{`"lastSeen":"2026-01-02T03:04:05.006Z"`, `"epoch":"1.2","phase":"loading"`, `"problem":null`} {
		if !regexp.MustCompile(regexp.QuoteMeta(want)).Match(a.Result) {
			t.Errorf("%s is not in %s", want, a.Result)
		}
	}
}
