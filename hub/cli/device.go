package cli

import (
	"fmt"
	"strings"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/registry"
)

// checked shows how a device is.
func (v *view) checked(c *admin.Checked) error {
	return v.pairs([]pair{
		{"Answered in", text(fmt.Sprintf("%d ms", c.Ms))},
		{"Version", text(c.Version)},
		{"Platform", text(c.Platform)},
		{"Clock", text(skew(c.ClockSkewMs))},
		{"Backlog", text(count(c.Backlog, "change not sent yet", "changes not sent yet"))},
		{"Disk", text(size(int64(c.DiskFree)) + " free")},
	})
}

func skew(ms int64) string {
	switch {
	case ms > 1000:
		return span(time.Duration(ms)*time.Millisecond) + " ahead"
	case ms < -1000:
		return span(time.Duration(-ms)*time.Millisecond) + " behind"
	}
	return "right"
}

// asked shows a device's answer, or that it is waited for.
func (v *view) asked(a *admin.Asked) error {
	if a.State == registry.AskWaiting {
		v.hint("%s", waitsFor(v, a))
		return v.pairs([]pair{{"Request", number(a.Asked)}, {"State", cell{text: "waiting", colour: yellow}}, {"Until", text(v.when(a.Until))}})
	}
	switch {
	case a.Lines != nil:
		for _, line := range a.Lines {
			if _, err := fmt.Fprintln(v.out, clean(line)); err != nil {
				return err
			}
		}
		return nil
	case a.Wiped:
		v.hint("The device was wiped; %s in the audit log alone. Free the site with site reset-hardware.", count(a.Unsent, "change is", "changes are"))
	case len(a.Stores) > 0:
		v.hint("%s will be loaded anew; see handover list.", count(uint64(len(a.Stores)), "store", "stores"))
	}
	return v.pairs([]pair{{"Request", number(a.Asked)}, {"State", cell{text: string(a.State), colour: green}}})
}

func waitsFor(v *view, a *admin.Asked) string {
	const kept = "The request waits for it; see site asked."
	switch {
	case a.Online:
		return "The device is connected, and has not answered yet. " + kept
	case a.Since == nil:
		return "No device is connected. " + kept
	}
	return "The device is offline since " + v.when(a.Since) + ". " + kept
}

// asks are the items of site.asked.
func (v *view) asks(asks []registry.Ask) error {
	rows := make([][]cell, len(asks))
	for i := range asks {
		a := &asks[i]
		state := text(string(a.State))
		state.colour = map[registry.AskState]colour{registry.AskWaiting: yellow, registry.AskDone: green, registry.AskFailed: red, registry.AskExpired: faint}[a.State]
		what := string(a.Result)
		if a.Error != nil {
			what = a.Error.Message
		}
		rows[i] = []cell{number(a.Number), text(a.Command), text(a.By), text(v.ago(&a.At)), state, text(v.moment(a.Until.Time)), text(clipped(clean(strings.TrimSpace(what)), 60))}
	}
	return v.table([]string{"ID", "COMMAND", "BY", "ASKED", "STATE", "UNTIL", "ANSWER"}, rows)
}
