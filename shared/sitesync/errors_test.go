package sitesync

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"slices"
	"strconv"
	"testing"
)

// constantsOf reads the constants of a type from a source file: name -> value.
func constantsOf(t *testing.T, file, typeName string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typeName || len(spec.Values) != len(spec.Names) {
			return true
		}
		for i, name := range spec.Names {
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				continue
			}
			value := literal.Value
			if literal.Kind == token.STRING {
				if value, err = strconv.Unquote(value); err != nil {
					t.Fatal(err)
				}
			}
			found[name.Name] = value
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("no constants of type %s in %s", typeName, file)
	}
	return found
}

// Every code there is stands in Codes, once, so that the tests of the maps
// from codes see it.
func TestCodesComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, code := range Codes {
		if listed[string(code)] {
			t.Errorf("%s is listed twice", code)
		}
		listed[string(code)] = true
	}
	constants := constantsOf(t, "errors.go", "Code")
	for name, value := range constants {
		if !listed[value] {
			t.Errorf("%s is not in Codes", name)
		}
	}
	if len(listed) != len(constants) {
		t.Errorf("%d codes are listed, there are %d", len(listed), len(constants))
	}
}

// The exit codes are a contract with scripts: every code has its own line here.
func TestExitCode(t *testing.T) {
	special := map[Code]int{CodeUsage: 2, CodeForbidden: 3, CodeRefused: 3, CodeToken: 3, CodeUnreachable: 4,
		CodeDataLocked: 5, CodeDataNewer: 6, CodeConflict: 7}
	for _, code := range Codes {
		want, ok := special[code]
		if !ok {
			want = 1
		}
		if got := ExitCode(code); got != want {
			t.Errorf("%s ends a program with %d, want %d", code, got, want)
		}
	}
	if ExitCode("") != 0 || ExitCode("nothing known") != 1 {
		t.Error("no error ends a program with 0, an unknown one with 1")
	}
}

func TestError(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	err := Errorf(CodeInvalid, "try again", "reading %s: %w", "x", cause).WithField("data").AtLine(3)
	if err.Error() != "reading x: unexpected EOF; try again" || err.Field != "data" || err.Line != 3 {
		t.Errorf("%v, %+v", err, err)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got := Errorf(CodeInternal, "", "alone").Error(); got != "alone" {
		t.Errorf("%q", got)
	}
	wrapped := fmt.Errorf("outer: %w", err)
	if CodeOf(wrapped) != CodeInvalid || AsError(wrapped) != err {
		t.Errorf("%v, %v", CodeOf(wrapped), AsError(wrapped))
	}
	if CodeOf(nil) != "" || CodeOf(cause) != CodeInternal || AsError(cause) != nil || AsError(nil) != nil {
		t.Error("codes of what is no Error")
	}
	b, jerr := json.Marshal(Errorf(CodeInternal, "", "alone: %w", cause))
	if jerr != nil || string(b) != `{"code":"internal","message":"alone: unexpected EOF"}` {
		t.Errorf("%s, %v", b, jerr)
	}
}

// The numbers and names that are on the wire, on disk and in JSON are complete
// and distinct.
func TestNumberedEnums(t *testing.T) {
	for typeName, known := range map[string]func(uint8) bool{
		"Phase":  func(n uint8) bool { _, err := Phase(n).MarshalText(); return err == nil },
		"Reason": func(n uint8) bool { return Reason(n).Known() },
	} {
		constants := constantsOf(t, "shapes.go", typeName)
		numbers := slices.Sorted(maps.Values(constants))
		if len(slices.Compact(numbers)) != len(constants) {
			t.Errorf("two of %s have the same number", typeName)
		}
		taken := 0
		for n := range 256 {
			if known(uint8(n)) {
				taken++
			}
		}
		if taken != len(constants) {
			t.Errorf("%d of %s have a name, there are %d", taken, typeName, len(constants))
		}
	}
	if known := len(constantsOf(t, "change.go", "Op")); known != 2 {
		t.Errorf("%d operations", known)
	}
}

func TestPhaseText(t *testing.T) {
	for _, p := range []Phase{PhaseActive, PhaseDraining, PhaseLoading, PhaseReleased} {
		text, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Phase
		if err := got.UnmarshalText(text); err != nil || got != p {
			t.Errorf("%s becomes %s, %v", p, got, err)
		}
	}
	var p Phase
	wantTold(t, p.UnmarshalText([]byte("nowhere")), CodeInvalid, "")
	if _, err := Phase(0).MarshalText(); err == nil {
		t.Error("a phase without name was written")
	}
}
