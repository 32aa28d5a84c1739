package main

import (
	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// openQuery makes a source of kind sql.
func openQuery(q *config.SQL, key string, columns []string) (record.Source, record.Completeness, error) {
	options := q.Options(roots(q.CAs), key)
	options.Columns = columns
	source, err := sqlquery.New(options)
	return source, believed(q.AcceptPlausible), err
}
