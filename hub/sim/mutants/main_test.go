package main

import (
	"go/parser"
	"go/token"
	"testing"
)

// TestApply holds the mutations against the code as it is now.
func TestApply(t *testing.T) {
	for i := range mutations {
		m := &mutations[i]
		files, err := m.apply("../../..")
		if err != nil {
			t.Error(err)
		}
		for name, text := range files {
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%q: %v", m.rule, err)
			}
		}
	}
}

// TestComplaint reads what a failed history says.
func TestComplaint(t *testing.T) {
	const out = "--- FAIL: TestHistories (0.00s)\n    --- FAIL: TestHistories/7 (0.61s)\n" +
		"        sim_test.go:46: seed 7: 2 sites, 2 devices; connection cut 3; 612ms\n        sim_test.go:48: store 3: change 2 is lost\n"
	if got := complaint(out); got != "store 3: change 2 is lost" {
		t.Errorf("%q", got)
	}
}
