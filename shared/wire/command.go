package wire

import (
	"encoding/json"
	"fmt"

	"sitesync/shared/sitesync"
)

// Commands to devices are JSON, not frames: they are few, and whoever writes an
// agent should be able to read them.

// CommandKind says what the hub asks a device for.
type CommandKind string

const (
	CommandProposal CommandKind = "proposal" // make a quarantined change one of its own: Proposal
	CommandCheck    CommandKind = "check"    // say how it is: CheckResult
	CommandSync     CommandKind = "sync"     // sync everything now
	CommandResync   CommandKind = "resync"   // get ready to load stores anew: ResyncArgs, ResyncResult
	CommandLog      CommandKind = "log"      // show its newest log lines: LogArgs, LogResult
	CommandWipe     CommandKind = "wipe"     // forget its site and all data: WipeArgs, WipeResult
)

// CheckResult is how a device is.
type CheckResult struct {
	Version  string        `json:"version"`
	Platform string        `json:"platform"`
	Clock    sitesync.Time `json:"clock"`
	Backlog  uint64        `json:"backlog"`
	DiskFree uint64        `json:"diskFree"`
}

// ResyncArgs name stores; none are all of the site's.
type ResyncArgs struct {
	Stores []sitesync.StoreID `json:"stores,omitempty"`
}

// ResyncResult says of stores that are active at the device which change was
// the last: with that settled, nothing is lost when they begin a new epoch.
// Those that were being loaded are loaded from their beginning by then.
type ResyncResult struct {
	Stores []ResyncReady `json:"stores"`
}

// ResyncReady is a store of which nothing waits at its device.
type ResyncReady struct {
	Store sitesync.StoreID `json:"store"`
	Epoch sitesync.Epoch   `json:"epoch"`
	N     uint64           `json:"n"`
}

// LogArgs say how much of the log is wanted.
type LogArgs struct {
	Lines int `json:"lines"`
}

// LogResult is the newest lines of a device's log, the oldest of them first.
type LogResult struct {
	Lines []string `json:"lines"`
}

// WipeArgs say what a device that has not sent everything is to do: without
// Force it refuses; with Force it hands the changes over, to be kept in the
// hub's audit log, and wipes once Confirm says that so many are there.
type WipeArgs struct {
	Force   bool   `json:"force,omitempty"`
	Confirm uint64 `json:"confirm,omitempty"`
}

// WipeResult says that all is gone, or hands over what was not sent.
type WipeResult struct {
	Wiped  bool   `json:"wiped"`
	Unsent uint64 `json:"unsent,omitempty"`
	Export string `json:"export,omitempty"` // these changes, as an exported outbox
}

// MostWipeExport bounds what a device hands over when it is wiped, in bytes.
const MostWipeExport = 384 << 10

// maxCommand bounds a command and its result, in bytes: a record of the largest
// size in base64, and room for what is around it.
const maxCommand = 2 << 20

// Command is what the hub asks a device for, on site/{id}/command. It comes
// again until it is answered.
type Command struct {
	Session uint64          `json:"session"`
	ID      string          `json:"id"`
	Command CommandKind     `json:"command"`
	Args    json.RawMessage `json:"args,omitempty"`
}

// CommandResult is the answer to a command, on site/{id}/command/result.
type CommandResult struct {
	Session uint64          `json:"session"`
	ID      string          `json:"id"`
	OK      bool            `json:"ok"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *sitesync.Error `json:"error,omitempty"`
}

// Proposal is a quarantined change that the owner of its store is to make one
// of its own, if the record is still as the administrator saw it.
type Proposal struct {
	Quarantine uint64           `json:"quarantine"`
	Store      sitesync.StoreID `json:"store"`
	Epoch      sitesync.Epoch   `json:"epoch"` // in which the store is the device's
	Op         string           `json:"op"`
	Table      string           `json:"table"`
	Record     string           `json:"record"`
	Data       []byte           `json:"data,omitempty"` // base64 of the JSON, byte for byte
	IfMatch    string           `json:"ifMatch"`        // ETag; "": there is no such record
}

// ProposalResult says what became of a proposal.
type ProposalResult struct {
	State ProposalState `json:"state"`
	N     uint64        `json:"n,omitempty"` // of the change that was made
}

// ProposalState is what became of a proposal.
type ProposalState string

const (
	ProposalMade  ProposalState = "made"  // it is a change of the device's own, on its way
	ProposalStale ProposalState = "stale" // the record is another by now
)

// Bytes is the command as it is sent.
func (c *Command) Bytes() []byte { return jsonBytes(c) }

// Bytes is the result as it is sent.
func (r *CommandResult) Bytes() []byte { return jsonBytes(r) }

func jsonBytes(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("wire: %T cannot be written: %v", v, err)) // raw messages that are JSON, texts and numbers
	}
	return b
}

// DecodeCommand reads a command. Fields that this version does not know are
// skipped. Errors: ErrFrame.
func DecodeCommand(payload []byte) (c Command, err error) {
	err = decodeJSON(payload, &c, &c.ID)
	return c, err
}

// DecodeCommandResult reads a result, as DecodeCommand.
func DecodeCommandResult(payload []byte) (r CommandResult, err error) {
	err = decodeJSON(payload, &r, &r.ID)
	if err == nil && r.OK == (r.Error != nil) {
		err = fmt.Errorf("%w: a result that is neither ok nor an error", ErrFrame)
	}
	return r, err
}

func decodeJSON(payload []byte, into any, id *string) error {
	if len(payload) > maxCommand {
		return fmt.Errorf("%w: a command of %d bytes", ErrFrame, len(payload))
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: a command that is not one JSON object: %w", ErrFrame, err)
	}
	if err := sitesync.CheckCommandID(*id); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}
