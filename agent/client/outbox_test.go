package client

import (
	"bytes"
	"errors"
	"testing"

	"sitesync/shared/sitesync"
)

// full takes nothing.
type full struct{}

var errFull = errors.New("the disk is full")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestOutbox writes what waits, and gives no part of it for the whole.
func TestOutbox(t *testing.T) {
	e, c, _ := running(t)
	var file bytes.Buffer
	if n, err := c.Outbox(t.Context(), &file); err != nil || n != 1 || file.String() != "{\"changes\":1}\n{\"n\":1}\n" {
		t.Errorf("%d changes, %q, %v", n, file.String(), err)
	}
	if _, err := c.Outbox(t.Context(), full{}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	e.err = errors.New("the database broke") // after it has begun to answer
	if _, err := c.Outbox(t.Context(), &file); sitesync.CodeOf(err) != sitesync.CodeUnreachable {
		t.Errorf("an answer that was cut off: %v", err)
	}
	c.token = "wrong"
	if _, err := c.Outbox(t.Context(), &file); sitesync.CodeOf(err) != sitesync.CodeToken {
		t.Errorf("with a wrong token: %v", err)
	}
}
