package sqlquery_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cubesync/source/sourcetest"
	"cubesync/source/sourcetest/servers"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

const crowd = 1_000_000

// crowds make the table crowd of as many rows as the suite's.
var crowds = map[sqlquery.Driver]string{
	sqlquery.Postgres: `CREATE TABLE crowd AS SELECT 'E' || lpad(n::text, 7, '0') AS id, 'Person ' || lpad(n::text, 7, '0') AS name,
		'note of ' || lpad(n::text, 7, '0') AS note FROM generate_series(0, 999999) AS n`,
	sqlquery.MySQL: `CREATE TABLE crowd AS SELECT concat('E', lpad(seq, 7, '0')) AS id, concat('Person ', lpad(seq, 7, '0')) AS name,
		concat('note of ', lpad(seq, 7, '0')) AS note FROM seq_0_to_999999`,
	sqlquery.SQLite: `CREATE TABLE crowd AS WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 999999)
		SELECT printf('E%07d', n) AS id, printf('Person %07d', n) AS name, printf('note of %07d', n) AS note FROM c`,
}

func TestConformance(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			kind := sourcetest.Kind{
				Hold: func(_ context.Context, rows []sourcetest.Row) (record.Source, error) {
					return d.source(t, d.hold(t, rows)), nil
				},
				Best: record.Proven,
				Many: func(context.Context) (record.Source, error) {
					d.exec(t, crowds[d.driver])
					return d.source(t, "SELECT * FROM crowd"), nil
				},
				Size: crowd,
				Cut:  d.cutAnywhere(t),
			}
			sourcetest.Run(t, kind)
		})
	}
}

// hold makes a table of these rows, and returns the query for them. A bad value holds a control character.
func (d database) hold(t testing.TB, rows []sourcetest.Row) string {
	t.Helper()
	name := table()
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (id varchar(100), name varchar(100), note varchar(100));", name)
	literal := func(v record.Value) string {
		text := strings.ReplaceAll(v.Text(), "'", "''")
		switch {
		case v.IsNull():
			return "NULL"
		case d.driver == sqlquery.MySQL:
			text = strings.ReplaceAll(text, `\`, `\\`)
		}
		return "'" + text + "'"
	}
	for _, row := range rows {
		switch row.Fault {
		case sourcetest.BadNote:
			row.Values[2] = record.Text("a\x01")
		case sourcetest.BadKey:
			row.Values[0] = record.Text("E\x01")
		}
		fmt.Fprintf(&b, "INSERT INTO %s VALUES (%s, %s, %s);", name, literal(row.Values[0]), literal(row.Values[1]), literal(row.Values[2]))
	}
	d.exec(t, b.String())
	return "SELECT id, name, note FROM " + name
}

// cutAnywhere cuts the way to a server at nearly every byte of its answers, from the last one on, and the file of SQLite.
func (d database) cutAnywhere(t testing.TB) func(context.Context, []sourcetest.Row, int) (record.Source, bool, error) {
	var through database
	var p *proxy
	var query string
	var offsets []int64
	prepare := sync.OnceFunc(func() {
		if d.driver == sqlquery.SQLite {
			return
		}
		through, p = d.through(t)
		if got := read(t, through.source(t, query)); got.verdict.Completeness != record.Proven {
			t.Fatalf("through the proxy: %+v", got)
		}
		const closely, step = 300, 37
		for back := int64(1); back <= p.answered.Load(); back++ {
			if back <= closely || back%step == 0 {
				offsets = append(offsets, p.answered.Load()-back)
			}
		}
	})
	return func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
		if query == "" {
			if d.driver == sqlquery.SQLite {
				d = openSQLite(t) // without the crowd
			}
			query = d.hold(t, rows)
		}
		prepare()
		if d.driver == sqlquery.SQLite {
			return d.cutFile(t, query, place)
		}
		if place >= len(offsets) {
			return nil, false, nil
		}
		p.limit.Store(offsets[place])
		return through.source(t, query), true, nil
	}
}

// cutFile cuts the file at each 512 bytes.
func (d database) cutFile(t testing.TB, query string, place int) (record.Source, bool, error) {
	content, err := os.ReadFile(d.dsn)
	if err != nil || place*512 >= len(content) {
		return nil, false, err
	}
	cut := d
	cut.dsn = filepath.Join(t.TempDir(), "cut.db")
	return cut.source(t, query), true, os.WriteFile(cut.dsn, content[:place*512], 0o600)
}

// through is the database behind a proxy.
func (d database) through(t testing.TB) (database, *proxy) {
	t.Helper()
	start := postgres
	if d.driver == sqlquery.MySQL {
		start = mariaDB
	}
	server, err := start()
	servers.Need(t, err)
	p := newProxy(t, server.Socket)
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	if d.driver == sqlquery.MySQL {
		d.dsn = fmt.Sprintf("%s:%s@tcp(%s:%s)/people", servers.Superuser, servers.SuperuserPassword, host, port)
	} else {
		d.dsn = fmt.Sprintf("postgres://%s@%s:%s/postgres?sslmode=disable", servers.Superuser, host, port)
	}
	return d, p
}

// proxy hands on what passes between a client and a server, and hangs up on both after limit bytes of the server's.
type proxy struct {
	address  string
	socket   string
	limit    atomic.Int64
	answered atomic.Int64 // bytes of the server's, on the last connection
}

func newProxy(t testing.TB, socket string) *proxy {
	t.Helper()
	p := &proxy{socket: socket}
	p.limit.Store(1 << 40)
	p.address = servers.Serve(t, p.serve)
	return p
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	p.answered.Store(0)
	limit := p.limit.Load()
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	buffer := make([]byte, 32<<10)
	for sent := int64(0); sent < limit; {
		n, err := server.Read(buffer[:min(int64(len(buffer)), limit-sent)])
		if err != nil {
			break
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			break
		}
		sent += int64(n)
		p.answered.Add(int64(n))
	}
	_ = client.Close()
	_ = server.Close()
	asking.Wait()
}
