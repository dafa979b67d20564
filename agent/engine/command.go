package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// errLater says that a command cannot be answered yet: it is looked at again
// whenever something has arrived or was sent.
var errLater = errors.New("not yet")

// errWiped ends the session of a device that belongs to no site any more.
var errWiped = errors.New("this device was wiped, as the hub asked for")

// command does what the hub asks for, and answers. What it does is durable
// before the answer.
func (s *session) command(payload []byte) error {
	c, err := wire.DecodeCommand(payload)
	if err != nil || c.Session != s.number {
		return err
	}
	if slices.ContainsFunc(s.later, func(l wire.Command) bool { return l.ID == c.ID }) {
		return nil
	}
	if err = s.answer(&c); errors.Is(err, errLater) {
		s.later = append(s.later, c)
		return nil
	}
	return err
}

// answerLater looks again at commands that could not be answered.
func (s *session) answerLater() error {
	later := s.later
	s.later = nil
	for i := range later {
		switch err := s.answer(&later[i]); {
		case errors.Is(err, errLater):
			s.later = append(s.later, later[i])
		case err != nil:
			return err
		}
	}
	return nil
}

func (s *session) answer(c *wire.Command) error {
	result := wire.CommandResult{Session: s.number, ID: c.ID, OK: true}
	answer, err := s.carryOut(c)
	wiped := err == errWiped
	switch e := sitesync.AsError(err); {
	case err == nil || wiped:
		if result.Result, err = json.Marshal(answer); err != nil {
			return err
		}
	case e != nil && e.Code != sitesync.CodeDiskFull:
		result.OK, result.Error = false, e
	default:
		return err
	}
	err = s.publish(topic.CommandResult, result.Bytes())
	if wiped {
		return errWiped // whoever hears of it
	}
	return err
}

func (s *session) carryOut(c *wire.Command) (any, error) {
	switch c.Command {
	case wire.CommandProposal:
		var p wire.Proposal
		if err := read(c, &p); err != nil {
			return nil, err
		}
		return s.db.Propose(&p)
	case wire.CommandCheck:
		r := s.engine.report()
		return wire.CheckResult{Version: s.engine.Device.Version, Platform: s.engine.Device.Platform, Clock: sitesync.At(time.Now()),
			Backlog: r.Backlog, DiskFree: r.DiskFree}, nil
	case wire.CommandSync:
		return struct{}{}, errors.Join(s.tryHeld(), s.startPull())
	case wire.CommandLog:
		var args wire.LogArgs
		if err := read(c, &args); err != nil {
			return nil, err
		}
		return wire.LogResult{Lines: s.engine.LogTail(args.Lines)}, nil
	case wire.CommandResync:
		var args wire.ResyncArgs
		if err := read(c, &args); err != nil {
			return nil, err
		}
		return s.readyToReload(args.Stores)
	case wire.CommandWipe:
		var args wire.WipeArgs
		if err := read(c, &args); err != nil {
			return nil, err
		}
		return s.wipe(&args)
	}
	return nil, sitesync.Errorf(sitesync.CodeUnknownCommand, "update the agent", "this agent does not know the command %.40q", c.Command)
}

func read(c *wire.Command, args any) error {
	if err := json.Unmarshal(c.Args, args); err != nil {
		return sitesync.Errorf(sitesync.CodeInvalid, "look whether the agent's version fits the hub's", "the arguments of %s cannot be read", c.Command)
	}
	return nil
}

// readyToReload answers once nothing of the stores waits to be sent: from then
// on the hub may give them a new epoch. Those that are being loaded begin anew
// at once.
func (s *session) readyToReload(stores []sitesync.StoreID) (any, error) {
	var out wire.ResyncResult
	var loading []sitesync.StoreID
	for _, st := range s.db.Stores() {
		if len(stores) > 0 && !slices.Contains(stores, st.ID) {
			continue
		}
		switch {
		case st.Phase == sitesync.PhaseLoading:
			loading = append(loading, st.ID)
		case st.Phase != sitesync.PhaseActive:
		case st.Queued() > 0 && !s.isHeld(st.ID):
			return nil, errLater
		default:
			out.Stores = append(out.Stores, wire.ResyncReady{Store: st.ID, Epoch: st.Epoch, N: st.Outbox.Confirmed})
		}
	}
	for _, id := range loading {
		if err := s.loadAnew(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// wipe forgets the site and all data, once everything was sent. With force it
// does not wait for that: it hands over what was not sent, and is asked again
// when that is kept at the hub.
func (s *session) wipe(args *wire.WipeArgs) (any, error) {
	unsent := s.db.Backlog()
	switch {
	case unsent > 0 && !args.Force:
		return nil, errLater
	case unsent > args.Confirm:
		return s.handOver()
	}
	if err := s.db.ClearUnless(args.Confirm); sitesync.CodeOf(err) == sitesync.CodeUnsent {
		return nil, errLater // something was written this moment
	} else if err != nil {
		return nil, err
	}
	s.engine.Log.Warn("all data of this device was wiped, as the hub asked for", "unsent", unsent)
	if err := errors.Join(s.engine.removeExports(), s.engine.restore(nil)); err != nil {
		return nil, err
	}
	return wire.WipeResult{Wiped: true, Unsent: unsent}, errWiped
}

// removeExports removes what was exported when a person changed over to
// another site: it is data too.
func (e *Engine) removeExports() error {
	files, err := filepath.Glob(filepath.Join(e.Dir, "abandoned-*.ndjson"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// handOver exports what was not sent.
func (s *session) handOver() (any, error) {
	var b strings.Builder
	n, err := s.db.Export(&b, s.site.ID, s.site.HubID)
	if err != nil {
		return nil, err
	}
	if b.Len() > wire.MostWipeExport {
		return nil, sitesync.Errorf(sitesync.CodeBacklog, "let the device send them, or export them there with sitesync-agent outbox export",
			"%d changes have not been sent, too many to be kept in the audit log", n)
	}
	return wire.WipeResult{Unsent: n, Export: b.String()}, nil
}
