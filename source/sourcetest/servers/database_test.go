package servers

import (
	"net"
	"os"
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
