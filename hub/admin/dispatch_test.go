package admin

import (
	"errors"
	"strings"
	"testing"

	"sitesync/hub/records"
	"sitesync/shared/sitesync"
	"sitesync/shared/wire"
)

func TestAnswerGoesToTheCaller(t *testing.T) {
	const own = "sitesync/v1/reply/admin/"
	tests := []struct {
		name, payload         string
		response, correlation string
		topic, id             string
		code                  sitesync.Code
	}{
		{"by the id", `{"id":"a.1"}`, "", "", own + "a.1", "a.1", ""},
		{"no arguments", `{"id":"a","args":null}`, "", "", own + "a", "a", ""},
		{"response topic", `{"id":"a"}`, own + "x/y", "", own + "x/y", "a", ""},
		{"foreign response topic", `{"id":"a"}`, "sitesync/v1/reply/other/a", "", own + "a", "a", sitesync.CodeForbidden},
		{"response topic outside", `{"id":"a"}`, "sitesync/v1/event/hub.disk", "", own + "a", "a", sitesync.CodeForbidden},
		{"response topic with a wildcard", `{"id":"a"}`, own + "#", "", own + "a", "a", sitesync.CodeForbidden},
		{"correlation instead of an id", `{"args":{}}`, own + "x", "7", own + "x", "", ""},
		{"correlation alone", `{}`, "", "7", own + "_", "", ""},
		{"neither", `{"args":{}}`, own + "x", "", own + "x", "", sitesync.CodeInvalid},
		{"no id", `{}`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"empty", ``, "", "", own + "_", "", sitesync.CodeInvalid},
		{"null", `null`, "", "7", own + "_", "", sitesync.CodeInvalid},
		{"no JSON", `list`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"a list", `[]`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"something behind", `{"id":"a"} {}`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"id is a number", `{"id":1}`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"id with a slash", `{"id":"a/b"}`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"id too long", `{"id":"` + strings.Repeat("a", 65) + `"}`, "", "", own + "_", "", sitesync.CodeInvalid},
		{"not UTF-8", "{\"id\":\"a\",\"args\":{\"q\":\"\xff\"}}", "", "", own + "_", "", sitesync.CodeInvalid},
		{"given twice", `{"id":"a","id":"b","args":{"q":"x","q":"Centr"}}`, "", "", own + "b", "b", ""},
		{"other case", `{"Id":"a"}`, "", "", own + "_", "", sitesync.CodeInvalid},
	}
	h := newHub(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			a := h.parse(h.Handle(t.Context(), admin, "site.list", []byte(tt.payload), tt.response, []byte(tt.correlation)))
			if a.Topic != tt.topic || a.ID != tt.id {
				t.Errorf("answered %q on %s, want %q on %s", a.ID, a.Topic, tt.id, tt.topic)
			}
			if got := sitesync.CodeOf(errorOf(a)); got != tt.code {
				t.Errorf("code %q, want %q", got, tt.code)
			}
		})
	}
}

func errorOf(a answer) error {
	if a.Error == nil {
		return nil
	}
	return a.Error
}

func TestUnknownCommand(t *testing.T) {
	h := newHub(t)
	h.fails(h.do(admin, "site.lst", `{}`), sitesync.CodeUnknownCommand, "", "did you mean site.list?")
	h.fails(h.do(viewer, "store.obliterate", `{}`), sitesync.CodeUnknownCommand, "", "store.create, store.update")
	h.fails(h.do(viewer, strings.Repeat("x", 5000), `{}`), sitesync.CodeUnknownCommand, "", "site.…, store.…, handover.…, quarantine.…, record.…")
	h.fails(h.send(admin, "site.list", `{"id":"a","argz":{}}`), sitesync.CodeUnknownField, "argz", "id, args")
}

// TestEveryCommand holds for every row of the table: its example is taken, who
// may not is told nothing, and bad arguments are named.
func TestEveryCommand(t *testing.T) {
	h := newHub(t)
	for _, cmd := range Commands() {
		t.Run(cmd.Name, func(t *testing.T) {
			h.t = t
			if _, err := cmd.decode([]byte(cmd.Example)); err != nil {
				t.Errorf("the example %s is not taken: %v", cmd.Example, err)
			}
			h.fails(h.do(admin, cmd.Name, merge(cmd.Example, `"nonsense":1`)), sitesync.CodeUnknownField, "nonsense", cmd.Name+" takes")
			h.fails(h.do(admin, cmd.Name, `[1]`), sitesync.CodeInvalid, "args", "not a JSON object")
			for _, f := range cmd.Fields() {
				if f.About == "" {
					t.Errorf("%s has no description", f.Name)
				}
				if f.Type != dataType { // it takes any JSON, and says itself what is wrong
					h.fails(h.do(admin, cmd.Name, merge(cmd.Example, `"`+f.Name+`":{"a":1}`)), sitesync.CodeInvalid, f.Name, "")
				}
				if f.Required {
					h.fails(h.do(admin, cmd.Name, merge(cmd.Example, `"`+f.Name+`":null`)), sitesync.CodeInvalid, f.Name, "needs the argument")
				}
			}
			switch cmd.Right {
			case Edits:
				for _, c := range []Caller{viewer, reader, {Name: "nobody"}} {
					h.fails(h.do(c, cmd.Name, `"nonsense"`), sitesync.CodeForbidden, "", "admin right")
				}
			case ReadsData:
				for _, c := range []Caller{viewer, clerk, {Name: "nobody", Data: true}} {
					h.fails(h.do(c, cmd.Name, `"nonsense"`), sitesync.CodeForbidden, "", "data right")
				}
			case Reads:
				h.fails(h.do(Caller{Name: "nobody"}, cmd.Name, `"nonsense"`), sitesync.CodeForbidden, "", "viewer right")
				h.fails(h.do(viewer, cmd.Name, `"nonsense"`), sitesync.CodeInvalid, "args", "")
			default:
				t.Errorf("right %v", cmd.Right)
			}
		})
	}
}

// merge puts a member at the end of an object; of two with one name the last
// counts.
func merge(object, member string) string {
	if object == "{}" {
		return "{" + member + "}"
	}
	return strings.TrimSuffix(object, "}") + "," + member + "}"
}

// broken is a database that fails.
type broken struct{ Records }

func (broken) Get(sitesync.StoreID, wire.Key) (sitesync.Record, error) {
	return sitesync.Record{}, errors.New("the disk said something secret")
}

func (broken) Meta(sitesync.StoreID) (records.Meta, bool, error) {
	return records.Meta{}, false, sitesync.Errorf(sitesync.CodeInternal, "", "so did this")
}

func TestFailureIsForTheLog(t *testing.T) {
	h := house(t)
	h.Records = broken{h.Records}
	for _, command := range []string{"record.get", "store.get"} {
		args := `{"store":"NAD1"}`
		if command == "record.get" {
			args = `{"store":"NAD1","table":"stock","record":"aspirin"}`
		}
		a := h.do(admin, command, args)
		h.fails(a, sitesync.CodeInternal, "", "reference")
		_, reference, _ := strings.Cut(a.Error.Message, "(reference ")
		reference = strings.TrimSuffix(reference, ")")
		if len(reference) < 8 || !strings.Contains(h.log.String(), "reference="+reference) {
			t.Errorf("the log does not have the reference %q:\n%s", reference, &h.log)
		}
		if strings.Contains(a.Error.Error(), "said") {
			t.Errorf("the answer tells of the inside: %s", a.Error)
		}
	}
	if !strings.Contains(h.log.String(), "something secret") {
		t.Error("the log does not have the cause")
	}
}

func TestAnswerMustFit(t *testing.T) {
	h := newHub(t)
	b := h.answer("a", "site.list", admin, []byte(`"`+strings.Repeat("x", maxAnswer)+`"`), nil)
	h.fails(h.parse("sitesync/v1/reply/admin/a", b), sitesync.CodeTooLarge, "", "less at once")
}

func FuzzRequest(f *testing.F) {
	f.Add(`{"id":"a","args":{}}`, "sitesync/v1/reply/u/x", true)
	f.Add(`{"id":"a","args":{"site":"Nadi","revision":7,"stores":[1,"x"]}}`, "", false)
	f.Add(`{"args":{"site":1e3}}`, "sitesync/v1/reply/u/+", true)
	f.Add("{\"id\":\"\xff\"}", "", false)
	f.Fuzz(func(t *testing.T, payload, response string, correlated bool) {
		req, err := parseRequest([]byte(payload), correlated)
		if err != nil && (req.ID != "" || sitesync.CodeOf(err) != sitesync.CodeInvalid) {
			t.Fatalf("%+v, %v", req, err)
		}
		if req.ID != "" && sitesync.CheckCommandID(req.ID) != nil {
			t.Fatalf("took the id %q", req.ID)
		}
		topicName, _ := replyTopic("u", req.ID, response)
		if !strings.HasPrefix(topicName, "sitesync/v1/reply/u/") || strings.ContainsAny(topicName, "+#\x00") {
			t.Fatalf("answer to %q", topicName)
		}
		for _, cmd := range table {
			args, err := cmd.decode(req.Args)
			if e := sitesync.AsError(err); err != nil && (e == nil || e.Code != sitesync.CodeInvalid && e.Code != sitesync.CodeUnknownField) {
				t.Fatalf("%s: %v", cmd.Name, err)
			}
			if err == nil {
				if _, err := cmd.public(args); err != nil {
					t.Fatalf("%s: %v", cmd.Name, err)
				}
			}
		}
	})
}
