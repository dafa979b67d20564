// Bench measures what the product reaches on this machine, beside a bare Badger
// that does the same durable work in the same run: figures of a machine drift,
// ratios less so. It prints a table and writes bench.json.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"sitesync/hub/rig"
)

// row is one figure.
type row struct {
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Floor    string  `json:"floor,omitempty"` // what it is compared with
	Ratio    float64 `json:"ratio,omitempty"`
	Comment  string  `json:"comment,omitempty"`
	baseline float64
}

func main() {
	records := flag.Int("records", 100_000, "records to push and to load")
	out := flag.String("out", "bench.json", "file for the figures")
	flag.Parse()
	if err := run(*records, *out); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(records int, out string) error {
	dir, err := os.MkdirTemp("", "sitesync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := rig.Build(dir, false)
	if err != nil {
		return err
	}
	b := &bench{dir: dir, programs: programs, records: records}
	fmt.Printf("%d records of about 300 bytes; %d CPUs, %s; %s\n\n", records, runtime.NumCPU(), runtime.Version(), time.Now().Format(time.RFC1123))
	for _, step := range []func() error{b.floor, b.sync, b.single} {
		if err := step(); err != nil {
			return err
		}
	}
	b.print()
	text, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// bench is one run.
type bench struct {
	dir      string
	programs rig.Programs
	records  int
	rows     []row

	pushFloor, loadFloor, bulkFloor, groupFloor float64 // of this run
}

func (b *bench) add(r row) {
	if r.baseline > 0 {
		r.Ratio = r.Value / r.baseline
	}
	b.rows = append(b.rows, r)
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tWHAT\tVALUE\tUNIT\tOF THE FLOOR\t")
	for _, r := range b.rows {
		ratio := ""
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.0f %% of %s", 100*r.Ratio, r.Floor)
		}
		fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\t\n", r.What, figure(r.Value), r.Unit, ratio)
	}
	w.Flush()
}

func figure(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
