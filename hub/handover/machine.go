package handover

import (
	"sitesync/shared/sitesync"
)

// State is the part of a store's meta that the machine moves.
type State struct {
	Owner    sitesync.SiteID
	Replica  sitesync.ReplicaID // none until the owner's next hello
	Epoch    sitesync.Epoch
	Phase    sitesync.Phase
	Handover *sitesync.Handover // the one under way
}

// Event is something that happens to a store. The fields that its kind does
// not name are zero.
type Event struct {
	Kind     EventKind
	To       sitesync.SiteID    // Move
	Replica  sitesync.ReplicaID // Arrived, Replaced (none: by an operator's reset), Loaded
	Handover uint64             // Loaded: which; Move, Replaced: the ID a new handover takes
	Epoch    sitesync.Epoch     // Loaded
	By       string             // Move, Replaced: who wants it
	At       sitesync.Time
	Volume   sitesync.Volume // Move, Replaced: what there is to deliver
}

// EventKind says what happened.
type EventKind uint8

const (
	Move     EventKind = 1 // an operator wants the store elsewhere
	Arrived  EventKind = 2 // the owner's replica said hello, and none was filled in
	Replaced EventKind = 3 // the owner has another replica now, or was reset
	Loaded   EventKind = 4 // the owner's replica has everything, digest equal at the head
)

// Step is what the machine does with an event: the next state, and the
// handover that ended with it.
type Step struct {
	Next  State
	Ended *sitesync.Handover
	Noop  bool // the event asks for what is so already
}

// arrow is one row of the table.
type arrow struct {
	phase sitesync.Phase
	kind  EventKind
	when  func(State, Event) bool
	then  func(State, Event, uint32) Step
}

// table is the whole machine. The first row that fits is taken; every event
// that no row fits is refused with handover_state. Generation is that of the
// hub: every change of owner or of replica takes a new epoch.
//
//	from                  event                          to
//	any                   move to where it is or goes    the same
//	Active(central, e)    move to B                      Loading(B, e+1)
//	Loading(B, e)         move to C                      Loading(C, e+1)
//	Loading(B, e)         move to central                Active(central, e+1)
//	Loading(B, e)         B's first hello                Loading(B, e) with its replica
//	Loading(B, e)         B gets a new replica           Loading(B', e+1)
//	Loading(B, e)         loaded, digest equal at head   Active(B, e)
//	Active(A, e)          A gets a new replica           Loading(A', e+1)
//
// A move away from a remote site needs draining, which no row has: it is
// refused.
var table = []arrow{
	{sitesync.PhaseActive, Move, toItself, same},
	{sitesync.PhaseLoading, Move, toItself, same},
	{sitesync.PhaseActive, Move, fromCentral, load},
	{sitesync.PhaseLoading, Move, toCentral, giveBack},
	{sitesync.PhaseLoading, Move, always, load},
	{sitesync.PhaseLoading, Arrived, unfilled, fill},
	{sitesync.PhaseLoading, Replaced, otherReplica, reload},
	{sitesync.PhaseActive, Replaced, remoteOther, reload},
	{sitesync.PhaseLoading, Loaded, byOwner, activate},
}

// Next takes an event. It has no side effects. Errors: handover_state.
func Next(s State, e Event, generation uint32) (Step, error) {
	for _, a := range table {
		if a.phase == s.Phase && a.kind == e.Kind && a.when(s, e) {
			return a.then(s, e, generation), nil
		}
	}
	return Step{}, refusal(s, e)
}

func always(State, Event) bool          { return true }
func toItself(s State, e Event) bool    { return e.To == s.Owner }
func toCentral(_ State, e Event) bool   { return e.To == sitesync.CentralSite }
func fromCentral(s State, _ Event) bool { return s.Owner == sitesync.CentralSite }
func unfilled(s State, e Event) bool    { return s.Replica.IsZero() && !e.Replica.IsZero() }

// otherReplica holds for a replica that is not the one filled in. A reset of a
// store that waits for its first hello anyway changes nothing, but it still
// takes a new epoch, so that it is one rule.
func otherReplica(s State, e Event) bool { return s.Replica != e.Replica || e.Replica.IsZero() }

func remoteOther(s State, e Event) bool {
	return s.Owner != sitesync.CentralSite && otherReplica(s, e)
}

// byOwner holds for a message of the present handover, epoch and replica;
// stale ones are of no effect.
func byOwner(s State, e Event) bool {
	return s.Handover != nil && s.Handover.ID == e.Handover && s.Epoch == e.Epoch &&
		s.Replica == e.Replica && !e.Replica.IsZero()
}

func same(s State, _ Event, _ uint32) Step { return Step{Next: s, Noop: true} }

// load begins the delivery to another site.
func load(s State, e Event, generation uint32) Step {
	next := State{Owner: e.To, Epoch: s.Epoch.Next(generation), Phase: sitesync.PhaseLoading}
	next.Handover = begin(s.Owner, next, e)
	if s.Handover != nil {
		next.Handover.From = s.Handover.From // a retarget still takes it from where it was
	}
	return Step{Next: next, Ended: end(s.Handover, sitesync.HandoverCancelled, e.At)}
}

// giveBack returns a store that was on its way out to the centre.
func giveBack(s State, e Event, generation uint32) Step {
	next := State{Owner: sitesync.CentralSite, Epoch: s.Epoch.Next(generation), Phase: sitesync.PhaseActive}
	return Step{Next: next, Ended: end(s.Handover, sitesync.HandoverCancelled, e.At)}
}

func fill(s State, e Event, _ uint32) Step {
	s.Replica = e.Replica
	return Step{Next: s}
}

// reload begins the delivery to the same site's other replica. A handover that
// was under way goes on, in the new epoch.
func reload(s State, e Event, generation uint32) Step {
	next := State{Owner: s.Owner, Replica: e.Replica, Epoch: s.Epoch.Next(generation), Phase: sitesync.PhaseLoading}
	if s.Handover == nil {
		next.Handover = begin(s.Owner, next, e)
		return Step{Next: next}
	}
	h := *s.Handover
	h.Epoch, h.Sent, h.ETA = next.Epoch, sitesync.Volume{}, nil
	next.Handover = &h
	return Step{Next: next}
}

func activate(s State, e Event, _ uint32) Step {
	ended := end(s.Handover, sitesync.HandoverDone, e.At)
	ended.Sent = ended.Total
	s.Phase, s.Handover = sitesync.PhaseActive, nil
	return Step{Next: s, Ended: ended}
}

func begin(from sitesync.SiteID, next State, e Event) *sitesync.Handover {
	return &sitesync.Handover{ID: e.Handover, From: from, To: next.Owner, State: sitesync.HandoverLoading,
		Epoch: next.Epoch, Started: e.At, Total: e.Volume, By: e.By}
}

func end(h *sitesync.Handover, state sitesync.HandoverState, at sitesync.Time) *sitesync.Handover {
	if h == nil {
		return nil
	}
	ended := *h
	ended.State, ended.Ended, ended.ETA = state, &at, nil
	return &ended
}

func refusal(s State, e Event) error {
	if e.Kind == Move && s.Owner != sitesync.CentralSite {
		return sitesync.Errorf(sitesync.CodeHandoverState, "a store can be moved from the central site; from another site it cannot be drained yet",
			"the store is active on site %d", s.Owner)
	}
	return sitesync.Errorf(sitesync.CodeHandoverState, "look at the store's phase with store.get", "the store is %s on site %d, which this does not fit", s.Phase, s.Owner)
}
