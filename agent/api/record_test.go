package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func TestPutGetDelete(t *testing.T) {
	d := newDevice(t)
	const data = "{\"b\": 1,\n  \"a\":\"\\u00e4 <&>\"}"
	etag := sitesync.ETag([]byte(data))

	r := d.do("PUT", anItem, " \r\n\t"+data+"\n ")
	r.want(t, 201, `{"etag":"`+etag+`","n":1,"receipt":"queued"}`)
	if r.header.Get("ETag") != `"`+etag+`"` || r.header.Get("Sitesync-N") != "1" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	r = d.do("GET", anItem, "")
	if r.status != 200 || r.body != data || r.header.Get("ETag") != `"`+etag+`"` || r.header.Get("Sitesync-N") != "1" {
		t.Errorf("got %d %q, headers %v", r.status, r.body, r.header)
	}
	r = d.do("PUT", anItem, data)
	r.want(t, 200, `{"etag":"`+etag+`","receipt":"unchanged"}`)
	if r.header.Get("ETag") != `"`+etag+`"` || r.header.Get("Sitesync-N") != "" {
		t.Errorf("headers %v", r.header)
	}
	r = d.do("PUT", anItem, `{"b":2}`, "Content-Type", "Application/JSON; charset=utf-8")
	r.want(t, 200, `{"etag":"`+sitesync.ETag([]byte(`{"b":2}`))+`","n":2,"receipt":"queued"}`)
	r = d.do("DELETE", anItem, "")
	r.want(t, 200, `{"etag":"`+sitesync.ETag([]byte(`{"b":2}`))+`","n":3,"receipt":"queued"}`)
	if r.header.Get("Sitesync-N") != "3" {
		t.Errorf("headers %v", r.header)
	}
	d.do("GET", anItem, "").refused(t, 404, sitesync.CodeNotFound)
	d.do("DELETE", anItem, "").refused(t, 404, sitesync.CodeNotFound)
	d.do("PUT", anItem, `{}`).want(t, 201, `{"etag":"`+sitesync.ETag([]byte(`{}`))+`","n":4,"receipt":"queued"}`)
}

func TestHead(t *testing.T) {
	d := newDevice(t)
	d.do("PUT", anItem, `{"a":1}`)
	r := d.do("HEAD", anItem, "")
	if r.status != 200 || r.body != "" || r.header.Get("ETag") == "" || r.header.Get("Content-Length") != "7" {
		t.Errorf("answer %+v", r)
	}
}

func TestRecordIDs(t *testing.T) {
	d := newDevice(t)
	ids := []string{"a/b", "100%", "a b", "ä", "a+b", "a?b", "a%2Fb", "#", "//", "..", ".", "a&b=c;d", `"quoted"`, "日本", strings.Repeat("x", 200)}
	for i, id := range ids {
		escaped := strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		path := "/v1/stores/NAD1/tables/stock/records/" + escaped
		if r := d.do("PUT", path, `{"i":`+strconv.Itoa(i)+`}`); r.status != 201 {
			t.Fatalf("put %q: %d %s", id, r.status, r.body)
		}
		if rec, err := d.db.Get(3, wire.Key{Table: "stock", ID: id}); err != nil || string(rec.Data) != `{"i":`+strconv.Itoa(i)+`}` {
			t.Errorf("%q is %q in the database, error %v", id, rec.Data, err)
		}
		if r := d.do("GET", path, ""); r.body != `{"i":`+strconv.Itoa(i)+`}` {
			t.Errorf("get %q: %d %s", id, r.status, r.body)
		}
	}
	var l list[Record]
	d.do("GET", "/v1/stores/NAD1/tables/stock/records", "").decode(t, &l)
	if len(l.Items) != len(ids) {
		t.Errorf("%d records, want %d", len(l.Items), len(ids))
	}
}

func TestConditions(t *testing.T) {
	d := newDevice(t)
	etag := func(data string) string { return `"` + sitesync.ETag([]byte(data)) + `"` }
	steps := []struct {
		method, body, header, value string
		status                      int
	}{
		{"PUT", `{"v":0}`, "If-Match", "*", 412},
		{"PUT", `{"v":0}`, "If-Match", etag("{}"), 412},
		{"PUT", `{"v":1}`, "If-None-Match", "*", 201},
		{"PUT", `{"v":2}`, "If-None-Match", "*", 412},
		{"PUT", `{"v":2}`, "If-Match", etag(`{"v":0}`), 412},
		{"PUT", `{"v":2}`, "If-Match", "W/" + etag(`{"v":1}`), 412},
		{"PUT", `{"v":2}`, "If-Match", etag(`{"v":1}`), 200},
		{"PUT", `{"v":3}`, "If-Match", strings.Trim(etag(`{"v":2}`), `"`), 200},
		{"PUT", `{"v":4}`, "If-Match", "*", 200},
		{"PUT", `{"v":5}`, "If-Match", etag("1") + ", " + etag("2"), 400},
		{"PUT", `{"v":5}`, "If-None-Match", etag("1"), 400},
		{"GET", "", "If-None-Match", etag(`{"v":4}`), 304},
		{"GET", "", "If-None-Match", etag("1") + `, W/` + etag(`{"v":4}`), 304},
		{"GET", "", "If-None-Match", "*", 304},
		{"GET", "", "If-None-Match", etag("1"), 200},
		{"DELETE", "", "If-Match", etag("1"), 412},
		{"DELETE", "", "If-None-Match", "*", 412},
		{"DELETE", "", "If-Match", etag(`{"v":4}`), 200},
	}
	for i, s := range steps {
		r := d.do(s.method, anItem, s.body, s.header, s.value)
		if r.status != s.status {
			t.Errorf("step %d, %s with %s: %s: answer %d %s, want %d", i, s.method, s.header, s.value, r.status, r.body, s.status)
		}
		switch r.status {
		case 412:
			r.refused(t, 412, sitesync.CodeChanged)
		case 304:
			if r.body != "" || r.header.Get("ETag") != etag(`{"v":4}`) {
				t.Errorf("step %d: a 304 with %q, headers %v", i, r.body, r.header)
			}
		}
	}
	d.do("PUT", anItem, "{}", "If-Match", "*", "If-None-Match", "*").refused(t, 400, sitesync.CodeInvalid)
}

func TestBadRecords(t *testing.T) {
	d := newDevice(t)
	const records = "/v1/stores/NAD1/tables/stock/records/"
	for _, c := range []struct {
		path, body string
		status     int
		code       sitesync.Code
		field      string
	}{
		{anItem, `[1]`, 400, sitesync.CodeInvalid, "data"},
		{anItem, `"text"`, 400, sitesync.CodeInvalid, "data"},
		{anItem, `null`, 400, sitesync.CodeInvalid, "data"},
		{anItem, `{"a":1`, 400, sitesync.CodeInvalid, "data"},
		{anItem, `{"a":1}{}`, 400, sitesync.CodeInvalid, "data"},
		{anItem, ` `, 400, sitesync.CodeInvalid, "data"},
		{anItem, `{"a":"` + strings.Repeat("x", sitesync.MaxRecord) + `"}`, 413, sitesync.CodeTooLarge, "data"},
		{anItem, `{"a":"` + strings.Repeat("x", sitesync.MaxRecord+blankRoom) + `"}`, 413, sitesync.CodeTooLarge, ""},
		{anItem + "?to=SUV1", `{}`, 400, sitesync.CodeInvalid, "to"},
		{anItem + "?ot=SUV1", `{}`, 400, sitesync.CodeUnknownField, "ot"},
		{records + strings.Repeat("x", 201), `{}`, 400, sitesync.CodeInvalid, "id"},
		{records + "a%00b", `{}`, 400, sitesync.CodeInvalid, "id"},
		{records + "a%0Ab", `{}`, 400, sitesync.CodeInvalid, "id"},
		{records + "%FF", `{}`, 400, sitesync.CodeInvalid, "id"},
		{"/v1/stores/NAD1/tables/Stock/records/a", `{}`, 400, sitesync.CodeInvalid, "table"},
		{"/v1/stores/NAD1/tables/_inbox/records/a", `{}`, 400, sitesync.CodeInvalid, "table"},
		{"/v1/stores/SUV1/tables/stock/records/a", `{}`, 404, sitesync.CodeNoSuchStore, ""},
		{records, `{}`, 404, sitesync.CodeNotFound, ""},
	} {
		if p := d.do("PUT", c.path, c.body).refused(t, c.status, c.code); p.Field != c.field {
			t.Errorf("%s %.40s: field %q, want %q", c.path, c.body, p.Field, c.field)
		}
	}
	d.do("PUT", anItem, "{}", "Content-Type", "text/plain").refused(t, 415, sitesync.CodeContentType)
	d.do("PUT", anItem, "").refused(t, 415, sitesync.CodeContentType)
	if d.db.Backlog() != 0 {
		t.Errorf("%d changes were made", d.db.Backlog())
	}
	largest := `{"a":"` + strings.Repeat("x", sitesync.MaxRecord-8) + `"}`
	if r := d.do("PUT", anItem, largest); r.status != 201 {
		t.Errorf("the largest record: %d %.200s", r.status, r.body)
	}
	if r := d.do("GET", anItem, ""); r.body != largest {
		t.Errorf("the largest record came back with %d bytes", len(r.body))
	}
}

func TestStoresThatCannotBeWritten(t *testing.T) {
	d := newDevice(t)
	d.do("PUT", anItem, `{"a":1}`)
	for _, c := range []struct {
		phase sitesync.Phase
		code  sitesync.Code
	}{
		{sitesync.PhaseDraining, sitesync.CodeStoreMoving},
		{sitesync.PhaseLoading, sitesync.CodeStoreLoading},
		{sitesync.PhaseReleased, sitesync.CodeStoreReleased},
	} {
		d.setPhase(c.phase)
		d.do("PUT", anItem, `{}`).refused(t, 409, c.code)
		d.do("DELETE", anItem, ``).refused(t, 409, c.code)
		d.do("POST", "/v1/stores/NAD1/records", "", "Content-Type", typeNDJSON).refused(t, 409, c.code)
		d.do("POST", "/v1/stores/NAD1/records?stream=1", "", "Content-Type", typeNDJSON).refused(t, 409, c.code)
		if r := d.do("GET", anItem, ""); r.status != 200 {
			t.Errorf("%s: it cannot be read: %d %s", c.phase, r.status, r.body)
		}
	}
}

func TestRecordFromTheHub(t *testing.T) {
	d := newDevice(t)
	hub := &wire.Changes{From: wire.Cursor{Seq: 1}, Cursor: wire.Cursor{Seq: 2},
		Changes: []sitesync.Change{{Op: sitesync.OpPut, Table: "stock", ID: "a", Data: []byte(`{"h":1}`)}}}
	check(t, d.db.ApplyChanges(3, hub))
	r := d.do("GET", anItem, "")
	if r.body != `{"h":1}` || r.header.Get(headerN) != "" || r.header.Get("ETag") == "" {
		t.Errorf("got %d %s, headers %v", r.status, r.body, r.header)
	}
	if r.header.Get("Content-Type") != typeJSON || r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", http.Header(r.header))
	}
}
