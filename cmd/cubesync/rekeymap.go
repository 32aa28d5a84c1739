package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
)

// The columns of a map of external IDs; others are passed over.
const (
	oldIDColumn = "old_external_id"
	newIDColumn = "new_external_id"
)

// readRenames reads a map of external IDs. One that says anything twice, or has one external ID both as an old and as a
// new one, is refused whole: in which order a chain was meant can't be known once it was broken off.
func readRenames(path string) ([]plan.Rename, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = file.Close() }() // it was only read
	name := filepath.Base(path)
	rows := csv.NewReader(file)
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, usagef("%s is empty: it needs the columns %s and %s", name, oldIDColumn, newIDColumn)
	}
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	from, to := slices.Index(header, oldIDColumn), slices.Index(header, newIDColumn)
	if from < 0 || to < 0 {
		return nil, usagef("%s has the columns %q: it needs %s and %s", name, header, oldIDColumn, newIDColumn)
	}
	renames := renames{olds: map[string]record.Position{}, news: map[string]record.Position{}}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usagef("%s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		if err := renames.add(strings.TrimSpace(row[from]), row[to], record.Position(fmt.Sprintf("%s:%d", name, line))); err != nil {
			return nil, err
		}
	}
	return renames.all, renames.chained()
}

// renames are gathered row by row.
type renames struct {
	all        []plan.Rename
	olds, news map[string]record.Position
}

// add takes a row. The new external ID is the one that a record with it will have: another spelling would be another person's.
// The old one is as the account has it.
func (r *renames) add(old, now string, at record.Position) error {
	now, problem := mapping.ExternalID(now)
	switch {
	case old == "" || now == "":
		return usagef("%s: an external ID is missing: fill it in, or take the row out", at)
	case problem != nil:
		return usagef("%s: %w", at, problem)
	case old == now:
		return usagef("%s: %q stays as it is: take the row out", at, old)
	case r.olds[old] != "":
		return usagef("%s: %q is to be changed twice, first in %s: keep one of the rows", at, old, r.olds[old])
	case r.news[now] != "":
		return usagef("%s: %q is given twice, first in %s: keep one of the rows", at, now, r.news[now])
	}
	r.olds[old], r.news[now] = at, at
	r.all = append(r.all, plan.Rename{Old: old, New: now, Position: at})
	return nil
}

// chained refuses an external ID that one account gives up and another gets.
func (r *renames) chained() error {
	if len(r.all) == 0 {
		return usagef("the map has no row")
	}
	for _, rename := range r.all {
		if at := r.olds[rename.New]; at != "" {
			return usagef("%s: %q is the old external ID of %s: carry such chains and swaps in two maps, first to external IDs that nobody had",
				rename.Position, rename.New, at)
		}
	}
	return nil
}
