package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"sitesync/shared/sitesync"
)

// maxFile is the most bytes a settings file may have.
const maxFile = 1 << 20

// keys are the settings of a file that nobody has taken yet, in the order of
// the file.
type keys []key

type key struct {
	name  string
	line  int
	value *yaml.Node
}

// take gives a key and removes it.
func (ks *keys) take(name string) (key, bool) {
	for i, k := range *ks {
		if k.name == name && name != configFlag {
			*ks = append((*ks)[:i], (*ks)[i+1:]...)
			return k, true
		}
	}
	return key{}, false
}

// refuseRest answers for the keys that no flag has taken.
func (ks keys) refuseRest(file string) error {
	if len(ks) == 0 {
		return nil
	}
	k := ks[0]
	return sitesync.Errorf(sitesync.CodeUsage, "correct or remove it; --help lists the settings, which have the same names here",
		"%s, line %d: there is no setting %q", file, k.line, k.name).WithField(k.name)
}

func readFile(file string) (keys, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check the path given with --config", "the settings file cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check the path given with --config", "the settings file cannot be read: %w", err)
	}
	if len(text) > maxFile {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check the path given with --config", "the settings file %s has more than %d bytes", file, maxFile)
	}
	ks, err := parse(text)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "write one setting a line, for example pull-interval: 15m", "%s: %w", file, err)
	}
	return ks, nil
}

// parse reads one YAML mapping. Its values stay unread until a flag wants
// them: YAML must not decide that 010 is 8 or that no is false.
func parse(text []byte) (keys, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil // empty, or comments alone
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one YAML document")
	}
	if len(document.Content) == 0 || document.Content[0].Tag == "!!null" {
		return nil, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: there are no settings, but something else", root.Line)
	}
	var ks keys
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		if name.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: the name of a setting is not a text", name.Line)
		}
		if line, twice := seen[name.Value]; twice {
			return nil, fmt.Errorf("line %d: %s is there already, in line %d", name.Line, name.Value, line)
		}
		seen[name.Value] = name.Line
		ks = append(ks, key{name: name.Value, line: name.Line, value: value})
	}
	return ks, nil
}

// set gives the flag the key's value.
func (k key) set(f *pflag.Flag, file string) error {
	err := k.assign(f.Value)
	if err == nil {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeUsage, "write "+wanted(f), "%s, line %d: %s: %w", file, k.line, k.name, err).WithField(k.name)
}

func (k key) assign(v pflag.Value) error {
	list, isList := v.(pflag.SliceValue)
	switch {
	case isList && k.value.Kind == yaml.SequenceNode:
		items := make([]string, 0, len(k.value.Content))
		for _, item := range k.value.Content {
			text, err := scalar(item)
			if err != nil {
				return err
			}
			items = append(items, text)
		}
		return list.Replace(items)
	case k.value.Kind == yaml.SequenceNode:
		return errors.New("it takes one value, not a list")
	}
	text, err := scalar(k.value)
	if err != nil {
		return err
	}
	return v.Set(text)
}

// scalar gives a value as it was written, without the quotes.
func scalar(n *yaml.Node) (string, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", errors.New("it has to be a plain value")
	case n.Tag == "!!null":
		return "", errors.New(`there is no value (write "" for an empty one)`)
	}
	return n.Value, nil
}
