package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const openAPIFile = "../../configs/openapi.yaml"

// openAPI is what the tests look at in the document.
type openAPI struct {
	OpenAPI    string                    `yaml:"openapi"`
	Paths      map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct {
				Enum []string `yaml:"enum"`
			} `yaml:"properties"`
			Example any `yaml:"example"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

func readOpenAPI(t *testing.T) (doc openAPI, whole map[string]any) {
	t.Helper()
	text, err := os.ReadFile(openAPIFile)
	check(t, err)
	check(t, yaml.Unmarshal(text, &doc))
	check(t, yaml.Unmarshal(text, &whole))
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("the document is OpenAPI %q", doc.OpenAPI)
	}
	return doc, whole
}

func TestOpenAPIHasAllRoutes(t *testing.T) {
	doc, _ := readOpenAPI(t)
	described := map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, rt := range routes {
		name := rt.method + " " + rt.path
		if !described[name] {
			t.Errorf("%s is not in the document", name)
			continue
		}
		delete(described, name)
		if got, want := queryOf(doc.Paths[rt.path][strings.ToLower(rt.method)]), slices.Clone(rt.query); !slices.Equal(got, sorted(want)) {
			t.Errorf("%s: the document has the parameters %q, the route %q", name, got, want)
		}
		if tags := fmt.Sprint(doc.Paths[rt.path][strings.ToLower(rt.method)].(map[string]any)["tags"]); (tags == "[admin]") != (rt.role == RoleAdmin) {
			t.Errorf("%s: tagged %s, for the role %s", name, tags, rt.role)
		}
	}
	for name := range described {
		t.Errorf("%s is in the document alone", name)
	}
}

func sorted(list []string) []string { sort.Strings(list); return list }

// queryOf lists the query parameters of an operation. The one that is shared
// is "to".
func queryOf(operation any) (names []string) {
	parameters, _ := operation.(map[string]any)["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		if p["$ref"] == "#/components/parameters/to" {
			names = append(names, "to")
		} else if p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return sorted(names)
}

func TestOpenAPIReferences(t *testing.T) {
	_, whole := readOpenAPI(t)
	count := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				count++
				if !resolves(whole, ref) {
					t.Errorf("%s: %s leads nowhere", at, ref)
				}
			}
			for name, member := range v {
				walk(at+"/"+name, member)
			}
		case []any:
			for i, member := range v {
				walk(fmt.Sprintf("%s/%d", at, i), member)
			}
		}
	}
	walk("", whole)
	if count < 50 {
		t.Errorf("only %d references were looked at", count)
	}
}

func resolves(doc map[string]any, ref string) bool {
	var at any = doc
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return false
		}
		at = m[name]
	}
	return at != nil
}

// TestOpenAPICodes holds the codes of the document against the map from codes
// to statuses.
func TestOpenAPICodes(t *testing.T) {
	doc, _ := readOpenAPI(t)
	for _, code := range doc.Components.Schemas["Problem"].Properties["code"].Enum {
		if !slices.Contains(sitesync.Codes, sitesync.Code(code)) {
			t.Errorf("there is no code %s", code)
		}
	}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	for path, item := range doc.Paths {
		for method, operation := range item {
			if method == "parameters" {
				continue
			}
			for status, response := range operation.(map[string]any)["responses"].(map[string]any) {
				text, _ := response.(map[string]any)["description"].(string)
				for _, m := range quoted.FindAllStringSubmatch(text, -1) {
					if of, known := statuses[sitesync.Code(m[1])]; known && fmt.Sprint(of) != status {
						t.Errorf("%s %s: %s stands at %s and is %d", method, path, m[1], status, of)
					}
				}
			}
		}
	}
}

// TestOpenAPIExamples reads every example into the type it describes, and
// writes it again.
func TestOpenAPIExamples(t *testing.T) {
	doc, _ := readOpenAPI(t)
	types := map[string]any{
		"Status": new(Status), "StoreItem": new(StoreItem), "SiteEdit": new(SiteEdit), "Record": new(Record), "Written": new(written),
		"BulkDone": new(done), "LineAnswer": new(lineAnswer), "ChangeEvent": new(changeEvent), "Receipt": new(localdb.Receipt),
		"Details": new(Details), "JoinSite": new(JoinSite), "Joined": new(Joined), "Refused": new(Refused),
		"Health": new(health), "NewCode": new(NewCode), "SignIn": new(SignIn), "Session": new(Session),
		"Token": new(Token), "NewToken": new(NewToken), "CreatedToken": new(CreatedToken), "Problem": new(Problem),
		"Check": &struct {
			Steps []Step `json:"steps"`
		}{},
	}
	for name, schema := range doc.Components.Schemas {
		if schema.Example == nil {
			continue
		}
		text, err := json.Marshal(schema.Example)
		check(t, err)
		if name == "Line" {
			if _, err := new(lineParser).check(text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		into, ok := types[name]
		if !ok {
			t.Errorf("the example of %s is not tested", name)
			continue
		}
		delete(types, name)
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			t.Errorf("the example of %s: %v", name, err)
		}
		again, err := json.Marshal(into)
		check(t, err)
		var a, b any
		check(t, json.Unmarshal(text, &a))
		check(t, json.Unmarshal(again, &b))
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("the example of %s is written as %s, not %s", name, again, text)
		}
	}
	for name := range types {
		t.Errorf("%s has no example", name)
	}
}
