package admin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
)

func TestRecords(t *testing.T) {
	h := house(t)
	const data = `{ "text" : "<a & b>",  "n": 1.0 }`
	put := func(id, data string) sitesync.Record {
		t.Helper()
		return must[RecordResult](h, "record.put", fmt.Sprintf(`{"store":"NAD1","table":"stock","record":%q,"data": %s }`, id, data)).Record
	}
	r := put("aspirin", data)
	if r.Store != 1 || r.Table != "stock" || r.ID != "aspirin" || r.ETag != sitesync.ETag([]byte(data)) || string(r.Data) != data || time.Since(r.Changed.Time) > time.Minute {
		t.Errorf("record %+v", r)
	}
	a := h.do(reader, "record.get", `{"store":1,"table":"stock","record":"aspirin"}`)
	if !bytes.Contains(a.Result, []byte(`"data":`+data+`,"etag"`)) {
		t.Errorf("the data is not as it was given: %s", a.Result)
	}
	if s := must[StoreResult](h, "store.get", `{"store":1}`).Store; s.Records != 1 || s.Bytes != int64(len(data)) {
		t.Errorf("store %+v", s)
	}

	put("aspirin", `{}`)
	h.fails(h.do(admin, "record.put", `{"store":1,"table":"stock","record":"aspirin","data":{},"ifMatch":"`+r.ETag+`"}`), sitesync.CodeConflict, "ifMatch", "")
	h.fails(h.do(admin, "record.delete", `{"store":1,"table":"stock","record":"aspirin","ifMatch":"`+r.ETag+`"}`), sitesync.CodeConflict, "ifMatch", "")
	etag := sitesync.ETag([]byte(`{}`))
	result[RecordResult](h, h.do(admin, "record.put", `{"store":1,"table":"stock","record":"aspirin","data":{"n":2},"ifMatch":"\"`+etag+`\""}`))
	gone := result[RecordResult](h, h.do(admin, "record.delete", `{"store":1,"table":"stock","record":"aspirin","ifMatch":"*"}`))
	if string(gone.Record.Data) != `{"n":2}` {
		t.Errorf("deleted %+v", gone)
	}
	h.fails(h.do(admin, "record.delete", `{"store":1,"table":"stock","record":"aspirin"}`), sitesync.CodeNotFound, "record", "aspirin")
	h.fails(h.do(admin, "record.get", `{"store":1,"table":"stock","record":"aspirin"}`), sitesync.CodeNotFound, "record", "aspirin")

	audit, err := h.Records.Audit("", 10)
	if err != nil || len(audit) != 4 || audit[0].Command != "record.delete" || audit[0].By != "admin" || audit[0].From != admin.From || string(audit[0].Before) != `{"n":2}` {
		t.Errorf("audit %+v, %v", audit, err)
	}
}

func TestRecordErrors(t *testing.T) {
	h := house(t)
	const aspirin = `"store":1,"table":"stock","record":"aspirin"`
	tests := []struct {
		command, args string
		code          sitesync.Code
		field, text   string
	}{
		{"record.put", `{"store":2,"table":"stock","record":"a","data":{}}`, sitesync.CodeNotHere, "store", "site 2"},
		{"record.put", `{` + aspirin + `,"data":[]}`, sitesync.CodeInvalid, "data", "JSON object"},
		{"record.put", `{` + aspirin + `,"data":"x"}`, sitesync.CodeInvalid, "data", ""},
		{"record.put", `{` + aspirin + `,"data":{"x":"` + strings.Repeat("x", sitesync.MaxRecord) + `"}}`, sitesync.CodeTooLarge, "data", ""},
		{"record.put", `{` + aspirin + `,"data":{},"tags":["a:b"]}`, sitesync.CodeInvalid, "tags", ""},
		{"record.put", `{"store":1,"table":"Stock","record":"a","data":{}}`, sitesync.CodeInvalid, "table", ""},
		{"record.put", `{"store":1,"table":"_inbox","record":"a","data":{}}`, sitesync.CodeInvalid, "table", "reserved"},
		{"record.put", `{"store":1,"table":"stock","record":"","data":{}}`, sitesync.CodeInvalid, "record", ""},
		{"record.put", `{"store":1,"table":"stock","record":"a\u0000","data":{}}`, sitesync.CodeInvalid, "record", ""},
		{"record.delete", `{"store":2,"table":"stock","record":"a"}`, sitesync.CodeNotHere, "store", ""},
		{"record.get", `{"store":9,"table":"stock","record":"a"}`, sitesync.CodeNotFound, "store", "9"},
		{"record.get", `{"store":1,"table":"s\u0000","record":"a"}`, sitesync.CodeInvalid, "table", ""},
		{"record.list", `{"store":1,"table":"a b"}`, sitesync.CodeInvalid, "table", ""},
		{"record.list", `{"store":1,"after":"stock"}`, sitesync.CodeInvalid, "after", ""},
		{"record.list", `{"store":1,"table":"stock","after":"other/a"}`, sitesync.CodeInvalid, "after", ""},
	}
	for _, tt := range tests {
		h.fails(h.do(admin, tt.command, tt.args), tt.code, tt.field, tt.text)
	}
}

// TestDataRight: who may edit but not read is not shown data by deleting it.
func TestDataRight(t *testing.T) {
	h := house(t)
	result[RecordResult](h, h.do(clerk, "record.put", `{"store":1,"table":"stock","record":"a","data":{"secret":1}}`))
	a := h.do(clerk, "record.delete", `{"store":1,"table":"stock","record":"a"}`)
	if r := result[RecordResult](h, a).Record; r.ID != "a" || r.ETag != "" || strings.Contains(string(a.Result), "secret") {
		t.Errorf("shown %s", a.Result)
	}
}

func TestRecordList(t *testing.T) {
	h := house(t)
	for _, table := range []string{"b", "a"} {
		for i := range 25 {
			must[RecordResult](h, "record.put", fmt.Sprintf(`{"store":1,"table":%q,"record":"%02d/x","data":{"n":%d}}`, table, i, i))
		}
	}
	list := func(args string) (ids []string, next string) {
		p := must[Page[sitesync.Record]](h, "record.list", args)
		for _, r := range p.Items {
			ids = append(ids, r.Table+"/"+r.ID)
		}
		return ids, p.Next
	}
	for _, tt := range []struct{ table, first, last, next string }{
		{"", "a/00/x", "a/09/x", "a/09/x"}, {`"table":"b",`, "b/00/x", "b/09/x", "b/09/x"},
	} {
		ids, next := list(`{` + tt.table + `"store":1,"limit":10}`)
		if len(ids) != 10 || ids[0] != tt.first || ids[9] != tt.last || next != tt.next {
			t.Errorf("table %s: %q, next %q", tt.table, ids, next)
		}
	}
	if ids, next := list(`{"store":1,"limit":25,"table":"b"}`); len(ids) != 25 || next != "" {
		t.Errorf("a page that just fits: %d, next %q", len(ids), next)
	}
	var all []string
	for after := ""; ; {
		ids, next := list(fmt.Sprintf(`{"store":1,"limit":7,"after":%q}`, after))
		all = append(all, ids...)
		if after = next; after == "" {
			break
		}
	}
	if len(all) != 50 || all[0] != "a/00/x" || all[25] != "b/00/x" || all[49] != "b/24/x" {
		t.Errorf("all pages: %q", all)
	}
	if a := h.do(reader, "record.list", `{"store":2}`); string(a.Result) != `{"items":[]}` {
		t.Errorf("empty list %s", a.Result)
	}
}

// TestPageOfLargeRecords: a page ends where an answer would become too large.
func TestPageOfLargeRecords(t *testing.T) {
	h := house(t)
	large := `{"x":"` + strings.Repeat("x", 700<<10) + `"}`
	for _, id := range []string{"0", "1", "2"} {
		c := sitesync.Change{Op: sitesync.OpPut, Table: "t", ID: id, Data: []byte(large)}
		if _, err := h.Records.Edit(records.Edit{Store: 1, Change: c, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	var ids string
	for after, pages := "", 0; ; pages++ {
		p := must[Page[sitesync.Record]](h, "record.list", fmt.Sprintf(`{"store":1,"after":%q}`, after))
		if len(p.Items) > 2 {
			t.Errorf("%d records of 700 KiB on one page", len(p.Items))
		}
		for _, r := range p.Items {
			ids += r.ID
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if ids != "012" {
		t.Errorf("pages have %q", ids)
	}
}
