// Package webtest holds a page's texts against one another and against its
// sources.
package webtest

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	entry       = regexp.MustCompile(`(?m)^  (?:'([^']+)'|(\w+)): (.+),$`)
	placeholder = regexp.MustCompile(`\{\w+\}`)
	// A text is asked for by its name, or by a name whose end is computed.
	asked    = regexp.MustCompile("\\b(?:t|told)\\((['`])([^'`$]*)(\\$\\{)?")
	mentions = regexp.MustCompile(`'([a-z][\w.]*)'`)
)

// programs begins the names of texts for what the programs themselves say, in
// English: other languages alone have them.
const programs = "program."

// Texts reads a language.
func Texts(t *testing.T, files fs.FS, language string) map[string]string {
	t.Helper()
	b, err := fs.ReadFile(files, "text/"+language+".js")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, m := range entry.FindAllStringSubmatch(string(b), -1) {
		key := m[1] + m[2]
		if _, twice := texts[key]; twice {
			t.Errorf("%s has %s twice", language, key)
		}
		texts[key] = m[3]
	}
	if lines := strings.Count(string(b), "\n  "); lines != len(texts) {
		t.Errorf("%s: %d lines of which %d are texts: one text a line, with a comma behind", language, lines, len(texts))
	}
	return texts
}

// CheckTexts holds every language against English: the same texts with the
// same placeholders. It also says which texts the sources ask for that are not
// there, and which nobody asks for. Texts of shared may be asked for too.
func CheckTexts(t *testing.T, files fs.FS, shared map[string]string, languages ...string) {
	t.Helper()
	english := Texts(t, files, "en")
	for _, language := range languages {
		compare(t, language, english, Texts(t, files, language))
	}
	used, names, prefixes := uses(t, files)
	for _, key := range used {
		if english[key] == "" && shared[key] == "" {
			t.Errorf("a source asks for %s, which is no text", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(english)) {
		computed := slices.ContainsFunc(prefixes, func(p string) bool { return p != "" && strings.HasPrefix(key, p) })
		if !slices.Contains(used, key) && !slices.Contains(names, key) && !computed {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

func compare(t *testing.T, language string, english, other map[string]string) {
	t.Helper()
	for key, text := range english {
		foreign, ok := other[key]
		if !ok {
			t.Errorf("%s has no %s", language, key)
			continue
		}
		if a, b := places(text), places(foreign); !slices.Equal(a, b) {
			t.Errorf("%s: %s has %v, in English %v", language, key, b, a)
		}
	}
	for key := range other {
		if _, ok := english[key]; !ok && !strings.HasPrefix(key, programs) {
			t.Errorf("%s has %s, English not", language, key)
		}
	}
}

// places are the placeholders of a text, each once.
func places(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// uses are the texts that the sources ask for by name, all names that they
// mention, and the beginnings of names that they compute.
func uses(t *testing.T, files fs.FS) (used, names, prefixes []string) {
	t.Helper()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".js" || strings.Contains(name, "vendor/") || strings.HasPrefix(name, "text/") {
			return err
		}
		b, err := fs.ReadFile(files, name)
		for _, m := range asked.FindAllStringSubmatch(string(b), -1) {
			if m[3] != "" {
				prefixes = append(prefixes, m[2])
			} else {
				used = append(used, m[2])
			}
		}
		for _, m := range mentions.FindAllStringSubmatch(string(b), -1) {
			names = append(names, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used, names, prefixes
}
