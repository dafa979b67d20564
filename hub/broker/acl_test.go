package broker

import (
	"bytes"
	"strings"
	"testing"

	"sitesync/shared/topic"
)

var (
	aclDevice  = &Client{Principal: Principal{Kind: Device, Site: 6, Name: "alpha", Session: 1}, Login: Login{ClientID: "ABC-DEF"}}
	aclRefused = &Client{Principal: Principal{Kind: Device, Site: 6, Name: "alpha", Refused: true}, Login: Login{ClientID: "ABC-DEF"}}
	aclPerson  = &Client{Principal: Principal{Kind: Person, Name: "alice"}, Login: Login{ClientID: "console"}}
	aclClients = map[string]*Client{"device": aclDevice, "refused": aclRefused, "person": aclPerson}
)

// TestPublishACL names for each topic the clients that may speak on it.
func TestPublishACL(t *testing.T) {
	for name, may := range map[string]string{
		"device/ABC-DEF/hello":   "device refused",
		"device/ABC-DEX/hello":   "",
		"device/ABC-DEF/welcome": "",
		"site/6/push":            "device",
		"site/6/pull":            "device",
		"site/6/resync":          "device",
		"site/6/handover":        "device",
		"site/6/command/result":  "device",
		"site/7/push":            "",
		"site/06/push":           "",
		"site/6/receipt":         "",
		"site/6/changes":         "",
		"site/6/assignment":      "",
		"site/6/resync/3":        "",
		"site/6/hint":            "",
		"site/6/command":         "",
		"site/6/status":          "",
		"site/6/push/":           "",
		"admin/site.create":      "person",
		"admin/site/create":      "",
		"admin/":                 "",
		"reply/alice/1":          "",
		"event/site.online":      "",
		"":                       "",
	} {
		for who, c := range aclClients {
			if got, want := c.mayPublish(topic.Parse(topic.Prefix+"/"+name)), strings.Contains(may, who); got != want {
				t.Errorf("%s may publish on %s: %v, want %v", who, name, got, want)
			}
		}
	}
	for who, c := range aclClients {
		for _, name := range []string{"", "/", "$SYS/broker/version", "/$SYS/broker/version", "sitesync/v2/admin/site.create", "admin/site.create"} {
			if c.mayPublish(topic.Parse(name)) {
				t.Errorf("%s may publish on %q", who, name)
			}
		}
	}
}

// filtersAllowed names for each filter the clients that may use it.
var filtersAllowed = map[string]string{
	"device/ABC-DEF/welcome": "device refused",
	"device/ABC-DEF/hello":   "",
	"device/ABC-DEX/welcome": "",
	"device/+/welcome":       "",
	"device/ABC-DEF/+":       "",
	"device/ABC-DEF/#":       "",
	"site/6/receipt":         "device",
	"site/6/changes":         "device",
	"site/6/assignment":      "device",
	"site/6/resync/+":        "device",
	"site/6/resync/3":        "device",
	"site/6/resync/#":        "",
	"site/6/resync":          "",
	"site/6/hint":            "device",
	"site/6/command":         "device",
	"site/6/command/result":  "",
	"site/6/push":            "",
	"site/6/#":               "",
	"site/6/+":               "",
	"site/7/receipt":         "",
	"site/7/resync/+":        "",
	"site/+/receipt":         "",
	"site/6/status":          "person",
	"site/7/status":          "person",
	"site/+/status":          "person",
	"site/#":                 "",
	"site/+/+":               "",
	"event/+":                "person",
	"event/#":                "person",
	"event/site.online":      "person",
	"event":                  "",
	"reply/alice/#":          "person",
	"reply/alice/+":          "person",
	"reply/alice/1":          "person",
	"reply/alice/a/+/c":      "person",
	"reply/alice/a/#":        "person",
	"reply/alice/a#":         "",
	"reply/alice/a+/b":       "",
	"reply/alice/#/b":        "",
	"reply/alice/":           "",
	"reply/alice":            "",
	"reply/alicea/1":         "",
	"reply/bob/#":            "",
	"reply/+/1":              "",
	"reply/#":                "",
	"admin/+":                "",
	"admin/site.create":      "",
	"+/6/receipt":            "",
	"+/+/status":             "",
	"+":                      "",
	"#":                      "",
	"+/#":                    "",
}

// filtersForNobody are whole filters.
var filtersForNobody = []string{
	"#", "+", "+/#", "/#", "/+", "$SYS/#", "$SYS/broker/version", "sitesync/#", "sitesync/+/site/+/status", "sitesync/v1/#",
	"+/v1/site/+/status", "+/+/event/+", "sitesync/v1", "sitesync", "",
	"$share/g/sitesync/v1/site/+/status", "$SHARE/g/sitesync/v1/event/+", "$share/g/sitesync/v1/site/6/receipt", "$share/g/#",
}

func TestSubscribeACL(t *testing.T) {
	for name, may := range filtersAllowed {
		for who, c := range aclClients {
			if got, want := c.maySubscribe(topic.Prefix+"/"+name), strings.Contains(may, who); got != want {
				t.Errorf("%s may subscribe to %s: %v, want %v", who, name, got, want)
			}
		}
	}
	for _, filter := range filtersForNobody {
		for who, c := range aclClients {
			if c.maySubscribe(filter) {
				t.Errorf("%s may subscribe to %q", who, filter)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		filter, name string
		want         bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/b", "a", false}, {"a", "a/b", false},
		{"a/+", "a/b", true}, {"a/+", "a/b/c", false}, {"a/+", "a", false}, {"a/+", "a/", true},
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "b", false}, {"a/+/c", "a/b/c", true},
		{"a/+/c", "a/b/d", false}, {"a/+/#", "a", false}, {"a/+/#", "a/b", true},
	} {
		if got := matches(test.filter, test.name); got != test.want {
			t.Errorf("matches(%q, %q) = %v", test.filter, test.name, got)
		}
	}
}

// FuzzSubscribeACL: whatever a filter that is let pass can match, the client
// may hear.
func FuzzSubscribeACL(f *testing.F) {
	for name := range filtersAllowed {
		f.Add(topic.Prefix+"/"+name, topic.Prefix+"/site/6/status")
		f.Add(topic.Prefix+"/"+name, topic.Prefix+"/reply/alice/1")
	}
	for _, filter := range filtersForNobody {
		f.Add(filter, topic.Prefix+"/site/7/receipt")
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		parsed := topic.Parse(name)
		if parsed.Kind == topic.Unknown {
			return // nothing is ever sent there
		}
		for who, c := range aclClients {
			if c.maySubscribe(filter) && matches(filter, name) && !c.mayHear(parsed) {
				t.Errorf("%s with the filter %q hears %q", who, filter, name)
			}
		}
	})
}

// TestSubscribeOnTheWire holds the codes of the SUBACK: 0x80 for 3.1.1, 0x87
// for 5, and QoS 0 for what is granted.
func TestSubscribeOnTheWire(t *testing.T) {
	b, _ := start(t, nil)
	id := deviceID("A", 1)
	for version, refused := range map[byte]byte{4: 0x80, 5: 0x87} {
		l := device("alpha", id)
		l.version = version
		r := join(t, b, l)
		got := r.subscribe(topic.ForDevice(id, topic.Welcome), "sitesync/v1/site/6/receipt", "sitesync/v1/site/7/receipt",
			"#", "$share/g/sitesync/v1/site/6/hint", "sitesync/v1/site/6/resync/+", "$SYS/#")
		if want := []byte{0, 0, refused, refused, refused, 0, refused}; !bytes.Equal(got, want) {
			t.Errorf("version %d: device's SUBACK %x, want %x", version, got, want)
		}
		l = person("alice", "console")
		l.version = version
		r = join(t, b, l)
		got = r.subscribe("sitesync/v1/site/+/status", "sitesync/v1/event/#", "sitesync/v1/reply/alice/#", "sitesync/v1/reply/bob/#", "sitesync/#")
		if want := []byte{0, 0, 0, refused, refused}; !bytes.Equal(got, want) {
			t.Errorf("version %d: person's SUBACK %x, want %x", version, got, want)
		}
	}
	if n := b.Stats().Forbidden; n != 12 {
		t.Errorf("counted %d forbidden filters, want 12", n)
	}
}

func TestUnsubscribe(t *testing.T) {
	b, _ := start(t, nil)
	r := join(t, b, person("alice", "console").v5())
	r.subscribe("sitesync/v1/event/+", "sitesync/v1/event/hub.disk")
	if got := r.unsubscribe("sitesync/v1/event/+", "sitesync/v1/event/+", "#"); !bytes.Equal(got, []byte{0, 0x11, 0x11}) {
		t.Errorf("UNSUBACK %x", got)
	}
	b.Publish("sitesync/v1/event/site.online", []byte("no"), false)
	b.Publish("sitesync/v1/event/hub.disk", []byte("yes"), false)
	if m := r.delivery(); m.payload != "yes" {
		t.Errorf("got %+v", m)
	}
	if got := join(t, b, person("alice", "old")).unsubscribe("sitesync/v1/event/+"); len(got) != 0 {
		t.Errorf("UNSUBACK of 3.1.1 has codes: %x", got)
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	b, _ := start(t, func(o *Options) { o.Limits.Subscriptions = 2 })
	r := join(t, b, person("alice", "console").v5())
	got := r.subscribe("sitesync/v1/event/a", "sitesync/v1/event/b", "sitesync/v1/event/c", "sitesync/v1/event/a")
	if !bytes.Equal(got, []byte{0, 0, 0x97, 0}) {
		t.Errorf("SUBACK %x", got)
	}
}

// TestForbiddenPublishOfDevice closes its connection.
func TestForbiddenPublishOfDevice(t *testing.T) {
	b, d := start(t, nil)
	id := deviceID("A", 1)
	for _, name := range []string{
		"sitesync/v1/site/7/push", "sitesync/v1/site/6/status", "sitesync/v1/admin/site.list", "anything", "$SYS/broker/version",
	} {
		for _, qos := range []byte{0, 1, 2} {
			r := join(t, b, device("alpha", id).v5())
			r.publish(name, "x", qos)
			if body := r.expect(wireDisconnect); body[0] != byte(NotAuthorized) {
				t.Errorf("%s: DISCONNECT %x", name, body)
			}
			r.closes()
			if e := d.nextEnd(t); e.why != NotAuthorized {
				t.Errorf("%s: closed with %v", name, e.why)
			}
		}
	}
	r := join(t, b, device("alpha", id))
	r.publish("sitesync/v1/site/7/push", "x", 1)
	if first, body, err := r.read(); err == nil {
		t.Errorf("3.1.1 got %x %x before the end", first, body)
	}
	refused := join(t, b, device("alpha", id).with("deleted"))
	refused.publish("sitesync/v1/site/6/push", "x", 0)
	refused.closes()
	if n := len(d.messages); n != 0 {
		t.Errorf("the handler got %d messages", n)
	}
}

// TestForbiddenPublishOfPerson is answered as MQTT can.
func TestForbiddenPublishOfPerson(t *testing.T) {
	b, d := start(t, nil)
	for _, name := range []string{"sitesync/v1/site/6/push", "sitesync/v1/event/x", "sitesync/v1/reply/alice/1", "$SYS/x"} {
		five := join(t, b, person("alice", "five").v5())
		five.publish(name, "x", 0)
		five.publish(name, "x", 1)
		if body := five.expect(wirePuback); !bytes.Equal(body, []byte{0, 9, 0x87}) && !bytes.Equal(body, []byte{0, 9, 0x87, 0}) {
			t.Errorf("%s: PUBACK %x", name, body)
		}
		five.publish(name, "x", 2)
		if body := five.expect(wirePubrec); len(body) < 3 || body[2] != 0x87 {
			t.Errorf("%s: PUBREC %x", name, body)
		}
		five.ping()
		four := join(t, b, person("alice", "four"))
		four.publish(name, "x", 0)
		four.publish(name, "x", 1)
		four.expect(wirePuback)
		four.ping()
	}
	if n := len(d.messages); n != 0 {
		t.Errorf("the handler got %d messages", n)
	}
	if n := b.Stats().Forbidden; n != 4*5 {
		t.Errorf("counted %d", n)
	}
}
