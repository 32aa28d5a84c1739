package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Begin stores a run as running and returns its number, which no other run of this state ever had.
func (s *Store) Begin(ctx context.Context, run Run) (id int64, err error) {
	run.Status = Running
	body, err := encode(run)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, "beginning a run", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "INSERT INTO run (at, body) VALUES (?, ?)", run.StartedAt.UnixMilli(), body)
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	return id, err
}

// Run returns the run of that number.
func (s *Store) Run(ctx context.Context, id int64) (run Run, err error) {
	err = s.read(ctx, fmt.Sprintf("reading run %d", id), func(db *sql.DB) error {
		run, err = scanRun(db.QueryRowContext(ctx, "SELECT id, body FROM run WHERE id = ?", id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, &NoRunError{id}
	}
	return run, err
}

// Runs returns the newest runs, newest first; at most limit, all where it is 0.
func (s *Store) Runs(ctx context.Context, limit int) ([]Run, error) {
	if limit <= 0 {
		limit = -1
	}
	var all []Run
	err := s.read(ctx, "reading the runs", func(db *sql.DB) error {
		return each(ctx, db, func(rows *sql.Rows) error {
			run, err := scanRun(rows)
			all = append(all, run)
			return err
		}, "SELECT id, body FROM run ORDER BY id DESC LIMIT ?", limit)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func scanRun(from interface{ Scan(...any) error }) (Run, error) {
	var id int64
	var body string
	if err := from.Scan(&id, &body); err != nil {
		return Run{}, err
	}
	var run Run
	if err := decode(body, &run); err != nil {
		return Run{}, fmt.Errorf("run %d: %w", id, err)
	}
	run.ID = id
	return run, nil
}
