package config

import (
	"crypto/x509"
	"errors"
	"regexp"
	"strings"
	"time"

	"cubesync/source/sqlquery"
)

// SQL is a source of kind sql. What is left out of its JSON is the way to the database, which decides about nobody; where it
// leads, who asks there, and with which settings, decides what can be seen.
type SQL struct {
	Driver          sqlquery.Driver
	DSN             Secret `json:"-"`
	Place           string // where the DSN leads, without secrets
	User            string // who asks there
	Session         string `json:",omitempty"` // the digest of what else the DSN says of whom can be seen; "" for nothing
	Query           string
	DeletedColumn   string // marks rows that were deleted; "" for none
	AcceptPlausible bool   // absence is believed even where the server has no snapshots

	Incremental *Incremental `json:"-"` // it decides when records are read; nil: all of them each time

	Timeout   time.Duration       `json:"-"`
	Plaintext bool                `json:"-"` // TLS isn't asked of a server on another machine
	CAs       []*x509.Certificate `json:"-"` // trusted besides the system's
}

// Incremental reads only what changed, by a column that grows with each change of a row.
type Incremental struct {
	Cursor    sqlquery.Cursor
	FullEvery int // runs
}

// Longer than a day no query runs beside nightly ones.
const maxQueryTimeout = 24 * time.Hour

func (c *checker) sql(n node) *SQL {
	group := n.object("write driver, dsn and query under it",
		"driver", "dsn", "query", "deleted", "incremental", "timeout", "ca_file", "allow_plaintext", "completeness")
	if !n.given() || group.broken {
		return nil
	}
	q := &SQL{
		Driver:          sqlquery.Driver(group.need("driver", "choose "+either(sqlquery.Drivers())).choice("", sqlquery.Drivers()...)),
		Timeout:         group.get("timeout").duration(sqlquery.DefaultTimeout, time.Second, maxQueryTimeout),
		Plaintext:       group.get("allow_plaintext").flag(),
		CAs:             group.get("ca_file").certificates(""),
		AcceptPlausible: group.get("completeness").choice("", "plausible") != "",
	}
	q.Query, _ = group.need("query", "write one SELECT").text()
	q.DeletedColumn, _ = group.get("deleted").text()
	q.Incremental = incremental(group.get("incremental"))
	dsn := group.need("dsn", "name the database: ${NAME} or file:PATH; the path of the file with sqlite")
	if dsn.given() && openDSN(dsn.value.text) {
		dsn.complain("holds a password that everybody can read", "write ${NAME} for it, or file:PATH for the whole of it")
	}
	text, ok := dsn.resolved()
	if !ok || q.Driver == "" || q.Query == "" {
		return q
	}
	if q.Driver == sqlquery.SQLite && !strings.Contains(text, ":") {
		text = c.absolute(text)
	}
	q.DSN = NewSecret(text)
	source, err := sqlquery.New(q.Options(nil, ""))
	if wrong, is := errors.AsType[*sqlquery.OptionError](err); is {
		group.get(wrong.Option).complain(wrong.Problem, wrong.Remedy)
		return q
	}
	q.Place, q.User = source.Place(), source.User()
	if said := source.Session(); len(said) > 0 {
		q.Session = digest(said)
	}
	return q
}

// Options are those that the source is made with.
func (q *SQL) Options(roots *x509.CertPool, key string) sqlquery.Options {
	options := sqlquery.Options{
		Driver: q.Driver, DSN: q.DSN.Reveal(), Query: q.Query, Timeout: q.Timeout, RootCAs: roots, Plaintext: q.Plaintext,
		DeletedColumn: q.DeletedColumn, KeyColumn: key,
	}
	if q.Incremental != nil {
		options.Cursor = &q.Incremental.Cursor
	}
	return options
}

// What holds where incremental says nothing, and at most.
const (
	defaultOverlap   = 15 * time.Minute
	maxOverlap       = 30 * day
	maxNumberOverlap = 1_000_000_000_000
	defaultReadEvery = 7
	maxReadEvery     = 1000
)

// incremental returns how only what changed is read; nil where all is.
func incremental(n node) *Incremental {
	group := n.object("write {column: updated_at, overlap: 15m, full_every: 7}", "column", "overlap", "full_every")
	if !n.given() || group.broken {
		return nil
	}
	i := &Incremental{FullEvery: group.get("full_every").integer(defaultReadEvery, 1, maxReadEvery)}
	i.Cursor.Column, _ = group.need("column", "name the column of the query that grows with each change of a row").text()
	overlap := group.get("overlap")
	if overlap.given() && overlap.value.kind == numberKind {
		i.Cursor.Numbers, i.Cursor.Back = true, int64(overlap.integer(0, 0, maxNumberOverlap))
	} else {
		i.Cursor.Overlap = overlap.duration(defaultOverlap, 0, maxOverlap)
	}
	return i
}

// openDSN reports whether a DSN, as it stands in the file, holds a password beside references. There are those that are
// addresses, those of MySQL (user:password@tcp(host)/name), and those of names and values.
func openDSN(raw string) bool {
	if strings.HasPrefix(raw, "file:") {
		return false
	}
	if named := regexp.MustCompile(`(?i)\b(?:password|pwd)\s*=\s*([^\s;&]+)`).FindStringSubmatch(raw); named != nil {
		return open(named[1])
	}
	if !strings.Contains(raw, "://") {
		raw = "://" + raw
	}
	return openPassword(raw)
}
