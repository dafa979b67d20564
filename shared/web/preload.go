package web

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// preloadMark in the index stands for links that have the browser fetch all
// modules at once that some of them import, instead of finding them one after
// the other.
var preloadMark = regexp.MustCompile(`\{\{preload ([^}]+)\}\}`)

// imported finds what a module imports when it is loaded.
var imported = regexp.MustCompile(`(?m)^(?:import|export)\b[^'"]*?['"](\.[^'"]+)['"]|\bfrom ?['"](\.[^'"]+)['"]`)

// preloads fills the marks of an index in.
func preloads(index []byte, tree map[string][]byte, base string) []byte {
	return preloadMark.ReplaceAllFunc(index, func(mark []byte) []byte {
		var links strings.Builder
		for _, module := range modules(strings.Fields(string(preloadMark.FindSubmatch(mark)[1])), tree) {
			links.WriteString(`<link rel="modulepreload" href="` + base + "/" + module + "\">\n")
		}
		return []byte(strings.TrimSuffix(links.String(), "\n"))
	})
}

// modules lists some modules and all that they import, nearest first.
func modules(from []string, tree map[string][]byte) []string {
	found := slices.Clone(from)
	for i := 0; i < len(found); i++ {
		for _, m := range imported.FindAllSubmatch(tree[found[i]], -1) {
			module := path.Join(path.Dir(found[i]), string(m[1])+string(m[2]))
			if tree[module] != nil && !slices.Contains(found, module) {
				found = append(found, module)
			}
		}
	}
	return found
}
