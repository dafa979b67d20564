package settings

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"sitesync/shared/sitesync"
)

// configFlag names the file itself. It cannot be set in the file.
const configFlag = "config"

// Load fills in the flags that the command line did not set: from the
// environment variables that begin with envPrefix ("SITESYNC_HUB_"), else from
// the YAML file. Call it once, after the flags were parsed. An empty file is
// the one that the variable PREFIX_CONFIG names, or none. Flags filled in here
// are not marked as changed.
//
// unknown lists variables with the prefix that no flag has, to be logged as a
// warning. Errors: usage, naming the variable, or the file, line and key.
func Load(flags *pflag.FlagSet, envPrefix, file string) (unknown []string, err error) {
	env := environment(envPrefix)
	if file == "" {
		file = env[variable(envPrefix, configFlag)]
	}
	delete(env, variable(envPrefix, configFlag))
	keys, err := readFile(file)
	if err != nil {
		return nil, err
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := variable(envPrefix, f.Name)
		value, inEnv := env[name]
		delete(env, name)
		key, inFile := keys.take(f.Name)
		switch {
		case err != nil || f.Changed || f.Name == configFlag:
		case inEnv:
			err = setFromEnv(f, name, value)
		case inFile:
			err = key.set(f, file)
		}
	})
	if err == nil {
		err = keys.refuseRest(file)
	}
	if err != nil {
		return nil, err
	}
	for name := range env {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	return unknown, nil
}

// environment gives the variables that begin with prefix. A variable that is
// set to nothing is set: an empty address turns a listener off.
func environment(prefix string) map[string]string {
	found := map[string]string{}
	for _, line := range os.Environ() {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, prefix) {
			found[name] = value
		}
	}
	return found
}

// variable is the environment variable of a flag.
func variable(prefix, flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func setFromEnv(f *pflag.Flag, name, value string) error {
	if err := f.Value.Set(value); err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "set it to "+wanted(f)+", or unset it",
			"the environment variable %s is %q: %w", name, value, err).WithField(f.Name)
	}
	return nil
}

// wanted says what a flag takes, in words.
func wanted(f *pflag.Flag) string {
	switch kind := f.Value.Type(); kind {
	case "bool":
		return "true or false"
	case "duration":
		return "a duration such as 90s, 15m or 24h"
	case "string":
		return "a text"
	case "stringSlice", "stringArray":
		return "a list of texts"
	case "int", "int32", "int64", "uint", "uint16", "uint32", "uint64":
		return "a whole number"
	case "float32", "float64":
		return "a number"
	default:
		return "a value of the kind " + kind
	}
}
