package cli

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestPageURL(t *testing.T) {
	for api, want := range map[string]string{
		"http://127.0.0.1:7411":         "http://127.0.0.1:7411/",
		"https://[::]:7411":             "https://localhost:7411/",
		"https://0.0.0.0:7411":          "https://localhost:7411/",
		"https://till.example.org:7411": "https://till.example.org:7411/",
	} {
		u, err := url.Parse(api)
		if err != nil {
			t.Fatal(err)
		}
		if got := pageURL(u); got != want {
			t.Errorf("%s: the page is at %s, want %s", api, got, want)
		}
	}
}

// A browser is started where somebody looks at a screen, and never with the
// code on its command line.
func TestBrowserCommand(t *testing.T) {
	for _, c := range []struct{ system, variable, want string }{
		{"linux", "", ""},
		{"linux", "DISPLAY", "xdg-open F"},
		{"linux", "WAYLAND_DISPLAY", "xdg-open F"},
		{"freebsd", "DISPLAY", "xdg-open F"},
		{"darwin", "", "open F"},
		{"windows", "", "rundll32 url.dll,FileProtocolHandler F"},
		{"android", "DISPLAY", ""},
	} {
		env := func(name string) string {
			if name == c.variable {
				return ":0"
			}
			return ""
		}
		if got := browserCommand(c.system, env, "F"); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s with %s: %q, want %q", c.system, c.variable, got, c.want)
		}
	}
}

func TestLeadTo(t *testing.T) {
	text := leadTo(`http://127.0.0.1:1/"><script>`, "ABCD-EFGH")
	if !strings.Contains(text, `url=http://127.0.0.1:1/&#34;&gt;&lt;script&gt;#ABCD-EFGH"`) || strings.Contains(text, "<script") {
		t.Error(text)
	}
}
