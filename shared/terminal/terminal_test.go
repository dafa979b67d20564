package terminal

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestLine(t *testing.T) {
	in, out := strings.NewReader(" yes \r\nmore"), new(bytes.Buffer)
	if text, err := Line(t.Context(), in, out, "Sure? "); text != "yes" || err != nil || out.String() != "Sure? " {
		t.Errorf("%q, %v, %q", text, err, out)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "more" {
		t.Errorf("%q is left", rest)
	}
	if _, err := Line(t.Context(), strings.NewReader("no end"), out, ""); sitesync.CodeOf(err) != sitesync.CodeUsage {
		t.Errorf("an answer without an end: %v", err)
	}
	if text, err := Line(t.Context(), strings.NewReader(strings.Repeat("x", 2*longest)), out, ""); len(text) != longest || err != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// Ctrl-C ends a question that nobody answers.
func TestInterrupted(t *testing.T) {
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Line(ctx, in, io.Discard, "Sure? "); sitesync.CodeOf(err) != sitesync.CodeTimeout {
		t.Errorf("%v", err)
	}
}

func TestNoTerminal(t *testing.T) {
	if Asks(strings.NewReader("")) {
		t.Error("a text is no terminal")
	}
	if _, err := Secret(t.Context(), strings.NewReader("secret\n"), io.Discard, "Password"); sitesync.CodeOf(err) != sitesync.CodeUsage {
		t.Errorf("%v", err)
	}
}
