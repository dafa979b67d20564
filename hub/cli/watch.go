package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// Times of a list that is watched.
const (
	leastPause = time.Second      // between two looks at the hub
	mostAge    = 15 * time.Second // of what says how long ago something was
)

// watch shows a list of sites and keeps it up to date, until Ctrl-C. What a
// site's status topic says is only a reason to look: the list is the one of the
// command, with its filters.
type watch struct {
	c     *client
	row   *admin.Command
	given given
	view  *view
	dirty chan struct{}
	shown map[sitesync.SiteID]string // as JSON
	lines bool                       // not on a terminal: changes are lines that stay
}

func watchSites(ctx context.Context, c *client, row *admin.Command, g given, v *view) error {
	w := &watch{c: c, row: row, given: g, view: v, dirty: make(chan struct{}, 1), shown: map[sitesync.SiteID]string{}, lines: !v.screen || v.format == outputLines}
	err := c.Listen(ctx, topic.AllStatus, func(string, []byte) {
		select {
		case w.dirty <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	for {
		began := time.Now()
		items, _, err := fetch(ctx, c, row, w.given)
		if err == nil {
			err = w.show(items)
		}
		if err == nil {
			err = w.wait(ctx, max(leastPause, 2*time.Since(began)), items)
		}
		if ctx.Err() != nil {
			return nil // Ctrl-C is how it ends
		}
		if err != nil {
			return err
		}
	}
}

// wait waits for a pause, and then for a reason to look again. What is on a
// screen is drawn anew in between, since it says how long ago things were.
func (w *watch) wait(ctx context.Context, pause time.Duration, items []json.RawMessage) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	redraw := time.NewTicker(mostAge)
	defer redraw.Stop()
	var dirty chan struct{} // not before the pause is over
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.c.Done():
			return sitesync.Errorf(sitesync.CodeUnreachable, "give the command again", "the connection to the hub was lost")
		case <-timer.C:
			dirty = w.dirty
		case <-dirty:
			return nil
		case <-redraw.C:
			if !w.lines {
				if err := w.draw(items); err != nil {
					return err
				}
			}
		}
	}
}

func (w *watch) show(items []json.RawMessage) error {
	if !w.lines {
		return w.draw(items)
	}
	return w.changes(items)
}

// draw fills the screen. Long lines are cut by the terminal, not broken.
func (w *watch) draw(items []json.RawMessage) error {
	var table bytes.Buffer
	v := *w.view
	v.out, v.now = &table, time.Now()
	if len(items) == 0 {
		fmt.Fprintln(&table, nothing[w.row.Name])
	} else if err := v.list(w.row, items, ""); err != nil {
		return err
	}
	text := table.String()
	if height := height(w.view.out); height > 3 {
		text = cut(text, height-3, len(items))
	}
	_, err := fmt.Fprintf(w.view.out, "\x1b[?7l\x1b[H\x1b[2J%s  %s. Ctrl-C ends.\n\n%s\x1b[?7h", v.moment(v.now), count(uint64(len(items)), "site", "sites"), text)
	return err
}

// cut leaves out what the screen has no room for, and says so.
func cut(text string, most, items int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) <= most {
		return text
	}
	return strings.Join(lines[:most-1], "") + fmt.Sprintf("… and %d more; narrow it with --state or --q\n", items-(most-2))
}

func height(out any) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	_, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return rows
}

// changes prints the sites that are new or another than before, and those that
// are gone from the list.
func (w *watch) changes(items []json.RawMessage) error {
	first := len(w.shown) == 0
	present := map[sitesync.SiteID]bool{}
	for _, item := range items {
		var s sitesync.Site
		if err := json.Unmarshal(item, &s); err != nil {
			return unreadable(err)
		}
		present[s.ID] = true
		if key := condition(&s); w.shown[s.ID] != key {
			w.shown[s.ID] = key
			if err := w.change(&s, item, key); err != nil {
				return err
			}
		}
	}
	for id := range w.shown {
		if !first && !present[id] {
			delete(w.shown, id)
			gone := fmt.Sprintf(`{"id":%d,"gone":true}`, id)
			if err := w.change(&sitesync.Site{ID: id, Name: "site " + id.String()}, json.RawMessage(gone), "no longer in this list"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watch) change(s *sitesync.Site, item json.RawMessage, what string) error {
	if w.view.format == outputLines {
		return w.view.json(item)
	}
	_, err := fmt.Fprintf(w.view.out, "%s  %s: %s\n", w.view.moment(time.Now()), clean(s.Name), clean(what))
	return err
}

// condition is what of a site is worth a line when it changes.
func condition(s *sitesync.Site) string {
	parts := []string{string(s.State)}
	if s.Backlog > 0 {
		parts = append(parts, count(s.Backlog, "change", "changes")+" not sent yet")
	}
	if len(s.Stores) > 0 {
		parts = append(parts, "stores "+storeCodes(s.Stores))
	}
	if s.Problem != nil {
		parts = append(parts, string(s.Problem.Code))
	}
	return strings.Join(parts, ", ")
}
