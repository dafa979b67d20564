package hubd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sitesync/hub/admin"
	"sitesync/hub/call"
	"sitesync/hub/records"
	"sitesync/hub/records/recordstest"
	"sitesync/hub/registry"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

// desk is a hub with the callers that a table of commands needs, each on a
// connection of its own.
type desk struct {
	*testing.T
	hub                   *Hub
	admin, viewer, reader *call.Client
	ids                   int
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, hub: openHub(t)}
	d.admin = d.dial("user/admin", "the admin's password")
	d.viewer = d.dial("token/viewer", d.token("viewer", false))
	d.reader = d.dial("token/reader", d.token("reader", true))
	return d
}

func (d *desk) dial(user, secret string) *call.Client {
	d.Helper()
	c, err := call.Dial(d.Context(), link.Config{URL: "mqtt://" + d.hub.Addresses().MQTT, Username: user, Password: []byte(secret)})
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(c.Close)
	return c
}

func (d *desk) token(name string, data bool) string {
	d.Helper()
	var made admin.TokenResult
	if err := d.admin.Do(d.Context(), "token.create", map[string]any{"name": name, "role": "viewer", "data": data}, &made); err != nil {
		d.Fatal(err)
	}
	return made.Token
}

// say sends a command under an ID, "" for a new one.
func (d *desk) say(c *call.Client, id, command, args string) (json.RawMessage, *sitesync.Error) {
	d.Helper()
	if id == "" {
		d.ids++
		id = fmt.Sprint("t", d.ids)
	}
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	result, err := c.Call(ctx, id, command, []byte(args))
	if e := sitesync.AsError(err); err != nil && e == nil {
		d.Fatalf("%s: %v", command, err)
	} else if e != nil {
		return nil, e
	}
	return result, nil
}

func (d *desk) fails(c *call.Client, id, command, args string, code sitesync.Code, field string) *sitesync.Error {
	d.Helper()
	result, e := d.say(c, id, command, args)
	if e == nil {
		d.Fatalf("%s %s: succeeded with %s", command, args, result)
	}
	if e.Code != code || field != "" && e.Field != field || e.Message == "" {
		d.Errorf("%s %s: %s at %q: %s; want %s at %q", command, args, e.Code, e.Field, e, code, field)
	}
	return e
}

// step is a command in the life of a hub, with the ways in which it fails just
// before it succeeds.
type step struct {
	command string
	args    string
	before  func(*desk)              // what has to happen first
	errors  map[string]sitesync.Code // by arguments
	remote  bool                     // it needs a device: hub/e2e has its success
	want    string                   // in the result
}

// steps lead through every command. The sites become 2 Nadi and 3 Suva, the
// stores 1 NAD1 and 2 NAD2.
var steps = []step{
	{command: "site.create", args: `{"name":"Nadi","code":"NAD","password":"correct horse"}`, want: `"id":2,`, errors: map[string]sitesync.Code{
		`{"name":"central","password":"correct horse"}`: sitesync.CodeExists, `{"name":"a/b","password":"correct horse"}`: sitesync.CodeInvalid,
		`{"name":"x","password":"correct horse","stores":["NONE"]}`: sitesync.CodeNotFound}},
	{command: "site.create", args: `{"name":"Suva","password":"correct horse"}`, want: `"id":3,`},
	{command: "site.get", args: `{"site":"nadi"}`, want: `"state":"never"`, errors: map[string]sitesync.Code{`{"site":99}`: sitesync.CodeNotFound}},
	{command: "site.list", args: `{"state":"never","limit":1}`, want: `"next":"2"`, errors: map[string]sitesync.Code{`{"state":"asleep"}`: sitesync.CodeInvalid, `{"after":"x"}`: sitesync.CodeInvalid}},
	{command: "site.join", args: `{"site":2}`, want: `sitesync1:`, errors: map[string]sitesync.Code{`{"site":1}`: sitesync.CodeActiveHere, `{"site":99}`: sitesync.CodeNotFound}},
	{command: "store.create", args: `{"code":"NAD1","name":"Nadi pharmacy"}`, want: `"id":1,`, errors: map[string]sitesync.Code{
		`{"code":"a b","name":"x"}`: sitesync.CodeInvalid, `{"code":"x","name":"x","tags":["y"]}`: sitesync.CodeInvalid}},
	{command: "store.create", args: `{"code":"OLD2","name":"Nadi ward"}`, want: `"id":2,`, errors: map[string]sitesync.Code{`{"code":"NAD1","name":"x"}`: sitesync.CodeExists}},
	{command: "store.update", args: `{"store":"OLD2","code":"NAD2"}`, want: `"code":"NAD2"`, errors: map[string]sitesync.Code{
		`{"store":"NONE"}`: sitesync.CodeNotFound, `{"store":2,"code":"NAD1"}`: sitesync.CodeExists, `{"store":2,"tags":["y"]}`: sitesync.CodeInvalid}},
	{command: "store.get", args: `{"store":"NAD2"}`, want: `"phase":"active"`, errors: map[string]sitesync.Code{`{"store":"OLD2"}`: sitesync.CodeMovedCode, `{"store":9}`: sitesync.CodeNotFound}},
	{command: "store.list", args: `{"site":1}`, want: `"NAD2"`, errors: map[string]sitesync.Code{`{"site":99}`: sitesync.CodeNotFound, `{"limit":0}`: sitesync.CodeInvalid}},
	{command: "site.update", args: `{"site":2,"revision":1,"code":"NA","addStores":["NAD2"]}`, want: `"effects":["the code becomes`, errors: map[string]sitesync.Code{
		`{"site":99,"revision":1}`: sitesync.CodeNotFound, `{"site":2,"revision":7}`: sitesync.CodeConflict, `{"site":2,"revision":1,"name":"Suva"}`: sitesync.CodeExists,
		`{"site":2,"revision":0}`: sitesync.CodeInvalid, `{"site":1,"revision":1,"enabled":false}`: sitesync.CodeConflict}},
	{command: "handover.list", args: `{"state":"loading"}`, want: `"toName":"Nadi"`, errors: map[string]sitesync.Code{`{"state":"lost"}`: sitesync.CodeInvalid, `{"store":9}`: sitesync.CodeNotFound}},
	{command: "handover.get", args: `{"handover":1}`, want: `"state":"loading"`, errors: map[string]sitesync.Code{`{"handover":99}`: sitesync.CodeNotFound}},
	{command: "store.move", args: `{"store":"NAD2","to":"Suva"}`, before: func(d *desk) { d.load(2) }, want: `"state":"draining"`, errors: map[string]sitesync.Code{
		`{"store":9,"to":3}`: sitesync.CodeNotFound, `{"store":2,"to":99}`: sitesync.CodeNotFound}},
	{command: "handover.cancel", args: `{"handover":2}`, want: `"state":"cancelled"`, errors: map[string]sitesync.Code{
		`{"handover":99}`: sitesync.CodeNotFound, `{"handover":1}`: sitesync.CodeHandoverState}},
	{command: "store.move", args: `{"store":"NAD2","to":1}`, want: `"id":3,`},
	{command: "handover.force", args: `{"handover":3}`, want: `"state":"forced"`, errors: map[string]sitesync.Code{
		`{"handover":99}`: sitesync.CodeNotFound, `{"handover":2}`: sitesync.CodeHandoverState}},
	{command: "quarantine.list", args: `{"state":"open"}`, before: (*desk).late, want: `"id":1,`, errors: map[string]sitesync.Code{`{"state":"lost"}`: sitesync.CodeInvalid, `{"site":99}`: sitesync.CodeNotFound}},
	{command: "quarantine.get", args: `{"item":1}`, want: `"fields":[{"name":"packs"`, errors: map[string]sitesync.Code{`{"item":99}`: sitesync.CodeNotFound}},
	{command: "quarantine.apply", args: `{"item":1}`, want: `"state":"applied"`, errors: map[string]sitesync.Code{`{"item":99}`: sitesync.CodeNotFound}},
	{command: "quarantine.discard", args: `{"item":2}`, want: `"state":"discarded"`, errors: map[string]sitesync.Code{`{"item":99}`: sitesync.CodeNotFound, `{"item":1}`: sitesync.CodeConflict}},
	{command: "quarantine.import", remote: true, errors: map[string]sitesync.Code{
		`{"site":2,"hub":"00","replica":"0102030405060708090a0b0c0d0e0f10","changes":[]}`: sitesync.CodeInvalid}},
	{command: "record.put", args: `{"store":"NAD1","table":"stock","record":"aspirin","data":{"packs":40}}`, want: `"etag":`, errors: map[string]sitesync.Code{
		`{"store":9,"table":"stock","record":"a","data":{}}`: sitesync.CodeNotFound, `{"store":1,"table":"Stock","record":"a","data":{}}`: sitesync.CodeInvalid,
		`{"store":1,"table":"stock","record":"a","data":[]}`: sitesync.CodeInvalid, `{"store":1,"table":"stock","record":"a","data":{},"ifMatch":"00"}`: sitesync.CodeConflict}},
	{command: "record.get", args: `{"store":1,"table":"stock","record":"aspirin"}`, want: `{"packs":40}`, errors: map[string]sitesync.Code{`{"store":1,"table":"stock","record":"b"}`: sitesync.CodeNotFound}},
	{command: "record.list", args: `{"store":1}`, want: `"aspirin"`, errors: map[string]sitesync.Code{`{"store":9}`: sitesync.CodeNotFound, `{"store":1,"after":"x"}`: sitesync.CodeInvalid}},
	{command: "record.delete", args: `{"store":1,"table":"stock","record":"aspirin"}`, want: `"id":"aspirin"`, errors: map[string]sitesync.Code{
		`{"store":1,"table":"stock","record":"b"}`: sitesync.CodeNotFound, `{"store":1,"table":"stock","record":"aspirin","ifMatch":"00"}`: sitesync.CodeConflict}},
	{command: "site.check", remote: true, errors: map[string]sitesync.Code{`{"site":3}`: sitesync.CodeOffline, `{"site":1}`: sitesync.CodeActiveHere, `{"site":3,"timeout":999}`: sitesync.CodeInvalid}},
	{command: "site.sync", args: `{"site":3}`, want: `"state":"waiting"`, errors: map[string]sitesync.Code{`{"site":1}`: sitesync.CodeActiveHere, `{"site":99}`: sitesync.CodeNotFound}},
	{command: "site.resync", args: `{"site":3}`, want: `"state":"waiting"`, errors: map[string]sitesync.Code{`{"site":1}`: sitesync.CodeActiveHere, `{"site":3,"store":9}`: sitesync.CodeNotFound}},
	{command: "site.log", args: `{"site":3,"lines":7}`, want: `"state":"waiting"`, errors: map[string]sitesync.Code{`{"site":3,"lines":0}`: sitesync.CodeInvalid}},
	{command: "site.wipe", args: `{"site":3}`, want: `"state":"waiting"`, errors: map[string]sitesync.Code{`{"site":2}`: sitesync.CodeBacklog},
		before: func(d *desk) { d.backlog(2, 41) }},
	{command: "site.asked", args: `{"site":3}`, want: `"command":"wipe"`, errors: map[string]sitesync.Code{`{"site":99}`: sitesync.CodeNotFound}},
	{command: "site.reset-hardware", args: `{"site":2,"force":true}`, want: `"hardwareId":null`, errors: map[string]sitesync.Code{
		`{"site":1}`: sitesync.CodeActiveHere, `{"site":99}`: sitesync.CodeNotFound, `{"site":2}`: sitesync.CodeBacklog, `{"site":2,"revision":1}`: sitesync.CodeConflict}},
	{command: "store.delete", args: `{"store":"NAD2","force":true}`, want: `"id":2,`, errors: map[string]sitesync.Code{`{"store":9}`: sitesync.CodeNotFound, `{"store":"NAD2"}`: sitesync.CodeInUse}},
	{command: "store.move", args: `{"store":"NAD1","to":"Nadi"}`, want: `"state":"loading"`},
	{command: "site.delete", args: `{"site":"Suva"}`, want: `"name":"Suva"`, errors: map[string]sitesync.Code{
		`{"site":1}`: sitesync.CodeActiveHere, `{"site":"Nadi"}`: sitesync.CodeInUse, `{"site":99}`: sitesync.CodeNotFound}},
	{command: "user.me", args: `{}`, want: `"name":"admin"`},
	{command: "user.create", args: `{"name":"anna","role":"viewer"}`, want: `"password":"`, errors: map[string]sitesync.Code{
		`{"name":"admin","role":"viewer"}`: sitesync.CodeExists, `{"name":"x","role":"king"}`: sitesync.CodeInvalid, `{"name":"x","role":"admin","password":"short"}`: sitesync.CodeInvalid}},
	{command: "user.update", args: `{"name":"anna","data":true}`, want: `"data":true`, errors: map[string]sitesync.Code{
		`{"name":"nobody"}`: sitesync.CodeNotFound, `{"name":"admin","role":"viewer"}`: sitesync.CodeInUse}},
	{command: "user.list", args: `{"limit":1}`, want: `"next":"admin"`, errors: map[string]sitesync.Code{`{"limit":0}`: sitesync.CodeInvalid}},
	{command: "user.delete", args: `{"name":"anna"}`, want: `"name":"anna"`, errors: map[string]sitesync.Code{`{"name":"admin"}`: sitesync.CodeInUse, `{"name":"nobody"}`: sitesync.CodeNotFound}},
	{command: "token.create", args: `{"name":"script","role":"admin"}`, want: `"token":"sst1_`, errors: map[string]sitesync.Code{
		`{"name":"viewer","role":"admin"}`: sitesync.CodeExists, `{"name":"x","role":"admin","expires":"2001-01-01"}`: sitesync.CodeInvalid}},
	{command: "token.list", args: `{}`, want: `"lastUsed":"`, errors: map[string]sitesync.Code{`{"limit":0}`: sitesync.CodeInvalid}},
	{command: "token.revoke", args: `{"name":"script"}`, want: `"name":"script"`, errors: map[string]sitesync.Code{`{"name":"nobody"}`: sitesync.CodeNotFound}},
	{command: "audit.list", args: `{"site":3,"limit":1}`, want: `"command":"site.delete"`, errors: map[string]sitesync.Code{`{"after":"x"}`: sitesync.CodeInvalid, `{"store":"NONE"}`: sitesync.CodeNotFound}},
	{command: "hub.status", args: `{}`, want: `"version":"test"`},
	{command: "hub.help", args: `{"command":"site.get"}`, want: `"right":"viewer"`, errors: map[string]sitesync.Code{`{"command":"site.lst"}`: sitesync.CodeUnknownCommand}},
}

// load ends the delivery of a store, as its site's device would.
func (d *desk) load(store sitesync.StoreID) {
	d.Helper()
	m, _, err := d.hub.records.Meta(store)
	if err == nil {
		err = d.hub.handover.Hello(m.Owner, sitesync.NewReplicaID(), func(sitesync.StoreID) bool { return true })
		m, _, _ = d.hub.records.Meta(store)
	}
	if err == nil {
		_, _, err = d.hub.handover.Loaded(store, m.Owner, &wire.Handover{Step: wire.Loaded, Replica: m.Replica, Handover: m.Handover.ID,
			Epoch: m.Epoch, Cursor: m.Head(), Digest: m.Digest})
	}
	if err != nil {
		d.Fatal(err)
	}
}

// late has two changes come for NAD2 from a device that never had it.
func (d *desk) late() {
	d.Helper()
	device := recordstest.NewDevice(2, records.Origin{Epoch: sitesync.NewEpoch(1, 1), Site: 2, Replica: sitesync.NewReplicaID()})
	device.Put("stock", "a", `{"packs":2}`)
	device.Put("stock", "b", `{"packs":3}`)
	if res, err := d.hub.records.Apply(device.All()); err != nil || res.Refused != 2 {
		d.Fatalf("%+v, %v", res, err)
	}
}

// backlog binds a device to a site, and has it say how much it has not sent.
func (d *desk) backlog(site sitesync.SiteID, n uint64) {
	d.Helper()
	hardware := sitesync.NewHardwareID([32]byte{9})
	login, err := d.hub.registry.Authenticate(registry.Login{Name: "Nadi", Secret: []byte("correct horse"), Hardware: hardware,
		ReplicaShort: sitesync.NewReplicaID().Short(), Address: "192.0.2.7"})
	if err != nil || login.Outcome != registry.Accepted {
		d.Fatalf("%+v, %v", login, err)
	}
	d.hub.live.Report(site, wire.Report{Backlog: n}, time.Now())
}

// TestCommands takes every command of the table through a connection: each way
// in which it fails, who may not, fields that are missing or unknown, the
// success, and the repeat of that.
func TestCommands(t *testing.T) {
	d := newDesk(t)
	seen := map[string]bool{}
	for _, s := range steps {
		row, known := admin.Lookup(s.command)
		if !known {
			t.Fatalf("there is no command %s", s.command)
		}
		if !seen[s.command] {
			d.refusals(&row)
		}
		seen[s.command] = true
		d.take(&row, &s)
	}
	for _, row := range admin.Commands() {
		if !seen[row.Name] {
			t.Errorf("%s has no step in this test", row.Name)
		}
	}
}

// refusals are what every command has in common.
func (d *desk) refusals(row *admin.Command) {
	d.Helper()
	open := strings.TrimSuffix(row.Example, "}")
	if open != "{" {
		open += ","
	}
	d.fails(d.admin, "", row.Name, open+`"nonsense":1}`, sitesync.CodeUnknownField, "nonsense")
	for _, f := range row.Fields() {
		if f.Required {
			d.fails(d.admin, "", row.Name, open+fmt.Sprintf(`%q:null}`, f.Name), sitesync.CodeInvalid, f.Name)
		}
	}
	const secret = `{"secret":"what nobody is told"}`
	if row.Right != admin.Reads {
		if e := d.fails(d.viewer, "", row.Name, secret, sitesync.CodeForbidden, ""); strings.Contains(e.Error(), "secret") {
			d.Errorf("%s tells one who may not: %s", row.Name, e)
		}
	}
	if row.Right == admin.Edits {
		d.fails(d.reader, "", row.Name, secret, sitesync.CodeForbidden, "")
	}
}

func (d *desk) take(row *admin.Command, s *step) {
	d.Helper()
	if s.before != nil {
		s.before(d)
	}
	for args, code := range s.errors {
		d.fails(d.admin, "", s.command, args, code, "")
	}
	if s.remote {
		return
	}
	id := call.NewID()
	result, e := d.say(d.admin, id, s.command, s.args)
	if e != nil {
		d.Fatalf("%s %s: %s: %s", s.command, s.args, e.Code, e)
	}
	if !strings.Contains(string(result), s.want) {
		d.Errorf("%s %s gives %s, without %s", s.command, s.args, result, s.want)
	}
	if row.Right != admin.Edits {
		return
	}
	again, e := d.say(d.admin, id, s.command, s.args)
	if e != nil || string(again) != string(result) {
		d.Errorf("%s again gives %s (%v), first %s", s.command, again, e, result)
	}
	d.fails(d.admin, id, "store.create", `{"code":"OTHER","name":"other"}`, sitesync.CodeIDReused, "id")
}

// TestTwoAdministrators edit one site at once: one of them hears what the other
// has changed.
func TestTwoAdministrators(t *testing.T) {
	d := newDesk(t)
	if _, e := d.say(d.admin, "", "site.create", `{"name":"Nadi","password":"correct horse"}`); e != nil {
		t.Fatal(e)
	}
	if _, e := d.say(d.admin, "", "user.create", `{"name":"anna","role":"admin","password":"annas password"}`); e != nil {
		t.Fatal(e)
	}
	who := map[string]*call.Client{"admin": d.admin, "anna": d.dial("user/anna", "annas password")}
	outcomes := map[string]error{}
	var mu sync.Mutex
	var both sync.WaitGroup
	for name, c := range who {
		both.Go(func() {
			_, err := c.Call(t.Context(), call.NewID(), "site.update", fmt.Appendf(nil, `{"site":"Nadi","revision":1,"code":%q}`, name))
			mu.Lock()
			defer mu.Unlock()
			outcomes[name] = err
		})
	}
	both.Wait()
	winner, loser := "admin", "anna"
	if outcomes[winner] != nil {
		winner, loser = loser, winner
	}
	e := sitesync.AsError(outcomes[loser])
	if outcomes[winner] != nil || e == nil {
		t.Fatalf("both had the same: %v", errors.Join(outcomes["admin"], outcomes["anna"]))
	}
	if e.Code != sitesync.CodeConflict || !strings.Contains(e.Message, winner+" changed code") || !strings.Contains(e.Next, "revision 2") {
		t.Errorf("the second is told %s: %s", e.Code, e)
	}
}
