package main

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"io"
	"net/url"
	"os"

	"github.com/go-ldap/ldap/v3"
	"github.com/gocarina/gocsv"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver

	"cubesync/source/ldapdir"
)

// row is one of the sample's file.
type row struct {
	ID         string `csv:"employee_id"`
	Email      string `csv:"email"`
	Given      string `csv:"given_name"`
	Family     string `csv:"family_name"`
	Phone      string `csv:"phone"`
	Website    string `csv:"website"`
	Department string `csv:"department"`
	Tags       string `csv:"tags"`
	CustomData string `csv:"custom_data"`
}

func bareCSV(_ context.Context, place string) (users int, err error) {
	file, err := os.Open(place)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	rows, err := gocsv.NewUnmarshaller(csv.NewReader(file), row{})
	for ; err == nil; users++ {
		_, err = rows.Read()
	}
	if !errors.Is(err, io.EOF) {
		return 0, err
	}
	return users - 1, nil
}

// bareLDAP asks for pages until the server gives none.
func bareLDAP(ctx context.Context, place string) (users int, err error) {
	conn, err := ldap.DialURL(place)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // everything was read
	paging := ldap.NewControlPaging(ldapdir.DefaultPageSize)
	for {
		response := conn.SearchAsync(ctx, &ldap.SearchRequest{
			BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: filter, Attributes: attributes(), Controls: []ldap.Control{paging},
		}, ldapdir.DefaultPageSize)
		for response.Next() {
			if response.Entry() != nil {
				users++
			}
		}
		if response.Err() != nil {
			return 0, response.Err()
		}
		end, _ := ldap.FindControl(response.Controls(), ldap.ControlTypePaging).(*ldap.ControlPaging)
		if end == nil || len(end.Cookie) == 0 {
			return users, nil
		}
		paging.SetCookie(end.Cookie)
	}
}

func barePostgres(ctx context.Context, place string) (users int, err error) {
	conn, err := pgx.Connect(ctx, place)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // everything was read
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	return scanned(rows)
}

func bareSQLite(ctx context.Context, place string) (users int, err error) {
	db, err := openSQLite(place)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()        // it was only read
	rows, err := db.QueryContext(ctx, query) //nolint:rowserrcheck // scanned checks
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // it was only read
	return scanned(rows)
}

// scanned scans the rows of a driver, or of database/sql.
func scanned(rows interface {
	Next() bool
	Scan(to ...any) error
	Err() error
}) (users int, err error) {
	var id, name, email, phone, department string
	for ; rows.Next(); users++ {
		if err := rows.Scan(&id, &name, &email, &phone, &department); err != nil {
			return 0, err
		}
	}
	return users, rows.Err()
}

func openSQLite(place string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Path: place}
	return sql.Open("sqlite", address.String())
}

// makeSQLite writes a database of so many people.
func makeSQLite(ctx context.Context, place, users string) error {
	db, err := openSQLite(place)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE staff AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < CAST(? AS int))
		SELECT printf('E%07d', n) AS employee_id, printf('Some Body %d', n) AS full_name, printf('some.body.%d@example.com', n) AS email,
		'+49 30 1234567' AS phone, 'Research' AS department FROM c`, users)
	return errors.Join(err, db.Close())
}
