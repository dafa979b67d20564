package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is a package as its files import: tests apart, and those of all
// operating systems together.
type source struct {
	dir       string // below the module, with slashes
	name      string
	imports   map[string]string // path -> a file that has it
	byTests   map[string]string
	testsOnly bool
}

// module reads the import clauses of every package.
func module(t *testing.T) []*source {
	t.Helper()
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	found := map[string]*source{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		return add(found, root, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []*source
	for _, s := range found {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *source) int { return strings.Compare(a.dir, b.dir) })
	return all
}

func add(found map[string]*source, root, file string) error {
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return err
	}
	dir := filepath.ToSlash(rel)
	s := found[dir]
	if s == nil {
		s = &source{dir: dir, imports: map[string]string{}, byTests: map[string]string{}, testsOnly: true}
		found[dir] = s
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	into := s.byTests
	if !strings.HasSuffix(file, "_test.go") {
		into, s.testsOnly, s.name = s.imports, false, parsed.Name.Name
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		into[imported] = filepath.Base(file)
	}
	return nil
}

// below reports whether a slash-separated path is one of some, or below it.
func below(p string, some ...string) bool {
	return slices.ContainsFunc(some, func(s string) bool { return p == s || strings.HasPrefix(p, s+"/") })
}

// ours gives the directory of an import of this module.
func ours(imported string) (dir string, ok bool) { return strings.CutPrefix(imported, "sitesync/") }

func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != "sitesync"
}

// Packages that drive or measure both sides. Nothing of the programs' own may
// depend on what they import.
var bothSides = []string{"hub/demo", "hub/sim", "hub/rig", "hub/bench", "hub/e2e"}

// scratch is not part of the module.
const scratch = "internal_deps"

// rule is one sentence about the imports of a package. It gives the word on an
// import that breaks it, or "".
type rule struct {
	name  string
	tests bool // holds for test files too
	check func(s *source, imported string) string
}

// owners are the libraries that one package each has for itself.
var owners = map[string][]string{
	"github.com/dgraph-io/badger":     {"shared/kv"},
	"github.com/dgraph-io/ristretto":  {"shared/kv"},
	"github.com/eclipse/paho.mqtt":    {"shared/link"},
	"github.com/mochi-mqtt/server":    {"hub/broker"},
	"github.com/shirou/gopsutil":      {"agent/hwid"},
	"github.com/klauspost/compress":   {"shared/wire"},
	"google.golang.org/protobuf":      {"shared/wire"},
	"go.yaml.in/yaml":                 {"shared/settings"},
	"github.com/spf13/cobra":          {"agent/cli", "hub/cli"},
	"github.com/gorilla/websocket":    {"shared/link", "hub/broker"}, // each has its end
	"golang.org/x/crypto/argon2":      {"hub/registry"},
	"golang.org/x/text/unicode/norm":  {"hub/registry"},
	"rsc.io/qr":                       {"hub/admin", "hub/cli"},
	"github.com/chromedp":             {"hub/rig/browser"},
	"github.com/prometheus":           {"shared/metrics"},
	"pgregory.net/rapid":              {"hub/records/recordstest"}, // tests apart
	"github.com/rogpeppe/go-internal": {},
}

// layers say what the packages of this module may import of one another. The
// first that fits counts. Everybody may import shared.
var layers = []struct {
	what string
	dirs []string
	may  []string // besides shared and what is below their own directories
}{
	{"the domain imports the standard library alone", []string{"shared/sitesync"}, nil},
	{"shared imports neither side", []string{"shared"}, nil},
	{"state imports shared alone", []string{"hub/registry", "hub/records", "agent/localdb"}, nil},
	{"who moves bytes imports shared alone", []string{"hub/broker", "agent/hwid"}, nil},
	{"pages are files", []string{"hub/console"}, nil},
	{"sessions know the registry's words", []string{"hub/session"}, []string{"hub/registry"}},
	{"handlers import state and one another, not the broker", []string{"hub/ingest", "hub/feed", "hub/admin", "hub/handover", "hub/greet", "hub/command", "hub/lease"},
		[]string{"hub/registry", "hub/records", "hub/session", "hub/ingest", "hub/feed", "hub/handover", "hub/greet", "hub/lease"}},
	{"the agent's handlers import its state", []string{"agent/engine", "agent/api"}, []string{"agent/localdb"}},
	{"a client knows the API's shapes", []string{"agent/client"}, []string{"agent/api"}},
	{"a page is static files, and uses what its server offers everybody", []string{"agent/page"}, nil},
	{"the agent imports nothing of the hub", []string{"agent"}, []string{"agent"}},
	{"what drives both sides", bothSides, []string{"hub", "agent"}},
	{"the hub imports nothing of the agent", []string{"hub"}, []string{"hub"}},
}

var rules = []rule{
	{"one package has each library", false, func(s *source, imported string) string {
		for library, owners := range owners {
			if strings.HasPrefix(imported, library) && !below(s.dir, owners...) && !below(s.dir, "hub/bench") {
				return fmt.Sprintf("only %v may", owners)
			}
		}
		return ""
	}},
	{"the domain needs nothing but the standard library", false, func(s *source, imported string) string {
		if s.dir == "shared/sitesync" && !standard(imported) {
			return "it is no package of the standard library"
		}
		return ""
	}},
	{"imports run one way", false, func(s *source, imported string) string {
		dir, ok := ours(imported)
		if !ok {
			return ""
		}
		for _, l := range layers {
			if !below(s.dir, l.dirs...) {
				continue
			}
			own := slices.ContainsFunc(l.dirs, func(d string) bool { return below(s.dir, d) && below(dir, d) })
			if own || below(dir, l.may...) || below(dir, "shared") {
				return ""
			}
			return l.what
		}
		return "no layer has this package: give it one in this test"
	}},
	{"the sides meet in the programs that drive both, in tests too", true, func(s *source, imported string) string {
		dir, ok := ours(imported)
		if !ok || below(s.dir, bothSides...) {
			return ""
		}
		switch side, _, _ := strings.Cut(s.dir, "/"); {
		case side == "shared" && below(dir, "hub", "agent"):
			return "shared imports neither side"
		case side == "agent" && below(dir, "hub"), side == "hub" && below(dir, "agent"):
			return "one side does not import the other"
		}
		return ""
	}},
	{"nothing imports what drives both sides", false, func(s *source, imported string) string {
		dir, ok := ours(imported)
		if !ok || !below(dir, bothSides...) || below(s.dir, bothSides...) {
			return ""
		}
		if s.dir == "hub/cli" && dir == "hub/demo" {
			return "" // the command that runs it
		}
		return "only they themselves may"
	}},
	{"help for tests stays in tests", false, func(s *source, imported string) string {
		if dir, ok := ours(imported); ok && strings.HasSuffix(dir, "test") || imported == "testing" {
			if !strings.HasSuffix(s.dir, "test") {
				return "only test files may"
			}
		}
		return ""
	}},
}

func TestImports(t *testing.T) {
	checked := 0
	for _, s := range module(t) {
		if below(s.dir, scratch) {
			continue
		}
		for _, r := range rules {
			for imported, file := range s.imports {
				checked++
				if word := r.check(s, imported); word != "" {
					t.Errorf("%s imports %s: %s (%s)", path.Join(s.dir, file), imported, word, r.name)
				}
			}
			for imported, file := range s.byTests {
				if word := r.check(s, imported); word != "" && r.tests {
					t.Errorf("%s imports %s: %s (%s)", path.Join(s.dir, file), imported, word, r.name)
				}
			}
		}
	}
	if checked < 500 {
		t.Errorf("%d imports are not all there are", checked)
	}
}

// Packages are named after what they are about.
func TestNames(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "manager", "base", "misc", "lib", "core"}
	for _, s := range module(t) {
		if below(s.dir, scratch) || s.testsOnly {
			continue
		}
		last := path.Base(s.dir)
		for _, name := range []string{s.name, last} {
			if slices.Contains(empty, name) {
				t.Errorf("%s: %q says nothing", s.dir, name)
			}
			if name == "store" || name == "stores" {
				t.Errorf("%s: a store is a set of records here, not a place to keep things", s.dir)
			}
		}
		if s.name != last && s.name != "main" {
			t.Errorf("%s holds package %s", s.dir, s.name)
		}
	}
}

// The rules can be broken: each finds what it is there for.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct{ dir, imported string }{
		{"hub/records", "github.com/dgraph-io/badger/v4"},
		{"agent/engine", "github.com/eclipse/paho.mqtt.golang"},
		{"hub/admin", "github.com/mochi-mqtt/server/v2/packets"},
		{"agent/agentd", "github.com/shirou/gopsutil/v3/host"},
		{"shared/sitesync", "golang.org/x/text/unicode/norm"},
		{"shared/sitesync", "sitesync/shared/kv"},
		{"shared/wire", "sitesync/agent/localdb"},
		{"agent/localdb", "sitesync/agent/engine"},
		{"hub/records", "sitesync/hub/registry"},
		{"hub/broker", "sitesync/hub/ingest"},
		{"hub/ingest", "sitesync/hub/broker"},
		{"hub/feed", "sitesync/hub/hubd"},
		{"agent/api", "sitesync/agent/engine"},
		{"agent/engine", "sitesync/agent/api"},
		{"hub/hubd", "sitesync/agent/localdb"},
		{"agent/agentd", "sitesync/hub/records"},
		{"hub/hubd", "sitesync/hub/demo"},
		{"hub/hubd", "sitesync/hub/records/recordstest"},
		{"shared/new", "sitesync/hub/new"},
		{"other/new", "sitesync/shared/kv"},
	} {
		s := &source{dir: c.dir}
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.check(s, c.imported) != "" }) {
			t.Errorf("%s may import %s", c.dir, c.imported)
		}
	}
	for _, c := range []struct{ dir, imported string }{
		{"shared/kv", "github.com/dgraph-io/badger/v4"}, {"hub/ingest", "sitesync/hub/records"}, {"agent/engine", "sitesync/shared/wire"},
		{"hub/hubd", "sitesync/hub/broker"}, {"hub/demo", "sitesync/agent/agentd"}, {"hub/cli", "sitesync/hub/demo"}, {"shared/wire", "sitesync/shared/wire/wirepb"},
	} {
		s := &source{dir: c.dir}
		for _, r := range rules {
			if word := r.check(s, c.imported); word != "" {
				t.Errorf("%s may not import %s: %s", c.dir, c.imported, word)
			}
		}
	}
}
