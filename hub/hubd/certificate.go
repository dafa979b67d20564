package hubd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sitesync/shared/kv"
	"sitesync/shared/sitesync"
)

// authority is the hub's private CA. It signs for this hub alone, so that its
// fingerprint is the hub's identity to devices. Its key stays in the data
// directory; the server's key lives in memory only and is new at every start.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	file string // of the certificate

	mu      sync.Mutex
	names   []string
	server  *tls.Certificate
	renewAt time.Time
}

const (
	caLifetime     = 30 * 365 * 24 * time.Hour
	serverLifetime = 397 * 24 * time.Hour // the most that platforms accept
	clockLeeway    = 48 * time.Hour       // devices' clocks are often behind
)

// openAuthority reads the CA of a data directory, and makes it at the first
// start.
func openAuthority(dir string) (*authority, error) {
	a := &authority{file: filepath.Join(dir, "ca.pem")}
	keyFile := filepath.Join(dir, "ca-key.pem")
	certPEM, err := os.ReadFile(a.file)
	if os.IsNotExist(err) {
		return a, a.make(keyFile)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, "restore it from a backup; without it no device can connect", "the key of the hub's authority cannot be read: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, "restore both from one backup", "%s and %s do not fit: %w", a.file, keyFile, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, "restore it from a backup", "%s holds another kind of key", keyFile)
	}
	a.cert, a.key, a.pem = pair.Leaf, key, certPEM
	return a, nil
}

func (a *authority) make(keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "sitesync hub authority"},
		NotBefore: now.Add(-clockLeeway), NotAfter: now.Add(caLifetime), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.key, a.pem = key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	// The key first: a certificate without its key would be no use.
	if err := kv.WriteFileDurable(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	return kv.WriteFileDurable(a.file, a.pem, 0o644)
}

// pin is the fingerprint that join strings carry.
func (a *authority) pin() [32]byte { return sha256.Sum256(a.cert.Raw) }

// config is for TLS listeners. The chain includes the CA, so that a device
// that knows nothing but its fingerprint can check it.
func (a *authority) config(names []string) *tls.Config {
	a.names = names
	return &tls.Config{MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate(time.Now()) }}
}

// certificate gives the server's, renewed at half its life.
func (a *authority) certificate(now time.Time) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil && now.Before(a.renewAt) {
		return a.server, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "sitesync hub"},
		NotBefore: now.Add(-clockLeeway), NotAfter: now.Add(serverLifetime - clockLeeway),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range a.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("hubd: issuing the server's certificate: %w", err)
	}
	a.server = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
	a.renewAt = now.Add(serverLifetime / 2)
	return a.server, nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return n
}

// names lists what the server's certificate is good for: this machine by all
// its names, and the public address.
func names(public string) []string {
	list := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		list = append(list, host)
	}
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() {
				list = append(list, ip.IP.String())
			}
		}
	}
	if public != "" {
		list = append(list, public)
	}
	return list
}
