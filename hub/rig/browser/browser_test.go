package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"sitesync/hub/rig"
)

const bad = `<!doctype html><title>bad</title><body style="background:#fff">
<p style="color:#999">pale</p><p style="color:#555">dark enough</p><p style="color:#999" hidden>nobody sees</p>
<button></button><button aria-label="named"></button><label>Name <input></label><input>
<div style="width:3000px">wide</div>
<script src="/script.js"></script>`

const script = `console.error('said so'); fetch('https://elsewhere.example/').catch(() => {}); setTimeout(() => { throw new Error('thrown') });
document.querySelector('[aria-label]').onclick = () => document.title = 'clicked';`

// What the rest relies on: barriers and complaints are found, fields filled,
// buttons clicked, and nothing is found where nothing is.
func TestFindsWhatIsWrong(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'unsafe-inline'")
		switch r.URL.Path {
		case "/bad":
			fmt.Fprint(w, bad)
		case "/script.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, script)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	b, err := Start("en")
	check(t, err)
	defer b.Close()
	page, err := b.Page(Look{})
	check(t, err)
	defer page.Close()
	check(t, page.Open(server.URL+"/bad"))

	barriers, err := page.Barriers()
	check(t, err)
	all := strings.Join(barriers, "\n")
	for _, want := range []string{`p "pale" has a contrast of 2.8`, `button "" has no name`, `input "" has no name`, "the page is 3"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among\n%s", want, all)
		}
	}
	if len(barriers) != 4 {
		t.Errorf("%d barriers:\n%s", len(barriers), all)
	}

	for _, want := range []string{"said so", "thrown", "Content Security Policy"} {
		check(t, rig.Until(Patience, func() (bool, error) {
			return slices.ContainsFunc(page.Complaints(), func(c string) bool { return strings.Contains(c, want) }), fmt.Errorf("%q is not among %q", want, page.Complaints())
		}))
		page.Expect(want)
		if slices.ContainsFunc(page.Complaints(), func(c string) bool { return strings.Contains(c, want) }) {
			t.Errorf("%q was expected", want)
		}
	}

	check(t, page.Fill("Name", "Nadi"))
	var value, title string
	check(t, page.Eval("document.querySelector('label input').value", &value))
	check(t, page.Click("button", "named"))
	check(t, page.Eval("document.title", &title))
	if value != "Nadi" || title != "clicked" {
		t.Errorf("filled %q, title %q", value, title)
	}
	if has, err := page.Has("button", "missing"); has || err != nil {
		t.Errorf("a button that is not there: %v %v", has, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
