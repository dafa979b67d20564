package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

func (v *view) site(s *sitesync.Site) error {
	state := text(string(s.State))
	state.colour = siteColours[s.State]
	hardware := ""
	if s.HardwareID != nil {
		hardware = s.HardwareID.Grouped()
		if s.Test {
			hardware += " (test hardware)"
		}
	}
	lines := []pair{
		{"Site", text(fmt.Sprintf("%d %s", s.ID, s.Name))},
		{"Code", text(s.Code)},
		{"Type", text(string(s.Type))},
		{"State", state},
	}
	if s.Problem != nil {
		lines = append(lines, pair{"Problem", cell{text: clean(s.Problem.Message), colour: red}}, pair{"What to do", text(s.Problem.Next)})
	}
	lines = append(lines, []pair{
		{"Last seen", text(v.when(s.LastSeen))},
		{"Last sync", text(v.when(s.LastSync))},
		{"Backlog", text(count(s.Backlog, "change", "changes") + " not sent yet")},
		{"Stores", text(storeCodes(s.Stores))},
		{"Hardware ID", text(hardware)},
		{"Version", text(s.Version)},
		{"Platform", text(s.Platform)},
		{"Clock", text(clock(s))},
		{"Transport", text(string(s.Transport))},
		{"Enabled", text(yes(s.Enabled))},
		{"Revision", number(s.Revision)},
	}...)
	return v.pairs(lines)
}

func clock(s *sitesync.Site) string {
	skew := float64(s.ClockSkewMs) / 1000
	switch {
	case s.LastSeen == nil:
		return ""
	case math.Abs(skew) < 1:
		return "right"
	case skew < 0:
		return fmt.Sprintf("%.1f s behind the hub", -skew)
	}
	return fmt.Sprintf("%.1f s ahead of the hub", skew)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (v *view) siteEdited(r *admin.SiteEdited) error {
	for _, effect := range r.Effects {
		if _, err := fmt.Fprintf(v.out, "- %s\n", clean(effect)); err != nil {
			return err
		}
	}
	if len(r.Effects) == 0 {
		v.hint("Nothing changes.")
	}
	if len(r.Handovers) > 0 {
		fmt.Fprintln(v.out)
		if err := v.handovers(r.Handovers); err != nil {
			return err
		}
	}
	fmt.Fprintln(v.out)
	return v.site(&r.Site)
}

func (v *view) store(s *sitesync.Store) error {
	err := v.pairs([]pair{
		{"Store", text(fmt.Sprintf("%d %s", s.ID, s.Code))},
		{"Name", text(s.Name)},
		{"Tags", text(strings.Join(s.Tags, ", "))},
		{"Site", number(uint64(s.Site))},
		{"Phase", phase(s.Phase)},
		{"Epoch", text(s.Epoch.String())},
		{"Records", text(volume(sitesync.Volume{Records: s.Records, Bytes: s.Bytes}))},
		{"Digest", text(s.Digest.String())},
		{"Head", text(s.Head)},
	})
	if err != nil || s.Handover == nil {
		return err
	}
	fmt.Fprintln(v.out)
	return v.handovers([]sitesync.Handover{*s.Handover})
}

func (v *view) moved(h *sitesync.Handover) error {
	if h == nil {
		v.hint("The store is there already.")
		return nil
	}
	return v.handovers([]sitesync.Handover{*h})
}

func (v *view) record(r *sitesync.Record) error {
	err := v.pairs([]pair{
		{"Record", text(r.Table + "/" + r.ID)},
		{"Store", number(uint64(r.Store))},
		{"Changed", text(v.when(&r.Changed))},
		{"ETag", text(r.ETag)},
	})
	if err != nil || len(r.Data) == 0 {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, r.Data, "", "  "); err != nil {
		return unreadable(err)
	}
	for line := range strings.SplitSeq(b.String(), "\n") {
		if _, err := fmt.Fprintln(v.out, clean(line)); err != nil {
			return err
		}
	}
	return nil
}
