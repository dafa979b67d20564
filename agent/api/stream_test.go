package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

// dialogue is a stream that is open in both directions.
type dialogue struct {
	t       *testing.T
	send    *io.PipeWriter
	answer  *http.Response
	answers *bufio.Scanner
}

func (d *device) dialogue() *dialogue {
	d.t.Helper()
	body, send := io.Pipe()
	r, err := http.NewRequest("POST", d.server.URL+theRecords+"?stream=1", body)
	check(d.t, err)
	r.Header.Set("Authorization", "Bearer "+d.app)
	r.Header.Set("Content-Type", typeNDJSON)
	answer, err := http.DefaultClient.Do(r)
	check(d.t, err)
	d.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != typeNDJSON {
		d.t.Fatalf("answer %s, headers %v", answer.Status, answer.Header)
	}
	return &dialogue{d.t, send, answer, bufio.NewScanner(answer.Body)}
}

func (c *dialogue) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.send, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *dialogue) hear() (a lineAnswer) {
	c.t.Helper()
	if !c.answers.Scan() {
		c.t.Fatalf("no answer: %v", c.answers.Err())
	}
	check(c.t, json.Unmarshal(c.answers.Bytes(), &a))
	return a
}

// Each line is answered while the next has not been sent.
func TestStreamAnswersAtOnce(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	for i := range 3 {
		c.say(puts(i, i+1))
		if a := c.hear(); a.Line != i+1 || a.N != uint64(i+1) || a.Error != nil || a.Receipt != "" {
			t.Errorf("answer %+v", a)
		}
		if d.records() != int64(i+1) {
			t.Errorf("%d records", d.records())
		}
	}
	c.say("\n" + puts(2, 3))
	if a := c.hear(); a != (lineAnswer{Line: 5, Receipt: "unchanged"}) {
		t.Errorf("answer %+v", a)
	}
	c.say(`{"op":"delete","table":"stock","id":"MED-0000002"}` + "\n" + `{"op":"delete","table":"stock","id":"nothing"}` + "\n")
	if a, b := c.hear(), c.hear(); a != (lineAnswer{Line: 6, N: 4}) || b != (lineAnswer{Line: 7, Receipt: "unchanged"}) {
		t.Errorf("answers %+v %+v", a, b)
	}
	c.say(puts(5, 6)[:20])
	check(t, c.send.Close()) // the end of the body makes it a line
	if a := c.hear(); a.Line != 8 || a.Error == nil || a.Error.Code != sitesync.CodeInvalid {
		t.Errorf("answer %+v", a)
	}
	if c.answers.Scan() || c.answers.Err() != nil {
		t.Errorf("after the end: %q, %v", c.answers.Text(), c.answers.Err())
	}
}

func TestStreamGoesOnAfterBadLines(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	for i, bad := range badLines {
		c.say(puts(i, i+1) + bad.line + "\n")
		if a := c.hear(); a.Line != 2*i+1 || a.N != uint64(i+1) {
			t.Errorf("answer %+v", a)
		}
		if a := c.hear(); a.Line != 2*i+2 || a.Error == nil || a.Error.Code != bad.code || a.Error.Field != bad.field || a.Error.Line != 0 {
			t.Errorf("%.60s: answer %+v, error %+v", bad.line, a, a.Error)
		}
	}
	go func() {
		io.WriteString(c.send, strings.Repeat("x", 3*maxLine)+"\n"+puts(900, 901))
		c.send.Close()
	}()
	if a := c.hear(); a.Error == nil || a.Error.Code != sitesync.CodeTooLarge {
		t.Errorf("a line too long: %+v", a)
	}
	if a := c.hear(); a.Line != 2*len(badLines)+2 || a.N == 0 {
		t.Errorf("the line after: %+v", a)
	}
}

func TestStreamOfMany(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	const lines = 3000
	go func() {
		io.WriteString(c.send, puts(0, lines))
		c.send.Close()
	}()
	for i := range lines {
		if a := c.hear(); a.Line != i+1 || a.N != uint64(i+1) {
			t.Fatalf("answer %+v", a)
		}
	}
	if c.answers.Scan() || d.records() != lines {
		t.Errorf("%d records, more answers: %q", d.records(), c.answers.Text())
	}
}

func TestStreamOfStoreThatMoves(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	c.say(puts(0, 1))
	c.hear()
	d.setPhase(sitesync.PhaseDraining)
	c.say(puts(1, 2))
	if a := c.hear(); a.Error == nil || a.Error.Code != sitesync.CodeStoreMoving || a.Error.Next == "" {
		t.Errorf("answer %+v", a)
	}
	d.setPhase(sitesync.PhaseActive)
	c.say(puts(1, 2))
	if a := c.hear(); a != (lineAnswer{Line: 3, N: 2}) {
		t.Errorf("answer %+v", a)
	}
	c.send.Close()
}

// A caller that breaks off leaves what was answered, and no half line.
func TestStreamThatBreaks(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	c.say(puts(0, 1))
	c.hear()
	c.say(`{"op":"put","table":"stock","id":"half","data":{}}`)
	c.send.CloseWithError(fmt.Errorf("the link is down"))
	if c.answers.Scan() {
		t.Errorf("answer %q", c.answers.Text())
	}
	d.server.CloseClientConnections()
	d.server.Config.SetKeepAlivesEnabled(false)
	if d.records() != 1 {
		t.Errorf("%d records", d.records())
	}
	if strings.Contains(d.log.String(), "request failed") {
		t.Errorf("log %s", d.log)
	}
}

// A failure of ours ends the stream, and says so before.
func TestStreamThatFails(t *testing.T) {
	d := newDevice(t)
	c := d.dialogue()
	c.say(puts(0, 1))
	c.hear()
	d.api.watch.Stop()
	check(t, d.db.Close())
	c.say(puts(1, 2))
	if a := c.hear(); a.Error == nil || a.Error.Code != sitesync.CodeInternal || !strings.Contains(d.log.String(), "request failed") {
		t.Errorf("answer %+v, log %s", a, d.log)
	}
	if c.answers.Scan() || c.answers.Err() == nil {
		t.Errorf("the stream goes on or looks whole: %q", c.answers.Text())
	}
}
