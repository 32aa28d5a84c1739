package ldapdir_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest"
	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

// unlimited takes the stock limit of 500 entries off who reads.
var unlimited = []string{fmt.Sprintf("limits dn.exact=%q size=unlimited", servers.ReaderDN)}

// options read all rows of a server.
func options(s *servers.Slapd) ldapdir.Options {
	return ldapdir.Options{
		URLs: []string{s.URL}, Plain: true, Bind: ldapdir.Bind{DN: servers.ReaderDN, Password: servers.Password},
		Base: servers.Suffix, Filter: "(objectClass=row)", Columns: sourcetest.Columns(), Key: sourcetest.Key,
	}
}

// source makes a source.
func source(t testing.TB, o ldapdir.Options) *ldapdir.Source {
	t.Helper()
	s, err := ldapdir.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// result is a read from its beginning to its end.
type result struct {
	records []record.Record
	rejects []*record.RejectError
	verdict record.Verdict
	err     error
}

func read(t testing.TB, o ldapdir.Options) (got result) {
	t.Helper()
	reader, err := source(t, o).Open(t.Context())
	if err != nil {
		got.err = err
		return got
	}
	for {
		next, err := reader.Next(t.Context())
		if reject, is := errors.AsType[*record.RejectError](err); is {
			got.rejects = append(got.rejects, reject)
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				got.err = err
			}
			got.verdict = reader.Verdict()
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
			return got
		}
		got.records = append(got.records, next)
	}
}

// value writes one line of LDIF.
func value(name, text string) string {
	return name + ":: " + base64.StdEncoding.EncodeToString([]byte(text)) + "\n"
}

// valuesOf are what a row has in each of the suite's columns: what is wrong with it is a second value.
func valuesOf(row sourcetest.Row) (all [3][]string) {
	for i, name := range sourcetest.Columns() {
		if text := row.Values[i].Text(); text != "" {
			all[i] = []string{text}
		}
		if row.Fault == sourcetest.BadNote && name == sourcetest.Note || row.Fault == sourcetest.BadKey && name == sourcetest.Key {
			all[i] = append(all[i], "a second value")
		}
	}
	return all
}

// rowLDIF is the entry of a row.
func rowLDIF(n int, row sourcetest.Row, below string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: cn=row-%d,%s\nobjectClass: row\n", n, below)
	for i, values := range valuesOf(row) {
		for _, text := range values {
			b.WriteString(value(sourcetest.Columns()[i], text))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// crowd writes n rows.
func crowd(n int) func(w io.Writer) error {
	return func(w io.Writer) error {
		for i := range n {
			if _, err := io.WriteString(w, rowLDIF(i, sourcetest.Crowd(i), servers.Suffix)); err != nil {
				return err
			}
		}
		return nil
	}
}

// fill adds a folder with these rows to a running server, and returns its DN.
func fill(s *servers.Slapd, name string, rows []sourcetest.Row) (base string, err error) {
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(servers.RootDN, servers.Password); err != nil {
		return "", err
	}
	base = "ou=" + name + "," + servers.Suffix
	return base, addRows(conn, base, "row", sourcetest.Columns(), rows)
}

// addRows adds a folder with these rows: entries of a class, with an attribute for each of the suite's columns.
func addRows(conn *ldap.Conn, base, class string, attributes []string, rows []sourcetest.Row) error {
	folder := ldap.NewAddRequest(base, nil)
	folder.Attribute("objectClass", []string{"organizationalUnit"})
	if err := conn.Add(folder); err != nil {
		return err
	}
	for n, row := range rows {
		add := ldap.NewAddRequest(fmt.Sprintf("CN=row-%d,%s", n, base), nil)
		add.Attribute("objectClass", []string{class})
		for i, values := range valuesOf(row) {
			if len(values) > 0 {
				add.Attribute(attributes[i], values)
			}
		}
		if err := conn.Add(add); err != nil {
			return err
		}
	}
	return nil
}

// cutter passes what a server sends on, up to a number of bytes in each connection, and then cuts it.
type cutter struct {
	url  string
	sent atomic.Int64
}

func newCutter(t testing.TB, to string, most int64) *cutter {
	t.Helper()
	c := &cutter{}
	c.url = "ldap://" + servers.Serve(t, func(near net.Conn) { c.pass(near, strings.TrimPrefix(to, "ldap://"), most) })
	return c
}

func (c *cutter) pass(near net.Conn, to string, most int64) {
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(counting{near, &c.sent}, io.LimitReader(far, most))
}

// counting counts what is written.
type counting struct {
	io.Writer
	sent *atomic.Int64
}

func (w counting) Write(text []byte) (int, error) {
	w.sent.Add(int64(len(text)))
	return w.Writer.Write(text)
}
