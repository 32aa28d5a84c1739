package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// table is a CSV file whose first column is the external ID.
type table [][]string

func readTable(path string) (table, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return csv.NewReader(file).ReadAll()
}

func (t table) write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	if err := w.WriteAll(t); err != nil {
		return err
	}
	return file.Close()
}

func (t table) row(id string) (int, error) {
	i := slices.IndexFunc(t, func(row []string) bool { return row[0] == id })
	if i < 0 {
		return 0, fmt.Errorf("no row has the external ID %s", id)
	}
	return i, nil
}

// editTable changes a CSV file:
//
//	set ID COLUMN VALUE   one cell
//	remove ID...          rows
//	keep N                the first N rows
func editTable(path, verb string, args ...string) error {
	t, err := readTable(path)
	if err != nil {
		return err
	}
	switch {
	case verb == "set" && len(args) == 3:
		i, err := t.row(args[0])
		if err != nil {
			return err
		}
		column := slices.Index(t[0], args[1])
		if column < 0 {
			return fmt.Errorf("no column %s", args[1])
		}
		t[i][column] = args[2]
	case verb == "remove" && len(args) > 0:
		for _, id := range args {
			i, err := t.row(id)
			if err != nil {
				return err
			}
			t = slices.Delete(t, i, i+1)
		}
	case verb == "keep" && len(args) == 1:
		n, err := strconv.Atoi(args[0])
		if err != nil || n >= len(t) {
			return fmt.Errorf("can't keep %s of %d rows", args[0], len(t)-1)
		}
		t = t[:1+n]
	default:
		return fmt.Errorf("unknown edit %s %q", verb, args)
	}
	return t.write(path)
}
