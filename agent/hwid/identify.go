package hwid

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Verdict says how the device compares with the kept evidence.
type Verdict string

const (
	First       Verdict = "first"        // nothing was kept
	Same        Verdict = "same"         // the kept ID stays; no fact changed
	MostlySame  Verdict = "mostly_same"  // the kept ID stays; some facts changed
	OtherDevice Verdict = "other_device" // a new ID
)

// Outcome says how one fact compares with the kept evidence.
type Outcome string

const (
	OutcomeMatched    Outcome = "matched"
	OutcomeChanged    Outcome = "changed"
	OutcomeNew        Outcome = "new"     // no evidence of it was kept
	OutcomeMissing    Outcome = "missing" // evidence was kept, and there is no such fact now
	OutcomeUnreadable Outcome = "unreadable"
	OutcomeIgnored    Outcome = "ignored"
)

// Decision explains what Identify made of the facts.
type Decision struct {
	Verdict Verdict   `json:"verdict"`
	Weak    bool      `json:"weak"`    // nothing ties the ID to hardware
	Test    bool      `json:"test"`    // the facts came from a file
	Matched int       `json:"matched"` // weight of the kinds that match
	Changed int       `json:"changed"` // weight of the kinds that do not
	Facts   []Finding `json:"facts"`   // heaviest first, the ignored at the end

	waiting bool // evidence was kept of a kind that cannot be read now
}

// Finding is what Identify made of one fact.
type Finding struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Weight  int     `json:"weight"` // of its kind, which counts once
	InID    bool    `json:"inId"`   // the ID is derived from it, now
	Why     string  `json:"why,omitempty"`

	shown string // the value, shortened, for Explain
}

// Identify decides which device this is. kept is what the data directory
// holds, nil at the first start; the caller stores the Kept that comes back,
// durably, before it uses the ID. Identify only computes: the same arguments
// give the same answer, and kept is not changed.
func Identify(kept *Kept, facts Facts) (Kept, Decision) {
	d := compare(kept, facts)
	d.Verdict = d.judge(kept, facts.Test)
	next := Kept{Version: keptVersion, Evidence: facts.evidence(), Test: facts.Test}
	if d.Verdict == First || d.Verdict == OtherDevice {
		var from []string
		next.ID, from = facts.derive()
		for i := range d.Facts {
			d.Facts[i].InID = slices.Contains(from, d.Facts[i].Name)
		}
	} else {
		next.ID = kept.ID
		retain(next.Evidence, kept.Evidence)
	}
	d.Weak = next.Weak()
	d.explain(facts)
	return next, d
}

// judge is the rule of the package doc.
func (d Decision) judge(kept *Kept, test bool) Verdict {
	switch {
	case kept == nil:
		return First
	case kept.Test != test:
		return OtherDevice
	case kept.Weak(), d.Matched > 0 && d.Matched >= d.Changed, d.Changed == 0 && d.waiting:
		if slices.ContainsFunc(d.Facts, func(f Finding) bool {
			return f.Outcome == OutcomeChanged || f.Outcome == OutcomeMissing
		}) {
			return MostlySame
		}
		return Same
	}
	return OtherDevice
}

// compare weighs the facts against the evidence, and finds out about each.
func compare(kept *Kept, facts Facts) Decision {
	d := Decision{Test: facts.Test, Facts: []Finding{}}
	if kept == nil {
		kept = &Kept{}
	}
	before, now := byKind(kept.Evidence), byKind(facts.evidence())
	for kind, hashes := range before {
		switch {
		case overlap(hashes, now[kind]):
			d.Matched += weightOf(kind)
		case len(now[kind]) > 0:
			d.Changed += weightOf(kind)
		}
	}
	for name, fact := range facts.Named {
		f := Finding{Name: name, Weight: weightOf(kindOf(name)), Outcome: OutcomeNew, Why: fact.Why, shown: shorten(fact.Value)}
		_, had := kept.Evidence[name]
		switch {
		case fact.State == Ignored:
			f.Outcome = OutcomeIgnored
		case fact.State == Unreadable:
			f.Outcome = OutcomeUnreadable
			d.waiting = d.waiting || len(before[kindOf(name)]) > 0
		case slices.Contains(before[kindOf(name)], evidenceOf(name, fact.Value)):
			f.Outcome = OutcomeMatched
		case had:
			f.Outcome = OutcomeChanged
		}
		d.Facts = append(d.Facts, f)
	}
	for name, hash := range kept.Evidence {
		if _, there := facts.Named[name]; !there && !slices.Contains(now[kindOf(name)], hash) {
			d.Facts = append(d.Facts, Finding{Name: name, Weight: weightOf(kindOf(name)), Outcome: OutcomeMissing})
		}
	}
	slices.SortFunc(d.Facts, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(sunk(a), sunk(b)), b.Weight-a.Weight, strings.Compare(a.Name, b.Name))
	})
	return d
}

func sunk(f Finding) int {
	if f.Outcome == OutcomeIgnored {
		return 1
	}
	return 0
}

// byKind gives the hashes of each kind of fact.
func byKind(evidence map[string]string) map[string][]string {
	kinds := map[string][]string{}
	for name, hash := range evidence {
		kinds[kindOf(name)] = append(kinds[kindOf(name)], hash)
	}
	return kinds
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// retain adds to the present evidence what was kept of facts that are missing
// or unreadable now, since they may come back. A kind that changed is not
// retained: its new values replace it. An adapter under a new name is not
// retained under the old one.
func retain(present, kept map[string]string) {
	before, now := byKind(kept), byKind(present)
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		kind := kindOf(name)
		replaced := len(now[kind]) > 0 && !overlap(before[kind], now[kind])
		if _, there := present[name]; there || replaced || slices.Contains(now[kind], kept[name]) || len(present) >= maxEvidence {
			continue
		}
		present[name] = kept[name]
	}
}

// explain fills in why each fact came out as it did, once the verdict is known.
func (d *Decision) explain(facts Facts) {
	stays := d.Verdict == Same || d.Verdict == MostlySame
	for i := range d.Facts {
		f := &d.Facts[i]
		switch {
		case f.Why != "":
		case f.Outcome == OutcomeMissing:
			f.Why = "not there now, does not count"
		case f.Outcome == OutcomeChanged && stays:
			f.Why = "replaces the one known before"
		case f.Outcome == OutcomeChanged:
			f.Why = "not the one known before"
		case f.Outcome == OutcomeNew && stays:
			f.Why = "not known before"
		case f.Outcome == OutcomeNew && !isStrong(f.Name):
			f.Why = "evidence only: copies of one disk image share it"
		case f.Outcome == OutcomeNew && facts.Named[f.Name].Guarded && !f.InID:
			f.Why = "evidence only: not every user can read it"
		}
	}
}

// shorten shows enough of a value to recognise it, and too little to use it.
func shorten(value string) string {
	const ends = 3
	if n := utf8.RuneCountInString(value); n < 4*ends {
		return string([]rune(value)[:n/4]) + strings.Repeat("…", min(n, 1))
	}
	r := []rune(value)
	return string(r[:ends]) + "…" + string(r[len(r)-ends:])
}
