package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"

	"sitesync/shared/sitesync"
)

// table shows where everybody stands. On a terminal it is drawn in place;
// elsewhere it is printed once for each thing that is said, as it stood last.
type table struct {
	out    io.Writer
	live   bool
	height int    // lines drawn in place
	last   string // what was drawn, or is to be
}

// say prints what happens now, below the table as it stood.
func (t *table) say(format string, args ...any) {
	if !t.live {
		fmt.Fprint(t.out, t.last)
	}
	t.height, t.last = 0, ""
	fmt.Fprintf(t.out, "\n> "+format+"\n", args...)
}

// tell prints a detail of what happens now.
func (t *table) tell(format string, args ...any) {
	t.clear()
	fmt.Fprintf(t.out, "  · "+format+"\n", args...)
	if t.live {
		t.last = "" // drawn again below
	}
}

func (t *table) draw(text string) {
	if text == t.last {
		return
	}
	t.last = text
	if t.live {
		t.clear()
		fmt.Fprint(t.out, text)
		t.height = strings.Count(text, "\n")
	}
}

// clear removes the table drawn in place.
func (t *table) clear() {
	if t.height > 0 {
		fmt.Fprintf(t.out, "\x1b[%dA\x1b[J", t.height)
		t.height = 0
	}
}

// draw shows the sites as they stand.
func (d *demo) draw() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n  SITE\tTYPE\tLINK\tSTORE\tPHASE\tRECORDS\tWAITING\tNOTE")
	for _, s := range d.sites {
		if s.agent == nil {
			continue
		}
		link := string(s.agent.Engine().Status().Link)
		for i, st := range s.agent.DB().Stores() {
			name, kind, note := s.name, s.kind, s.note
			if i > 0 {
				name, kind, link, note = "", "", "", ""
			}
			if st.Quarantined > 0 {
				note = fmt.Sprintf("%d in quarantine", st.Quarantined)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", name, kind, link, st.Code, st.Phase, st.Records, st.Queued(), note)
		}
	}
	w.Flush()
	d.table.draw(b.String())
}

// summary compares every store at its agent and at the hub.
func (d *demo) summary(ctx context.Context) (equal bool, err error) {
	d.table.say("The summary: what agents and hub hold")
	w := tabwriter.NewWriter(d.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n  STORE\tSITE\tAT THE AGENT\tAT THE HUB\tDIGEST\t")
	equal = true
	for _, s := range d.sites {
		for _, st := range s.agent.DB().Stores() {
			if st.Phase == sitesync.PhaseReleased {
				continue // a copy, of which nothing is left
			}
			var answer struct{ Store sitesync.Store }
			if err := d.command(ctx, "store.get", map[string]any{"store": st.Code}, &answer); err != nil {
				return false, err
			}
			verdict := "equal"
			if hub := answer.Store; hub.Records != st.Records || hub.Digest != st.Digest {
				verdict, equal = "DIFFERENT", false
			}
			fmt.Fprintf(w, "  %s\t%s\t%d records\t%d records\t%s…\t%s\n", st.Code, s.name, st.Records, answer.Store.Records, st.Digest.String()[:12], verdict)
		}
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	open, err := d.undecided(ctx)
	fmt.Fprintf(d.Out, "\n  %d changes that came too late are in quarantine, until somebody decides on them. Nothing is lost.\n", len(open))
	return equal, err
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
