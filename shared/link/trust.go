package link

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"sitesync/shared/sitesync"
)

// Trust says which hub is the right one, where the URL uses TLS. It also holds
// the tickets with which a next session resumes: on a slow link a resumed
// handshake saves the certificates' kilobytes, so make one Trust per hub and
// keep it. Every handshake, resumed or not, is verified in full. The zero
// value trusts nobody. Copies share their tickets.
type Trust struct {
	roots   *x509.CertPool
	system  bool
	pins    [][32]byte
	tickets tls.ClientSessionCache
}

// ticketsKept is more than the hosts of one hub.
const ticketsKept = 8

// TrustCA trusts hubs whose certificate comes from one of the authorities in
// pem and names the host in the URL. A pem without a certificate has code
// invalid and field ca.
func TrustCA(pem []byte) (Trust, error) {
	certificates, err := parseCAs(pem)
	if err != nil {
		return Trust{}, err
	}
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return Trust{roots: pool, tickets: tls.NewLRUClientSessionCache(ticketsKept)}, nil
}

// TrustSystem trusts hubs whose certificate the operating system trusts and
// that names the host in the URL.
func TrustSystem() Trust {
	return Trust{system: true, tickets: tls.NewLRUClientSessionCache(ticketsKept)}
}

// TrustPin trusts the hubs whose certificate is signed by a certificate
// authority with one of the given fingerprints (Fingerprint). The hub sends
// that authority's certificate along.
//
// The host name is not checked: the hub's private authority signs for this one
// hub and for nobody else, so whoever holds a certificate of it is the hub,
// under whatever name or address the device reached it. That makes a join
// string good for a hub without DNS, or behind a changed address.
func TrustPin(fingerprints ...[32]byte) Trust {
	return Trust{pins: slices.Clone(fingerprints), tickets: tls.NewLRUClientSessionCache(ticketsKept)}
}

// WithPins also trusts what TrustPin of the given fingerprints trusts: the hub
// announces its next authorities before it changes over to one.
func (t Trust) WithPins(fingerprints ...[32]byte) Trust {
	t.pins = slices.Concat(t.pins, fingerprints)
	if t.tickets == nil {
		t.tickets = tls.NewLRUClientSessionCache(ticketsKept)
	}
	return t
}

// Fingerprint is what TrustPin and join strings hold: the SHA-256 of the DER
// of the first certificate in pem.
func Fingerprint(pem []byte) ([32]byte, error) {
	certificates, err := parseCAs(pem)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(certificates[0].Raw), nil
}

// config is for one handshake with host. crypto/tls's own verification cannot
// express a pinned authority without a host name, hence VerifyConnection,
// which unlike the older hooks is called for resumed sessions too.
func (t Trust) config(host string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		ClientSessionCache: t.tickets,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			return t.verify(state.PeerCertificates, host, time.Now())
		},
	}
}

// verify decides on the chain a hub presented, its own certificate first.
// Every error is a *TLSError.
func (t Trust) verify(chain []*x509.Certificate, host string, now time.Time) error {
	if len(chain) == 0 {
		return &TLSError{Reason: TLSUnknownAuthority, Err: errors.New("no certificate presented")}
	}
	options := x509.VerifyOptions{CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Intermediates: x509.NewCertPool()}
	switch ca := t.pinned(chain); {
	case ca != nil:
		options.Roots = x509.NewCertPool()
		options.Roots.AddCert(ca)
	case t.roots != nil || t.system:
		options.Roots = t.roots // nil is the system's
		options.DNSName = host
		for _, certificate := range chain[1:] {
			options.Intermediates.AddCert(certificate)
		}
	case len(t.pins) > 0:
		return &TLSError{Reason: TLSFingerprint, Err: errors.New("no certificate of a pinned authority in the chain")}
	default:
		return &TLSError{Reason: TLSUnknownAuthority, Err: errors.New("no authority is trusted")}
	}
	if _, err := chain[0].Verify(options); err != nil {
		return tlsError(err, now)
	}
	return nil
}

// pinned finds the certificate of a pinned authority behind the hub's own, or
// gives nil.
func (t Trust) pinned(chain []*x509.Certificate) *x509.Certificate {
	for _, certificate := range chain[1:] {
		if certificate.IsCA && slices.Contains(t.pins, sha256.Sum256(certificate.Raw)) {
			return certificate
		}
	}
	return nil
}

// pinnedPEM is the certificate of the pinned authority behind an established
// session, nil where none was needed.
func (t Trust) pinnedPEM(state tls.ConnectionState) []byte {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	ca := t.pinned(state.PeerCertificates)
	if ca == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
}

// parseCAs reads the certificates of a PEM file, at least one.
func parseCAs(text []byte) ([]*x509.Certificate, error) {
	const next = "give the file ca.pem of the hub's data directory"
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, sitesync.Errorf(sitesync.CodeInvalid, next, "the certificate authority cannot be read: %w", err).WithField("ca")
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, next, "there is no PEM certificate in what was given as certificate authority").WithField("ca")
	}
	return certificates, nil
}
