package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"golang.org/x/text/width"

	"sitesync/shared/sitesync"
)

// The rules of all that the commands print, in this one file:
//
//   - Results go to the standard output; questions, hints and errors (main.go)
//     to the standard error.
//   - A table has one line a thing, a heading in capitals, two blanks between
//     columns, numbers to the right. What is nothing shows as "-".
//   - One thing alone is shown as lines of "Label  value".
//   - Times are of this machine's zone, with its name; in tables, how long ago.
//     Sizes have decimal units. Names that came from elsewhere lose what could
//     steer a terminal.
//   - There is colour only on a terminal, not with NO_COLOR or a dumb one, and
//     never as the only sign of something.
//   - json is the result as the hub gave it, indented; ndjson is one line a
//     thing. Both are for programs: nothing is left out or put into words.

// The values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputLines = "ndjson"
)

// view prints results.
type view struct {
	out    io.Writer
	hints  io.Writer
	format string
	colour bool
	screen bool   // out is a terminal that can be drawn on
	svg    string // file for a QR code
	now    time.Time
	zone   *time.Location
}

func newView(cmd *cobra.Command, format string) (*view, error) {
	switch format {
	case outputTable, outputJSON, outputLines:
	default:
		return nil, usageError(cmd, "--output is %q, not table, json or ndjson", format)
	}
	v := &view{out: cmd.OutOrStdout(), hints: cmd.ErrOrStderr(), format: format, now: time.Now(), zone: time.Local}
	if f, ok := v.out.(*os.File); ok && os.Getenv("TERM") != "dumb" {
		v.screen = term.IsTerminal(int(f.Fd()))
		v.colour = v.screen && os.Getenv("NO_COLOR") == ""
	}
	return v, nil
}

// colour is an ANSI colour; the zero value is the terminal's own.
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	faint  colour = "2"
)

// cell is a place in a table.
type cell struct {
	text   string
	right  bool
	colour colour
}

func text(s string) cell { return cell{text: orDash(clean(s))} }

func number[N int | int64 | uint64](n N) cell { return cell{text: fmt.Sprint(n), right: true} }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// table prints rows under a heading.
func (v *view) table(heading []string, rows [][]cell) error {
	head := make([]cell, len(heading))
	for i, title := range heading {
		head[i] = cell{text: title, colour: bold, right: len(rows) > 0 && rows[0][i].right}
	}
	return v.lines(append([][]cell{head}, rows...))
}

// pair is a line of one thing's description.
type pair struct {
	label string
	value cell
}

// pairs prints a thing alone.
func (v *view) pairs(pairs []pair) error {
	rows := make([][]cell, len(pairs))
	for i, p := range pairs {
		p.value.right = false
		rows[i] = []cell{{text: p.label, colour: faint}, p.value}
	}
	return v.lines(rows)
}

// lines aligns the columns of rows.
func (v *view) lines(rows [][]cell) error {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(c.text))
		}
	}
	var b bytes.Buffer
	for _, row := range rows {
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-columns(c.text))
			switch {
			case c.right:
				b.WriteString(pad + v.paint(c))
			case i == len(row)-1:
				b.WriteString(v.paint(c))
			default:
				b.WriteString(v.paint(c) + pad)
			}
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		b.WriteByte('\n')
	}
	_, err := v.out.Write(b.Bytes())
	return err
}

func (v *view) paint(c cell) string {
	if !v.colour || c.colour == plain {
		return c.text
	}
	return "\x1b[" + string(c.colour) + "m" + c.text + "\x1b[0m"
}

// columns is how many columns of a terminal a text takes.
func columns(s string) (n int) {
	for _, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// clean takes out of a text what could steer a terminal or turn its order
// around.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, s)
}

// clipped shortens a text to a number of columns.
func clipped(s string, most int) string {
	if columns(s) <= most {
		return s
	}
	for i := range s {
		if columns(s[:i]) == most-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// moment is an instant in this machine's zone.
func (v *view) moment(t time.Time) string { return t.In(v.zone).Format("2006-01-02 15:04:05 MST") }

// when is an instant, and how long ago that was.
func (v *view) when(t *sitesync.Time) string {
	if t == nil {
		return "-"
	}
	return v.moment(t.Time) + " (" + v.ago(t) + ")"
}

// ago is how long ago something was.
func (v *view) ago(t *sitesync.Time) string {
	if t == nil {
		return "-"
	}
	d := v.now.Sub(t.Time)
	switch {
	case d < -time.Second:
		return "in " + span(-d)
	case d < time.Second:
		return "just now"
	}
	return span(d) + " ago"
}

// span is a length of time in its largest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// size is a number of bytes, with three digits that count.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n), 0
	for ; x >= 999.5 && unit < 5; unit++ {
		x /= 1000
	}
	decimals := 0
	if x < 9.995 {
		decimals = 2
	} else if x < 99.95 {
		decimals = 1
	}
	return strconv.FormatFloat(x, 'f', decimals, 64) + " " + []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit]
}

// count is a number of things, in words.
func count(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// json prints a result for programs.
func (v *view) json(result json.RawMessage) error {
	var b bytes.Buffer
	err := json.Indent(&b, result, "", "  ")
	if v.format == outputLines {
		b.Reset()
		err = json.Compact(&b, result)
	}
	if err != nil {
		return unreadable(err)
	}
	b.WriteByte('\n')
	_, err = v.out.Write(b.Bytes())
	return err
}

// hint tells a person what to do next.
func (v *view) hint(format string, args ...any) { fmt.Fprintf(v.hints, format+"\n", args...) }
