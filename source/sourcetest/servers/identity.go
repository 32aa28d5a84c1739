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
func NewCA(t testing.TB) *Identity { return make509(t, nil, authority()) }

func authority() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	}
}

// Issue makes a certificate for localhost, by that name alone, or for a client.
func (ca *Identity) Issue(t testing.TB, name string, until time.Time) *Identity {
	return make509(t, ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotAfter: until,
	})
}

// Nameless makes a certificate for a server that has only a common name, by which nobody knows it any more.
func (ca *Identity) Nameless(t testing.TB) *Identity {
	return make509(t, ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotAfter: time.Now().Add(time.Hour),
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
	id, err := newIdentity(t.TempDir(), "", by, c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newIdentity makes one whose files begin with a prefix.
func newIdentity(folder, prefix string, by *Identity, c *x509.Certificate) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-24*time.Hour)
	if by == nil {
		by = &Identity{Certificate: c, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := &Identity{filepath.Join(folder, prefix+"certificate.pem"), filepath.Join(folder, prefix+"key.pem"), made, key}
	for path, block := range map[string]*pem.Block{id.CertificateFile: {Type: "CERTIFICATE", Bytes: der}, id.KeyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// Lend copies the files of an identity into a folder that a server's own user, the first of these that there is, may read.
func Lend(t testing.TB, i *Identity, users ...string) (certificate, key string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "cubesync") // t.TempDir's aren't for other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	lent := []string{folder}
	for _, path := range []string{i.CertificateFile, i.KeyFile} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(folder, filepath.Base(path))
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
		lent = append(lent, to)
	}
	if os.Geteuid() == 0 {
		who, err := known(users)
		for _, path := range lent {
			if err == nil {
				err = os.Chown(path, int(who.Uid), int(who.Gid))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return lent[1], lent[2]
}
