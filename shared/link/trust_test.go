package link

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestTrust(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.issue(t)
	expired := ca.issue(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	})
	future := ca.issue(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	})
	elsewhere := ca.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"hub.example.org"} })
	forClients := ca.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	alone := good
	alone.Certificate = good.Certificate[:1]
	// Signed by somebody else, with the real authority's public certificate put
	// behind it.
	impostor := other.issue(t)
	impostor.Certificate = [][]byte{impostor.Certificate[0], ca.certificate.Raw}

	byCA, err := TrustCA(ca.pem())
	if err != nil {
		t.Fatal(err)
	}
	byOther, err := TrustCA(other.pem())
	if err != nil {
		t.Fatal(err)
	}
	byPin := TrustPin(ca.pin())

	for _, test := range []struct {
		name        string
		certificate tls.Certificate
		trust       Trust
		want        TLSReason // "" is success
	}{
		{"CA", good, byCA, ""},
		{"CA, chain without it", alone, byCA, ""},
		{"CA, wrong", good, byOther, TLSUnknownAuthority},
		{"CA, expired", expired, byCA, TLSExpired},
		{"CA, not yet valid", future, byCA, TLSNotYetValid},
		{"CA, other host", elsewhere, byCA, TLSHostName},
		{"CA, not for servers", forClients, byCA, TLSInvalid},
		{"CA, impostor", impostor, byCA, TLSUnknownAuthority},
		{"pin", good, byPin, ""},
		{"pin, second of two", good, TrustPin(other.pin(), ca.pin()), ""},
		{"pin, none", good, TrustPin(), TLSUnknownAuthority},
		{"pin, wrong", good, TrustPin(other.pin()), TLSFingerprint},
		{"pin, chain without CA", alone, byPin, TLSFingerprint},
		{"pin, expired", expired, byPin, TLSExpired},
		{"pin, not yet valid", future, byPin, TLSNotYetValid},
		{"pin, other host", elsewhere, byPin, ""},
		{"pin, not for servers", forClients, byPin, TLSInvalid},
		{"pin, impostor", impostor, byPin, TLSUnknownAuthority},
		{"CA and next pin", good, byOther.WithPins(ca.pin()), ""},
		{"CA and other pin", good, byCA.WithPins(other.pin()), ""},
		{"system", good, TrustSystem(), TLSUnknownAuthority},
		{"nobody", good, Trust{}, TLSUnknownAuthority},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := startHubWith(t, ca, test.certificate)
			for _, scheme := range []string{"mqtts", "wss"} {
				s, err := Dial(t.Context(), Config{URL: h.url[scheme], Trust: test.trust, ClientID: "x"})
				if err == nil {
					s.Close()
				}
				if test.want == "" {
					if err != nil {
						t.Errorf("%s: %v", scheme, err)
					}
					continue
				}
				checkTLSError(t, err, test.want)
			}
		})
	}
}

func checkTLSError(t *testing.T, err error, want TLSReason) {
	t.Helper()
	trust, ok := errors.AsType[*TLSError](err)
	if !ok || trust.Reason != want {
		t.Fatalf("got %v, want reason %s", err, want)
	}
	if problem := ProblemOf(err); problem.Code != sitesync.ProblemTLS || !strings.Contains(problem.Message, "127.0.0.1:") || problem.Next == "" {
		t.Errorf("problem %+v", problem)
	}
	if sitesync.CodeOf(err) != sitesync.CodeUnreachable {
		t.Errorf("code %s", sitesync.CodeOf(err))
	}
	if clock := want == TLSExpired || want == TLSNotYetValid; clock != strings.Contains(err.Error(), "clock") {
		t.Errorf("says %q", err)
	}
}

// TestSessionCA: a pinned session tells the authority, and trusting that is as
// good as the pin.
func TestSessionCA(t *testing.T) {
	h := startHub(t)
	s := mustDial(t, Config{URL: h.url["mqtts"], Trust: TrustPin(h.ca.pin())})
	if !bytes.Equal(s.CA(), h.ca.pem()) {
		t.Fatalf("CA is %q", s.CA())
	}
	if pin, err := Fingerprint(s.CA()); err != nil || pin != h.ca.pin() {
		t.Errorf("fingerprint %x, %v", pin, err)
	}
	kept, err := TrustCA(s.CA())
	if err != nil {
		t.Fatal(err)
	}
	if next := mustDial(t, Config{URL: h.url["mqtts"], Trust: kept}); next.CA() != nil {
		t.Error("a CA where none was pinned")
	}
}

// TestResumption: the second handshake is short, and the pin still decides.
func TestResumption(t *testing.T) {
	h := startHub(t)
	pinned := TrustPin(h.ca.pin())
	for name, trust := range map[string]Trust{"CA": h.trust(t), "pin": pinned} {
		for _, scheme := range []string{"mqtts", "wss"} {
			first := mustDial(t, Config{URL: h.url[scheme], Trust: trust})
			if first.Close(); scheme == "mqtts" && first.tls.DidResume {
				t.Errorf("%s, %s: the first session resumed one", name, scheme)
			}
			second := mustDial(t, Config{URL: h.url[scheme], Trust: trust})
			if !second.tls.DidResume {
				t.Errorf("%s, %s: the second session did not resume", name, scheme)
			}
			if name == "pin" && second.CA() == nil {
				t.Error("a resumed session has no CA")
			}
		}
	}
	// The same tickets, another pin: nobody gets in on an old ticket.
	pinned.pins = [][32]byte{{1}}
	_, err := Dial(t.Context(), Config{URL: h.url["mqtts"], Trust: pinned, ClientID: "x"})
	checkTLSError(t, err, TLSFingerprint)
}

func TestBadCA(t *testing.T) {
	for _, text := range []string{
		"", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if _, err := TrustCA([]byte(text)); sitesync.CodeOf(err) != sitesync.CodeInvalid || sitesync.AsError(err).Field != "ca" {
			t.Errorf("TrustCA(%q): %v", text, err)
		}
		if _, err := Fingerprint([]byte(text)); err == nil {
			t.Errorf("Fingerprint(%q) succeeded", text)
		}
	}
}

// TestHandshakeGarbage: a hub whose certificate cannot be read is not reached.
func TestHandshakeGarbage(t *testing.T) {
	url := fakeHub(t, []byte("\x15\x03\x03\x00\x02\x02\x28"), func(c net.Conn) { c.Close() }) // alert: handshake failure
	_, err := Dial(t.Context(), Config{URL: "mqtts" + strings.TrimPrefix(url, "mqtt"), Trust: TrustSystem()})
	if unreachable, ok := errors.AsType[*UnreachableError](err); !ok || unreachable.Stage != StageTLS {
		t.Errorf("got %v", err)
	}
}
