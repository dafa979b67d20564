package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sitesync/hub/registry"
	"sitesync/hub/session"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

var anna = registry.Actor{Kind: registry.ActorUser, Name: "anna", Command: "site.wipe"}

func (r *rig) reload(_ *registry.Ask, stores []sitesync.StoreID) error {
	r.reloaded = append(r.reloaded, stores...)
	return nil
}

// wants makes an ask of Suva's device. The sites 2 to 7 are made for that.
func (r *rig) wants(kind wire.CommandKind, args any) registry.Ask {
	r.Helper()
	for _, err := r.registry.Site(suva); err != nil; _, err = r.registry.Site(suva) {
		_, err := r.registry.CreateSite(anna, registry.NewSite{Name: fmt.Sprint("site ", time.Now().UnixNano()), Password: "correct horse"})
		r.must(err)
	}
	text, err := json.Marshal(args)
	r.must(err)
	a, err := r.registry.AskDevice(anna, registry.NewAsk{Site: suva, Command: string(kind), Args: text, Until: time.Now().Add(time.Hour)})
	r.must(err)
	return a
}

// told gives the commands of a kind among messages.
func told(messages []session.Message, kind wire.CommandKind) (out []wire.Command) {
	for _, m := range messages {
		if c, err := wire.DecodeCommand(m.Payload); err == nil && c.Command == kind {
			out = append(out, c)
		}
	}
	return out
}

func (r *rig) ask(a registry.Ask) registry.Ask {
	r.Helper()
	now, known := r.registry.Asked(suva, a.Number)
	if !known {
		r.Fatal("the ask is not kept")
	}
	return now
}

func TestAsk(t *testing.T) {
	r := newRig(t)
	a := r.wants(wire.CommandLog, wire.LogArgs{Lines: 2})
	first := told(r.waiting(), wire.CommandLog)
	if len(first) != 1 || string(first[0].Args) != `{"lines":2}` {
		t.Fatalf("told %+v", first)
	}
	if again := told(r.waiting(), wire.CommandLog); len(again) != 0 {
		t.Errorf("told twice in a session: %+v", again)
	}
	r.connect(suva, second)
	if again := told(r.waiting(), wire.CommandLog); len(again) != 1 || again[0].ID != first[0].ID {
		t.Errorf("told in the next session: %+v", again)
	}
	foreign := session.New(nadi, 41, "client", registry.Decision{})
	foreign.SetGreeted()
	result := wire.CommandResult{Session: 41, ID: first[0].ID, OK: true, Result: json.RawMessage(`{"lines":["forged"]}`)}
	if _, err := r.Result(t.Context(), foreign, result.Bytes()); err != nil || r.ask(a).State != registry.AskWaiting {
		t.Errorf("another site's device answered: %v", err)
	}
	result.Result = json.RawMessage(`{"lines":["a","b"]}`)
	r.answer(result)
	result.Result = json.RawMessage(`{"lines":["later"]}`)
	r.answer(result)
	if got := r.ask(a); got.State != registry.AskDone || string(got.Result) != `{"lines":["a","b"]}` || got.Ended == nil {
		t.Errorf("%+v", got)
	}
	if left := told(r.waiting(), wire.CommandLog); len(left) != 0 {
		t.Errorf("told when it was over: %+v", left)
	}
}

func TestAskFails(t *testing.T) {
	r := newRig(t)
	a := r.wants(wire.CommandSync, struct{}{})
	c := told(r.waiting(), wire.CommandSync)[0]
	r.answer(wire.CommandResult{Session: 41, ID: c.ID, Error: sitesync.Errorf(sitesync.CodeUnknownCommand, strings.Repeat("x", 5000), "no")})
	if got := r.ask(a); got.State != registry.AskFailed || got.Error.Code != sitesync.CodeUnknownCommand || len(got.Error.Next) != 500 {
		t.Errorf("%+v", got)
	}
}

func TestAskIsAnsweredAtLength(t *testing.T) {
	r := newRig(t)
	a := r.wants(wire.CommandLog, wire.LogArgs{Lines: 2})
	c := told(r.waiting(), wire.CommandLog)[0]
	long, _ := json.Marshal(wire.LogResult{Lines: []string{strings.Repeat("x", mostResult)}})
	r.answer(wire.CommandResult{Session: 41, ID: c.ID, OK: true, Result: long})
	if got := r.ask(a); got.State != registry.AskFailed || got.Error.Code != sitesync.CodeTooLarge {
		t.Errorf("%s, %+v", got.State, got.Error)
	}
}

// TestReload gives stores a new epoch only when the hub has all that the device
// had.
func TestReload(t *testing.T) {
	r := newRig(t)
	a := r.wants(wire.CommandResync, wire.ResyncArgs{})
	c := told(r.waiting(), wire.CommandResync)[0]
	m := r.meta()
	ready := func(epoch sitesync.Epoch, n uint64) wire.CommandResult {
		result, err := json.Marshal(wire.ResyncResult{Stores: []wire.ResyncReady{{Store: store, Epoch: epoch, N: n}, {Store: 98, Epoch: epoch, N: n}}})
		r.must(err)
		return wire.CommandResult{Session: 41, ID: c.ID, OK: true, Result: result}
	}
	r.answer(ready(m.Epoch, m.Settled+1))
	if len(r.reloaded) != 0 || r.ask(a).State != registry.AskWaiting {
		t.Fatalf("reloaded %v though something is on its way", r.reloaded)
	}
	if again := told(r.waiting(), wire.CommandResync); len(again) != 1 {
		t.Errorf("told again: %+v", again)
	}
	r.answer(ready(m.Epoch, m.Settled))
	if fmt.Sprint(r.reloaded) != "[3]" || r.ask(a).State != registry.AskDone {
		t.Errorf("reloaded %v, %+v", r.reloaded, r.ask(a))
	}
}

// TestWipe keeps what a device has not sent before it lets it go on.
func TestWipe(t *testing.T) {
	r := newRig(t)
	a := r.wants(wire.CommandWipe, wire.WipeArgs{Force: true})
	c := told(r.waiting(), wire.CommandWipe)[0]
	handed, _ := json.Marshal(wire.WipeResult{Unsent: 3, Export: "head\nthree changes\n"})
	out := told(r.answer(wire.CommandResult{Session: 41, ID: c.ID, OK: true, Result: handed}), wire.CommandWipe)
	if len(out) != 1 || out[0].ID != c.ID || string(out[0].Args) != `{"force":true,"confirm":3}` {
		t.Fatalf("told %+v", out)
	}
	entries, _, err := r.registry.AuditList(registry.AuditFilter{}, 1, "")
	if err != nil || !strings.Contains(string(entries[0].After), `"export":"head\nthree changes\n"`) {
		t.Errorf("audited %s, %v", entries[0].After, err)
	}
	r.connect(suva, second)
	if again := told(r.waiting(), wire.CommandWipe); len(again) != 1 || string(again[0].Args) != `{"force":true,"confirm":3}` {
		t.Errorf("told in the next session: %+v", again)
	}
	done, _ := json.Marshal(wire.WipeResult{Wiped: true, Unsent: 3})
	r.answer(wire.CommandResult{Session: 41, ID: c.ID, OK: true, Result: done})
	if got := r.ask(a); got.State != registry.AskDone || !strings.Contains(string(got.Result), `"wiped":true`) {
		t.Errorf("%+v", got)
	}
}

func TestCheck(t *testing.T) {
	r := newRig(t)
	send := func(m session.Message) error {
		c, err := wire.DecodeCommand(m.Payload)
		r.must(err)
		r.answer(wire.CommandResult{Session: 41, ID: "k-other", OK: true, Result: json.RawMessage(`{}`)})
		r.answer(wire.CommandResult{Session: 41, ID: c.ID, OK: true, Result: json.RawMessage(`{"version":"1.2","backlog":7}`)})
		return nil
	}
	got, took, err := r.Check(t.Context(), r.s, send)
	if err != nil || got.Version != "1.2" || got.Backlog != 7 || took <= 0 {
		t.Errorf("%+v, %s, %v", got, took, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := r.Check(ctx, r.s, func(session.Message) error { return nil }); sitesync.CodeOf(err) != sitesync.CodeTimeout {
		t.Errorf("no answer: %v", err)
	}
}
