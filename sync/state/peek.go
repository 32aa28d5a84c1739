package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Peek opens the state of one pipeline for reading, and never makes or changes a file; where there is no state yet,
// it behaves as an empty one. It needs no lock and doesn't hinder a run. Each of its methods reads the file as it is
// at that moment.
func Peek(ctx context.Context, dir string, id Identity) (*Store, error) {
	s := &Store{file: id.file(dir), identity: id}
	if err := s.read(ctx, "opening it", func(*sql.DB) error { return nil }); err != nil {
		return nil, err
	}
	return s, nil
}

// stamp tells whether a file may have been written to.
type stamp struct {
	there   bool
	size    int64
	changed time.Time
	log     bool // its write-ahead log is there: somebody has it open, or was killed
}

func (s *Store) stamp() (stamp, error) {
	info, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	_, err = os.Stat(s.file + "-wal")
	return stamp{there: info.Size() > 0, size: info.Size(), changed: info.ModTime(), log: err == nil}, nil
}

// peek reads without a trace. A plain reader would leave a log and an index file behind; one that takes the file for
// immutable doesn't, but may be misled when a writer comes. So the second way is taken only while there is no log,
// and what it read counts only if nobody came.
func (s *Store) peek(ctx context.Context, doing string, look func(*sql.DB) error) (err error) {
	before, err := s.stamp()
	if err != nil {
		return s.explain(doing, err)
	}
	if err := checkSize(s.file, before.size); err != nil {
		return err
	}
	db := s.openStamped(before)
	defer func() { err = errors.Join(err, db.Close()) }()
	err = s.verify(ctx, db, before)
	if err == nil {
		err = look(db)
	}
	if before.there && !before.log {
		if after, statErr := s.stamp(); statErr != nil || after != before {
			return s.explain(doing, errOvertaken)
		}
	}
	return s.explain(doing, err)
}

func (s *Store) openStamped(now stamp) *sql.DB {
	switch {
	case !now.there:
		db := open("", "mode=memory")
		db.SetMaxOpenConns(1) // a second connection would be a second memory
		return db
	case now.log:
		return open(s.file, "mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	default:
		return open(s.file, "mode=ro&immutable=1&_pragma=query_only(1)")
	}
}

// verify checks that the file is of this version and identity; an empty one gets its tables.
func (s *Store) verify(ctx context.Context, db *sql.DB, now stamp) error {
	if !now.there {
		return migrate(ctx, db, s.file)
	}
	version, err := versionOf(ctx, db, s.file)
	if err != nil {
		return err
	}
	if version < len(migrations()) {
		return fmt.Errorf("it was written by an older cubesync: run `cubesync sync` once, which brings it up to date")
	}
	if err := checkSchema(ctx, db); err != nil {
		return err
	}
	var stored Identity
	known, err := readFact(ctx, db, factIdentity, &stored)
	if err != nil || !known {
		return err
	}
	return s.identity.check(s.file, stored)
}
