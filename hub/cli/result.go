package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"sitesync/hub/admin"
	"sitesync/hub/registry"
	"sitesync/shared/sitesync"
)

func isList(row *admin.Command) bool {
	_, items := row.Result.FieldByName("Items")
	return items
}

// result prints what a command gave. A command that this file does not know
// has its result shown as JSON.
func (v *view) result(row *admin.Command, result json.RawMessage) error {
	if v.format != outputTable || row.Result == nil {
		return v.json(result)
	}
	into := reflect.New(row.Result)
	if err := json.Unmarshal(result, into.Interface()); err != nil {
		return unreadable(err)
	}
	switch r := into.Interface().(type) {
	case *admin.SiteResult:
		return v.site(&r.Site)
	case *admin.SiteEdited:
		return v.siteEdited(r)
	case *admin.JoinResult:
		return v.join(r)
	case *admin.StoreResult:
		return v.store(&r.Store)
	case *admin.MoveResult:
		return v.moved(r.Handover)
	case *admin.RecordResult:
		return v.record(&r.Record)
	case *admin.HandoverResult:
		return v.handover(&r.Handover)
	case *admin.ItemResult:
		return v.item(&r.Item)
	case *admin.Compared:
		return v.compared(r)
	case *admin.ImportResult:
		return v.imported(r)
	case *admin.Page[admin.Described]:
		return v.described(r.Items)
	case *admin.Checked:
		return v.checked(r)
	case *admin.Asked:
		return v.asked(r)
	case *admin.Page[registry.Ask]:
		return v.asks(r.Items)
	case *admin.UserResult:
		return v.userResult(r)
	case *admin.TokenResult:
		return v.tokenResult(r)
	case *admin.HubStatus:
		return v.hubStatus(r)
	case *admin.Page[registry.User]:
		return v.users(r.Items)
	case *admin.Page[sitesync.Audit]:
		return v.audit(r.Items)
	case *admin.Page[sitesync.Handover]:
		return v.handovers(r.Items)
	case *admin.Page[sitesync.Quarantined]:
		return v.items(r.Items)
	case *admin.Page[sitesync.Site]:
		return v.sites(r.Items)
	case *admin.Page[sitesync.Store]:
		return v.stores(r.Items)
	case *admin.Page[sitesync.Record]:
		return v.records(r.Items)
	}
	return v.json(result)
}

// list prints the items of all pages that were fetched; next is where the
// list goes on.
func (v *view) list(row *admin.Command, items []json.RawMessage, next string) error {
	if v.format == outputLines {
		for _, item := range items {
			if err := v.json(item); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 && v.format == outputTable {
		v.hint("%s", nothing[row.Name])
		return nil
	}
	all := bytes.Join([][]byte{[]byte(`{"items":[`), join(items), []byte(`]`)}, nil)
	if next != "" {
		all = append(append(all, `,"next":`...), quote(next)...)
	}
	if err := v.result(row, append(all, '}')); err != nil {
		return err
	}
	if next != "" && v.format == outputTable {
		v.hint("There is more: --after %s, or a higher --limit.", next)
	}
	return nil
}

func join(items []json.RawMessage) []byte {
	var b bytes.Buffer
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(item)
	}
	return b.Bytes()
}

// nothing says what to do where a list is empty.
var nothing = map[string]string{
	"site.list":       "No site fits. Without --state and --q all are listed.",
	"store.list":      "No store fits. Create one: sitesync-hub store create CODE NAME",
	"handover.list":   "No handover fits. Move a store: sitesync-hub store move STORE TO",
	"quarantine.list": "Nothing fits: no change waits for a decision, or not with these filters.",
	"hub.help":        "There is no such command.",
	"site.asked":      "The site's device was asked for nothing.",
	"user.list":       "There is no user.",
	"token.list":      "There is no token. Make one: sitesync-hub token create NAME ROLE",
	"audit.list":      "No edit fits.",

	"record.list": "There are no records. Those of a store that is active at the central site can be written: sitesync-hub record put STORE TABLE RECORD --data-json JSON",
}

var siteColours = map[sitesync.SiteState]colour{
	sitesync.StateOnline: green, sitesync.StateOffline: yellow, sitesync.StateRefused: red, sitesync.StateHeld: red,
	sitesync.StateDisabled: faint, sitesync.StateNever: faint,
}

func (v *view) sites(sites []sitesync.Site) error {
	rows := make([][]cell, len(sites))
	for i := range sites {
		s := &sites[i]
		state := text(string(s.State))
		state.colour = siteColours[s.State]
		trouble := ""
		if s.Problem != nil {
			trouble = string(s.Problem.Code)
		}
		rows[i] = []cell{number(uint64(s.ID)), text(s.Code), text(s.Name), text(string(s.Type)), state, text(v.ago(s.LastSeen)),
			number(s.Backlog), text(clipped(storeCodes(s.Stores), 30)), text(trouble)}
	}
	return v.table([]string{"ID", "CODE", "NAME", "TYPE", "STATE", "LAST SEEN", "BACKLOG", "STORES", "PROBLEM"}, rows)
}

func storeCodes(stores []sitesync.SiteStore) string {
	codes := make([]string, len(stores))
	for i, s := range stores {
		codes[i] = s.Code
		if s.Phase != sitesync.PhaseActive {
			codes[i] += " (" + s.Phase.String() + ")"
		}
	}
	return strings.Join(codes, ", ")
}

func (v *view) stores(stores []sitesync.Store) error {
	rows := make([][]cell, len(stores))
	for i := range stores {
		s := &stores[i]
		rows[i] = []cell{number(uint64(s.ID)), text(s.Code), text(s.Name), number(uint64(s.Site)), phase(s.Phase), text(s.Epoch.String()),
			number(s.Records), {text: size(s.Bytes), right: true}, text(strings.Join(s.Tags, ", "))}
	}
	return v.table([]string{"ID", "CODE", "NAME", "SITE", "PHASE", "EPOCH", "RECORDS", "SIZE", "TAGS"}, rows)
}

func phase(p sitesync.Phase) cell {
	c := text(p.String())
	if p != sitesync.PhaseActive {
		c.colour = yellow
	}
	return c
}

func volume(v sitesync.Volume) string {
	return count(uint64(v.Records), "record", "records") + ", " + size(v.Bytes)
}

func (v *view) records(records []sitesync.Record) error {
	rows := make([][]cell, len(records))
	for i := range records {
		r := &records[i]
		rows[i] = []cell{text(r.Table), text(r.ID), text(v.ago(&r.Changed)), {text: size(int64(len(r.Data))), right: true},
			text(clipped(clean(compact(r.Data)), 60))}
	}
	return v.table([]string{"TABLE", "RECORD", "CHANGED", "SIZE", "DATA"}, rows)
}

func compact(data json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return ""
	}
	return b.String()
}
