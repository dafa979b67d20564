package link

import (
	"strings"
	"testing"

	"sitesync/shared/sitesync"
)

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		in, want  string
		transport sitesync.Transport
	}{
		{"mqtts://hub.example.org:8883", "mqtts://hub.example.org:8883", sitesync.TransportTLS},
		{" MQTTS://Hub.Example.ORG \n", "mqtts://hub.example.org:8883", sitesync.TransportTLS},
		{"mqtts://hub/", "mqtts://hub:8883", sitesync.TransportTLS},
		{"mqtts://hub:", "mqtts://hub:8883", sitesync.TransportTLS},
		{"mqtts://[2001:db8::1]", "mqtts://[2001:db8::1]:8883", sitesync.TransportTLS},
		{"mqtts://überall.example", "mqtts://%C3%BCberall.example:8883", sitesync.TransportTLS},
		{"wss://hub", "wss://hub:8443/mqtt", sitesync.TransportWSS},
		{"wss://hub:443/", "wss://hub:443/mqtt", sitesync.TransportWSS},
		{"wss://hub/a%20b/mqtt", "wss://hub:8443/a%20b/mqtt", sitesync.TransportWSS},
		{"mqtt://localhost", "mqtt://localhost:1883", sitesync.TransportTCP},
		{"mqtt://127.0.0.2:65535", "mqtt://127.0.0.2:65535", sitesync.TransportTCP},
		{"mqtt://[::1]", "mqtt://[::1]:1883", sitesync.TransportTCP},
		{"mqtt://[::ffff:127.0.0.1]", "mqtt://[::ffff:127.0.0.1]:1883", sitesync.TransportTCP},
	} {
		u, err := ParseURL(test.in, false)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
			continue
		}
		if u.String() != test.want || u.Transport() != test.transport {
			t.Errorf("%q: %s over %s", test.in, u, u.Transport())
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, in := range []string{
		"", "   ", "hub", "hub:8883", "mqtts:hub", "mqtts://", "mqtts://:8883", "//hub", "://hub",
		"ws://localhost", "http://hub:8080", "https://hub:8443", "tcp://hub", "ssl://hub",
		"mqtts://hub:0", "mqtts://hub:65536", "mqtts://hub:-1", "mqtts://hub:x",
		"mqtts://hub/mqtt", "mqtts://hub?x", "mqtts://hub?", "wss://hub/mqtt#x",
		"mqtts://h ub", "mqtts://h\nub", "mqtts://hub%2f", "mqtts://[fe80::1%25eth0]", "mqtts://hub,other",
		"mqtts://" + strings.Repeat("a", 254), "wss://hub/" + strings.Repeat("a", MaxURL),
		"mqtt://hub", "mqtt://192.0.2.1", "mqtt://localhost.example.org",
		"mqtts://site:secret@hub", "mqtts://site:secret@[hub", "wss://site:secret@hub:99999",
	} {
		u, err := ParseURL(in, false)
		if err == nil {
			t.Errorf("%q was read as %s", in, u)
			continue
		}
		e := sitesync.AsError(err)
		if e == nil || e.Code != sitesync.CodeInvalid || e.Field != "hub" || e.Next == "" {
			t.Errorf("%q: error %#v", in, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", in, err)
		}
	}
}

func TestParseURLInsecure(t *testing.T) {
	u, err := ParseURL("mqtt://192.0.2.1", true)
	if err != nil || u.Address() != "192.0.2.1:1883" || u.Loopback() {
		t.Errorf("%v, %v", u, err)
	}
	if _, err := ParseURL("ws://192.0.2.1", true); err == nil {
		t.Error("ws:// was let through")
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"mqtts://hub:8883", "wss://[::1]:8443/m%2Fq?x#y", "mqtt://u:p@localhost", "MQTTS://Ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s, true)
		if err != nil {
			return
		}
		again, err := ParseURL(u.String(), true)
		if err != nil || *again != *u {
			t.Fatalf("%q is %+v, which reads back as %+v, %v", s, u, again, err)
		}
	})
}
