package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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
			go func() {
				a := wire.AssignedStore{Store: 3, Code: "NAD1", Epoch: sitesync.NewEpoch(1, 4), Phase: sitesync.PhaseDraining, To: "Suva"}
				if err := d.db.Assign([]wire.AssignedStore{a}, time.Now()); err != nil {
					t.Error(err)
				}
			}()
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

func TestBatchesFitTheRoom(t *testing.T) {
	size := sizeOf(&localdb.Write{Table: "stock", ID: "MED-0000000", Data: []byte(strings.Repeat("x", 300))})
	for _, room := range []room{{bytes: 3 * size, changes: 100}, {bytes: 1 << 20, changes: 3}, {bytes: 1, changes: 1}} {
		r := batchReader{lines: lineReader{in: strings.NewReader("\n" + puts(0, 10))}, room: room}
		n := 0
		for {
			b, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			check(t, err)
			if len(b.writes) > 3 || len(b.writes) > 1 && b.bytes > room.bytes || len(b.writes) != len(b.lines) {
				t.Errorf("a batch of %d writes, %d lines, %d bytes", len(b.writes), len(b.lines), b.bytes)
			}
			for i, w := range b.writes {
				if n++; b.lines[i] != n+1 || w.ID != fmt.Sprintf("MED-%07d", n-1) {
					t.Errorf("write %d is %s of line %d", n, w.ID, b.lines[i])
				}
			}
		}
		if n != 10 {
			t.Errorf("%d writes", n)
		}
	}
}

func TestText(t *testing.T) {
	var kept text
	want := strings.Repeat("0123456789", 100_000)
	for i := 0; i < len(want); i += 999 {
		if n, err := io.WriteString(&kept, want[i:min(i+999, len(want))]); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	for range 2 { // the second time there is nothing left
		got, err := io.ReadAll(&kept)
		if err != nil || string(got) != want {
			t.Errorf("%d bytes came back of %d, error %v", len(got), len(want), err)
		}
		want = ""
	}
}
