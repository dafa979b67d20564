package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// arguments are the flags of one command, made from its row of the table:
//
//	an argument   --kebab-case of its JSON name
//	the right data   --read-records: --data is the directory of a hub everywhere
//	a password    --password-file FILE, never as a value: others see that
//	JSON data     --data-json JSON, or --data-file FILE
//
// The required ones that are plain values may also stand without a flag.
type arguments struct {
	row    *admin.Command
	values []*value
	files  map[string]*files // of secrets and JSON data, by argument
}

func newArguments(row *admin.Command) *arguments {
	a := &arguments{row: row, files: map[string]*files{}}
	for _, f := range row.Fields() {
		a.values = append(a.values, &value{field: f})
		if f.Secret || isData(f) {
			a.files[f.Name] = new(files)
		}
	}
	return a
}

func isData(f admin.Field) bool { return f.Type == reflect.TypeFor[json.RawMessage]() }

// plain are the required arguments that may stand without a flag.
func (a *arguments) plain() (plain []*value) {
	for _, v := range a.values {
		if v.field.Required && !v.field.Secret && !isData(v.field) {
			plain = append(plain, v)
		}
	}
	return plain
}

// places names them for the usage line.
func (a *arguments) places() (names []string) {
	for _, v := range a.plain() {
		names = append(names, strings.ToUpper(kebab(v.field.Name)))
	}
	return names
}

func (a *arguments) define(flags *pflag.FlagSet) {
	for _, v := range a.values {
		help, name := v.field.About, v.name()
		if v.field.Required {
			help += " (required)"
		}
		switch file := a.files[v.field.Name]; {
		case v.field.Secret:
			flags.Var(file, name+"-file", help+"; - is the standard input")
		case file != nil:
			flags.Var(v, name+"-json", help)
			flags.Var(file, name+"-file", "the same from a file; - is the standard input")
		case v.kind() == reflect.Bool:
			flags.VarPF(v, name, "", help).NoOptDefVal = "true"
		default:
			flags.Var(v, name, help)
		}
	}
}

// loginFile is the first of two --password-file where the command has a
// password of its own: it is the one to log in with, the second the command's.
func (a *arguments) loginFile() string {
	if f := a.files["password"]; f != nil && len(*f) == 2 {
		return (*f)[0]
	}
	return ""
}

// given are a command's arguments, as JSON, in the order of the table.
type given []argument

type argument struct {
	name string
	json []byte
}

// read gathers what was given. Errors: usage.
func (a *arguments) read(cmd *cobra.Command, t *terminal, args []string) (given, error) {
	for _, v := range a.plain() {
		if v.json == nil && len(args) > 0 {
			if err := v.Set(args[0]); err != nil {
				return nil, usageError(cmd, "%s: %s", kebab(v.field.Name), err)
			}
			args = args[1:]
		}
	}
	if len(args) > 0 {
		return nil, usageError(cmd, "nothing takes %q", args[0])
	}
	var g given
	for _, v := range a.values {
		text := v.json
		if file := a.files[v.field.Name]; file != nil {
			var err error
			if text, err = file.read(t, v); err != nil {
				return nil, err
			}
		}
		switch {
		case text != nil:
			g = append(g, argument{v.field.Name, text})
		case v.field.Required:
			return nil, usageError(cmd, "%s is missing", v.flag())
		}
	}
	return g, nil
}

// object is the arguments as one JSON object, data in it byte for byte.
func (g given) object() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, a := range g {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", a.name)
		b.Write(a.json)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// set replaces or adds an argument that is a number or a text.
func (g *given) set(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a number or a text
	}
	for i := range *g {
		if (*g)[i].name == name {
			(*g)[i].json = text
			return
		}
	}
	*g = append(*g, argument{name, text})
}

// limit is the number of items wanted of a list, 0 for all.
func (g given) limit() int {
	for _, a := range g {
		if a.name == "limit" {
			n, _ := strconv.Atoi(string(a.json)) // a number by its flag
			return n
		}
	}
	return 0
}

// kebab turns maxOffline into max-offline.
func kebab(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// example is the table's example as a command line.
func (a *arguments) example() string {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.row.Example), &members); err != nil {
		panic("cli: the example of " + a.row.Name + " is no JSON object")
	}
	line := []string{"sitesync-hub", strings.ReplaceAll(a.row.Name, ".", " ")}
	for _, v := range a.values {
		text, named := members[v.field.Name]
		if !named {
			continue
		}
		line = append(line, v.exampleFlag(text))
	}
	return strings.Join(line, " ")
}

// files is a flag that names a file; it remembers each time it was given.
type files []string

func (f *files) Set(name string) error { *f = append(*f, name); return nil }
func (f *files) String() string        { return strings.Join(*f, " ") }
func (f *files) Type() string          { return "FILE" }

// read reads the file, of two the second, or asks for a secret that is
// required and was not given.
func (f files) read(t *terminal, v *value) (json.RawMessage, error) {
	switch {
	case len(f) == 0 && v.field.Secret && v.field.Required && t.asks:
		secret, err := t.newSecret("New " + v.field.Name)
		return quote(string(secret)), err
	case len(f) == 0:
		return v.json, nil
	case v.json != nil || len(f) > 1 && !v.field.Secret || len(f) > 2:
		return nil, sitesync.Errorf(sitesync.CodeUsage, "give it once", "%s is given more than once", v.field.Name)
	case v.field.Secret:
		secret, err := t.readSecret(f[len(f)-1])
		return quote(string(secret)), err
	}
	text, err := t.readFile(f[0], maxInput)
	if text = sitesync.TrimData(text); err == nil && !json.Valid(text) {
		err = sitesync.Errorf(sitesync.CodeUsage, "check the file", "there is no JSON in %s", f[0])
	}
	return text, err
}
