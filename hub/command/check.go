package command

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// checkPrefix begins the IDs of checks.
const checkPrefix = "k"

// Check asks a session's device how it is, and measures how long that takes
// there and back. send sends a message to it. Errors: those of send; timeout;
// what the device says.
func (d *Desk) Check(ctx context.Context, s *session.Session, send func(session.Message) error) (out wire.CheckResult, took time.Duration, err error) {
	id := checkPrefix + rand.Text()[:20]
	answer := make(chan wire.CommandResult, 1)
	d.mu.Lock()
	d.waiting[id] = answer
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.waiting, id)
		d.mu.Unlock()
	}()
	began := time.Now()
	if err := send(message(s, id, wire.CommandCheck, nil)); err != nil {
		return out, 0, err
	}
	select {
	case r := <-answer:
		took = time.Since(began)
		if r.Error != nil {
			return out, took, bounded(r.Error)
		}
		if err := json.Unmarshal(r.Result, &out); err != nil {
			return out, took, unreadable()
		}
		return out, took, nil
	case <-ctx.Done():
		return out, 0, sitesync.Errorf(sitesync.CodeTimeout, "its link may be slow: try again with a longer timeout", "the device is connected, and did not answer in time")
	}
}

// checked hands a result to the check that waits for it.
func (d *Desk) checked(r *wire.CommandResult) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if answer := d.waiting[r.ID]; answer != nil {
		answer <- *r
		delete(d.waiting, r.ID)
	}
}
