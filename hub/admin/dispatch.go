package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"reflect"
	"time"

	"sitesync/hub/handover"
	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Records is what commands need of the stores' data.
type Records interface {
	records.State
	EditOnce(e records.Edit, r records.Replay) (sitesync.Record, error)
	CheckReplay(r records.Replay, now time.Time) error
}

// Options are what commands work on.
type Options struct {
	Registry *registry.Registry
	Records  Records
	Handover *handover.Driver
	Live     *session.Table
	Machine  func() Machine // how the hub is
	// Check asks a site's device how it is. Errors: offline, timeout.
	Check        func(ctx context.Context, site sitesync.SiteID) (r wire.CheckResult, took time.Duration, err error)
	URLs         func() []string // of the hub, that devices may use, the best first
	Pin          [32]byte        // fingerprint of the hub's certificate authority; see link.Fingerprint
	ReplayMemory time.Duration   // how long the ID of a record's edit is remembered; 0 = 10 minutes
	Log          *slog.Logger    // nil logs nothing
}

// Dispatcher carries out commands. Its methods may be called from any
// goroutine.
type Dispatcher struct{ Options }

// New makes a Dispatcher.
func New(o Options) *Dispatcher {
	if o.ReplayMemory == 0 {
		o.ReplayMemory = 10 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{o}
}

// Caller is who sent a command.
type Caller struct {
	Kind string // "user" or "token"
	Name string // bare
	Role registry.Role
	Data bool   // may read records
	From string // address
}

// may reports whether the caller has a right.
func (c Caller) may(r Right) bool {
	switch r {
	case Reads:
		return c.Role == registry.RoleAdmin || c.Role == registry.RoleViewer
	case ReadsData:
		return c.Data && c.may(Reads)
	case Edits:
		return c.Role == registry.RoleAdmin
	}
	return false
}

// Log keys of this package.
const (
	keyCommand   = "command"
	keyBy        = "by"
	keyReference = "reference"
	keyCommandID = "command_id"
	keyError     = "error"
)

// call is one command under way.
type call struct {
	*Dispatcher
	ctx    context.Context
	caller Caller
	actor  registry.Actor // of an edit
	known  bool           // the edit was made before, its answer was not kept
	made   bool           // the edit is durable: its answer is kept for repeats
}

// Handle carries out what was published on the topic of a command, and gives
// the topic and the payload of the answer. There always is one.
//
// responseTopic and correlation are those of MQTT 5, empty for a 3.1.1 client.
func (d *Dispatcher) Handle(ctx context.Context, caller Caller, command string, payload []byte, responseTopic string, correlation []byte) (topicName string, answer []byte) {
	req, err := parseRequest(payload, len(correlation) > 0)
	topicName, topicErr := replyTopic(caller.Name, req.ID, responseTopic)
	if err == nil {
		err = topicErr
	}
	var result json.RawMessage
	if err == nil {
		result, err = d.run(ctx, caller, command, req)
	}
	return topicName, d.answer(req.ID, command, caller, result, err)
}

// run decides whether the caller may, before anything is told about the
// arguments.
func (d *Dispatcher) run(ctx context.Context, caller Caller, name string, req request) (json.RawMessage, error) {
	cmd, ok := Lookup(name)
	if !ok {
		return nil, unknownCommand(name)
	}
	if !caller.may(cmd.Right) {
		return nil, forbidden(cmd.Right)
	}
	if req.unknown != "" {
		return nil, unknownField(req.unknown, "a request", []string{"id", "args"})
	}
	args, err := cmd.decode(req.Args)
	if err != nil {
		return nil, err
	}
	c := &call{Dispatcher: d, ctx: ctx, caller: caller}
	if cmd.Right == Edits {
		return c.once(&cmd, req.ID, args)
	}
	return c.outcome(&cmd, args)
}

func (c *call) outcome(cmd *Command, args reflect.Value) (json.RawMessage, error) {
	result, err := cmd.run(c, args.Interface())
	if err != nil {
		return nil, err
	}
	return encode(result)
}

// answer makes the payload of an answer. A failure of the hub's own goes to
// the log, and the caller gets the reference to it.
func (d *Dispatcher) answer(id, command string, caller Caller, result json.RawMessage, err error) []byte {
	payload := encodeAnswer(id, result, d.explain(command, caller, err))
	if len(payload) > maxAnswer {
		tooLarge := sitesync.Errorf(sitesync.CodeTooLarge, "ask for less at once", "the answer to %s has %d bytes, the most is %d", clip(command), len(payload), maxAnswer)
		payload = encodeAnswer(id, nil, tooLarge)
	}
	return payload
}

func (d *Dispatcher) explain(command string, caller Caller, err error) *sitesync.Error {
	if err == nil {
		return nil
	}
	if e := sitesync.AsError(err); e != nil && e.Code != sitesync.CodeInternal {
		return e
	}
	reference := rand.Text()[:10]
	d.Log.Error("command failed", keyCommand, command, keyBy, caller.Name, keyReference, reference, keyError, err)
	return sitesync.Errorf(sitesync.CodeInternal, "look for the reference in the hub's log; the command may have been carried out in part or not at all",
		"the hub failed while it carried out %s (reference %s)", clip(command), reference)
}
