package simulation

import (
	"context"
	"fmt"
	"io"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

const ownerTag = "staff-sync"

// person is a record of the source. Empty cells say nothing.
type person struct{ id, login, email, name, website, tags string }

func (p person) cells() []string { return []string{p.id, p.login, p.email, p.name, p.website, p.tags} }

func columns() []string { return []string{"id", "login", "email", "name", "website", "tags"} }

func spec() mapping.Spec {
	return mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields: map[user.Field]mapping.Rule{
			user.Login: {Column: "login"}, user.Email: {Column: "email"}, user.FullName: {Column: "name"}, user.Website: {Column: "website"},
		},
		Tags: []mapping.TagRule{{Rule: mapping.Rule{Column: "tags"}, Split: ";"}},
	}
}

// roster is a source that is proven to be whole, and new at every read.
type roster struct {
	persons []person
	reads   int
}

func (r *roster) Open(context.Context) (record.Reader, error) {
	names, err := record.NewColumns(columns())
	if err != nil {
		return nil, err
	}
	r.reads++
	return &rosterReader{columns: names, persons: r.persons, evidence: record.Evidence{Name: "roster", SHA256: fmt.Sprint(r.reads)}}, nil
}

type rosterReader struct {
	columns  *record.Columns
	persons  []person
	next     int
	evidence record.Evidence
	verdict  record.Verdict
}

func (r *rosterReader) Columns() *record.Columns { return r.columns }
func (r *rosterReader) Verdict() record.Verdict  { return r.verdict }
func (r *rosterReader) Close() error             { return nil }

func (r *rosterReader) Next(context.Context) (record.Record, error) {
	if r.next == len(r.persons) {
		r.verdict = record.Verdict{Completeness: record.Proven, Records: r.next, Evidence: r.evidence}
		return record.Record{}, io.EOF
	}
	r.next++
	return record.OfTexts(record.Position(fmt.Sprintf("row %d", r.next)), r.columns, r.persons[r.next-1].cells()), nil
}
