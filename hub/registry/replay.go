package registry

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

// replayRecord remembers a command, so that its repetition does nothing.
//
// The arguments are compared by a hash, the password among them by the
// argon2id hash that was made of it anyway: a fast hash of arguments with a
// password in it would be a way to guess it.
type replayRecord struct {
	header
	Command string          `json:"command"`
	Args    string          `json:"args"`             // hexadecimal digits
	Secret  string          `json:"secret,omitempty"` // PHC string
	At      sitesync.Time   `json:"at"`
	Result  result          `json:"result"`
	Answer  json.RawMessage `json:"answer,omitempty"` // once SaveAnswer was called
}

const (
	mostAnswer  = 256 << 10 // bytes of an answer that is kept
	sweepAtOnce = 32        // forgotten commands deleted with each new one
)

func (a Actor) remembered() bool { return a.Kind == ActorUser && a.CommandID != "" }

// Replayed looks whether a command was carried out within the replay memory,
// and with which answer. password is the command's argument of that name, ""
// when it has none. known with a nil answer (the hub ended before SaveAnswer):
// call the same method again, it changes nothing and gives what it gave.
// Errors: CodeIDReused when the ID was used for another command or with other
// arguments.
func (r *Registry) Replayed(a Actor, password string) (answer json.RawMessage, known bool, err error) {
	chosen := r.choose(password)
	err = r.try(true, func(e *edit) error {
		var rec replayRecord
		rec, known, err = e.replayed(a, chosen)
		answer = rec.Answer
		return err
	})
	return answer, known, err
}

func (e *edit) replayed(a Actor, password *chosen) (rec replayRecord, known bool, err error) {
	if !a.remembered() {
		return rec, false, nil
	}
	rec, known, err = get[replayRecord](e, keyReplay(a))
	if err != nil || !known || e.at.Sub(rec.At.Time) > e.r.memory {
		return replayRecord{}, false, err
	}
	same := rec.Command == a.Command && rec.Args == hex.EncodeToString(a.ArgsHash[:]) && (rec.Secret == "") == (password == nil)
	if same && password != nil {
		if same, err = password.is(rec.Secret); err != nil {
			return replayRecord{}, false, err
		}
	}
	if !same {
		return replayRecord{}, false, sitesync.Errorf(sitesync.CodeIDReused, "use a new id for each command",
			"the id %q was used for another command, or with other arguments", a.CommandID).WithField("id")
	}
	return rec, true, nil
}

// remember writes the replay key, and deletes some that are too old.
func (e *edit) remember(a Actor, done result) error {
	if !a.remembered() {
		return nil
	}
	for _, key := range e.r.forgettable(e.at.Time) {
		rec, known, err := get[replayRecord](e, key)
		if err != nil {
			return err
		}
		if known && e.at.Sub(rec.At.Time) > e.r.memory {
			e.remove(key)
		}
	}
	return e.put(keyReplay(a), replayRecord{
		Command: a.Command, Args: hex.EncodeToString(a.ArgsHash[:]), Secret: done.secret, At: e.at, Result: done,
	})
}

// SaveAnswer completes the memory of a command with the answer it was given.
// For a command whose edit is not the registry's it makes the memory. It is
// not for answers that show a secret; an answer over 256 KiB is not kept.
func (r *Registry) SaveAnswer(a Actor, answer json.RawMessage) error {
	if !a.remembered() || len(answer) > mostAnswer {
		return nil
	}
	return r.edit(func(e *edit) error {
		rec, known, err := get[replayRecord](e, keyReplay(a))
		if err != nil {
			return err
		}
		if !known || e.at.Sub(rec.At.Time) > r.memory {
			if err := e.remember(a, result{}); err != nil {
				return err
			}
			if rec, err = need[replayRecord](e, keyReplay(a)); err != nil {
				return err
			}
		}
		rec.Answer = answer
		return e.put(keyReplay(a), rec)
	})
}

// forgettable gives some replay keys that are too old.
func (r *Registry) forgettable(now time.Time) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.replays.before(now.Add(-r.memory), sweepAtOnce)
}

// replayQueue has the replay keys in the order of their time.
type replayQueue struct {
	keys []replayKey
	live map[string]bool // those of keys that were not deleted
}

type replayKey struct {
	key string
	at  time.Time
}

func (q *replayQueue) add(key string, at time.Time) {
	if q.live[key] {
		return // an answer was added, or the ID used anew: then it is looked at too early, and kept
	}
	add(&q.live, key)
	q.keys = append(q.keys, replayKey{key, at})
}

func (q *replayQueue) remove(key string) {
	delete(q.live, key)
	for len(q.keys) > 0 && !q.live[q.keys[0].key] {
		q.keys = q.keys[1:]
	}
}

func (q *replayQueue) before(t time.Time, limit int) (keys []string) {
	for _, k := range q.keys {
		if len(keys) == limit || k.at.After(t) {
			break
		}
		if q.live[k.key] {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// sort brings the keys that were loaded in another order into that of time.
func (q *replayQueue) sort() {
	slices.SortFunc(q.keys, func(a, b replayKey) int { return a.at.Compare(b.at) })
}

// shownOnce remembers, in memory alone, the secrets that commands made and
// showed once, so that a repetition of the command is answered alike.
type shownOnce struct {
	mu      sync.Mutex
	secrets map[string]shownSecret
}

type shownSecret struct {
	secret string
	at     time.Time
}

func (s *shownOnce) keep(a Actor, secret string, memory time.Duration) {
	if !a.remembered() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for key, former := range s.secrets {
		if now.Sub(former.at) > memory {
			delete(s.secrets, key)
		}
	}
	if s.secrets == nil {
		s.secrets = make(map[string]shownSecret)
	}
	s.secrets[keyReplay(a)] = shownSecret{secret, now}
}

func (s *shownOnce) get(a Actor) (secret string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, known := s.secrets[keyReplay(a)]
	return strings.Clone(kept.secret), known
}
