package wire

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire/wirepb"
)

// TestSchema holds the generated code against configs/sync.proto: both are
// brought to lines such as "Push.changes = 4 repeated Change" and compared.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", "sync.proto"))
	if err != nil {
		t.Fatal(err)
	}
	p := protoParser{tokens: protoTokens(string(text))}
	p.file()
	generated := generatedLines()
	for _, line := range p.lines {
		if !slices.Contains(generated, line) {
			t.Errorf("only configs/sync.proto has: %s", line)
		}
	}
	for _, line := range generated {
		if !slices.Contains(p.lines, line) {
			t.Errorf("only the generated code has: %s", line)
		}
	}
	if len(generated) < 100 {
		t.Errorf("a schema of %d lines is not all of it", len(generated))
	}
}

func generatedLines() (lines []string) {
	file := wirepb.File_sync_proto
	lines = append(lines, "package "+string(file.Package()), "syntax "+file.Syntax().String())
	for i := range file.Enums().Len() {
		lines = append(lines, enumLines(file.Enums().Get(i), "")...)
	}
	for i := range file.Messages().Len() {
		m := file.Messages().Get(i)
		name := string(m.Name())
		lines = append(lines, "message "+name)
		for j := range m.Fields().Len() {
			lines = append(lines, fmt.Sprintf("%s.%s = %d %s", name, m.Fields().Get(j).Name(), m.Fields().Get(j).Number(), typeOf(m.Fields().Get(j))))
		}
		for j := range m.Enums().Len() {
			lines = append(lines, enumLines(m.Enums().Get(j), name+".")...)
		}
	}
	return lines
}

func enumLines(e protoreflect.EnumDescriptor, scope string) (lines []string) {
	name := scope + string(e.Name())
	lines = append(lines, "enum "+name)
	for i := range e.Values().Len() {
		lines = append(lines, fmt.Sprintf("%s.%s = %d", name, e.Values().Get(i).Name(), e.Values().Get(i).Number()))
	}
	return lines
}

func typeOf(f protoreflect.FieldDescriptor) string {
	single := func(f protoreflect.FieldDescriptor) string {
		switch f.Kind() {
		case protoreflect.MessageKind:
			return string(f.Message().Name())
		case protoreflect.EnumKind:
			return string(f.Enum().Name())
		default:
			return f.Kind().String()
		}
	}
	switch {
	case f.IsMap():
		return "map<" + single(f.MapKey()) + "," + single(f.MapValue()) + ">"
	case f.IsList():
		return "repeated " + single(f)
	default:
		return single(f)
	}
}

// protoParser reads as much of the language as sync.proto uses, and panics at
// the rest.
type protoParser struct {
	tokens []string
	lines  []string
}

func protoTokens(text string) []string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		b.WriteString(line)
		b.WriteByte('\n')
	}
	spaced := b.String()
	for _, mark := range []string{"{", "}", "=", ";", "<", ">", ","} {
		spaced = strings.ReplaceAll(spaced, mark, " "+mark+" ")
	}
	return strings.Fields(spaced)
}

func (p *protoParser) next() string {
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *protoParser) expect(want string) {
	if got := p.next(); got != want {
		panic(fmt.Sprintf("%q where %q belongs, before %.40v", got, want, p.tokens))
	}
}

func (p *protoParser) add(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *protoParser) file() {
	for len(p.tokens) > 0 {
		switch p.next() {
		case "syntax":
			p.expect("=")
			p.add("syntax %s", strings.Trim(p.next(), `"`))
			p.expect(";")
		case "package":
			p.add("package %s", p.next())
			p.expect(";")
		case "option":
			for p.next() != ";" {
			}
		case "enum":
			p.enum("")
		case "message":
			p.message()
		default:
			panic(fmt.Sprintf("before %.40v", p.tokens))
		}
	}
}

func (p *protoParser) number() int {
	p.expect("=")
	n, err := strconv.Atoi(p.next())
	if err != nil {
		panic(err)
	}
	p.expect(";")
	return n
}

func (p *protoParser) enum(scope string) {
	name := scope + p.next()
	p.add("enum %s", name)
	p.expect("{")
	for value := p.next(); value != "}"; value = p.next() {
		p.add("%s.%s = %d", name, value, p.number())
	}
}

func (p *protoParser) message() {
	name := p.next()
	p.add("message %s", name)
	p.expect("{")
	for token := p.next(); token != "}"; token = p.next() {
		switch token {
		case "enum":
			p.enum(name + ".")
			continue
		case "repeated":
			token += " " + p.next()
		case "map":
			p.expect("<")
			key := p.next()
			p.expect(",")
			token = "map<" + key + "," + p.next() + ">"
			p.expect(">")
		}
		field := p.next()
		p.add("%s.%s = %d %s", name, field, p.number(), token)
	}
}

// TestEnums holds the numbers of the domain against those of the schema, both
// ways: the reader takes whatever the schema names.
func TestEnums(t *testing.T) {
	for _, e := range []struct {
		names  map[int32]string
		prefix string
		domain map[int32]string
	}{
		{wirepb.Op_name, "OP_", map[int32]string{int32(sitesync.OpPut): "put", int32(sitesync.OpDelete): "delete"}},
		{wirepb.Phase_name, "PHASE_", map[int32]string{int32(sitesync.PhaseActive): "active", int32(sitesync.PhaseDraining): "draining",
			int32(sitesync.PhaseLoading): "loading", int32(sitesync.PhaseReleased): "released"}},
		{wirepb.Outcome_name, "OUTCOME_", map[int32]string{int32(Settled): "settled", int32(Gap): "gap", int32(Diverged): "diverged",
			int32(BadFrame): "bad_frame", int32(Overload): "overload", int32(Held): "held"}},
		{wirepb.Handover_Step_name, "STEP_", map[int32]string{int32(Drained): "drained", int32(Loaded): "loaded", int32(Purged): "purged"}},
		{wirepb.Refused_name, "REFUSED_", refusedNames()},
		{wirepb.Reason_name, "REASON_", reasonNames(wirepb.Reason_name)},
	} {
		if len(e.names) != len(e.domain)+1 {
			t.Errorf("%s: %d values in the schema, %d in the domain", e.prefix, len(e.names)-1, len(e.domain))
		}
		for number, name := range e.domain {
			if want := e.prefix + strings.ToUpper(name); e.names[number] != want {
				t.Errorf("%d is %s in the schema, %s in the domain", number, e.names[number], want)
			}
		}
	}
}

func refusedNames() map[int32]string {
	names := map[int32]string{}
	for r, problem := range refusedProblems {
		names[int32(r)] = string(problem)
	}
	return names
}

func reasonNames(schema map[int32]string) map[int32]string {
	names := map[int32]string{}
	for number := range schema {
		if r := sitesync.Reason(number); r.Known() {
			names[number] = r.String()
		}
	}
	return names
}
