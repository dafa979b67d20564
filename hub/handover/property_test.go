package handover

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sitesync/shared/sitesync"
)

// writer is who may write in an epoch.
type writer struct {
	site    sitesync.SiteID
	replica sitesync.ReplicaID
}

// history is what the machine went through.
type history struct {
	*rapid.T
	state   State
	writers map[sitesync.Epoch]writer // once filled in
	begun   map[uint64]bool           // handovers
	ended   map[uint64]bool
	next    uint64 // handover ID to give
}

// TestMachineOverAllOrders drives the machine with events in every order, the
// outdated ones of other handovers, epochs and replicas among them.
func TestMachineOverAllOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{T: t, state: State{Owner: central, Epoch: sitesync.NewEpoch(1, 1), Phase: sitesync.PhaseActive},
			writers: map[sitesync.Epoch]writer{}, begun: map[uint64]bool{}, ended: map[uint64]bool{}, next: 100}
		generation := uint32(1)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			generation += uint32(rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(t, "generation"))
			h.write()
			h.take(h.draw(), generation)
		}
	})
}

func (h *history) draw() Event {
	h.next++
	sites := rapid.SampledFrom([]sitesync.SiteID{central, nadi, suva, labasa})
	replicas := rapid.SampledFrom([]sitesync.ReplicaID{none, first, second, {3}, h.state.Replica, h.state.Replica})
	e := Event{Kind: EventKind(rapid.IntRange(0, 9).Draw(h.T, "kind")), Handover: h.next, At: begun, By: "anna"}
	switch e.Kind {
	case Move:
		e.To = sites.Draw(h.T, "to")
		return e
	case Arrived, Replaced:
		e.Replica = replicas.Draw(h.T, "replica")
		return e
	case Loaded, Drained:
		e.Replica, e.Epoch = replicas.Draw(h.T, "replica"), h.state.Epoch
		e.N = h.state.Settled + uint64(rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(h.T, "missing"))
		e.Head, e.Digest = h.state.Head, h.state.Digest
	}
	e.Handover = 0
	if h.state.Handover != nil {
		e.Handover = h.state.Handover.ID
	}
	switch rapid.IntRange(0, 7).Draw(h.T, "outdated") {
	case 0:
		e.Epoch--
	case 1:
		e.Handover--
	case 2:
		e.Head.Seq++
	case 3:
		e.Digest[0]++
	}
	return e
}

// write is the owner's: it may until the store is loading.
func (h *history) write() {
	if h.state.Phase != sitesync.PhaseLoading {
		changes := rapid.Uint64Range(0, 3).Draw(h.T, "changes")
		h.state.Settled += changes
		h.state.Head.Seq += changes
		h.state.Digest[0] += byte(changes)
	}
}

func (h *history) take(e Event, generation uint32) {
	before := copyOf(h.state)
	step, err := Next(h.state, e, generation)
	if !reflect.DeepEqual(h.state, before) {
		h.Fatalf("%+v changed the state it met, which was %+v", e, before)
	}
	if err != nil {
		if sitesync.CodeOf(err) != sitesync.CodeHandoverState || !reflect.DeepEqual(step, Step{}) {
			h.Fatalf("refused with %v and %+v", err, step)
		}
		return
	}
	if step.Noop {
		if !reflect.DeepEqual(step, Step{Next: before, Noop: true}) {
			h.Fatalf("no change, and yet %+v", step)
		}
		return
	}
	h.state = copyOf(step.Next)
	h.shape()
	h.mayPass(before, e)
	h.epochs(before, e, generation)
	h.handovers(before, e, step.Ended)
}

// shape holds what is so in every state.
func (h *history) shape() {
	s := h.state
	loading, draining := s.Phase == sitesync.PhaseLoading, s.Phase == sitesync.PhaseDraining
	if !loading && !draining && s.Phase != sitesync.PhaseActive || (loading || draining) != (s.Handover != nil) {
		h.Fatalf("%s with handover %v", s.Phase, s.Handover)
	}
	if draining && (s.Owner == central || s.Handover.From != s.Owner || s.Handover.To == s.Owner || s.Handover.State != sitesync.HandoverDraining) {
		h.Fatalf("draining at site %d with %+v", s.Owner, s.Handover)
	}
	if s.Owner == central && (loading || !s.Replica.IsZero()) || s.Owner != central && !loading && s.Replica.IsZero() {
		h.Fatalf("%s at site %d with replica %s", s.Phase, s.Owner, s.Replica)
	}
	if loading && (s.Handover.To != s.Owner || s.Handover.Epoch != s.Epoch || s.Handover.State != sitesync.HandoverLoading || s.Handover.Ended != nil) {
		h.Fatalf("loading at %d in %s with %+v", s.Owner, s.Epoch, s.Handover)
	}
}

// mayPass holds that nobody gets a store from a device that may still be
// writing, unless somebody did not want to wait for it.
func (h *history) mayPass(before State, e Event) {
	s := h.state
	fromRemote := before.Owner != central && before.Phase != sitesync.PhaseLoading
	if !fromRemote || s.Epoch == before.Epoch {
		return
	}
	switch {
	case e.Kind == Replaced:
	case before.Phase != sitesync.PhaseDraining:
		h.Fatalf("event %d took the store from site %d, which was %s", e.Kind, before.Owner, before.Phase)
	case e.Kind == Drained && e.N <= before.Settled && e.Handover == before.Handover.ID && e.Epoch == before.Epoch && e.Replica == before.Replica:
	case (e.Kind == Force || e.Kind == LeaseOver) && e.Handover == before.Handover.ID:
	default:
		h.Fatalf("event %+v took the store from site %d in %+v", e, before.Owner, before)
	}
	if s.Settled != 0 {
		h.Fatalf("epoch %s begins with %d settled", s.Epoch, s.Settled)
	}
}

// epochs holds that they only grow, that every change of owner or replica
// takes a new one, and that each has one writer, once and for all.
func (h *history) epochs(before State, e Event, generation uint32) {
	s := h.state
	filled := before.Replica.IsZero() && e.Kind == Arrived
	changed := s.Owner != before.Owner || s.Replica != before.Replica && !filled || e.Kind == Replaced
	switch {
	case changed && s.Epoch != before.Epoch.Next(generation), !changed && s.Epoch != before.Epoch, s.Epoch < before.Epoch:
		h.Fatalf("%s at (%d, %s) became %s at (%d, %s)", before.Epoch, before.Owner, before.Replica, s.Epoch, s.Owner, s.Replica)
	case changed && s.Epoch.Generation() < generation:
		h.Fatalf("epoch %s in generation %d", s.Epoch, generation)
	}
	now := writer{s.Owner, s.Replica}
	if was, known := h.writers[s.Epoch]; known && was != now {
		h.Fatalf("epoch %s belonged to %v and belongs to %v", s.Epoch, was, now)
	}
	if !s.Replica.IsZero() || s.Owner == central {
		h.writers[s.Epoch] = now
	}
}

// handovers holds that each has the ID that was given to it, begins once and
// ends once, and is not seen again.
func (h *history) handovers(before State, e Event, ended *sitesync.Handover) {
	if ended != nil {
		if before.Handover == nil || ended.ID != before.Handover.ID || h.ended[ended.ID] || ended.Ended == nil ||
			ended.State != sitesync.HandoverDone && ended.State != sitesync.HandoverCancelled && ended.State != sitesync.HandoverForced {
			h.Fatalf("ended %+v, under way was %+v", ended, before.Handover)
		}
		h.ended[ended.ID] = true
	}
	now := h.state.Handover
	if before.Handover != nil && (now == nil || now.ID != before.Handover.ID) && ended == nil {
		h.Fatalf("handover %d vanished", before.Handover.ID)
	}
	if now == nil || before.Handover != nil && now.ID == before.Handover.ID {
		return
	}
	if now.ID != e.Handover || h.begun[now.ID] || h.ended[now.ID] {
		h.Fatalf("handover %d, where %d was given", now.ID, e.Handover)
	}
	h.begun[now.ID] = true
}
