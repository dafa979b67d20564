// Package settings makes a program's flags its settings: each can also be
// given as an environment variable and in a YAML file. Where several are
// given, flag > environment > file > default.
//
// The flag --pull-interval is PREFIX_PULL_INTERVAL in the environment and
// pull-interval in the file. All three are read by the flag's own Value, so
// that a setting is written the same everywhere; a list is a YAML list in the
// file, and elsewhere what its flag takes.
//
// Nothing is guessed: a key that no flag has, a setting that is there twice
// and a value that cannot be read are errors for the person who wrote them
// (code usage). A variable that no flag has is only reported, because an
// environment is shared by all commands of a program.
package settings
