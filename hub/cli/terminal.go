package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sitesync/shared/sitesync"
	tty "sitesync/shared/terminal"
)

const (
	maxInput  = 2 << 20 // bytes of a file of JSON
	maxSecret = 4 << 10 // bytes of a file with a password or token
)

// terminal is where a command reads from and asks.
type terminal struct {
	ctx  context.Context // ends with Ctrl-C
	in   io.Reader
	out  io.Writer // for questions
	asks bool      // in is a person
	used bool      // in was read to its end
}

func newTerminal(cmd *cobra.Command) *terminal {
	in := cmd.InOrStdin()
	return &terminal{ctx: cmd.Context(), in: in, out: cmd.ErrOrStderr(), asks: tty.Asks(in)}
}

// readFile reads a file, or the standard input for -, of at most most bytes.
func (t *terminal) readFile(name string, most int64) ([]byte, error) {
	in := t.in
	if name == "-" {
		if t.used {
			return nil, sitesync.Errorf(sitesync.CodeUsage, "give - once, and name a file for the other", "the standard input can be read only once")
		}
		t.used = true
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, sitesync.Errorf(sitesync.CodeUsage, "check the name of the file", "it cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	switch {
	case err != nil:
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check the file", "%s cannot be read: %w", name, err)
	case int64(len(text)) > most:
		return nil, sitesync.Errorf(sitesync.CodeUsage, "check that it is the right file", "%s has more than %d bytes", name, most)
	}
	return text, nil
}

// readSecret reads a file with a password or token, on one line.
func (t *terminal) readSecret(name string) ([]byte, error) {
	text, err := t.readFile(name, maxSecret)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 || bytes.ContainsAny(text, "\r\n") {
		return nil, sitesync.Errorf(sitesync.CodeUsage, "write it into the file, on one line", "there is no password or token in %s", name)
	}
	return text, nil
}

// ask asks for a secret, which is not shown.
func (t *terminal) ask(question string) ([]byte, error) {
	return tty.Secret(t.ctx, t.in, t.out, question)
}

// newSecret asks for a secret that is set, twice.
func (t *terminal) newSecret(what string) ([]byte, error) {
	secret, err := t.ask(what)
	if err != nil {
		return nil, err
	}
	again, err := t.ask(what + ", again")
	if err == nil && !bytes.Equal(secret, again) {
		err = sitesync.Errorf(sitesync.CodeUsage, "enter it anew", "the two are not the same %s", strings.ToLower(what))
	}
	return secret, err
}
