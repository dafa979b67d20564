package handover

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
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
	{"draining at Nadi", State{Owner: nadi, Replica: first, Epoch: epoch, Phase: sitesync.PhaseDraining, Handover: underWay(nadi, suva)}},
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
	{"loaded", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch}},
	{"loaded, another handover", Event{Kind: Loaded, Replica: first, Handover: 8, Epoch: epoch}},
	{"loaded, an old epoch", Event{Kind: Loaded, Replica: first, Handover: 9, Epoch: epoch - 1}},
	{"loaded, another replica", Event{Kind: Loaded, Replica: second, Handover: 9, Epoch: epoch}},
	{"loaded, no replica", Event{Kind: Loaded, Handover: 9, Epoch: epoch}},
	{"an event of no kind", Event{}},
	{"an event of the next version", Event{Kind: 5}},
}

// arrows says what becomes of a state by an event: the next state, and the
// handover that ends. What is not named is refused.
var arrows = map[string]map[string]string{
	"active at the centre": {
		"move to the centre": "no change",
		"move to Nadi":       "loading 6 1.5 -, handover 20 1>6",
		"move to Suva":       "loading 7 1.5 -, handover 20 1>7",
	},
	"active at Nadi": {
		"move to Nadi":             "no change",
		"hello of another replica": "loading 6 1.5 second, handover 20 6>6",
		"reset":                    "loading 6 1.5 -, handover 20 6>6",
	},
	"loading at Nadi, no hello yet": {
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
			Total: sitesync.Volume{Records: 7, Bytes: 70}, By: "bob"}
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
	expect("retargeted", step.Next.Handover, fresh(20, central, suva))
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
}

// TestDrainingIsToldApart holds that a refused move from a remote site says
// what stands in its way.
func TestDrainingIsToldApart(t *testing.T) {
	_, err := Next(states[1].state, Event{Kind: Move, To: suva}, 1)
	if err == nil || !strings.Contains(err.Error(), "active on site 6") {
		t.Errorf("%v", err)
	}
}
