// Package terminal asks the person at a terminal. Ctrl-C, which ends the
// context that it is given, ends a question too, and leaves the terminal as it
// was.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sitesync/shared/sitesync"
)

// longest is how many bytes of an answer are read.
const longest = 4 << 10

// Asks reports whether in is a person at a terminal.
func Asks(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Secret asks for a secret, which is not shown as it is typed. in has to be a
// terminal. Errors: usage; timeout when it was interrupted.
func Secret(ctx context.Context, in io.Reader, out io.Writer, question string) ([]byte, error) {
	f, ok := in.(*os.File)
	if !ok {
		return nil, unanswered(errors.New("there is no terminal"))
	}
	fd := int(f.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, unanswered(err)
	}
	fmt.Fprint(out, question+": ")
	secret, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	fmt.Fprintln(out)
	if err != nil {
		_ = term.Restore(fd, state) // who was interrupted still wants to see what they type
		return nil, err
	}
	return secret, nil
}

// Line asks for a line of text. Errors: usage; timeout when it was interrupted.
func Line(ctx context.Context, in io.Reader, out io.Writer, question string) (string, error) {
	fmt.Fprint(out, question)
	text, err := await(ctx, func() (text []byte, err error) {
		for one := make([]byte, 1); len(text) < longest; { // what follows the line is not ours
			n, err := in.Read(one)
			if n == 1 && one[0] == '\n' {
				return text, nil
			}
			if err != nil {
				return nil, err
			}
			text = append(text, one[:n]...)
		}
		return text, nil
	})
	if err != nil {
		fmt.Fprintln(out)
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// await waits for what a person types, or for Ctrl-C. What is still being read
// then ends with the program, and nobody hears of it.
func await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, unanswered(a.err)
		}
		return a.text, nil
	case <-ctx.Done():
		return nil, sitesync.Errorf(sitesync.CodeTimeout, "give the command again when you are ready", "interrupted")
	}
}

func unanswered(err error) error {
	return sitesync.Errorf(sitesync.CodeUsage, "answer it, or see --help for what to give instead", "nothing was entered: %w", err)
}
