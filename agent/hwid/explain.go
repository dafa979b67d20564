package hwid

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Explain writes for a person how the ID of kept came about. Values are shown
// shortened.
func Explain(w io.Writer, kept Kept, d Decision) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FACT\tVALUE\tWEIGHT\tIN ID\tOUTCOME\tWHY")
	for _, f := range d.Facts {
		weight, inID := strconv.Itoa(f.Weight), "-"
		if f.Outcome == OutcomeIgnored {
			weight = "-"
		}
		if f.InID {
			inID = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, cmp.Or(f.shown, "-"), weight, inID, f.Outcome, cmp.Or(f.Why, "-"))
	}
	if len(d.Facts) == 0 {
		fmt.Fprintln(t, "none")
	}
	fmt.Fprintf(t, "\nverdict\t%s\n", d.sentence())
	if d.Weak {
		fmt.Fprintln(t, "weak\tnothing ties the ID to this hardware: it lives, and can be copied, with its data directory")
	}
	if d.Test {
		fmt.Fprintln(t, "test\tthe facts come from a file: the hub shows this device as test hardware")
	}
	fmt.Fprintf(t, "hardware ID\t%s\n", kept.ID.Grouped())
	return t.Flush()
}

func (d Decision) sentence() string {
	switch d.Verdict {
	case First:
		return "first: no ID was kept here, so it is derived from this device"
	case Same:
		return fmt.Sprintf("same: the kept ID stays (weight %d matched, nothing changed)", d.Matched)
	case MostlySame:
		return fmt.Sprintf("mostly_same: the kept ID stays (weight %d matched, %d changed)", d.Matched, d.Changed)
	}
	return fmt.Sprintf("other_device: the kept ID belongs to another device (weight %d matched, %d changed)", d.Matched, d.Changed)
}
