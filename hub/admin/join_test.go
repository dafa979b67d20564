package admin

import (
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

func TestSiteJoin(t *testing.T) {
	h := house(t)
	r := result[JoinResult](h, h.do(viewer, "site.join", `{"site":"Nadi"}`))
	j, err := link.ParseJoin(r.Join)
	if err != nil {
		t.Fatal(err)
	}
	if j.Site != "Nadi" || j.Pin != h.Pin || len(j.Hub) != 32 || !slices.Equal(j.URLs, h.URLs()[:2]) {
		t.Errorf("join %+v", j)
	}
	checkSVG(t, r.QR)

	h.fails(h.do(admin, "site.join", `{"site":1}`), sitesync.CodeActiveHere, "site", "")
	h.fails(h.do(admin, "site.join", `{"site":3}`), sitesync.CodeNotFound, "site", "")
	must[SiteEdited](h, "site.update", `{"site":2,"revision":2,"transport":"wss"}`)
	h.URLs = func() []string { return []string{"mqtts://hub:8883"} }
	h.fails(h.do(admin, "site.join", `{"site":2}`), sitesync.CodeInvalid, "site", "transport")
}

func TestSuitable(t *testing.T) {
	all := []string{"mqtts://h:8883", "wss://h:8443/mqtt", "mqtt://h:1883", "nonsense"}
	for _, tt := range []struct {
		transport sitesync.Transport
		given     []string
		want      []string
	}{
		{sitesync.TransportAuto, all, all[:2]},
		{sitesync.TransportTLS, all, all[:1]},
		{sitesync.TransportWSS, all, all[1:2]},
		{sitesync.TransportTCP, all, all[2:3]},
		{sitesync.TransportAuto, all[2:], all[2:3]},
		{sitesync.TransportTLS, all[1:], nil},
		{sitesync.TransportAuto, slices.Repeat(all[:1], 20), slices.Repeat(all[:1], link.MaxJoinURLs)},
	} {
		if got := suitable(tt.given, tt.transport); !slices.Equal(got, tt.want) {
			t.Errorf("%s of %q: %q, want %q", tt.transport, tt.given, got, tt.want)
		}
	}
}

// TestSVGIsTheCode reads the path back, module by module.
func TestSVGIsTheCode(t *testing.T) {
	const text = "sitesync1:abcdefghijklmnopqrstuvwxyz"
	image, err := svg(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	black := map[[2]int]bool{}
	for _, run := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(image, -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(run[i+1])
		}
		for x := range n[2] {
			black[[2]int{n[0] + x - quiet, n[1] - quiet}] = true
		}
	}
	for y := range code.Size {
		for x := range code.Size {
			if black[[2]int{x, y}] != code.Black(x, y) {
				t.Fatalf("module %d,%d is %v", x, y, black[[2]int{x, y}])
			}
		}
	}
}

// checkSVG holds an image against what a page may show: well-formed, and
// nothing that would fetch or run something.
func checkSVG(t *testing.T, image string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(image))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("SVG: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			if !slices.Contains([]string{"svg", "rect", "path"}, e.Name.Local) {
				t.Errorf("SVG element %s", e.Name.Local)
			}
			for _, a := range e.Attr {
				if !slices.Contains([]string{"xmlns", "viewBox", "shape-rendering", "width", "height", "fill", "d"}, a.Name.Local) {
					t.Errorf("SVG attribute %s", a.Name.Local)
				}
			}
		}
	}
}
