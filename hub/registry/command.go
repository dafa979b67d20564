package registry

import (
	"encoding/json"

	"sitesync/shared/sitesync"
)

// Actor is who commands an edit. It goes into the audit log.
type Actor struct {
	Kind      string   // ActorUser, ActorSystem or ActorDevice
	Name      string   // bare name of the user or token
	From      string   // network address; "" for the hub itself
	Command   string   // "site.update"
	CommandID string   // the caller's ID of the command; "" = repeats are not recognised
	ArgsHash  [32]byte // SHA-256 of the arguments without any password
}

const (
	ActorUser   = "user"
	ActorSystem = "system"
	ActorDevice = "device"
)

func systemActor(command string) Actor {
	return Actor{Kind: ActorSystem, Name: "hub", Command: command}
}

func deviceActor(command, from string) Actor {
	return Actor{Kind: ActorDevice, Name: "device", From: from, Command: command}
}

// result is what a command did, as far as it must be known to answer its
// repetition.
type result struct {
	Site    sitesync.SiteID  `json:"site,omitempty"`
	Store   sitesync.StoreID `json:"store,omitempty"`
	User    string           `json:"user,omitempty"`
	Ask     uint64           `json:"ask,omitempty"`
	Intents []Intent         `json:"intents,omitempty"`
	Effects []string         `json:"effects,omitempty"`

	// What the command took away, as it was.
	GoneSite  *Site  `json:"goneSite,omitempty"`
	GoneStore *Store `json:"goneStore,omitempty"`
	GoneUser  *User  `json:"goneUser,omitempty"`

	secret string // hash of the password that the command set
	again  bool   // it was done before
}

// perform is an edit on command: the edit, its audit entries and its replay
// key are one commit. A command that was carried out before is not carried out
// again; perform gives what it did. password is the command's, nil when it has
// none. Nothing is kept when dry.
func (r *Registry) perform(a Actor, password *chosen, dry bool, fn func(e *edit) error) (result, error) {
	var done result
	err := r.try(dry, func(e *edit) error {
		e.actor, e.answers = a, true
		rec, known, err := e.replayed(a, password)
		if err != nil {
			return err
		}
		if known {
			done = rec.Result
			done.again = true
			return nil
		}
		if err := fn(e); err != nil {
			return err
		}
		if err := e.finishSites(); err != nil {
			return err
		}
		done = e.done
		return e.remember(a, e.done)
	})
	return done, err
}

// details are the fields of an audit entry's before or after.
type details map[string]any

func (d details) json() json.RawMessage {
	if len(d) == 0 {
		return nil
	}
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err) // only values of our own types are put in
	}
	return raw
}
