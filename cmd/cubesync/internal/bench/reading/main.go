// Command reading reads the users of one place once, and prints how many there were and how long that took, as JSON:
//
//	reading csv|ldap|postgres|sqlite source|bare PLACE
//
// source reads as a pipeline does, bare with nothing but the library that the source stands on. The benchmark runs it, so that
// each read begins with a fresh process, whose memory is the read's own. reading sqlite make PLACE USERS writes what the others read.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cubesync/source/csvfile"
	"cubesync/source/ldapdir"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reading:", err)
		os.Exit(1)
	}
}

// kind is a kind of source: how it is read by us, and how without.
type kind struct {
	source func(place string) (record.Source, error)
	bare   func(ctx context.Context, place string) (users int, err error)
}

func kinds() map[string]kind {
	return map[string]kind{
		"csv":      {csvSource, bareCSV},
		"ldap":     {ldapSource, bareLDAP},
		"postgres": {sqlSource(sqlquery.Postgres), barePostgres},
		"sqlite":   {sqlSource(sqlquery.SQLite), bareSQLite},
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) < 3 {
		return errors.New("want a kind, a way and a place")
	}
	way, place := args[1], args[2]
	of, known := kinds()[args[0]]
	var users int
	var err error
	began := time.Now()
	switch {
	case !known:
		err = fmt.Errorf("%q is no kind of source", args[0])
	case way == "source":
		users, err = through(ctx, of, place)
	case way == "bare":
		users, err = of.bare(ctx, place)
	case way == "make" && args[0] == "sqlite" && len(args) == 4:
		err = makeSQLite(ctx, place, args[3])
	default:
		err = fmt.Errorf("%s can't be read by %q", args[0], way)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(map[string]any{"Users": users, "Took": time.Since(began)})
}

// through reads as a pipeline does.
func through(ctx context.Context, of kind, place string) (users int, err error) {
	source, err := of.source(place)
	if err != nil {
		return 0, err
	}
	reader, err := source.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for ; ; users++ {
		if _, err := reader.Next(ctx); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	if v := reader.Verdict(); !v.Completeness.Usable() || v.Records != users {
		return 0, fmt.Errorf("%+v", v)
	}
	return users, nil
}

func csvSource(place string) (record.Source, error) {
	return csvfile.New(csvfile.Options{Path: place, KeyColumn: "employee_id"})
}

// What is asked of a directory, and of a database: what a mapping would need.
const (
	base    = "dc=example,dc=com"
	filter  = "(objectClass=inetOrgPerson)"
	columns = "employee_id, full_name, email, phone, department"
	query   = "SELECT " + columns + " FROM staff"
)

func attributes() []string {
	return []string{"uid", "cn", "mail", "telephoneNumber", "departmentNumber"}
}

func ldapSource(place string) (record.Source, error) {
	return ldapdir.New(ldapdir.Options{
		URLs: []string{place}, Plain: true, Bind: ldapdir.Bind{Anonymous: true}, Base: base, Filter: filter, Columns: attributes(), Key: "uid",
	})
}

func sqlSource(driver sqlquery.Driver) func(string) (record.Source, error) {
	return func(place string) (record.Source, error) {
		return sqlquery.New(sqlquery.Options{Driver: driver, DSN: place, Query: query, KeyColumn: "employee_id", Columns: strings.Split(columns, ", ")})
	}
}
