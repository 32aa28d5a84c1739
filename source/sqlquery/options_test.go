package sqlquery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/microsoft/go-mssqldb/msdsn"
)

func TestPlace(t *testing.T) {
	for want, options := range map[string]Options{
		"postgres db.example.com:5433/people":  {Driver: Postgres, DSN: "postgres://hr:secret-word@db.example.com:5433/people"},
		"mysql db.example.com:3306/people":     {Driver: MySQL, DSN: "hr:secret-word@tcp(db.example.com)/people"},
		"sqlserver db.example.com:1433/people": {Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com:1433?database=people"},
		`sqlserver db.example.com\HR/people`:   {Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com/HR?database=people"},
		"sqlite people.db":                     {Driver: SQLite, DSN: "people.db"},
	} {
		options.Query = "SELECT 1"
		s, err := New(options)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Place() != want || options.Driver != SQLite && s.User() != "hr" {
			t.Errorf("%s, %s; want %s", s.Place(), s.User(), want)
		}
	}
}

// A DSN that can't be used is never shown.
func TestDSNsThatAreRefused(t *testing.T) {
	for _, options := range []Options{
		{Driver: Postgres, DSN: "postgres://hr:secret-word@db.example.com:port/people"},
		{Driver: Postgres, DSN: "host=db.example.com password=secret-word port=x"},
		{Driver: MySQL, DSN: "hr:secret-word@db.example.com/people"},
		{Driver: MySQL, DSN: "mysql://hr:secret-word@db.example.com/people"},
		{Driver: SQLServer, DSN: "server=db.example.com;password=secret-word"},
		{Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com?encrypt=perhaps"},
		{Driver: SQLite, DSN: ""},
		{Driver: SQLite, DSN: "file:secret-word"},
		{Driver: "oracle", DSN: "secret-word"},
	} {
		options.Query = "SELECT 1"
		_, err := New(options)
		var wrong *OptionError
		if !errors.As(err, &wrong) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s %s: %v", options.Driver, options.DSN, err)
		}
	}
}

// Beyond this machine there is TLS with a certificate that is checked, whatever the DSN says.
func TestTLSIsTheDefault(t *testing.T) {
	for _, host := range []string{"db.example.com", "192.0.2.7", "localhost", "127.0.0.1"} {
		for _, dsn := range []Options{
			{Driver: Postgres, DSN: "postgres://hr@HOST,HOST:5433/people"},
			{Driver: Postgres, DSN: "postgres://hr@HOST/people?sslmode=disable"},
			{Driver: Postgres, DSN: "postgres://hr@HOST/people?sslmode=require"},
			{Driver: MySQL, DSN: "hr@tcp(HOST)/people"},
			{Driver: MySQL, DSN: "hr@tcp(HOST)/people?tls=skip-verify"},
			{Driver: SQLServer, DSN: "sqlserver://hr@HOST"},
			{Driver: SQLServer, DSN: "sqlserver://hr@HOST?encrypt=disable&trustservercertificate=true"},
		} {
			local := !strings.Contains(host, "example") && !strings.HasPrefix(host, "192")
			for _, plain := range []bool{false, true} {
				options := dsn
				options.DSN, options.Query, options.Plaintext = strings.ReplaceAll(dsn.DSN, "HOST", host), "SELECT 1", plain
				s, err := New(options)
				if err != nil {
					t.Error(err)
					continue
				}
				if problem := unsafe(s, host); problem != "" && !local && !plain {
					t.Errorf("%s: %s", options.DSN, problem)
				}
			}
		}
	}
}

// unsafe says what about a connection can be overheard or forged.
func unsafe(s *Source, host string) string {
	switch server := s.server.(type) {
	case *postgres:
		for i, next := range append([]*pgconn.FallbackConfig{{TLSConfig: server.config.TLSConfig}}, server.config.Fallbacks...) {
			if c := next.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != host {
				return fmt.Sprintf("try %d has %+v", i, c)
			}
		}
	case *mariaDB:
		if c := server.config.TLS; c == nil || c.InsecureSkipVerify || c.ServerName != host || server.config.AllowFallbackToPlaintext {
			return fmt.Sprintf("it has %+v", c)
		}
	case *sqlServer:
		if c := server.config.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != host || server.config.Encryption != msdsn.EncryptionRequired || server.config.TrustServerCertificate {
			return fmt.Sprintf("it has %+v, %v", c, server.config.Encryption)
		}
	}
	return ""
}

func TestScrubbed(t *testing.T) {
	for _, each := range []struct{ text, secret, want string }{
		{`auth failed for user "hr", through`, "hr", `auth failed for user "[secret]", through`},
		{"a secret-word.", "secret-word", "a [secret]."},
		{"xsecret-wordx", "secret-word", "x[secret]x"},
		{"nothing", "", "nothing"},
	} {
		if got := without(each.text, each.secret); got != each.want {
			t.Errorf("%q", got)
		}
	}
}
