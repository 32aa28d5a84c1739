// Package state is the memory of one pipeline: the mirror of the accounts it owns, the journal of its operations, its
// runs, and what they taught (normalisations, refusals, absences, the baseline). It lives in one SQLite file per
// identity; beside it, the folder plans holds the plan of each run, and a lock keeps two runs off one application.
//
// It decides nothing, and correctness doesn't rest on it: a lost state restarts grace and baselines and costs a few
// writes that answers had shown to be needless, but never a duplicate, a loss or a delete. It never holds a password
// or a secret.
//
//	table        | holds
//	-------------+------------------------------------------------------------------
//	known        | one row an external ID: the mirror's account and what was learned
//	agreement    | digests of the rows that the last applied run found equal to their records, or signed up, packed
//	claim        | digests of the logins and e-mails that those records claim, packed
//	unagreed     | the rows without a valid agreement
//	journal      | one row an operation of a kept run: how it ended
//	chunk        | operations that were opened together, until each has its row in the journal
//	run          | the kept runs
//	departure    | how many releases and deletes each run of the last week applied
//	fact         | identity, baseline, evidence of the last counted read, clock, how accounts were listed, ...
package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"cubesync/sync/failpoint"
)

// Store is the state of one pipeline. It is safe for concurrent use; writes follow one another. A write that has
// begun is carried through, however its context ends, so that nobody has to ask whether it happened.
type Store struct {
	file     string
	identity Identity
	writer   *sql.DB       // nil where the state is only read
	reader   *sql.DB       // nil after Peek: each read opens the file anew
	ahead    time.Duration // how far our clock is ahead of the axis of absences and departures: see Tick
	latest   time.Time     // the latest time on that axis; zero before the first Tick
	service  moment        // what time it was by the service's clock at the last Tick

	owesResets bool // to whoever is signed up: see OweResets
	chunks     chunks
}

// Open opens the state of one pipeline in the folder dir, and makes what isn't there: the folder for its owner only,
// the file for reading and writing by its owner only. A file of an older version is brought up to date; one of a
// newer version is refused with a *VersionError, and one that can't be read with a *DamagedError.
func Open(ctx context.Context, dir string, id Identity) (*Store, error) {
	s := &Store{file: id.file(dir), identity: id}
	if err := makeFile(s.file); err != nil {
		return nil, err
	}
	s.writer = open(s.file, "_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&"+
		"_pragma=wal_autocheckpoint(4000)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	s.writer.SetMaxOpenConns(1)
	if err := s.fit(ctx); err != nil {
		return nil, errors.Join(s.explain("opening it", err), s.Close())
	}
	s.reader = open(s.file, "mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	s.reader.SetMaxOpenConns(4)
	return s, nil
}

// OpenExisting opens the state of one pipeline as Open does; nil where there is none.
func OpenExisting(ctx context.Context, dir string, id Identity) (*Store, error) {
	info, err := os.Stat(id.file(dir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the state can't be used: %w; check who may read it", err)
	}
	return Open(ctx, dir, id)
}

// fit brings the file to this version and makes sure that it belongs to this identity.
func (s *Store) fit(ctx context.Context) error {
	if err := migrate(ctx, s.writer, s.file); err != nil {
		return err
	}
	return s.write(ctx, "checking whose it is", func(ctx context.Context, tx *sql.Tx) error {
		if err := checkSchema(ctx, tx); err != nil {
			return err
		}
		var stored Identity
		known, err := readFact(ctx, tx, factIdentity, &stored)
		if err != nil {
			return err
		}
		if !known {
			return writeFact(ctx, tx, factIdentity, s.identity)
		}
		return s.identity.check(s.file, stored)
	})
}

// Close ends the use of the state.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} { // the writer last: it folds the write-ahead log into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// write makes one durable change: all of it or, with an error, nothing.
func (s *Store) write(ctx context.Context, doing string, change func(context.Context, *sql.Tx) error) error {
	if s.writer == nil {
		return fmt.Errorf("state file %s: %s: it was opened for reading only", s.file, doing)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	if err := change(ctx, tx); err != nil {
		return errors.Join(s.explain(doing, err), ignoreDone(tx.Rollback()))
	}
	failpoint.Reach(failpoint.BeforeCommit, doing)
	err = tx.Commit()
	failpoint.Reach(failpoint.AfterCommit, doing)
	return s.explain(doing, err)
}

// ignoreDone drops the complaint that a transaction which failed is rolled back already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) || codeOf(err) == codeError {
		return nil
	}
	return err
}

// read looks something up. look runs one query at a time.
func (s *Store) read(ctx context.Context, doing string, look func(*sql.DB) error) error {
	if s.reader == nil {
		return s.peek(ctx, doing, look)
	}
	return s.explain(doing, look(s.reader))
}

// moment looks several things up that belong to the same moment.
func (s *Store) moment(ctx context.Context, doing string, look func(*sql.Tx) error) error {
	return s.read(ctx, doing, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		return errors.Join(look(tx), tx.Rollback())
	})
}

// makeFile sees to it that the file is there, and for its owner only: it holds people's data.
func makeFile(path string) (err error) {
	if err := makeFolderOf(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the state can't be kept: %w; check who may write there", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("the state can't be kept: %w", err)
	}
	if err := checkSize(path, info.Size()); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := file.Chmod(0o600); err != nil {
		return fmt.Errorf("state file %s is readable by others: %w; make it readable by its owner only", path, err)
	}
	return nil
}

// each runs a query and visits its rows.
func each(ctx context.Context, db querier, visit func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return cmp.Or(ctx.Err(), err) // an ended context closes the rows in mid-scan
		}
	}
	return rows.Err()
}

// scan reads a row that fits our own files.
func scan(rows *sql.Rows, to ...any) error {
	if err := rows.Scan(to...); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return nil
}

// statement is a prepared statement that ends with its transaction, so nobody closes it.
type statement struct{ *sql.Stmt }

func prepare(ctx context.Context, tx *sql.Tx, query string) (statement, error) {
	prepared, err := tx.PrepareContext(ctx, query)
	return statement{prepared}, err
}
