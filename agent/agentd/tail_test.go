package agentd

import (
	"fmt"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var none *Tail
	if none.Lines(5) != nil {
		t.Error("a tail of nothing")
	}
	tail := new(Tail)
	for i := range 2*tailLines + 7 {
		fmt.Fprintf(tail, "line %d\n", i)
		if got := tail.Lines(3); got[len(got)-1] != fmt.Sprintf("line %d", i) || len(got) != min(3, i+1) {
			t.Fatalf("after line %d: %q", i, got)
		}
	}
	all := tail.Lines(1 << 30)
	if len(all) != tailLines || all[0] != fmt.Sprintf("line %d", tailLines+7) {
		t.Errorf("%d lines, the first %q", len(all), all[0])
	}
	fmt.Fprintf(tail, "%s\nb\n", strings.Repeat("é", tailLine))
	if got := tail.Lines(2); len(got[0]) > tailLine || got[1] != "b" || len(tail.Lines(-1)) != 0 {
		t.Errorf("%q", got)
	}
}
