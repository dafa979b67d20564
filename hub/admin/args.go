package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"sitesync/shared/sitesync"
)

// Field is an argument of a command, described by the tags of its struct
// field: `json:"name"` is required, `json:"name,omitempty"` is not; about is a
// line of help; secret:"true" marks what no log, hash or process list may show.
type Field struct {
	Name     string
	About    string
	Required bool
	Secret   bool
	Type     reflect.Type

	index int
}

// Fields lists a command's arguments in the order of its struct.
func (cmd *Command) Fields() []Field {
	fields := make([]Field, cmd.Args.NumField())
	for i := range fields {
		f := cmd.Args.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[i] = Field{Name: name, About: f.Tag.Get("about"), Required: rest != "omitempty",
			Secret: f.Tag.Get("secret") == "true", Type: f.Type, index: i}
	}
	return fields
}

// decode reads a command's arguments, no text standing for none. Member names
// are compared to the letter; of a name given twice the last counts, and null
// counts as left out. Errors: unknown_field, invalid, each naming the field.
func (cmd *Command) decode(raw json.RawMessage) (reflect.Value, error) {
	args := reflect.New(cmd.Args).Elem()
	members, err := object(raw)
	if err != nil {
		return args, invalid("args", "give the arguments of %s as one JSON object, for example %s", "the arguments are not a JSON object", cmd.Name, cmd.Example)
	}
	var names []string
	for _, f := range cmd.Fields() {
		names = append(names, f.Name)
		member, given := members[f.Name]
		delete(members, f.Name)
		if !given || string(member) == "null" {
			if f.Required {
				return args, invalid(f.Name, "give it as well, for example %s", cmd.Name+" needs the argument "+f.Name, cmd.Example)
			}
			continue
		}
		if err := json.Unmarshal(member, args.Field(f.index).Addr().Interface()); err != nil {
			return args, wrongType(f, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		return args, unknownField(name, cmd.Name, names)
	}
	return args, nil
}

// object splits a JSON object into its members. Nothing may follow it.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("not UTF-8")
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(raw, &members)
	return members, err
}

// secret is the value of the secret argument, "" when the command has none.
func (cmd *Command) secret(args reflect.Value) string {
	for _, f := range cmd.Fields() {
		if v := reflect.Indirect(args.Field(f.index)); f.Secret && v.IsValid() {
			return v.String()
		}
	}
	return ""
}

// public is the arguments in one fixed form without the secret ones, so that
// two requests with the same meaning have the same hash.
func (cmd *Command) public(args reflect.Value) ([]byte, error) {
	open := reflect.New(cmd.Args).Elem()
	open.Set(args)
	for _, f := range cmd.Fields() {
		if f.Secret {
			open.Field(f.index).SetZero()
		}
	}
	return json.Marshal(open.Interface())
}

func unknownField(name, what string, known []string) error {
	next := "leave it out; " + what + " takes no arguments"
	if len(known) > 0 {
		next = fmt.Sprintf("leave it out; %s takes %s", what, strings.Join(known, ", "))
	}
	return sitesync.Errorf(sitesync.CodeUnknownField, next, "%s does not know the field %q", what, clip(name)).WithField(clip(name))
}

// wrongType says what a field takes. What the type itself says about a value
// is better where it says something.
func wrongType(f Field, err error) error {
	if e := sitesync.AsError(err); e != nil {
		return inField(e, f.Name)
	}
	return invalid(f.Name, "give %s", "the value of "+f.Name+" has the wrong type", expected(f.Type))
}

var (
	refType  = reflect.TypeFor[Ref]()
	dataType = reflect.TypeFor[json.RawMessage]()
)

// expected describes the JSON that a type takes.
func expected(t reflect.Type) string {
	switch {
	case t == refType:
		return "the ID as a number, or the name or code as text"
	case t == dataType:
		return "JSON"
	case t == reflect.TypeFor[Moment]():
		return "a time like 2030-01-31T12:00:00Z, or a date like 2030-01-31"
	case t == reflect.TypeFor[Seconds]():
		return "a whole number of seconds"
	case t.Kind() == reflect.Pointer:
		return expected(t.Elem())
	case t.Kind() == reflect.Slice:
		return "a list, each item " + expected(t.Elem())
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	default:
		return "a whole number, not below 0"
	}
}

// inField gives err the name of the argument it is about.
func inField(err error, field string) error {
	e := sitesync.AsError(err)
	if e == nil || e.Code == sitesync.CodeMovedCode || e.Code == sitesync.CodeInternal {
		return err // moved_code uses the field for the new code
	}
	named := *e
	return named.WithField(field)
}

// invalid makes an error about an argument; args fill next.
func invalid(field, next, message string, args ...any) error {
	return sitesync.Errorf(sitesync.CodeInvalid, fmt.Sprintf(next, args...), "%s", message).WithField(field)
}

// clip keeps a hostile text from filling an answer.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
