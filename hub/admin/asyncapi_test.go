package admin

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

const asyncAPIFile = "../../configs/asyncapi.yaml"

var update = flag.Bool("update", false, "write the AsyncAPI document anew")

// TestAsyncAPI holds the document against what the table, the shapes and the
// list of events say now.
func TestAsyncAPI(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Generated from the table of commands (hub/admin/table.go), the shapes and the events:\n" +
		"# go test ./hub/admin -run AsyncAPI -update. Checked with the official parser by the task asyncapi.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(newAsyncAPI()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(asyncAPIFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(asyncAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, b.Bytes()) {
		t.Errorf("%s is stale: run go test ./hub/admin -run AsyncAPI -update", asyncAPIFile)
	}
	for _, cmd := range Commands() {
		if !strings.Contains(string(is), "address: "+topic.Topic{Kind: topic.Admin, Name: cmd.Name}.String()+"\n") {
			t.Errorf("%s is not in it", cmd.Name)
		}
	}
}

type document = map[string]any

// asyncAPI is a document of AsyncAPI 3.0. It describes the hub: what the hub
// receives, a caller sends.
type asyncAPI struct {
	AsyncAPI   string   `yaml:"asyncapi"`
	Info       document `yaml:"info"`
	Servers    document `yaml:"servers"`
	Channels   document `yaml:"channels"`
	Operations document `yaml:"operations"`
	Components document `yaml:"components"`

	schemas  document
	messages document
}

func newAsyncAPI() *asyncAPI {
	d := &asyncAPI{AsyncAPI: "3.0.0", Channels: document{}, Operations: document{}, schemas: document{}, messages: document{},
		Info: document{
			"title": "sitesync hub", "version": "1",
			"license": document{"name": "Apache-2.0"},
			"description": "Everything that an administrator or a script can do is a JSON message on the topic of a command. The answer comes on reply/{user}/{id}, " +
				"or on the response topic of MQTT 5, which has to lie below reply/{user}/. The same id again is not carried out twice.",
		},
		Servers: document{
			"mqtts": server("hub.example.org:8883", "secure-mqtt", "MQTT 3.1.1 and 5 over TLS"),
			"wss":   server("hub.example.org:8443", "wss", "the same over WebSocket"),
			"mqtt":  server("127.0.0.1:1883", "mqtt", "without encryption, on the hub's own machine"),
		},
	}
	d.Components = document{"schemas": d.schemas, "messages": d.messages, "securitySchemes": document{
		"login": document{"type": "userPassword", "description": "user/NAME with a password, or token/NAME with a token"}}}
	d.schemas["Error"] = d.fields(reflect.TypeFor[sitesync.Error]())
	replies := document{}
	for _, cmd := range Commands() {
		d.command(&cmd, replies)
	}
	d.Channels["reply"] = document{"address": topic.Prefix + "/reply/{user}/{id}", "messages": replies, "parameters": document{
		"user": document{"description": "name of the user or token, without user/ or token/"},
		"id":   document{"description": "id of the request; _ where it had none"}}}
	d.told()
	return d
}

func server(host, protocol, about string) document {
	s := document{"host": host, "protocol": protocol, "description": about, "security": []document{{"$ref": "#/components/securitySchemes/login"}}}
	if protocol == "wss" {
		s["pathname"] = "/mqtt"
	}
	return s
}

func (d *asyncAPI) command(cmd *Command, replies document) {
	var example any
	if err := json.Unmarshal([]byte(cmd.Example), &example); err != nil {
		panic(err)
	}
	d.messages[cmd.Name] = document{"contentType": "application/json", "summary": cmd.About,
		"payload": document{"type": "object", "additionalProperties": false, "properties": document{
			"id":   document{"type": "string", "pattern": `^[A-Za-z0-9._-]{1,64}$`, "description": "may be left out with the correlation data of MQTT 5"},
			"args": d.arguments(cmd)}},
		"examples": []document{{"payload": document{"id": "1", "args": example}}}}
	d.messages[cmd.Name+".reply"] = document{"contentType": "application/json", "payload": document{"type": "object", "required": []string{"id", "ok"},
		"properties": document{"id": document{"type": "string"}, "ok": document{"type": "boolean"},
			"result": d.schema(cmd.Result), "error": ref("Error")}}}
	name := strings.ReplaceAll(cmd.Name, ".", "_")
	d.Channels[name] = document{"address": topic.Topic{Kind: topic.Admin, Name: cmd.Name}.String(), "messages": document{"request": message(cmd.Name)}}
	replies[name] = message(cmd.Name + ".reply")
	d.Operations[name] = document{"action": "receive", "summary": cmd.About, "description": "Needs the right " + cmd.Right.String() + ".",
		"channel":  document{"$ref": "#/channels/" + name},
		"messages": []document{{"$ref": "#/channels/" + name + "/messages/request"}},
		"reply":    document{"channel": document{"$ref": "#/channels/reply"}, "messages": []document{{"$ref": "#/channels/reply/messages/" + name}}}}
}

// told are the topics on which the hub tells what goes on.
func (d *asyncAPI) told() {
	var kinds []string
	lines := []string{"The kind of event:"}
	for _, e := range sitesync.Events {
		kinds = append(kinds, string(e.Kind))
		lines = append(lines, fmt.Sprintf("%s (%s): %s", e.Kind, e.Urgency, e.About))
	}
	d.messages["event"] = document{"contentType": "application/json", "summary": "Something that happened.", "payload": d.schema(reflect.TypeFor[sitesync.EventMessage]())}
	d.messages["status"] = document{"contentType": "application/json", "summary": "How a site is; retained.", "payload": d.schema(reflect.TypeFor[sitesync.SiteStatus]())}
	d.Channels["event"] = document{"address": topic.Prefix + "/event/{kind}", "messages": document{"event": message("event")},
		"parameters": document{"kind": document{"enum": kinds, "description": strings.Join(lines, "\n")}}}
	d.Channels["status"] = document{"address": topic.Prefix + "/site/{site}/status", "messages": document{"status": message("status")},
		"parameters": document{"site": document{"description": "ID of the site"}}}
	for _, name := range []string{"event", "status"} {
		d.Operations[name] = document{"action": "send", "channel": document{"$ref": "#/channels/" + name}}
	}
}

func message(name string) document { return document{"$ref": "#/components/messages/" + name} }
func ref(name string) document     { return document{"$ref": "#/components/schemas/" + name} }

func (d *asyncAPI) arguments(cmd *Command) document {
	properties, required := document{}, []string{}
	for _, f := range cmd.Fields() {
		p := d.schema(f.Type)
		p["description"] = f.About
		if f.Secret {
			p["format"] = "password"
		}
		properties[f.Name] = p
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out := document{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// schema describes the JSON of a type.
func (d *asyncAPI) schema(t reflect.Type) document {
	switch t {
	case refType:
		return document{"type": []string{"integer", "string"}}
	case dataType:
		return document{}
	case reflect.TypeFor[Moment]():
		return document{"type": "string", "examples": []string{"2030-01-31T12:00:00Z", "2030-01-31"}}
	case reflect.TypeFor[sitesync.Time]():
		return document{"type": "string", "format": "date-time"}
	case reflect.TypeFor[[]byte]():
		return document{"type": "string", "contentEncoding": "base64"}
	}
	if t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return document{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Slice:
		return document{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return document{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Bool:
		return document{"type": "boolean"}
	case reflect.String:
		return document{"type": "string"}
	case reflect.Float64:
		return document{"type": "number"}
	case reflect.Struct:
		return d.structure(t)
	}
	return document{"type": "integer"}
}

// structure describes a struct once, under its name; pages have none.
func (d *asyncAPI) structure(t reflect.Type) document {
	name := t.Name()
	if strings.Contains(name, "[") {
		return d.fields(t)
	}
	if d.schemas[name] == nil {
		d.schemas[name] = document{} // it may hold itself
		d.schemas[name] = d.fields(t)
	}
	return ref(name)
}

func (d *asyncAPI) fields(t reflect.Type) document {
	properties := document{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "-" && name != "" {
			properties[name] = d.schema(f.Type)
		}
	}
	return document{"type": "object", "properties": properties}
}
