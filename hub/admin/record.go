package admin

import (
	"encoding/json"
	"strings"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// recordOnly is what record.get takes.
type recordOnly struct {
	Store  Ref    `json:"store" about:"the store"`
	Table  string `json:"table" about:"the table"`
	Record string `json:"record" about:"the record's ID"`
}

func (c *call) getRecord(in recordOnly) (out RecordResult, err error) {
	store, err := c.findStore(in.Store, "store")
	if err != nil {
		return out, err
	}
	if err := checkPlace(in.Table, in.Record); err != nil {
		return out, err
	}
	out.Record, err = c.Records.Get(store.ID, wire.Key{Table: in.Table, ID: in.Record})
	return out, err
}

// checkPlace checks a record's table and ID.
func checkPlace(table, id string) error {
	if err := sitesync.CheckTable(table); err != nil {
		return inField(err, "table")
	}
	return inField(sitesync.CheckRecordID(id), "record")
}

// recordList is what record.list takes.
type recordList struct {
	Store Ref    `json:"store" about:"the store"`
	Table string `json:"table,omitempty" about:"only this table"`
	Limit *int   `json:"limit,omitempty" about:"items of a page, 1 to 1000"`
	After string `json:"after,omitempty" about:"next of the former page"`
}

// recordsAtOnce bounds what is read ahead of a page that becomes full by its
// bytes: a record may have 1 MiB.
const recordsAtOnce = 16

func (c *call) listRecords(in recordList) (out Page[sitesync.Record], err error) {
	p, err := paging(in.Limit, in.After)
	if err != nil {
		return out, err
	}
	store, err := c.findStore(in.Store, "store")
	if err != nil {
		return out, err
	}
	if in.Table != "" {
		if err := sitesync.CheckTable(in.Table); err != nil {
			return out, inField(err, "table")
		}
	}
	after, err := recordPlace(p.after, in.Table)
	if err != nil {
		return out, err
	}
	for full := false; c.ctx.Err() == nil; {
		some, err := c.Records.List(store.ID, in.Table, after, recordsAtOnce)
		if err != nil || len(some) == 0 {
			return out, err
		}
		for _, r := range some {
			if full || len(out.Items) == p.limit {
				out.Next = after.Table + "/" + after.ID
				return out, nil
			}
			if full, err = out.add(r); err != nil {
				return out, err
			}
			after = wire.Key{Table: r.Table, ID: r.ID}
		}
	}
	return out, c.ctx.Err()
}

// recordPlace reads a place in a list of records: table/ID.
func recordPlace(after, table string) (wire.Key, error) {
	if after == "" {
		return wire.Key{}, nil
	}
	in, id, _ := strings.Cut(after, "/") // a table has no /
	if in == "" || id == "" || strings.Contains(in, "\x00") || table != "" && in != table {
		return wire.Key{}, badAfter()
	}
	return wire.Key{Table: in, ID: id}, nil
}

// recordPut is what record.put takes.
type recordPut struct {
	Store   Ref             `json:"store" about:"the store"`
	Table   string          `json:"table" about:"the table"`
	Record  string          `json:"record" about:"the record's ID"`
	Data    json.RawMessage `json:"data" about:"the record, a JSON object of at most 1 MiB"`
	Tags    []string        `json:"tags,omitempty" about:"tags, of central data alone"`
	IfMatch string          `json:"ifMatch,omitempty" about:"ETag that the record must have, * for any"`
}

func (c *call) putRecord(in recordPut) (RecordResult, error) {
	if len(in.Tags) > 0 {
		return RecordResult{}, invalid("tags", "leave them out; this version has no central data", "records of a store have no tags")
	}
	return c.editRecord(in.Store, in.IfMatch, sitesync.Change{Op: sitesync.OpPut, Table: in.Table, ID: in.Record, Data: sitesync.TrimData(in.Data)})
}

// recordDelete is what record.delete takes.
type recordDelete struct {
	Store   Ref    `json:"store" about:"the store"`
	Table   string `json:"table" about:"the table"`
	Record  string `json:"record" about:"the record's ID"`
	IfMatch string `json:"ifMatch,omitempty" about:"ETag that the record must have, * for any"`
}

// deleteRecord answers with the record as it was, without its data where the
// caller may not read that.
func (c *call) deleteRecord(in recordDelete) (RecordResult, error) {
	out, err := c.editRecord(in.Store, in.IfMatch, sitesync.Change{Op: sitesync.OpDelete, Table: in.Table, ID: in.Record})
	if !c.caller.may(ReadsData) {
		out.Record.Data, out.Record.ETag = nil, ""
	}
	return out, err
}

// trimETag takes the quotes off that an ETag has in headers.
func trimETag(s string) string { return strings.Trim(s, `"`) }

func (c *call) editRecord(ref Ref, ifMatch string, change sitesync.Change) (out RecordResult, err error) {
	store, err := c.findStore(ref, "store")
	if err != nil {
		return out, err
	}
	if err := checkPlace(change.Table, change.ID); err != nil {
		return out, err
	}
	now := time.Now()
	e := records.Edit{Store: store.ID, Change: change, IfMatch: trimETag(ifMatch), At: now, Audit: c.audited(now)}
	out.Record, err = c.Records.EditOnce(e, c.replay())
	return out, err
}
