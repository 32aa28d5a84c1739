package main

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// toDatabase makes an SQLite file of a CSV file: all its columns, in the table people.
func toDatabase(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	path := ts.MkAbs(args[1])
	ts.Check(os.RemoveAll(path))
	db, err := sql.Open("sqlite", "file:"+path)
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	tx, err := db.Begin()
	ts.Check(err)
	_, err = tx.Exec("CREATE TABLE people (" + strings.Join(rows[0], ", ") + ")")
	ts.Check(err)
	insert := "INSERT INTO people VALUES (?" + strings.Repeat(", ?", len(rows[0])-1) + ")"
	for _, row := range rows[1:] {
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = cell
		}
		_, err = tx.Exec(insert, cells...)
		ts.Check(err)
	}
	ts.Check(tx.Commit())
}

// damage spoils what lies in the middle of an SQLite file: it can be read so far, and no farther.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	const page = 4096
	content := []byte(ts.ReadFile(args[0]))
	middle := len(content) / page / 2 * page
	copy(content[middle:middle+page], bytes.Repeat([]byte{0xff}, page))
	ts.Check(os.WriteFile(filepath.Clean(ts.MkAbs(args[0])), content, 0o600))
}
