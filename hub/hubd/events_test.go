package hubd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

// Every kind that the program has a name for is described, once, and every
// one that is described is published somewhere in the hub.
func TestEventsAreDescribedAndPublished(t *testing.T) {
	described := map[sitesync.EventKind]bool{}
	form := regexp.MustCompile(`^(site|handover|quarantine|digest|hub|user)\.[a-z_]+$`)
	for _, e := range sitesync.Events {
		if described[e.Kind] {
			t.Errorf("%s is described twice", e.Kind)
		}
		described[e.Kind] = true
		if !form.MatchString(string(e.Kind)) || !strings.HasSuffix(e.About, ".") || e.When == "" {
			t.Errorf("%+v", e)
		}
		switch e.Urgency {
		case sitesync.Routine, sitesync.Notable, sitesync.Alarming:
		default:
			t.Errorf("%s has the urgency %q", e.Kind, e.Urgency)
		}
	}
	constants := eventConstants(t)
	used := hubSource(t)
	for name, kind := range constants {
		if !described[kind] {
			t.Errorf("%s (%s) is not in Events", name, kind)
		}
		if !regexp.MustCompile(`\bEvent\(sitesync\.` + name + `\b`).MatchString(used) {
			t.Errorf("nothing publishes %s (%s)", name, kind)
		}
	}
	if len(constants) != len(described) || len(constants) < 20 {
		t.Errorf("%d names for %d kinds", len(constants), len(described))
	}
	if literal := regexp.MustCompile(`\bEvent\("[^"]*"`).FindString(used); literal != "" {
		t.Errorf("a kind without a name is published: %s", literal)
	}
}

// eventConstants reads the constants of type EventKind.
func eventConstants(t *testing.T) map[string]sitesync.EventKind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../shared/sitesync/events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]sitesync.EventKind{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "EventKind" {
			return true
		}
		text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found[v.Names[0].Name] = sitesync.EventKind(text)
		return true
	})
	return found
}

// hubSource is all of the hub's source but tests.
func hubSource(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("..", func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
