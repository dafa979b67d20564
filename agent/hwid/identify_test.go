package hwid

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWeightsKeepTheirPromises(t *testing.T) {
	individual := []string{kindDevicetree, kindDisk, kindMAC}
	board := weightOf(kindProduct) + weightOf(kindBoard) + weightOf(kindMachine)
	for _, a := range individual {
		for _, b := range individual {
			if weightOf(a)+weightOf(b) <= board {
				t.Errorf("equal boards of one batch outweigh a changed %s and %s", a, b)
			}
			if weightOf(a) < weightOf(b) {
				t.Errorf("a changed %s outweighs %s", b, a)
			}
		}
	}
	for kind, weight := range weights {
		if kind != kindMachine && weight <= weightOf(kindMachine) {
			t.Errorf("machines of one image, with another %s, would be the same", kind)
		}
	}
	if isStrong(kindMachine) || !isStrong("anything else") {
		t.Error("the machine ID must be the only weak fact")
	}
}

func TestTestHardwareStaysApart(t *testing.T) {
	facts := Facts{Named: map[string]Fact{kindDisk: known("s3z8"), kindMachine: known("m1")}}
	kept, _ := Identify(nil, facts)
	facts.Test = true
	test, d := Identify(&kept, facts)
	if d.Verdict != OtherDevice || !d.Test || !test.Test {
		t.Errorf("facts from a file continue a real device's ID: %+v", d)
	}
	facts.Test = false
	if _, d := Identify(&test, facts); d.Verdict != OtherDevice {
		t.Errorf("real facts continue a test device's ID: %+v", d)
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	kept := Kept{Version: 1, Evidence: map[string]string{kindDisk: evidenceOf(kindDisk, "s3z8")}}
	for i := range 200 {
		name := "mac:" + strings.Repeat("x", i%50+1) + strings.Repeat("y", i/50)
		kept.Evidence[name] = evidenceOf(name, name)
	}
	next, _ := Identify(&kept, Facts{Named: map[string]Fact{kindDisk: known("s3z8"), "new": known("n")}})
	if len(next.Evidence) != maxEvidence {
		t.Errorf("%d entries of evidence, want %d", len(next.Evidence), maxEvidence)
	}
}

func TestIdentifyChangesNothingItIsGiven(t *testing.T) {
	facts := Facts{Named: map[string]Fact{kindDisk: known("s3z8"), kindMachine: known("m1")}}
	kept, _ := Identify(nil, facts)
	before, _ := json.Marshal(kept)
	facts.Named[kindMachine] = known("m2")
	facts.Named["new"] = known("n1")
	Identify(&kept, facts)
	if after, _ := json.Marshal(kept); string(after) != string(before) {
		t.Errorf("kept went from %s to %s", before, after)
	}
}

// drawFacts makes any facts: of all kinds, read, unreadable or ignored.
func drawFacts(t *rapid.T, label string) Facts {
	names := append(slices.Sorted(maps.Keys(weights)), "mac:eth0", "mac:wlan0", "label")
	facts := Facts{Named: map[string]Fact{}, Random: rapid.StringMatching(`[A-Z2-7]{26}`).Draw(t, label+" random")}
	for _, name := range names {
		fact := Fact{Guarded: name == kindProduct || name == kindBoard}
		switch rapid.SampledFrom([]State{Absent, Read, Read, Read, Unreadable, Ignored}).Draw(t, label+" "+name) {
		case Absent:
			continue
		case Read:
			fact.State, fact.Value = Read, rapid.SampledFrom([]string{"a1", "b2", "c3"}).Draw(t, label+" value")
		case Unreadable:
			fact.State = Unreadable
		case Ignored:
			fact.State = Ignored
		}
		facts.Named[name] = fact
	}
	return facts
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts, others := drawFacts(t, "A"), drawFacts(t, "B")
		kept, d := Identify(nil, facts)
		if !kept.ID.Valid() || d.Verdict != First {
			t.Fatalf("first start: %s, %+v", kept.ID, d)
		}
		if again, _ := Identify(nil, facts); again.ID != kept.ID {
			t.Fatalf("the same facts give %s and %s", kept.ID, again.ID)
		}

		noisy := Facts{Named: maps.Clone(facts.Named), Random: facts.Random}
		for _, name := range rapid.SliceOfN(rapid.StringMatching(`noise:[a-z]{1,8}`), 0, 5).Draw(t, "noise") {
			noisy.Named[name] = rapid.SampledFrom([]Fact{ignored("noise"), unreadable(os.ErrPermission)}).Draw(t, name)
		}
		if _, there := noisy.Named[kindMachine]; !there {
			noisy.Named[kindMachine] = known("a machine ID that came later")
		}
		if fresh, _ := Identify(nil, noisy); fresh.ID != kept.ID {
			t.Fatalf("noise turned %s into %s", kept.ID, fresh.ID)
		}

		// A restart, with other randomness and more facts of kinds never seen.
		more := Facts{Named: maps.Clone(noisy.Named), Random: others.Random}
		more.Named["kind never seen"] = known("x1")
		restarted, d := Identify(&kept, more)
		if restarted.ID != kept.ID {
			t.Fatalf("a restart turned %s into %s: %+v", kept.ID, restarted.ID, d)
		}

		next, d := Identify(&kept, others)
		checkDecision(t, kept, next, d)
	})
}

func checkDecision(t *rapid.T, kept, next Kept, d Decision) {
	stays := d.Verdict == Same || d.Verdict == MostlySame
	if stays && next.ID != kept.ID {
		t.Fatalf("%s, and the ID went from %s to %s", d.Verdict, kept.ID, next.ID)
	}
	if stays && d.Changed > d.Matched && !kept.Weak() {
		t.Fatalf("the ID stays with %d matched, %d changed", d.Matched, d.Changed)
	}
	if !stays && d.Matched > d.Changed {
		t.Fatalf("another device with %d matched, %d changed", d.Matched, d.Changed)
	}
	text, err := json.Marshal(next)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseKept(text)
	if err != nil || read.ID != next.ID || !maps.Equal(read.Evidence, next.Evidence) || read.Test != next.Test {
		t.Fatalf("%s does not survive being kept: %+v, %v", text, read, err)
	}
	if d.Weak != next.Weak() {
		t.Fatalf("weak is %v in the decision, %v in what is kept", d.Weak, next.Weak())
	}
	var b strings.Builder
	if err := Explain(&b, next, d); err != nil || !strings.Contains(b.String(), next.ID.Grouped()) {
		t.Fatalf("Explain: %v\n%s", err, &b)
	}
}
