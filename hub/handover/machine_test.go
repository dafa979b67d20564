package handover

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// Who is who in the tests.
const (
	central = sitesync.CentralSite
	nadi    = sitesync.SiteID(6)
	suva    = sitesync.SiteID(7)
	labasa  = sitesync.SiteID(8)
)

var (
	first  = sitesync.ReplicaID{1}
	second = sitesync.ReplicaID{2}
	none   = sitesync.ReplicaID{}

	epoch = sitesync.NewEpoch(1, 4)
	begun = sitesync.At(time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC))
	later = sitesync.At(begun.Add(time.Hour))
)

func underWay(from, to sitesync.SiteID) *sitesync.Handover {
	return &sitesync.Handover{ID: 9, Store: 3, From: from, To: to, State: sitesync.HandoverLoading, Epoch: epoch, Started: begun,
		Sent: sitesync.Volume{Records: 1, Bytes: 10}, Total: sitesync.Volume{Records: 5, Bytes: 50}, ETA: &later, By: "anna"}
}

// drained is a handover that waits for its owner.
func drained(from, to sitesync.SiteID) *sitesync.Handover {
	h := underWay(from, to)
	h.State, h.Epoch, h.Sent, h.ETA = sitesync.HandoverDraining, epoch+1, sitesync.Volume{}, nil
	return h
}

var (
	head   = wire.Cursor{Log: wire.LogID{1}, Seq: 30}
	digest = sitesync.Digest{5}
)

// states are all that a store can be in, and some that it cannot: there
// everything is refused.
var states = []struct {
	name  string
	state State
}{
	{"active at the centre", State{Owner: central, Epoch: epoch, Phase: sitesync.PhaseActive}},
	{"active at Nadi", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseActive}},
	{"loading at Nadi, no hello yet", State{Owner: nadi, Epoch: epoch, Phase: sitesync.PhaseLoading, Handover: underWay(central, nadi)}},
	{"loading at Nadi", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseLoading, Handover: underWay(central, nadi)}},
	{"draining at Nadi for Suva", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseDraining, Handover: drained(nadi, suva)}},
	{"draining at Nadi for the centre", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseDraining, Handover: drained(nadi, central)}},
	{"released", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseReleased}},
	{"nothing", State{}},
}

// events are one of each kind that makes a difference.
var events = []struct {
	name  string
	event Event
}{
	{"move to the centre", Event{Kind: Move, To: central}},
	{"move to Nadi", Event{Kind: Move, To: nadi}},
	{"move to Suva", Event{Kind: Move, To: suva}},
	{"first hello", Event{Kind: Arrived, Replica: first}},
	{"first hello of nobody", Event{Kind: Arrived}},
	{"hello of the same replica", Event{Kind: Replaced, Replica: first}},
	{"hello of another replica", Event{Kind: Replaced, Replica: second}},
	{"reset", Event{Kind: Replaced}},
	{"move to Labasa", Event{Kind: Move, To: labasa}},
	{"loaded", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch, Head: head, Digest: digest}},
	{"loaded, not at the head", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch, Head: wire.Cursor{Log: head.Log, Seq: 29}, Digest: digest}},
	{"loaded, another digest", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch, Head: head}},
	{"loaded, another handover", Event{Kind: Loaded, Replica: first, Handover: 8, Epoch: epoch, Head: head, Digest: digest}},
	{"loaded, an old epoch", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch - 1, Head: head, Digest: digest}},
	{"loaded, another replica", Event{Kind: Loaded, Replica: second, Handover: 9, Epoch: epoch, Head: head, Digest: digest}},
	{"loaded, no replica", Event{Kind: Loaded, Handover: 9, Epoch: epoch, Head: head, Digest: digest}},
	{"drained", Event{Kind: Drained, Replica: first, Handover: 9, Epoch: epoch, N: 12}},
	{"drained, one change is missing", Event{Kind: Drained, Replica: first, Handover: 9, Epoch: epoch, N: 13}},
	{"drained, another handover", Event{Kind: Drained, Replica: first, Handover: 8, Epoch: epoch, N: 12}},
	{"drained, an old epoch", Event{Kind: Drained, Replica: first, Handover: 9, Epoch: epoch - 1, N: 12}},
	{"drained, another replica", Event{Kind: Drained, Replica: second, Handover: 9, Epoch: epoch, N: 12}},
	{"drained, no replica", Event{Kind: Drained, Handover: 9, Epoch: epoch, N: 12}},
	{"cancel", Event{Kind: Cancel, Handover: 9}},
	{"cancel another", Event{Kind: Cancel, Handover: 8}},
	{"force", Event{Kind: Force, Handover: 9}},
	{"force another", Event{Kind: Force, Handover: 8}},
	{"lease over", Event{Kind: LeaseOver, Handover: 9}},
	{"lease over of another", Event{Kind: LeaseOver, Handover: 8}},
	{"an event of no kind", Event{}},
	{"an event of the next version", Event{Kind: 9}},
}

// arrows says what becomes of a state by an event: the next state, and the
// handover that ends. What is not named is refused.
var arrows = map[string]map[string]string{
	"active at the centre": {
		"move to the centre": "no change",
		"move to Nadi":       "loading 6 1.5 -, handover 20 1>6",
		"move to Suva":       "loading 7 1.5 -, handover 20 1>7",
		"move to Labasa":     "loading 8 1.5 -, handover 20 1>8",
	},
	"active at Nadi": {
		"move to the centre":       "draining 6 1.4 first, handover 20 6>1",
		"move to Nadi":             "no change",
		"move to Suva":             "draining 6 1.4 first, handover 20 6>7",
		"move to Labasa":           "draining 6 1.4 first, handover 20 6>8",
		"hello of another replica": "loading 6 1.5 second, handover 20 6>6",
		"reset":                    "loading 6 1.5 -, handover 20 6>6",
	},
	"draining at Nadi for Suva": {
		"move to the centre":       "draining 6 1.4 first, handover 20 6>1; 9 cancelled",
		"move to Nadi":             "active 6 1.4 first; 9 cancelled",
		"move to Suva":             "no change",
		"move to Labasa":           "draining 6 1.4 first, handover 20 6>8; 9 cancelled",
		"hello of another replica": "loading 7 1.5 -, handover 9 6>7",
		"reset":                    "loading 7 1.5 -, handover 9 6>7",
		"drained":                  "loading 7 1.5 -, handover 9 6>7",
		"cancel":                   "active 6 1.4 first; 9 cancelled",
		"force":                    "loading 7 1.5 -, handover 9 6>7",
		"lease over":               "loading 7 1.5 -, handover 9 6>7",
	},
	"draining at Nadi for the centre": {
		"move to the centre":       "no change",
		"move to Nadi":             "active 6 1.4 first; 9 cancelled",
		"move to Suva":             "draining 6 1.4 first, handover 20 6>7; 9 cancelled",
		"move to Labasa":           "draining 6 1.4 first, handover 20 6>8; 9 cancelled",
		"hello of another replica": "active 1 1.5 -; 9 done",
		"reset":                    "active 1 1.5 -; 9 done",
		"drained":                  "active 1 1.5 -; 9 done",
		"cancel":                   "active 6 1.4 first; 9 cancelled",
		"force":                    "active 1 1.5 -; 9 forced",
		"lease over":               "active 1 1.5 -; 9 forced",
	},
	"loading at Nadi, no hello yet": {
		"move to Labasa":            "loading 8 1.5 -, handover 20 1>8; 9 cancelled",
		"move to the centre":        "active 1 1.5 -; 9 cancelled",
		"move to Nadi":              "no change",
		"move to Suva":              "loading 7 1.5 -, handover 20 1>7; 9 cancelled",
		"first hello":               "loading 6 1.4 first, handover 9 1>6",
		"hello of the same replica": "loading 6 1.5 first, handover 9 1>6",
		"hello of another replica":  "loading 6 1.5 second, handover 9 1>6",
		"reset":                     "loading 6 1.5 -, handover 9 1>6",
	},
	"loading at Nadi": {
		"move to the centre":       "active 1 1.5 -; 9 cancelled",
		"move to Nadi":             "no change",
		"move to Suva":             "loading 7 1.5 -, handover 20 1>7; 9 cancelled",
		"hello of another replica": "loading 6 1.5 second, handover 9 1>6",
		"reset":                    "loading 6 1.5 -, handover 9 1>6",
		"move to Labasa":           "loading 8 1.5 -, handover 20 1>8; 9 cancelled",
		"loaded":                   "active 6 1.4 first; 9 done",
	},
}

func text(s State) string {
	replica := map[sitesync.ReplicaID]string{none: "-", first: "first", second: "second"}[s.Replica]
	t := fmt.Sprintf("%s %d %s %s", s.Phase, s.Owner, s.Epoch, replica)
	if h := s.Handover; h != nil {
		t += fmt.Sprintf(", handover %d %d>%d", h.ID, h.From, h.To)
	}
	return t
}

// TestEveryArrow takes every event in every state.
func TestEveryArrow(t *testing.T) {
	for _, s := range states {
		for _, e := range events {
			s.state.Settled, s.state.Head, s.state.Digest = 12, head, digest
			before := copyOf(s.state)
			e.event.At, e.event.By, e.event.Volume = later, "bob", sitesync.Volume{Records: 7, Bytes: 70}
			if e.event.Handover == 0 {
				e.event.Handover = 20
			}
			step, err := Next(s.state, e.event, 1)
			if !reflect.DeepEqual(s.state, before) {
				t.Fatalf("%s, %s: the state it came from was changed", s.name, e.name)
			}
			got := "refused"
			switch {
			case err != nil:
				if e := sitesync.AsError(err); e == nil || e.Code != sitesync.CodeHandoverState || e.Next == "" {
					t.Errorf("%s, %s: %v", s.name, e, err)
				}
			case step.Noop && reflect.DeepEqual(step.Next, before) && step.Ended == nil:
				got = "no change"
			default:
				got = text(step.Next)
				if h := step.Ended; h != nil {
					got += fmt.Sprintf("; %d %s", h.ID, h.State)
				}
			}
			want := arrows[s.name][e.name]
			if want == "" {
				want = "refused"
			}
			if got != want {
				t.Errorf("%s, %s: %s; want %s", s.name, e.name, got, want)
			}
		}
	}
}

func copyOf(s State) State {
	if s.Handover != nil {
		h := *s.Handover
		s.Handover = &h
	}
	return s
}

// TestHandoverTold follows what the handovers of each arrow say.
func TestHandoverTold(t *testing.T) {
	take := func(s State, e Event) Step {
		t.Helper()
		e.At, e.By, e.Volume = later, "bob", sitesync.Volume{Records: 7, Bytes: 70}
		step, err := Next(s, e, 3)
		if err != nil {
			t.Fatal(err)
		}
		return step
	}
	expect := func(what string, got, want *sitesync.Handover) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", what, got, want)
		}
	}
	fresh := func(id uint64, from, to sitesync.SiteID) *sitesync.Handover {
		return &sitesync.Handover{ID: id, From: from, To: to, State: sitesync.HandoverLoading, Epoch: sitesync.NewEpoch(3, 5), Started: later,
			Total: sitesync.Volume{Records: 7, Bytes: 70}, By: "bob", FromEpoch: epoch}
	}
	ended := func(state sitesync.HandoverState) *sitesync.Handover {
		h := underWay(central, nadi)
		h.State, h.Ended, h.ETA = state, &later, nil
		return h
	}
	loading := states[3].state

	step := take(states[0].state, Event{Kind: Move, To: suva, Handover: 20})
	expect("begun", step.Next.Handover, fresh(20, central, suva))
	expect("of before", step.Ended, nil)

	step = take(loading, Event{Kind: Move, To: suva, Handover: 20})
	retargeted := fresh(20, central, suva)
	retargeted.FromEpoch = loading.Handover.FromEpoch // still where it was
	expect("retargeted", step.Next.Handover, retargeted)
	expect("the former target's", step.Ended, ended(sitesync.HandoverCancelled))

	step = take(loading, Event{Kind: Move, To: central, Handover: 20})
	expect("called off", step.Ended, ended(sitesync.HandoverCancelled))

	step = take(loading, Event{Kind: Replaced, Replica: second, Handover: 20})
	again := underWay(central, nadi)
	again.Epoch, again.Sent, again.ETA = sitesync.NewEpoch(3, 5), sitesync.Volume{}, nil
	expect("begun again", step.Next.Handover, again)
	expect("none ended", step.Ended, nil)

	step = take(loading, Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch})
	done := ended(sitesync.HandoverDone)
	done.Sent = done.Total
	expect("done", step.Ended, done)

	draining := states[4].state
	step = take(states[1].state, Event{Kind: Move, To: suva, Handover: 20})
	waits := fresh(20, nadi, suva)
	waits.State = sitesync.HandoverDraining
	expect("waiting", step.Next.Handover, waits)

	step = take(draining, Event{Kind: Move, To: labasa, Handover: 20})
	waits.To = labasa
	expect("waiting for another", step.Next.Handover, waits)
	given := drained(nadi, suva)
	given.State, given.Ended = sitesync.HandoverCancelled, &later
	expect("given up", step.Ended, given)

	handed := func(forced string, drainedAt *sitesync.Time) *sitesync.Handover {
		h := drained(nadi, suva)
		h.State, h.Epoch, h.Total = sitesync.HandoverLoading, sitesync.NewEpoch(3, 5), sitesync.Volume{Records: 7, Bytes: 70}
		h.Forced, h.Drained = forced, drainedAt
		return h
	}
	step = take(draining, Event{Kind: Drained, Replica: first, Handover: 9, Epoch: epoch})
	expect("drained", step.Next.Handover, handed("", &later))
	step = take(draining, Event{Kind: Replaced})
	expect("no device to wait for", step.Next.Handover, handed("", nil))
	step = take(draining, Event{Kind: LeaseOver, Handover: 9})
	expect("taken over", step.Next.Handover, handed(sitesync.ForcedByLease, nil))
	step = take(draining, Event{Kind: Force, Handover: 9})
	expect("forced", step.Next.Handover, handed("bob", nil))

	step.Next.Replica = second
	step = take(step.Next, Event{Kind: Replaced, Replica: first})
	step = take(step.Next, Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: step.Next.Epoch})
	final := handed("bob", nil)
	final.State, final.Epoch, final.Ended, final.Sent = sitesync.HandoverForced, sitesync.NewEpoch(3, 6), &later, final.Total
	expect("forced in the end", step.Ended, final)
}

// TestForcedMove is a move and its force in one.
func TestForcedMove(t *testing.T) {
	for _, c := range []struct {
		state int
		event Event
		want  string
	}{
		{0, Event{Kind: Move, To: suva, Handover: 20}, "loading 7 1.5 -, handover 20 1>7"},
		{1, Event{Kind: Move, To: suva, Handover: 20}, "loading 7 1.5 -, handover 20 6>7"},
		{1, Event{Kind: Move, To: central, Handover: 20}, "active 1 1.5 -; 20 forced"},
		{4, Event{Kind: Move, To: suva, Handover: 20}, "loading 7 1.5 -, handover 9 6>7"},
		{4, Event{Kind: Move, To: labasa, Handover: 20}, "loading 8 1.5 -, handover 20 6>8; 9 cancelled"},
		{4, Event{Kind: Move, To: central, Handover: 20}, "active 1 1.5 -; 9 cancelled; 20 forced"},
		{4, Event{Kind: Move, To: nadi, Handover: 20}, "active 6 1.4 first; 9 cancelled"},
		{3, Event{Kind: Move, To: suva, Handover: 20}, "loading 7 1.5 -, handover 20 1>7; 9 cancelled"},
	} {
		c.event.By, c.event.At = "bob", later
		steps, err := Steps(states[c.state].state, c.event, true, 1)
		if err != nil {
			t.Errorf("%s, to %d: %v", states[c.state].name, c.event.To, err)
			continue
		}
		got := text(steps[len(steps)-1].Next)
		for _, h := range endedBy(steps...) {
			got += fmt.Sprintf("; %d %s", h.ID, h.State)
		}
		if got != c.want {
			t.Errorf("%s, to %d: %s; want %s", states[c.state].name, c.event.To, got, c.want)
		}
	}
}
