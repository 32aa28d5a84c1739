package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Identity is a certificate with its key.
type Identity struct {
	CertificateFile, KeyFile string
	Certificate              *x509.Certificate
	key                      *ecdsa.PrivateKey
}

// NewCA makes an authority of a test's own.
func NewCA(t testing.TB) *Identity {
	return make509(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	})
}

// Issue makes a certificate for localhost, by that name alone, or for a client.
func (ca *Identity) Issue(t testing.TB, name string, until time.Time) *Identity {
	return make509(t, ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotAfter: until,
	})
}

// Pool trusts this authority alone.
func (ca *Identity) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

func make509(t testing.TB, by *Identity, c *x509.Certificate) *Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-24*time.Hour)
	if by == nil {
		by = &Identity{Certificate: c, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	id := &Identity{filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem"), made, key}
	for path, block := range map[string]*pem.Block{id.CertificateFile: {Type: "CERTIFICATE", Bytes: der}, id.KeyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return id
}
