package main

import (
	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// openQuery makes a source of kind sql.
func openQuery(p config.Pipeline) (record.Source, record.Completeness, error) {
	q := p.Source.SQL
	source, err := sqlquery.New(q.Options(roots(q.CAs), p.Mapping.ExternalID.Column))
	return source, believed(q.AcceptPlausible), err
}
