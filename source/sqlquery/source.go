package sqlquery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cubesync/sync/record"
)

// Driver is a kind of server.
type Driver string

// The drivers.
const (
	Postgres  Driver = "postgres"
	MySQL     Driver = "mysql" // and MariaDB
	SQLite    Driver = "sqlite"
	SQLServer Driver = "sqlserver"
)

// Drivers are all of them.
func Drivers() []string {
	return []string{string(Postgres), string(MySQL), string(SQLite), string(SQLServer)}
}

// DefaultTimeout is how long a query may take, its reading included, where nothing is said.
const DefaultTimeout = 10 * time.Minute

// connectTimeout bounds the way to the server, where the DSN doesn't.
const connectTimeout = 15 * time.Second

// Options say what to read and where.
type Options struct {
	Driver  Driver
	DSN     string        // as the driver spells it; of SQLite, the path of the file. It is a secret
	Query   string        // one SELECT or WITH
	Timeout time.Duration // of the query, its reading included; 0: DefaultTimeout

	// RootCAs vouch for the server; nil: the system's. Where they are given, TLS is used even on this machine.
	RootCAs *x509.CertPool
	// Plaintext permits a connection to another machine without TLS, if the DSN asks for one.
	Plaintext bool

	// Cursor tells the rows that changed since a read; nil: all are read each time.
	Cursor *Cursor

	// DeletedColumn marks rows that were deleted, by anything but null, empty text, false and 0; "" for none.
	DeletedColumn string
	// Columns are those that somebody looks at: one without a value in any row is named in the verdict.
	Columns []string
	// KeyColumn is the column that holds the external ID, "" where none does by itself. It is only used to say whose
	// record was rejected.
	KeyColumn string
}

// Source is a query that can be run any number of times.
type Source struct {
	options Options
	query   string // without what follows it
	server  server
}

var _ record.Follower = (*Source)(nil)

// server is one kind of server, at one place.
type server interface {
	// place says where it is, without any secret: a host and database, or a file.
	place() string
	// who is what else decides what is read: the user that rows may be hidden from.
	who() string
	// besides is what the DSN says beside, by which the same query may give other rows: see Session.
	besides() []string
	// secrets are what no message may show.
	secrets() []string
	// open connects, begins a snapshot and starts the query in it.
	open(ctx context.Context, query string, timeout time.Duration) (session, error)
	// classify says what an error of the driver means.
	classify(err error) failure
}

// session is a query that runs in a snapshot.
type session interface {
	columns() []string
	// typeOf names the type of a column's values, in capitals.
	typeOf(column int) string
	// next puts the next row into the line; io.EOF is the end.
	next(l *line) error
	// count has the server count the rows of the query in the same snapshot. It is called after the end.
	count(ctx context.Context) (int64, error)
	// doubt says why the rows may be of several moments; "" where the snapshot holds.
	doubt() string
	// close ends it, whatever is under way. It is called once, with the session's context ended.
	close()
}

// OptionError is an option that can't be used. It never shows the DSN.
type OptionError struct {
	Option  string // driver, dsn, query or incremental
	Problem string
	Remedy  string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("SQL source: %s: %s: %s", e.Option, e.Problem, e.Remedy)
}

// New checks the options; it asks no server.
func New(options Options) (*Source, error) {
	var err error
	s := &Source{options: options}
	if s.options.Timeout == 0 {
		s.options.Timeout = DefaultTimeout
	}
	switch options.Driver {
	case Postgres:
		s.server, err = newPostgres(&s.options)
	case MySQL:
		s.server, err = newMySQL(&s.options)
	case SQLite:
		s.server, err = newSQLite(&s.options)
	case SQLServer:
		s.server, err = newSQLServer(&s.options)
	default:
		err = &OptionError{"driver", fmt.Sprintf("%q is not known", string(options.Driver)), "choose " + strings.Join(Drivers(), ", ")}
	}
	if err != nil {
		return nil, err
	}
	if s.query, err = checkQuery(options.Driver, options.Query); err == nil && options.Cursor != nil {
		s.query, err = s.wrapped()
	}
	return s, err
}

// Place says where the source reads, without secrets: "postgres db.example.com:5432/people".
func (s *Source) Place() string { return string(s.options.Driver) + " " + s.server.place() }

// User is the name that the source signs in with, "" where there is none: other rows may be another's.
func (s *Source) User() string { return s.server.who() }

// Session is what else the DSN says that decides what is read, sorted: the settings of the session, such as search_path and
// row_security, and the servers that stand in for the first. Anything may be in it, so it isn't for showing.
func (s *Source) Session() []string { return s.server.besides() }

// settings are those of a session, as NAME=VALUE and sorted, and the servers.
func settings(of map[string]string, servers ...string) []string {
	for name, value := range of {
		servers = append(servers, name+"="+value)
	}
	slices.Sort(servers)
	return slices.Compact(servers) // a server may stand there twice, with TLS and without
}

// Open begins a read: it connects, begins a snapshot and starts the query. The read ends when ctx does.
func (s *Source) Open(ctx context.Context) (record.Reader, error) {
	return s.read(ctx, mark{})
}

// OpenSince begins a read of the rows from a cursor on, less the overlap, and of those without a value.
func (s *Source) OpenSince(ctx context.Context, cursor string) (record.Reader, error) {
	return s.read(ctx, s.options.Cursor.parse(cursor))
}

func (s *Source) read(ctx context.Context, last mark) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began := time.Now()
	own, cancel := context.WithTimeoutCause(ctx, s.options.Timeout, errTooSlow)
	running, err := s.open(own, last)
	if err != nil {
		defer cancel()
		if ctx.Err() != nil { // drivers say that in words of their own
			return nil, ctx.Err()
		}
		text, _ := s.explain(own, err)
		return nil, errors.New(text)
	}
	r, err := newReader(own, cancel, s, running, began, last)
	if err != nil {
		cancel()
		running.close()
		return nil, fmt.Errorf("%s: %w", s.Place(), err)
	}
	return r, nil
}

// secure is the TLS that a connection to host must have; nil where it may be as the DSN says. A certificate is always
// checked: the drivers would trust any.
func (o *Options) secure(host string) *tls.Config {
	if isSocket(host) || o.RootCAs == nil && (o.Plaintext || isLoopback(host)) {
		return nil
	}
	return &tls.Config{ServerName: host, RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
}

// isSocket reports whether a host is a Unix socket: only this machine hears what goes through it.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") }

// isLoopback reports whether a host is this machine by its name or number alone, without asking anybody.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
