package registry

import (
	"fmt"
	"strings"

	"sitesync/shared/sitesync"
)

// IntentKind says what is wished for a store.
type IntentKind string

const (
	IntentCreate     IntentKind = "create"      // make its data, active at the central site
	IntentMove       IntentKind = "move"        // hand it over
	IntentNewReplica IntentKind = "new_replica" // its site gets another device
	IntentCancel     IntentKind = "cancel"      // leave it where it is; the handover ends
	IntentForce      IntentKind = "force"       // do not wait for what its site has not sent
	IntentDelete     IntentKind = "delete"      // drop its data
)

// Intent is a wish for a store, written in the same commit as the edit that
// made it. Those of one store are numbered 1, 2, 3, … and taken in that order,
// each once: whoever carries them out keeps the last number taken.
type Intent struct {
	Store     sitesync.StoreID `json:"store"`
	Number    uint64           `json:"number"`
	Kind      IntentKind       `json:"kind"`
	To        sitesync.SiteID  `json:"to"`                 // of new_replica the site that was reset
	Handover  uint64           `json:"handover,omitempty"` // of move and new_replica: the ID a new one takes; of cancel and force: which
	Force     bool             `json:"force,omitempty"`    // of move: and do not wait
	By        string           `json:"by"`
	At        sitesync.Time    `json:"at"`
	CommandID string           `json:"commandId,omitempty"`
}

type intentRecord struct {
	header
	Intent
}

// wish gives a store its next intent, with what the given functions add. The
// caller puts the store.
func (e *edit) wish(s *storeRecord, kind IntentKind, to sitesync.SiteID, with ...func(*Intent)) (Intent, error) {
	s.Intent++
	intent := Intent{
		Store: s.ID, Number: s.Intent, Kind: kind, To: to,
		By: e.actor.Name, At: e.at, CommandID: e.actor.CommandID,
	}
	if kind == IntentMove || kind == IntentNewReplica {
		var err error
		if intent.Handover, err = e.reserve(IDHandover, 1); err != nil {
			return Intent{}, err
		}
	}
	for _, add := range with {
		add(&intent)
	}
	e.done.Intents = append(e.done.Intents, intent)
	return intent, e.put(keyIntent(s.ID, intent.Number), intentRecord{Intent: intent})
}

// PendingIntents gives the intents of a store with a number above after, in
// order.
func (r *Registry) PendingIntents(store sitesync.StoreID, after uint64) []Intent {
	r.mu.RLock()
	defer r.mu.RUnlock()
	pending := r.index.intents[store]
	numbers := make(map[uint64]bool, len(pending))
	for n := range pending {
		numbers[n] = n > after
	}
	var intents []Intent
	for _, n := range sorted(numbers) {
		if numbers[n] {
			intents = append(intents, pending[n])
		}
	}
	return intents
}

// StoresWithIntents gives the stores that have any, in the order of their IDs,
// deleted ones too.
func (r *Registry) StoresWithIntents() []sitesync.StoreID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	stores := make(map[sitesync.StoreID]bool, len(r.index.intents))
	for id := range r.index.intents {
		stores[id] = true
	}
	return sorted(stores)
}

// IntentDone drops an intent that was taken. An outcome other than "" says why
// it was not carried out as wished, and goes to the audit log. An intent that
// is gone already is no error.
func (r *Registry) IntentDone(store sitesync.StoreID, number uint64, outcome string) error {
	return r.edit(func(e *edit) error {
		key := keyIntent(store, number)
		intent, known, err := get[intentRecord](e, key)
		if err != nil || !known {
			return err
		}
		if outcome != "" {
			e.audit(systemActor("store."+string(intent.Kind)), sitesync.Audit{
				Store: &store, After: details{"intent": number, "by": intent.By, "refused": outcome}.json()})
		}
		e.remove(key)
		return nil
	})
}

func parseIntentKey(key string) (store sitesync.StoreID, num uint64, err error) {
	left, right, _ := strings.Cut(strings.TrimPrefix(key, prefixIntent), "/")
	s, err1 := number(left, "")
	n, err2 := number(right, "")
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("%s is not an intent's key", key)
	}
	return sitesync.StoreID(s), n, nil
}
