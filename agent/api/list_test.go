package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

const theTable = "/v1/stores/NAD1/tables/stock/records"

func (d *device) putMany(n, size int) {
	d.t.Helper()
	for i := range n {
		data := fmt.Appendf(nil, `{"i": %d,"x":"%s"}`, i, strings.Repeat("x", size))
		_, err := d.db.Write(3, []localdb.Write{{Op: sitesync.OpPut, Table: "stock", ID: fmt.Sprintf("r/%03d", i), Data: data}})
		check(d.t, err)
	}
}

func TestListPages(t *testing.T) {
	d := newDevice(t)
	d.do("GET", theTable, "").want(t, 200, `{"items":[]}`)
	d.putMany(7, 0)
	d.do("PUT", "/v1/stores/NAD1/tables/stocks/records/z", `{}`) // a table whose name begins the same
	var ids []string
	after, pages := "", 0
	for {
		var l list[Record]
		d.do("GET", theTable+"?limit=3&after="+url.QueryEscape(after), "").decode(t, &l)
		for _, r := range l.Items {
			ids = append(ids, r.ID)
			want := fmt.Sprintf(`{"i":%d,"x":""}`, len(ids)-1)
			etag := sitesync.ETag([]byte(fmt.Sprintf(`{"i": %d,"x":""}`, len(ids)-1)))
			if r.Store != 3 || r.Table != "stock" || string(r.Data) != want || r.ETag != etag || r.N != uint64(len(ids)) {
				t.Errorf("record %+v, data %s", r, r.Data)
			}
		}
		if pages++; l.Next == "" {
			break
		}
		after = l.Next
	}
	if pages != 3 || len(ids) != 7 || ids[6] != "r/006" {
		t.Errorf("%d pages with %q", pages, ids)
	}
}

func TestListEndsPagesBySize(t *testing.T) {
	d := newDevice(t)
	d.putMany(5, 600<<10)
	var l list[Record]
	d.do("GET", theTable, "").decode(t, &l)
	if len(l.Items) != 2 || l.Next != "r/001" {
		t.Errorf("%d items, next %q", len(l.Items), l.Next)
	}
}

func TestListNDJSON(t *testing.T) {
	d := newDevice(t)
	d.putMany(5, 300<<10) // more than a page
	_, err := d.db.Write(3, []localdb.Write{{Op: sitesync.OpPut, Table: "stock", ID: "s", Data: []byte("{\n \"lines\":\n\"2028\"}")}})
	check(t, err)
	for query, want := range map[string]int{"": 6, "?limit=4": 4, "?after=r%2F002": 3, "?limit=100000&after=zz": 0} {
		r := d.do("GET", theTable+query, "", "Accept", "application/json;q=0.5, application/x-ndjson")
		if r.status != 200 || r.header.Get("Content-Type") != typeNDJSON {
			t.Fatalf("%q: answer %d, headers %v", query, r.status, r.header)
		}
		lines := bufio.NewScanner(strings.NewReader(r.body))
		lines.Buffer(nil, 1<<20)
		n := 0
		for lines.Scan() {
			var rec Record
			if err := json.Unmarshal(lines.Bytes(), &rec); err != nil || rec.Table != "stock" {
				t.Fatalf("%q: line %.80q: %v", query, lines.Text(), err)
			}
			n++
		}
		if n != want {
			t.Errorf("%q: %d lines, want %d", query, n, want)
		}
	}
	d.do("GET", theTable+"?limit=0", "", "Accept", typeNDJSON).refused(t, 400, sitesync.CodeInvalid)
}

func TestBadLists(t *testing.T) {
	d := newDevice(t)
	d.do("GET", "/v1/stores/SUV1/tables/stock/records", "").refused(t, 404, sitesync.CodeNoSuchStore)
	d.do("GET", "/v1/stores/NAD1/tables/_ack/records", "").refused(t, 400, sitesync.CodeInvalid)
	d.do("GET", theTable+"?limit="+strconv.Itoa(mostRecords+1), "").refused(t, 400, sitesync.CodeInvalid)
	if p := d.do("GET", theTable+"?after=%00", "").refused(t, 400, sitesync.CodeInvalid); p.Field != "after" {
		t.Errorf("field %q", p.Field)
	}
}
