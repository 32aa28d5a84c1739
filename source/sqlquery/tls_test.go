package sqlquery_test

import (
	"crypto/x509"
	"fmt"
	"slices"
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
			return database{driver: sqlquery.Postgres, dsn: fmt.Sprintf("postgres://%s:%s@localhost:%d/postgres?sslmode=disable", servers.Superuser, servers.SuperuserPassword, d.Port)}
		}},
		{"mariadb", "mysql", func(cert, key string) (*servers.Database, error) {
			return servers.StartMariaDB("--ssl-cert="+cert, "--ssl-key="+key)
		}, func(d *servers.Database) database {
			return database{driver: sqlquery.MySQL, dsn: fmt.Sprintf("%s:%s@tcp(localhost:%d)/mysql", servers.Superuser, servers.SuperuserPassword, d.Port)}
		}},
	} {
		t.Run(each.name, func(t *testing.T) {
			ca := servers.NewCA(t)
			cert, key := servers.Lend(t, ca.Issue(t, "localhost", time.Now().Add(time.Hour)), each.user, "nobody")
			server, err := each.start(cert, key)
			servers.Need(t, err)
			defer server.Stop()
			d := each.source(server)
			query := map[sqlquery.Driver]string{
				sqlquery.Postgres: "SELECT ssl AS id FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
				sqlquery.MySQL:    "SELECT variable_value <> '' AS id FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'",
			}[d.driver]
			got := read(t, d.source(t, query, func(o *sqlquery.Options) { o.RootCAs = ca.Pool() }))
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
