// Package command asks devices to do something, as JSON on site/{id}/command.
// What is asked is rebuilt from durable state whenever a session begins, and
// asked again until it is answered; nothing here remembers more than which
// commands a session has had.
package command

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"sitesync/hub/records"
	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Registry keeps what administrators want devices to do.
type Registry interface {
	Asks(site sitesync.SiteID) []registry.Ask
	Asked(site sitesync.SiteID, number uint64) (registry.Ask, bool)
	AskAgain(number uint64, args json.RawMessage, keep map[string]any) error
	EndAsk(number uint64, result json.RawMessage, failed *sitesync.Error) error
}

// Options are what a desk works on.
type Options struct {
	State    records.State
	Registry Registry
	Stores   func(site sitesync.SiteID) []sitesync.StoreID // those a site owns
	// Reload gives stores of a site a new epoch, so that its device loads them
	// anew. It is called when nothing of them waits at the device.
	Reload func(a *registry.Ask, stores []sitesync.StoreID) error
	Log    *slog.Logger
}

// Desk makes commands and takes their results.
type Desk struct {
	Options

	mu      sync.Mutex
	waiting map[string]chan wire.CommandResult // checks under way, by the command's ID
}

// New makes a desk.
func New(o Options) *Desk {
	return &Desk{Options: o, waiting: map[string]chan wire.CommandResult{}}
}

// proposalPrefix begins the IDs of proposals; the quarantined change's follows.
const proposalPrefix = "q"

// Waiting makes the commands that wait for a session's device and that it has
// not had in this session: what administrators want of it, and proposals for
// the stores that are active there.
func (d *Desk) Waiting(s *session.Session) (out []session.Message, err error) {
	out = d.asks(s)
	for _, store := range d.Stores(s.Site) {
		m, ok, err := d.State.Meta(store)
		if err != nil {
			return out, err
		}
		if !ok || m.Owner != s.Site || m.Replica != s.Replica || m.Phase != sitesync.PhaseActive || s.Held(store) != "" {
			continue
		}
		proposals, err := d.State.Proposals(store)
		if err != nil {
			return out, err
		}
		for i := range proposals {
			if id := proposalPrefix + strconv.FormatUint(proposals[i].Item, 10); s.Ask(id) {
				out = append(out, propose(s, id, &m, &proposals[i]))
			}
		}
	}
	return out, nil
}

func propose(s *session.Session, id string, m *records.Meta, p *records.Proposal) session.Message {
	c := &p.Change
	args, err := json.Marshal(wire.Proposal{Quarantine: p.Item, Store: m.Store, Epoch: m.Epoch, Op: c.Op.String(), Table: c.Table, Record: c.ID,
		Data: c.Data, IfMatch: p.Expect})
	if err != nil {
		panic("command: a proposal cannot be written: " + err.Error()) // texts, numbers and bytes
	}
	return message(s, id, wire.CommandProposal, args)
}

// Result takes what a device answers.
func (d *Desk) Result(_ context.Context, s *session.Session, payload []byte) ([]session.Message, error) {
	r, err := wire.DecodeCommandResult(payload)
	if err != nil {
		return nil, err
	}
	if !s.Greeted() || r.Session != s.Number {
		return nil, nil
	}
	if number, ok := strings.CutPrefix(r.ID, proposalPrefix); ok {
		if item, err := strconv.ParseUint(number, 10, 64); err == nil {
			return d.proposed(s, item, &r)
		}
	}
	if number, ok := strings.CutPrefix(r.ID, askPrefix); ok {
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			return d.answered(s, n, &r)
		}
	}
	d.checked(&r)
	return nil, nil
}

// proposed follows what a device says of a proposal. One that it made its own
// change is closed when that change comes. One that it could not deal with now
// is asked again in the next session, or when its store changes.
func (d *Desk) proposed(s *session.Session, item uint64, r *wire.CommandResult) ([]session.Message, error) {
	if r.Error != nil {
		d.Log.Debug("a device did not take a proposal", "site", s.Site, "quarantine", item, "code", r.Error.Code, "message", r.Error.Message)
		s.Unask(r.ID)
		return nil, nil
	}
	var result wire.ProposalResult
	if err := json.Unmarshal(r.Result, &result); err != nil || result.State != wire.ProposalStale {
		return nil, nil
	}
	q, err := d.State.Quarantined(item)
	if err != nil {
		return nil, ignoreUnknown(err)
	}
	m, ok, err := d.State.Meta(q.Store)
	if err != nil || !ok || m.Owner != s.Site || m.Replica != s.Replica {
		return nil, err
	}
	was, err := d.State.RefuseProposal(item, m.Origin(), time.Now())
	if err != nil || !was {
		return nil, err
	}
	return []session.Message{session.Event(sitesync.EventQuarantineStale, s.Site, q.Store,
		"Look at it with quarantine.get, then apply or discard it anew.",
		"the record %s/%s was changed at site %d before the quarantined change %d could be applied there", q.Table, q.Record, s.Site, item)}, nil
}

// ignoreUnknown forgives an answer about what is not there.
func ignoreUnknown(err error) error {
	if sitesync.CodeOf(err) == sitesync.CodeNotFound {
		return nil
	}
	return err
}
