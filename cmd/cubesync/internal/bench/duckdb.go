package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// duckdb is the folder of the script that joins, seen from the root of the repository.
const duckdb = "cmd/cubesync/internal/bench/duckdb"

// joined is what the script says, and what the whole process took.
type joined struct {
	cost
	Version string  `json:"version"`
	Threads int     `json:"threads"`
	Seconds float64 `json:"seconds"` // of the query, without Node.js around it
}

// join has DuckDB write the rows in which two files differ, and counts them.
func (b *bench) join(ctx context.Context, before, after, out string) (j joined, found differences, err error) {
	if _, err := os.Stat(filepath.Join(duckdb, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		return j, found, fmt.Errorf("DuckDB isn't there: `make bench` installs it; or run `npm ci` in %s", duckdb)
	}
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return j, found, err
	}
	var said bytes.Buffer
	command := exec.CommandContext(ctx, "node", filepath.Join(duckdb, "join.mjs"), before, after, out)
	command.Stdout = &said
	if j.cost, err = b.costOf(command); err != nil {
		return j, found, err
	}
	if err := json.Unmarshal(said.Bytes(), &j); err != nil {
		return j, found, fmt.Errorf("the join says %q: %w", said.String(), err)
	}
	found, err = countIn(out, countJoined)
	return j, found, err
}

// countIn counts in a file.
func countIn(path string, count func(io.Reader) (differences, error)) (differences, error) {
	file, err := os.Open(path)
	if err != nil {
		return differences{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return count(file)
}

// countJoined counts the rows of the join by their first column.
func countJoined(from io.Reader) (found differences, err error) {
	in := csv.NewReader(from)
	in.ReuseRecord = true
	if _, err := in.Read(); err != nil {
		return found, fmt.Errorf("the header of the join: %w", err)
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		switch row[0] {
		case "added":
			found.Added++
		case "changed":
			found.Changed++
		case "gone":
			found.Gone++
		default:
			return found, fmt.Errorf("the join has a row %q", row)
		}
	}
}
