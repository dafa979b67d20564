package admin

import (
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

// kept is an edit's outcome, as a repeat of the command gets it.
type kept struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *sitesync.Error `json:"error,omitempty"`
}

// once runs an edit, unless it is the repeat of one that was made. The edit's
// own transaction remembers the ID; the answer, which is known only later, is
// added to that. An edit whose answer was lost in a crash is asked for again,
// which gives what it gave.
func (c *call) once(cmd *Command, id string, args reflect.Value) (json.RawMessage, error) {
	if err := c.sign(cmd, id, args); err != nil {
		return nil, err
	}
	if id == "" {
		return c.outcome(cmd, args)
	}
	before, err := c.before(cmd, args)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if before.Error != nil {
			return nil, before.Error
		}
		return before.Result, nil
	}
	result, err := c.outcome(cmd, args)
	if c.made && (err == nil || sitesync.AsError(err) != nil) {
		c.keep(kept{Result: result, Error: sitesync.AsError(err)})
	}
	return result, err
}

// sign says who commands the edit, and what.
func (c *call) sign(cmd *Command, id string, args reflect.Value) error {
	public, err := cmd.public(args)
	c.actor = registry.Actor{Kind: registry.ActorUser, Name: c.caller.Name, From: c.caller.From, Command: cmd.Name,
		CommandID: id, ArgsHash: sha256.Sum256(append([]byte(cmd.Name+"\x00"), public...))}
	return err
}

// keep completes the memory of an edit. Without it a repeat is still told from
// a new command.
func (c *call) keep(k kept) {
	answer, err := json.Marshal(k)
	if err == nil {
		err = c.Registry.SaveAnswer(c.actor, answer)
	}
	if err != nil {
		c.Log.Warn("answer of a command not kept", keyCommand, c.actor.Command, keyBy, c.actor.Name, keyCommandID, c.actor.CommandID, keyError, err)
	}
}

// replay is the memory of edits of records, which are not the registry's.
func (c *call) replay() records.Replay {
	a := &c.actor
	return records.Replay{By: a.Name, ID: a.CommandID, Args: a.ArgsHash, Memory: c.ReplayMemory}
}

// before looks for an earlier run of the command. Error: id_reused.
func (c *call) before(cmd *Command, args reflect.Value) (*kept, error) {
	answer, known, err := c.Registry.Replayed(c.actor, cmd.secret(args))
	if err != nil {
		return nil, err
	}
	c.known = known
	if answer == nil {
		return nil, c.Records.CheckReplay(c.replay(), time.Now())
	}
	var k kept
	return &k, json.Unmarshal(answer, &k)
}
