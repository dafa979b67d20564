package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// hubStatus shows how the hub is.
func (v *view) hubStatus(s *admin.HubStatus) error {
	c, db, r := s.Connections, s.Database, s.Rates
	free := "-"
	if db.DiskFree > 0 {
		free = size(int64(db.DiskFree)) + " free"
	}
	quarantine := cell{text: count(s.Quarantine, "change waits for a decision", "changes wait for a decision")}
	if s.Quarantine > 0 {
		quarantine.colour = yellow
	}
	return v.pairs([]pair{
		{"Version", text(s.Version)},
		{"Started", text(v.moment(s.Started.Time) + ", up for " + span(time.Duration(s.Uptime)*time.Second))},
		{"Hub", text(fmt.Sprintf("%s, generation %d", s.Hub, s.Generation))},
		{"Connections", text(fmt.Sprintf("%s, %d refused, %s", count(uint64(c.Devices), "device", "devices"), c.Refused, count(uint64(c.Persons), "person", "persons")))},
		{"Sites", text(tally(s.Sites))},
		{"Stores", text(tally(s.Stores))},
		{"Handovers", text(fmt.Sprintf("%d under way", s.Handovers))},
		{"Quarantine", quarantine},
		{"Backlog", text(count(s.Backlog, "change not sent yet", "changes not sent yet"))},
		{"Database", text(fmt.Sprintf("%s, %s", size(db.Bytes), free))},
		{"Commits", text(fmt.Sprintf("%.1f ms, 99 of 100 within %.1f ms", db.CommitMs, db.CommitMs99))},
		{"Rates", text(fmt.Sprintf("%.0f changes/s in, %s/s of data out; in all %s/s in, %s/s out", r.Pushed, size(int64(r.Fed)), size(int64(r.BytesIn)), size(int64(r.BytesOut))))},
	})
}

// tally writes counts by their names, without those that are 0.
func tally(counts map[string]int) string {
	parts := []string{fmt.Sprint(counts["total"])}
	var some []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if name != "total" && counts[name] > 0 {
			some = append(some, fmt.Sprintf("%d %s", counts[name], name))
		}
	}
	if len(some) > 0 {
		parts = append(parts, "("+strings.Join(some, ", ")+")")
	}
	return strings.Join(parts, " ")
}

// audit shows who did what, and to what.
func (v *view) audit(entries []sitesync.Audit) error {
	rows := make([][]cell, len(entries))
	for i := range entries {
		e := &entries[i]
		of := ""
		if e.Site != nil {
			of = "site " + e.Site.String()
		}
		if e.Store != nil {
			of = joined(of, "store "+e.Store.String())
		}
		rows[i] = []cell{text(v.moment(e.At.Time)), text(e.By), text(e.From), text(e.Command), text(of), text(clipped(clean(difference(e)), 80))}
	}
	return v.table([]string{"AT", "BY", "FROM", "COMMAND", "OF", "CHANGE"}, rows)
}

// difference is what an edit changed, field by field where both sides have
// fields.
func difference(e *sitesync.Audit) string {
	before, after := members(e.Before), members(e.After)
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := before[name], after[name]
		switch {
		case bytes.Equal(was, is):
		case was == nil:
			parts = append(parts, fmt.Sprintf("%s %s", name, is))
		case is == nil:
			parts = append(parts, fmt.Sprintf("%s was %s", name, was))
		default:
			parts = append(parts, fmt.Sprintf("%s %s > %s", name, was, is))
		}
	}
	return strings.Join(parts, ", ")
}

func members(object json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return nil
	}
	for name, value := range m {
		var b bytes.Buffer
		if json.Compact(&b, value) == nil {
			m[name] = b.Bytes()
		}
	}
	return m
}

// described lists commands as they are sent by MQTT or call.
func (v *view) described(commands []admin.Described) error {
	rows := make([][]cell, len(commands))
	for i := range commands {
		c := &commands[i]
		rows[i] = []cell{text(c.Command), text(c.Right), text(c.About), text(c.Example)}
	}
	return v.table([]string{"COMMAND", "RIGHT", "WHAT FOR", "EXAMPLE"}, rows)
}
