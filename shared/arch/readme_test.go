package arch

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme holds that the README's plan of the house has every room, and its
// list of dependencies every one, with a reason.
func TestReadme(t *testing.T) {
	readme, modules := text(t, "README.md"), text(t, "go.mod")
	_, house, found := strings.Cut(readme, "\n## The house\n")
	plan, dependencies, divided := strings.Cut(house, "\n### Dependencies")
	if !found || !divided {
		t.Fatal("the README has no plan of the house, or no list of dependencies in it")
	}
	for _, s := range module(t) {
		if strings.Count(s.dir, "/") != 1 || s.testsOnly && s.dir != "hub/sim" {
			continue // mains, and the rooms within rooms
		}
		if !regexp.MustCompile(`\b` + path.Base(s.dir) + `\b`).MatchString(plan) {
			t.Errorf("the README's plan of the house lacks %s", s.dir)
		}
	}
	direct, _, _ := strings.Cut(modules, "// indirect")
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(direct, -1) {
		name := regexp.MustCompile(`^github\.com/|^golang\.org/|/v\d+$`).ReplaceAllString(m[1], "")
		if !strings.Contains(dependencies, "`"+name+"`") {
			t.Errorf("the README does not say why there is %s", name)
		}
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
