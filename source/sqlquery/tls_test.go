package sqlquery_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cubesync/source/sourcetest/servers"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// A server shows who it is, and is believed if somebody vouches for it who is known.
func TestPrivateAuthority(t *testing.T) {
	for _, each := range []struct {
		name, user string
		start      func(cert, key string) (*servers.Database, error)
		source     func(d *servers.Database) database
	}{
		{"postgres", "postgres", func(cert, key string) (*servers.Database, error) {
			return servers.StartPostgreSQL("ssl=on", "ssl_cert_file="+cert, "ssl_key_file="+key)
		}, func(d *servers.Database) database {
			return database{driver: sqlquery.Postgres, dsn: fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", servers.Superuser, servers.SuperuserPassword, d.Address())}
		}},
		{"mariadb", "mysql", func(cert, key string) (*servers.Database, error) {
			return servers.StartMariaDB("--ssl-cert="+cert, "--ssl-key="+key)
		}, func(d *servers.Database) database {
			return database{driver: sqlquery.MySQL, dsn: fmt.Sprintf("%s:%s@tcp(%s)/mysql", servers.Superuser, servers.SuperuserPassword, d.Address())}
		}},
	} {
		t.Run(each.name, func(t *testing.T) {
			cert, key, roots := certificate(t, each.user)
			server, err := each.start(cert, key)
			servers.Need(t, err)
			defer server.Stop()
			d := each.source(server)
			query := map[sqlquery.Driver]string{
				sqlquery.Postgres: "SELECT ssl AS id FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
				sqlquery.MySQL:    "SELECT variable_value <> '' AS id FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'",
			}[d.driver]
			got := read(t, d.source(t, query, func(o *sqlquery.Options) { o.RootCAs = roots }))
			if got.err != nil || got.verdict.Completeness != record.Proven || len(got.records) != 1 || !slices.Contains([]string{"true", "1"}, got.records[0].Value("id").Text()) {
				t.Errorf("%+v", got)
			}
			got = read(t, d.source(t, query, func(o *sqlquery.Options) { o.RootCAs = x509.NewCertPool() }))
			if got.err == nil || !strings.Contains(got.err.Error(), "unknown authority") || !strings.Contains(got.err.Error(), "with ca_file") {
				t.Errorf("with another authority: %v", got.err)
			}
		})
	}
}

// certificate makes one for this machine, which vouches for itself, in files that the user may read.
func certificate(t *testing.T, name string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "cubesync") // t.TempDir's aren't for other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	err = errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
	if os.Geteuid() == 0 {
		who, lookup := user.Lookup(name)
		if lookup != nil {
			who, lookup = user.Lookup("nobody")
		}
		if lookup != nil {
			t.Fatal(lookup)
		}
		uid, _ := strconv.Atoi(who.Uid)
		for _, path := range []string{folder, cert, key} {
			err = errors.Join(err, os.Chown(path, uid, -1))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return cert, key, roots
}
