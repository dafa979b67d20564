package web

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"sitesync/shared/web/webtest"
)

var own = fstest.MapFS{
	"index.html":       {Data: []byte(`<script type="module" src="{{assets}}/main.js"></script>`)},
	"main.js":          {Data: []byte(strings.Repeat("import './web/view.js';\n", 100))},
	"screens/sites.js": {Data: []byte("export {};\n")},
}

func newPages(t *testing.T, webSocket bool) *Pages {
	t.Helper()
	p, err := New(own, webSocket)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(p *Pages, method, target string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	if header != nil {
		r.Header = header
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func base(t *testing.T, p *Pages) string {
	t.Helper()
	body, err := io.ReadAll(ask(p, "GET", "/", nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`src="(/assets/[0-9a-f]{16})/main.js"`).FindSubmatch(body)
	if m == nil {
		t.Fatalf("the index does not name its assets: %s", body)
	}
	return string(m[1])
}

func TestServes(t *testing.T) {
	p := newPages(t, false)
	assets := base(t, p)
	for _, c := range []struct {
		method, target    string
		status            int
		contentType, keep string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", assets + "/main.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", assets + "/screens/sites.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", assets + "/web/base.css", 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", assets + "/web/icon.svg", 200, "image/svg+xml", "public, max-age=31536000, immutable"},
		{"GET", assets + "/index.html", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/assets/0000000000000000/main.js", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/assets/../doc.go", 404, "text/plain; charset=utf-8", ""},
		{"POST", "/", 405, "text/plain; charset=utf-8", ""},
	} {
		r := ask(p, c.method, c.target, nil)
		if r.StatusCode != c.status || r.Header.Get("Content-Type") != c.contentType || r.Header.Get("Cache-Control") != c.keep {
			t.Errorf("%s %s: %d %q %q", c.method, c.target, r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
		for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
			if r.Header.Get(h) == "" {
				t.Errorf("%s %s has no %s", c.method, c.target, h)
			}
		}
		if body, _ := io.ReadAll(r.Body); c.method == "HEAD" && len(body) != 0 {
			t.Errorf("HEAD %s has a body", c.target)
		}
	}
}

func TestCompressesForThoseWhoTakeIt(t *testing.T) {
	p := newPages(t, false)
	target := base(t, p) + "/main.js"
	for _, c := range []struct {
		accept string
		gzip   bool
	}{
		{"", false}, {"br", false}, {"gzip", true}, {"br, gzip;q=0.5", true}, {"GZIP", true}, {"gzip;q=0", false}, {"gzip; q=0.0", false}, {"gzip;q=x", false}, {"gzippy", false},
	} {
		r := ask(p, "GET", target, http.Header{"Accept-Encoding": {c.accept}})
		body, err := io.ReadAll(r.Body)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != c.gzip || err != nil {
			t.Errorf("%q: compressed %v, %v", c.accept, got, err)
		}
		if c.gzip {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, own["main.js"].Data) {
			t.Errorf("%q: another body", c.accept)
		}
	}
}

func TestUnchanged(t *testing.T) {
	p := newPages(t, false)
	tag := ask(p, "GET", "/", nil).Header.Get("ETag")
	compressed := ask(p, "GET", "/", http.Header{"Accept-Encoding": {"gzip"}}).Header.Get("ETag")
	if tag == compressed {
		t.Error("two forms have one tag")
	}
	for _, c := range []struct {
		none   string
		status int
	}{{tag, 304}, {"W/" + tag, 304}, {`"x", ` + tag, 304}, {"*", 304}, {`"x"`, 200}, {compressed, 200}, {"", 200}} {
		if r := ask(p, "GET", "/", http.Header{"If-None-Match": {c.none}}); r.StatusCode != c.status {
			t.Errorf("If-None-Match %s: %d", c.none, r.StatusCode)
		}
	}
}

func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		webSocket bool
		host      string
		tls       bool
		connect   string
	}{
		{false, "hub.example:8080", false, "connect-src 'self'"},
		{true, "hub.example:8080", false, "connect-src 'self' ws://hub.example:8080 wss://hub.example:8080"},
		{true, "[::1]:8443", true, "connect-src 'self' wss://[::1]:8443"},
		{true, "evil; script-src *", false, "connect-src 'self'"},
		{true, "", false, "connect-src 'self'"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		newPages(t, c.webSocket).ServeHTTP(w, r)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, "; "+c.connect) || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%q: %s", c.host, policy)
		}
	}
}

func TestPreloads(t *testing.T) {
	tree := map[string][]byte{
		"main.js":          []byte("import { html } from './web/view.js';\nawait import('./late.js');\n"),
		"late.js":          []byte("export const late = 1;\n"),
		"app.js":           []byte("import {\n  a,\n} from './screens/a.js';\nimport './screens/b.js';\nconst path = './none.js';\n"),
		"screens/a.js":     []byte("export { x } from '../web/view.js';import z from'./b.js';"),
		"screens/b.js":     []byte("import { a } from './a.js';\n"),
		"web/view.js":      []byte("import './gone.js';\n"),
		"screens/other.js": nil,
	}
	got := string(preloads([]byte("<{{preload main.js app.js}}>"), tree, "/assets/0"))
	var want []string
	for _, module := range []string{"main.js", "app.js", "web/view.js", "screens/a.js", "screens/b.js"} {
		want = append(want, `<link rel="modulepreload" href="/assets/0/`+module+`">`)
	}
	if got != "<"+strings.Join(want, "\n")+">" {
		t.Errorf("got %s", got)
	}
}

func TestRefusesAPageThatCannotBe(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no index":             {"main.js": {}},
		"a file of no type":    {"index.html": {}, "a.exe": {}},
		"a shared file's name": {"index.html": {}, "web/view.js": {Data: []byte("x")}},
	} {
		if _, err := New(files, false); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTexts(t *testing.T) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	webtest.CheckTexts(t, files, nil, "fr")
}

func TestSmall(t *testing.T) {
	if size := newPages(t, false).Size(); size > 40<<10 {
		t.Errorf("%d bytes", size)
	}
}
