package hubd

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitesync/shared/sitesync"
)

func TestAuthorityStaysAndServerRenews(t *testing.T) {
	dir := t.TempDir()
	a, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.pin() != again.pin() {
		t.Error("the second start has another authority: every device would refuse it")
	}
	if info, err := os.Stat(filepath.Join(dir, "ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v", info.Mode(), err)
	}

	again.config(names("hub.example.org"))
	now := time.Now()
	first, err := again.certificate(now)
	if err != nil {
		t.Fatal(err)
	}
	if soon, _ := again.certificate(now.Add(serverLifetime/2 - time.Hour)); soon != first {
		t.Error("the server's certificate is renewed before half its life")
	}
	later, err := again.certificate(now.Add(serverLifetime/2 + time.Hour))
	if err != nil || later == first {
		t.Fatalf("the server's certificate is not renewed at half its life: %v", err)
	}
	leaf, err := x509.ParseCertificate(later.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.pem)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "hub.example.org"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now.Add(serverLifetime/2 + 2*time.Hour)}); err != nil {
			t.Errorf("the certificate is no good for %s: %v", name, err)
		}
	}
	if len(later.Certificate) != 2 {
		t.Errorf("the chain has %d certificates; a pinned device needs the authority's in it", len(later.Certificate))
	}
}

func TestAuthorityWithoutItsKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := openAuthority(dir); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if _, err := openAuthority(other); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(other, "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca-key.pem"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir); sitesync.CodeOf(err) != sitesync.CodeInvalid {
		t.Errorf("a key of another authority: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "ca-key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir); sitesync.CodeOf(err) != sitesync.CodeInvalid {
		t.Errorf("no key: %v", err)
	}
}
