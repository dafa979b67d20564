package engine

import (
	"time"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// A store can be held back alone, while the others go on; a problem in the
// database says so to people.
//
// As diverged it is held for one session: the next hello is judged anew, and so
// on sync and every hour there is a next one. The problem goes when the hub has
// taken something of the store, or has answered a whole pull without holding it.
//
// For bad frames nothing of it is pushed but one batch at the next session, on
// sync, and every hour. The problem goes when that is taken.

// judge holds a store back when the hub's history is not the own one.
func (s *session) judge(store sitesync.StoreID, v localdb.Verdict) error {
	st, _ := s.db.Store(store)
	switch v {
	case localdb.HubBehind:
		return s.diverged(store, "The hub has less of the store "+st.Code+" than it confirmed before; it was probably restored from an older backup.",
			"Nothing is lost: everything stays on this device. Ask the hub's operator.")
	case localdb.Differs:
		return s.diverged(store, "This device's history of the store "+st.Code+" is not the hub's; perhaps its data directory was restored from a backup or copied.",
			"Ask the hub's operator to reset this site's device. What was written here stays on this device until then.")
	}
	return nil
}

// heldByHub deals with a store that the hub holds. Where more is known of why,
// that goes on to be shown.
func (s *session) heldByHub(store sitesync.StoreID) error {
	st, _ := s.db.Store(store)
	if isBlocked(&st, sitesync.ProblemDiverged) {
		s.hold(store)
		return nil
	}
	return s.diverged(store, "The hub holds the store "+st.Code+" back until its operator has looked, since the two do not have the same.",
		"Ask the hub's operator. What was written here stays on this device until then.")
}

func (s *session) diverged(store sitesync.StoreID, message, next string) error {
	s.hold(store)
	return s.block(store, sitesync.Problem{Code: sitesync.ProblemDiverged, Message: message, Next: next})
}

// block shows what is wrong with a store.
func (s *session) block(store sitesync.StoreID, p sitesync.Problem) error {
	if st, _ := s.db.Store(store); st.Blocked != nil && *st.Blocked == p {
		return nil
	}
	s.engine.Log.Warn("a store is held back", "store", store, "code", p.Code, "message", p.Message)
	return s.db.Block(store, &p)
}

func isBlocked(st *localdb.Store, why sitesync.ProblemCode) bool {
	return st.Blocked != nil && st.Blocked.Code == why
}

// hold ends what is under way for a store, for as long as the session lasts.
func (s *session) hold(store sitesync.StoreID) {
	st, _ := s.db.Store(store)
	s.held[store] = st.Epoch
	delete(s.pushes, store)
	delete(s.pulled, store)
	if s.load != nil && s.load.store == store {
		s.load = nil
	}
	for _, kind := range []topic.Kind{topic.Push, topic.ResyncRequest, topic.Handover} {
		s.waits.done(request{kind, store})
	}
}

func (s *session) isHeld(store sitesync.StoreID) bool {
	_, held := s.held[store]
	return held
}

// letGo lets go of a store that was held back as diverged in an earlier session
// and is not in this one, which has shown so. A store without a confirmed copy
// stays what it is, as does one whose delivery did not end well.
func (s *session) letGo(st *localdb.Store) error {
	unconfirmed := st.Phase == sitesync.PhaseLoading || st.Phase == sitesync.PhaseActive && st.Loaded != st.Epoch
	if unconfirmed || s.isHeld(st.ID) || !isBlocked(st, sitesync.ProblemDiverged) {
		return nil
	}
	s.engine.Log.Info("a store is no longer held back", "store", st.ID)
	return s.db.Block(st.ID, nil)
}

// letAllGo does so with every store, once the hub has answered a whole pull.
func (s *session) letAllGo() error {
	for _, st := range s.db.Stores() {
		if err := s.letGo(&st); err != nil {
			return err
		}
	}
	return nil
}

// tryHeld tries again what is held back.
func (s *session) tryHeld() error {
	if len(s.held) > 0 {
		return errAgain
	}
	s.probe()
	return nil
}

// probe lets one batch go out of each store that is held back for bad frames.
func (s *session) probe() {
	s.nextTry = time.Now().Add(s.engine.Timings.ProbeInterval)
	for _, st := range s.db.Stores() {
		if isBlocked(&st, sitesync.ProblemBadFrame) {
			s.pushOf(st.ID).probing = true
		}
	}
}
