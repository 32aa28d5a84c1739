package main

import (
	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// openQuery makes a source of kind sql.
func openQuery(q *config.SQL, key string) (record.Source, record.Completeness, error) {
	source, err := sqlquery.New(q.Options(roots(q.CAs), key))
	return source, believed(q.AcceptPlausible), err
}
