package command

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// askPrefix begins the IDs of what administrators want; the ask's number
// follows.
const askPrefix = "c"

// asks makes the commands of administrators that wait for a session's device.
func (d *Desk) asks(s *session.Session) (out []session.Message) {
	for _, a := range d.Registry.Asks(s.Site) {
		if a.State != registry.AskWaiting || time.Now().After(a.Until.Time) {
			continue
		}
		if id := askPrefix + strconv.FormatUint(a.Number, 10); s.Ask(id) {
			out = append(out, message(s, id, wire.CommandKind(a.Command), a.Args))
		}
	}
	return out
}

func message(s *session.Session, id string, kind wire.CommandKind, args json.RawMessage) session.Message {
	command := wire.Command{Session: s.Number, ID: id, Command: kind, Args: args}
	return session.Message{Topic: topic.Topic{Kind: topic.Command, Site: s.Site}, Payload: command.Bytes(), Ask: id}
}

// answered takes what a device says to an ask.
func (d *Desk) answered(s *session.Session, number uint64, r *wire.CommandResult) ([]session.Message, error) {
	a, known := d.Registry.Asked(s.Site, number)
	if !known || a.State != registry.AskWaiting {
		return nil, nil
	}
	if r.Error != nil {
		return nil, d.Registry.EndAsk(number, nil, bounded(r.Error))
	}
	switch wire.CommandKind(a.Command) {
	case wire.CommandResync:
		return nil, d.reload(s, &a, r)
	case wire.CommandWipe:
		return d.wiped(s, &a, r)
	}
	if len(r.Result) > mostResult {
		return nil, d.Registry.EndAsk(number, nil, sitesync.Errorf(sitesync.CodeTooLarge, "ask for less at once", "the device's answer has %d bytes, the most is %d", len(r.Result), mostResult))
	}
	if len(r.Result) == 0 {
		r.Result = json.RawMessage("{}")
	}
	return nil, d.Registry.EndAsk(number, r.Result, nil)
}

// mostResult bounds what is kept of a device's answer, in bytes.
const mostResult = 600 << 10

// bounded keeps a device from filling the registry with its words.
func bounded(e *sitesync.Error) *sitesync.Error {
	clip := func(s string) string { return s[:min(len(s), 500)] }
	return &sitesync.Error{Code: sitesync.Code(clip(string(e.Code))), Message: clip(e.Message), Next: clip(e.Next), Field: clip(e.Field)}
}

// reload gives the stores a new epoch of which the hub has all that the device
// had when it answered. If more has come since, or less, it is asked again in
// its next session.
func (d *Desk) reload(s *session.Session, a *registry.Ask, r *wire.CommandResult) error {
	var ready wire.ResyncResult
	if err := json.Unmarshal(r.Result, &ready); err != nil {
		return d.Registry.EndAsk(a.Number, nil, unreadable())
	}
	owned := d.Stores(s.Site)
	var stores []sitesync.StoreID
	for _, st := range ready.Stores {
		m, ok, err := d.State.Meta(st.Store)
		if err != nil {
			return err
		}
		if !ok || !slices.Contains(owned, st.Store) || m.Replica != s.Replica || m.Epoch != st.Epoch || m.Phase != sitesync.PhaseActive {
			continue
		}
		if m.Settled != st.N {
			s.Unask(r.ID)
			return nil
		}
		stores = append(stores, st.Store)
	}
	if len(stores) > 0 {
		if err := d.Reload(a, stores); err != nil {
			return err
		}
	}
	result, err := json.Marshal(map[string]any{"stores": stores})
	if err != nil {
		return err
	}
	return d.Registry.EndAsk(a.Number, result, nil)
}

// wiped follows a wipe. What the device hands over goes to the audit log,
// whole, and then it is told to go on.
func (d *Desk) wiped(s *session.Session, a *registry.Ask, r *wire.CommandResult) ([]session.Message, error) {
	var w wire.WipeResult
	if err := json.Unmarshal(r.Result, &w); err != nil || len(w.Export) > wire.MostWipeExport {
		return nil, d.Registry.EndAsk(a.Number, nil, unreadable())
	}
	if w.Wiped {
		w.Export = ""
		result, err := json.Marshal(w)
		if err != nil {
			return nil, err
		}
		return nil, d.Registry.EndAsk(a.Number, result, nil)
	}
	args, err := json.Marshal(wire.WipeArgs{Force: true, Confirm: w.Unsent})
	if err != nil {
		return nil, err
	}
	if err := d.Registry.AskAgain(a.Number, args, map[string]any{"asked": a.Number, "unsent": w.Unsent, "export": w.Export}); err != nil {
		return nil, err
	}
	return []session.Message{message(s, r.ID, wire.CommandWipe, args)}, nil
}

func unreadable() *sitesync.Error {
	return sitesync.Errorf(sitesync.CodeInternal, "compare the versions of the agent and the hub", "the device's answer cannot be read")
}
