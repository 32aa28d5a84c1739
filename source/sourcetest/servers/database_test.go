package servers

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// A server can be reached, and once it was stopped nothing is left of it.
func TestDatabases(t *testing.T) {
	for name, start := range map[string]func(...string) (*Database, error){"postgresql": StartPostgreSQL, "mariadb": StartMariaDB} {
		t.Run(name, func(t *testing.T) {
			d, err := start()
			Need(t, err)
			conn, err := net.Dial("tcp", d.Address())
			if err == nil {
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
			d.Stop()
			if _, err := os.Stat(d.folder); !os.IsNotExist(err) {
				t.Errorf("its folder is left: %v", err)
			}
			if _, err := net.Dial("tcp", d.Address()); err == nil {
				t.Error("it still listens")
			}
		})
	}
}

func TestActiveDirectory(t *testing.T) {
	d, err := StartActiveDirectory(func(io.Writer) error { return nil })
	Need(t, err)
	address := strings.TrimPrefix(d.TLSURL, "ldaps://") + ":636"
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: d.CA.Pool()})
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		t.Error(err)
	}
	d.Stop()
	if _, err := os.Stat(d.server.folder); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}
