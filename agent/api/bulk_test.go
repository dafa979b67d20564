package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

const theRecords = "/v1/stores/NAD1/records"

func (d *device) bulk(body string) reply {
	d.t.Helper()
	return d.do("POST", theRecords, body, "Content-Type", typeNDJSON)
}

// puts makes lines that put records from..to-1.
func puts(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.Write(stockLine(i))
	}
	return b.String()
}

// stockLine is a line of about 300 bytes of data.
func stockLine(i int) []byte {
	return fmt.Appendf(nil, `{"op":"put","table":"stock","id":"MED-%07d","data":{"sku":"MED-%07d","name":"Amoxicillin 500 mg capsules","batch":"B%06d","expires":"2027-03-31",`+
		`"quantity":%d,"unit":"box","price":{"amount":"%d.50","currency":"FJD"},"location":"shelf-%02d","counted":"2026-01-15T10:22:33.123Z","by":"nurse.%d","note":"counted after delivery, no damage"}}`+"\n",
		i, i, i%99999, i%1000, i%97, i%40, i%13)
}

func (d *device) records() int64 {
	s, _ := d.db.Store(3)
	return s.Records
}

func TestBulk(t *testing.T) {
	d := newDevice(t)
	d.bulk("").want(t, 200, `{"lines":0,"changed":0,"n":0}`)
	d.bulk(puts(0, 3)).want(t, 200, `{"lines":3,"changed":3,"n":3}`)
	d.bulk(puts(0, 3)).want(t, 200, `{"lines":3,"changed":0,"n":0}`)
	body := "\n" + puts(2, 5) + "\r\n" + `{"op":"delete","table":"stock","id":"MED-0000000"}` + "\n" + `{"op":"delete","table":"stock","id":"MED-0000099"}`
	d.bulk(body).want(t, 200, `{"lines":7,"changed":3,"n":6}`)
	if n := d.records(); n != 4 {
		t.Errorf("%d records", n)
	}
	r := d.do("GET", "/v1/stores/NAD1/tables/stock/records/MED-0000004", "")
	if want := string(stockLine(4)); !strings.Contains(want, `"data":`+r.body+"}\n") {
		t.Errorf("read %s", r.body)
	}
	d.do("POST", theRecords, puts(0, 1)).refused(t, 415, sitesync.CodeContentType)
	d.do("POST", "/v1/stores/SUV1/records", puts(0, 1), "Content-Type", typeNDJSON).refused(t, 404, sitesync.CodeNoSuchStore)
	d.do("POST", theRecords+"?stream=maybe", puts(0, 1), "Content-Type", typeNDJSON).refused(t, 400, sitesync.CodeInvalid)
}

func TestBulkOfManyTransactions(t *testing.T) {
	d := newDevice(t)
	d.bulk(puts(0, 2000)).want(t, 200, `{"lines":2000,"changed":2000,"n":2000}`)
	if n := d.records(); n != 2000 {
		t.Errorf("%d records", n)
	}
}

func TestBulkIsCheckedWholeFirst(t *testing.T) {
	d := newDevice(t)
	for _, c := range badLines {
		p := d.bulk(puts(0, 400)+"\n"+c.line+"\n"+puts(400, 401)).refused(t, statuses[c.code], c.code)
		if p.Line != 402 || p.Field != c.field {
			t.Errorf("%.80s: line %d, field %q; want 402, %q", c.line, p.Line, p.Field, c.field)
		}
	}
	long := `{"op":"put","table":"t","id":"1","data":{"a":"` + strings.Repeat("x", maxLine) + `"}}`
	if p := d.bulk(puts(0, 2)+long).refused(t, 413, sitesync.CodeTooLarge); p.Line != 3 {
		t.Errorf("a line too long: %+v", p)
	}
	if d.db.Backlog() != 0 {
		t.Errorf("%d changes were made", d.db.Backlog())
	}
}

// A body can be sent again, also when it consists of deletes.
func TestBulkAgain(t *testing.T) {
	d := newDevice(t)
	var deletes strings.Builder
	for i := range 600 {
		fmt.Fprintf(&deletes, `{"op":"delete","table":"stock","id":"MED-%07d"}`+"\n", i)
	}
	body := puts(0, 600) + deletes.String() + puts(590, 610) + `{"op":"delete","table":"stock","id":"MED-0000609"}` + "\n" + `{"op":"delete","table":"stock","id":"MED-0000609"}` + "\n"
	for range 2 {
		var got done
		d.bulk(body).decode(t, &got)
		if got.Lines != 1222 || d.records() != 19 {
			t.Errorf("answer %+v, %d records", got, d.records())
		}
	}
	check(t, d.db.ApplyChanges(3, &wire.Changes{From: wire.Cursor{Seq: 1}, Cursor: wire.Cursor{Seq: 2}}))
	d.bulk(deletes.String())
	d.bulk(deletes.String()).want(t, 200, `{"lines":600,"changed":0,"n":0}`)
}

func TestBulkTooLarge(t *testing.T) {
	d := newDevice(t)
	send := func(length int64) reply {
		t.Helper()
		line := puts(0, 1) + strings.Repeat(" ", 1<<20) + "\n"
		r, err := http.NewRequest("POST", d.server.URL+theRecords, io.LimitReader(&repeat{text: line}, maxBulk+1))
		check(t, err)
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+d.app)
		r.Header.Set("Content-Type", typeNDJSON)
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		check(t, err)
		return reply{answer.StatusCode, answer.Header, string(text)}
	}
	for _, length := range []int64{maxBulk + 1, -1} {
		p := send(length).refused(t, 413, sitesync.CodeTooLarge)
		if !strings.Contains(p.Next, "stream=1") || p.Line != 0 {
			t.Errorf("problem %+v", p)
		}
	}
	if d.db.Backlog() != 0 {
		t.Errorf("%d changes were made", d.db.Backlog())
	}
}

// repeat gives a text again and again.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m := copy(p[n:], r.text[r.at:])
		r.at, n = (r.at+m)%len(r.text), n+m
	}
	return n, nil
}

// A store that begins to move between two transactions stops the rest.
func TestBulkOfStoreThatMoves(t *testing.T) {
	d := newDevice(t)
	moved := false
	w := d.db.Watch(func(_ sitesync.StoreID, events []localdb.Event) {
		if !moved && events[0].Kind == localdb.EventChange {
			moved = true
			go d.setPhase(sitesync.PhaseDraining)
		}
	})
	defer w.Stop()
	var p Problem
	for i := 0; ; i += 5000 {
		r := d.bulk(puts(i, i+5000))
		if r.status == 200 {
			continue // it was done before
		}
		p = r.refused(t, 409, sitesync.CodeStoreMoving)
		break
	}
	if n := d.records(); p.Line > 1 && (int(n)%5000 != p.Line-1 || !strings.Contains(p.Detail, fmt.Sprintf("the lines before line %d are written", p.Line))) {
		t.Errorf("%d records, problem %+v", n, p)
	}
}

func TestBatchSplitsByRoom(t *testing.T) {
	l := &lineReader{in: strings.NewReader(puts(0, 10))}
	size := sizeOf(&localdb.Write{Table: "stock", ID: "MED-0000000", Data: []byte(strings.Repeat("x", 296))})
	batches, err := collect(l, room{bytes: 3*size + 100, changes: 100})
	check(t, err)
	n := 0
	for _, b := range batches {
		if len(b.writes) > 3 || len(b.writes) != len(b.lines) || b.lines[0] != n+1 {
			t.Errorf("a batch of %d, lines %v", len(b.writes), b.lines)
		}
		n += len(b.writes)
	}
	if n != 10 {
		t.Errorf("%d writes", n)
	}
}
