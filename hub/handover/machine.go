package handover

import (
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// State is the part of a store's meta that the machine looks at. It moves the
// first five fields.
type State struct {
	Owner    sitesync.SiteID
	Replica  sitesync.ReplicaID // none until the owner's next hello
	Epoch    sitesync.Epoch
	Phase    sitesync.Phase
	Handover *sitesync.Handover // the one under way

	Settled uint64      // n, in Epoch
	Head    wire.Cursor // of the log
	Digest  sitesync.Digest
}

// Event is something that happens to a store. The fields that its kind does
// not name are zero.
type Event struct {
	Kind     EventKind
	To       sitesync.SiteID    // Move
	Replica  sitesync.ReplicaID // Arrived, Replaced (none: by an operator's reset), Drained, Loaded
	Handover uint64             // Move, Replaced: the ID a new handover takes; all others: which is meant
	Epoch    sitesync.Epoch     // Drained, Loaded
	N        uint64             // Drained: the last change
	Head     wire.Cursor        // Loaded: where Digest was taken
	Digest   sitesync.Digest    // Loaded
	By       string             // Move, Replaced, Force: who wants it
	At       sitesync.Time
	Volume   sitesync.Volume // what there is to deliver
}

// EventKind says what happened.
type EventKind uint8

const (
	Move      EventKind = 1 // an operator wants the store elsewhere
	Arrived   EventKind = 2 // the owner's replica said hello, and none was filled in
	Replaced  EventKind = 3 // the owner has another replica now, or was reset
	Loaded    EventKind = 4 // the owner's replica has everything
	Drained   EventKind = 5 // the owner's replica writes no more; N is its last change
	Cancel    EventKind = 6 // an operator wants the store to stay
	Force     EventKind = 7 // an operator does not wait for what the owner has not sent
	LeaseOver EventKind = 8 // the owner's device has made itself read-only, for sure
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
//	from                  event                               to
//	Active(central, e)    move to B                           Loading(B, e+1)
//	Active(A, e)          move to B or central                Draining(A -> B, e)
//	Active(A, e)          A gets a new replica                Loading(A', e+1)
//	Draining(A -> B, e)   drained(n), settled >= n            Loading(B, e+1), or Active(central, e+1)
//	Draining(A -> B, e)   force / A's lease is over           the same, and the handover ends as forced
//	Draining(A -> B, e)   A gets a new replica                the same, and it ends as done
//	Draining(A -> B, e)   move to C                           Draining(A -> C, e)
//	Draining(A -> B, e)   move to A / cancel                  Active(A, e)
//	Loading(B, e)         B's first hello                     Loading(B, e) with its replica
//	Loading(B, e)         B gets a new replica                Loading(B', e+1)
//	Loading(B, e)         loaded, digest equal at the head    Active(B, e)
//	Loading(B, e)         move to C (A too)                   Loading(C, e+1)
//	Loading(B, e)         move to central                     Active(central, e+1)
//	any                   move to where it is or goes         the same
//
// Drained, loaded, cancel, force and the end of a lease name their handover,
// drained and loaded their epoch and replica too: those of another are refused
// and so of no effect.
var table = []arrow{
	{sitesync.PhaseActive, Move, toOwner, same},
	{sitesync.PhaseActive, Move, fromCentral, load},
	{sitesync.PhaseActive, Move, always, drain},
	{sitesync.PhaseActive, Replaced, remoteOther, reload},

	{sitesync.PhaseDraining, Drained, allSettled, pass},
	{sitesync.PhaseDraining, Force, meant, takeOver},
	{sitesync.PhaseDraining, LeaseOver, meant, takeOver},
	{sitesync.PhaseDraining, Replaced, otherReplica, takeOver},
	{sitesync.PhaseDraining, Move, toTarget, same},
	{sitesync.PhaseDraining, Move, toOwner, callOff},
	{sitesync.PhaseDraining, Move, always, retarget},
	{sitesync.PhaseDraining, Cancel, meant, callOff},

	{sitesync.PhaseLoading, Arrived, unfilled, fill},
	{sitesync.PhaseLoading, Replaced, otherReplica, reload},
	{sitesync.PhaseLoading, Loaded, isWhole, activate},
	{sitesync.PhaseLoading, Move, toOwner, same},
	{sitesync.PhaseLoading, Move, toCentral, giveBack},
	{sitesync.PhaseLoading, Move, always, load},
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
func toOwner(s State, e Event) bool     { return e.To == s.Owner }
func toTarget(s State, e Event) bool    { return e.To == s.Handover.To }
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

// meant holds for an event about the present handover.
func meant(s State, e Event) bool { return s.Handover != nil && s.Handover.ID == e.Handover }

// byOwner holds for a message of the present handover, epoch and replica;
// stale ones are of no effect.
func byOwner(s State, e Event) bool {
	return meant(s, e) && s.Epoch == e.Epoch && s.Replica == e.Replica && !e.Replica.IsZero()
}

// allSettled holds when the owner has frozen the store and every change of it
// is in. The agent may say so while the last ones are still on their way.
func allSettled(s State, e Event) bool { return byOwner(s, e) && s.Settled >= e.N }

// isWhole holds when the new owner has what the hub has.
func isWhole(s State, e Event) bool {
	return byOwner(s, e) && e.Head == s.Head && e.Digest == s.Digest
}

func same(s State, _ Event, _ uint32) Step { return Step{Next: s, Noop: true} }

// drain lets the owner send what it has. It is told to freeze the store, and
// writes in its epoch until it has heard so.
func drain(s State, e Event, generation uint32) Step {
	h := begin(s.Owner, e.To, sitesync.HandoverDraining, s.Epoch.Next(generation), e)
	h.FromEpoch = s.Epoch
	next := s
	next.Phase, next.Handover = sitesync.PhaseDraining, h
	return Step{Next: next}
}

// retarget sends a store that is drained to another site. That it is a new
// handover keeps what the agent said about the former one from counting.
func retarget(s State, e Event, generation uint32) Step {
	step := drain(s, e, generation)
	step.Ended = end(s.Handover, sitesync.HandoverCancelled, e.At)
	return step
}

// callOff gives the owner its store back, in the same epoch: nobody else has
// had it.
func callOff(s State, e Event, _ uint32) Step {
	next := s
	next.Phase, next.Handover = sitesync.PhaseActive, nil
	return Step{Next: next, Ended: end(s.Handover, sitesync.HandoverCancelled, e.At)}
}

// pass hands a drained store on.
func pass(s State, e Event, generation uint32) Step {
	h := *s.Handover
	h.Drained = &e.At
	return handOn(s, h, e, generation)
}

// takeOver hands a store on without waiting for its owner. What that has not
// sent will be in quarantine.
func takeOver(s State, e Event, generation uint32) Step {
	h := *s.Handover
	switch e.Kind {
	case Force:
		h.Forced = e.By
	case LeaseOver:
		h.Forced = sitesync.ForcedByLease
	}
	return handOn(s, h, e, generation)
}

// handOn gives a store to the target of its handover: the central site has the
// data already, any other begins to load.
func handOn(s State, h sitesync.Handover, e Event, generation uint32) Step {
	next := s.with(h.To, sitesync.ReplicaID{}, s.Epoch.Next(generation))
	h.Epoch, h.Total, h.Sent = next.Epoch, e.Volume, sitesync.Volume{}
	if h.To == sitesync.CentralSite {
		next.Phase = sitesync.PhaseActive
		return Step{Next: next, Ended: finish(&h, e.At)}
	}
	h.State = sitesync.HandoverLoading
	next.Phase, next.Handover = sitesync.PhaseLoading, &h
	return Step{Next: next}
}

// load begins the delivery to another site.
func load(s State, e Event, generation uint32) Step {
	next := s.with(e.To, sitesync.ReplicaID{}, s.Epoch.Next(generation))
	from, fromEpoch := s.Owner, s.Epoch
	if s.Handover != nil {
		from, fromEpoch = s.Handover.From, s.Handover.FromEpoch // a retarget still takes it from where it was
	}
	next.Phase, next.Handover = sitesync.PhaseLoading, begin(from, e.To, sitesync.HandoverLoading, next.Epoch, e)
	next.Handover.FromEpoch = fromEpoch
	return Step{Next: next, Ended: end(s.Handover, sitesync.HandoverCancelled, e.At)}
}

// giveBack returns a store that was on its way out to the centre.
func giveBack(s State, e Event, generation uint32) Step {
	next := s.with(sitesync.CentralSite, sitesync.ReplicaID{}, s.Epoch.Next(generation))
	next.Phase = sitesync.PhaseActive
	return Step{Next: next, Ended: end(s.Handover, sitesync.HandoverCancelled, e.At)}
}

func fill(s State, e Event, _ uint32) Step {
	s.Replica = e.Replica
	return Step{Next: s}
}

// reload begins the delivery to the same site's other replica. A handover that
// was under way goes on, in the new epoch.
func reload(s State, e Event, generation uint32) Step {
	next := s.with(s.Owner, e.Replica, s.Epoch.Next(generation))
	next.Phase = sitesync.PhaseLoading
	if s.Handover == nil {
		next.Handover = begin(s.Owner, s.Owner, sitesync.HandoverLoading, next.Epoch, e)
		next.Handover.FromEpoch = s.Epoch
		return Step{Next: next}
	}
	h := *s.Handover
	h.Epoch, h.Sent, h.ETA = next.Epoch, sitesync.Volume{}, nil
	next.Handover = &h
	return Step{Next: next}
}

func activate(s State, e Event, _ uint32) Step {
	ended := finish(s.Handover, e.At)
	ended.Sent = ended.Total
	s.Phase, s.Handover = sitesync.PhaseActive, nil
	return Step{Next: s, Ended: ended}
}

// with is a state with another owner or replica, and so in another epoch, with
// no phase and no handover yet. What its owner settled begins anew.
func (s State) with(owner sitesync.SiteID, replica sitesync.ReplicaID, epoch sitesync.Epoch) State {
	return State{Owner: owner, Replica: replica, Epoch: epoch, Head: s.Head, Digest: s.Digest}
}

func begin(from, to sitesync.SiteID, state sitesync.HandoverState, epoch sitesync.Epoch, e Event) *sitesync.Handover {
	return &sitesync.Handover{ID: e.Handover, From: from, To: to, State: state, Epoch: epoch, Started: e.At, Total: e.Volume, By: e.By}
}

// finish ends a handover that got to its target.
func finish(h *sitesync.Handover, at sitesync.Time) *sitesync.Handover {
	if h.Forced != "" {
		return end(h, sitesync.HandoverForced, at)
	}
	return end(h, sitesync.HandoverDone, at)
}

func end(h *sitesync.Handover, state sitesync.HandoverState, at sitesync.Time) *sitesync.Handover {
	if h == nil {
		return nil
	}
	ended := *h
	ended.State, ended.Ended, ended.ETA = state, &at, nil
	return &ended
}

// refusal says why an event came at the wrong time.
func refusal(s State, e Event) error {
	const look = "look at the store with store.get"
	switch {
	case (e.Kind == Cancel || e.Kind == Force) && !meant(s, e):
		return sitesync.Errorf(sitesync.CodeHandoverState, "look at it with handover.get", "handover %d is over", e.Handover)
	case e.Kind == Cancel:
		return sitesync.Errorf(sitesync.CodeHandoverState, "move the store where it is wanted with store.move; it will be delivered there",
			"handover %d cannot be cancelled any more: site %d has given the store up", e.Handover, s.Handover.From)
	case e.Kind == Force:
		return sitesync.Errorf(sitesync.CodeHandoverState, "wait until its data has arrived, or move the store elsewhere",
			"there is nothing to force: the store is being delivered to site %d already", s.Owner)
	}
	return sitesync.Errorf(sitesync.CodeHandoverState, look, "the store is %s on site %d, which this does not fit", s.Phase, s.Owner)
}
