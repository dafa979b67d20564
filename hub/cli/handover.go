package cli

import (
	"fmt"
	"time"

	"sitesync/shared/sitesync"
)

var handoverColours = map[sitesync.HandoverState]colour{
	sitesync.HandoverDraining: yellow, sitesync.HandoverLoading: yellow, sitesync.HandoverDone: green,
	sitesync.HandoverForced: yellow, sitesync.HandoverCancelled: faint,
}

func (v *view) handovers(handovers []sitesync.Handover) error {
	rows := make([][]cell, len(handovers))
	for i := range handovers {
		h := &handovers[i]
		state := text(string(h.State))
		state.colour = handoverColours[h.State]
		rows[i] = []cell{number(h.ID), text(named(h.Code, uint64(h.Store))), text(named(h.FromName, uint64(h.From))), text(named(h.ToName, uint64(h.To))),
			state, text(v.ago(&h.Started)), text(v.progress(h)), text(h.By)}
	}
	return v.table([]string{"HANDOVER", "STORE", "FROM", "TO", "STATE", "STARTED", "PROGRESS", "BY"}, rows)
}

// named is a name, or the ID of what has none any more.
func named(name string, id uint64) string {
	if name == "" {
		return fmt.Sprint(id)
	}
	return name
}

func (v *view) handover(h *sitesync.Handover) error {
	state := text(string(h.State))
	state.colour = handoverColours[h.State]
	lines := []pair{
		{"Handover", number(h.ID)},
		{"Store", text(named(h.Code, uint64(h.Store)))},
		{"From", text(named(h.FromName, uint64(h.From)))},
		{"To", text(named(h.ToName, uint64(h.To)))},
		{"State", state},
		{"Progress", text(v.progress(h))},
		{"Epoch", text(h.Epoch.String())},
		{"Started", text(v.when(&h.Started))},
	}
	if h.Drained != nil {
		lines = append(lines, pair{"Drained", text(v.when(h.Drained))})
	}
	switch {
	case h.Forced == sitesync.ForcedByLease:
		lines = append(lines, pair{"Not waited", text("the site was offline for longer than it may be")})
	case h.Forced != "":
		lines = append(lines, pair{"Not waited", text("forced by " + h.Forced)})
	}
	if h.Ended != nil {
		lines = append(lines, pair{"Ended", text(v.when(h.Ended))})
	}
	return v.pairs(append(lines, pair{"By", text(h.By)}))
}

// progress puts into words how far a handover is.
func (v *view) progress(h *sitesync.Handover) string {
	switch h.State {
	case sitesync.HandoverDraining:
		if h.Waiting == 0 {
			return "waits for the site's device"
		}
		return "waits for " + count(h.Waiting, "change", "changes") + " of the site"
	case sitesync.HandoverLoading:
		words := volume(h.Sent) + " of " + volume(h.Total)
		if h.Rate > 0 {
			words += ", " + size(h.Rate) + "/s"
		}
		if h.ETA != nil {
			words += ", " + left(h.ETA.Sub(v.now)) + " left"
		}
		return words
	case sitesync.HandoverCancelled:
		return ""
	}
	return volume(h.Total)
}

// left is a time to come, about.
func left(d time.Duration) string {
	switch {
	case d < time.Second:
		return "moments"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
