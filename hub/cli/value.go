package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sitesync/hub/admin"
)

// value is the flag of one argument. It turns text into the argument's JSON.
type value struct {
	field admin.Field
	json  json.RawMessage // nil: not given
	text  string
}

func (v *value) String() string { return v.text }

// Set implements pflag.Value. A list may be given by commas, and more than once.
func (v *value) Set(text string) error {
	if v.kind() == reflect.Slice && !isData(v.field) && v.text != "" {
		text = v.text + "," + text
	}
	raw, err := toJSON(v.field.Type, text)
	if err == nil {
		v.json, v.text = raw, text
	}
	return err
}

// Type is what the flag takes, in the words of the help.
func (v *value) Type() string {
	t := v.field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[admin.Ref]() && v.field.Name == "store":
		return "ID|CODE"
	case t == reflect.TypeFor[admin.Ref]():
		return "ID|NAME"
	case t == reflect.TypeFor[[]admin.Ref]():
		return "ID|CODE,..."
	case t == reflect.TypeFor[admin.Moment]():
		return "TIME"
	case t == reflect.TypeFor[admin.Seconds]():
		return "DURATION"
	case isData(v.field):
		return "JSON"
	case t.Kind() == reflect.Slice:
		return "TEXT,..."
	case t.Kind() == reflect.String:
		return "TEXT"
	case t.Kind() == reflect.Bool:
		return "bool"
	}
	return "N"
}

func (v *value) kind() reflect.Kind {
	if v.field.Type.Kind() == reflect.Pointer {
		return v.field.Type.Elem().Kind()
	}
	return v.field.Type.Kind()
}

// flag is how the argument is given.
func (v *value) flag() string {
	name := "--" + v.name()
	switch {
	case v.field.Secret:
		return name + "-file"
	case isData(v.field):
		return name + "-json or " + name + "-file"
	}
	return name
}

// name is the argument's name on the command line.
func (v *value) name() string {
	if v.field.Name == "data" && v.kind() == reflect.Bool {
		return "read-records"
	}
	return kebab(v.field.Name)
}

// exampleFlag writes an argument of an example as its flag.
func (v *value) exampleFlag(text json.RawMessage) string {
	name := "--" + v.name()
	var list []any
	switch {
	case v.field.Secret:
		return name + "-file FILE"
	case isData(v.field):
		return name + "-json '" + string(text) + "'"
	case string(text) == "true":
		return name
	case json.Unmarshal(text, &list) == nil:
		return name + " " + word(strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]"))
	}
	return name + " " + word(strings.Trim(string(text), `"`))
}

// word quotes a text for a shell, where it must be.
func word(text string) string {
	if strings.ContainsAny(text, " *") {
		return "'" + text + "'"
	}
	return text
}

// toJSON reads what stands on the command line as a type's JSON.
func toJSON(t reflect.Type, text string) (json.RawMessage, error) {
	switch {
	case t == reflect.TypeFor[admin.Ref]():
		return refJSON(text)
	case t == reflect.TypeFor[admin.Seconds]():
		return secondsJSON(text)
	case t == reflect.TypeFor[admin.Moment]():
		return quote(text), nil
	case t == reflect.TypeFor[json.RawMessage]():
		if !json.Valid([]byte(text)) {
			return nil, errors.New("that is not JSON")
		}
		return json.RawMessage(text), nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return toJSON(t.Elem(), text)
	case reflect.Slice:
		return listJSON(t.Elem(), text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errors.New("use true or false")
		}
		return strconv.AppendBool(nil, b), nil
	case reflect.String:
		return quote(text), nil
	default:
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, errors.New("use a whole number, not below 0")
		}
		return strconv.AppendUint(nil, n, 10), nil
	}
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// refJSON reads a site or store: digits are an ID, anything else is a name or
// code, and name: or code: before it makes a text of digits too.
func refJSON(text string) (json.RawMessage, error) {
	if digits.MatchString(text) {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return strconv.AppendUint(nil, n, 10), nil
		}
		return nil, errors.New("that number is too large for an ID")
	}
	for _, prefix := range []string{"name:", "code:"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			text = rest
			break
		}
	}
	if text == "" {
		return nil, errors.New("give an ID, or a name or code")
	}
	return quote(text), nil
}

func secondsJSON(text string) (json.RawMessage, error) {
	if digits.MatchString(text) {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d%time.Second != 0 {
		return nil, errors.New("use whole seconds, or a duration such as 90m or 72h")
	}
	return strconv.AppendInt(nil, int64(d/time.Second), 10), nil
}

func listJSON(item reflect.Type, text string) (json.RawMessage, error) {
	items := []json.RawMessage{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		one, err := toJSON(item, part)
		if err != nil {
			return nil, err
		}
		items = append(items, one)
	}
	return json.Marshal(items)
}

func quote(text string) json.RawMessage {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text
	}
	return b
}
