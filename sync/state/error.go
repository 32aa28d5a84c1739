package state

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// DamagedError is a state file that can't be used as it is.
type DamagedError struct {
	File    string
	Problem string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("state file %s can't be used: %s; %s", e.File, e.Problem, e.remedy())
}

func (e *DamagedError) remedy() string {
	return fmt.Sprintf("move it away, together with %[1]s-wal and %[1]s-shm where they exist, "+
		"and run again: grace and baselines then restart, so that the next run releases and deletes nothing, and what only "+
		"answers had taught is sent once more; nobody is signed up twice or lost", e.File)
}

// VersionError is a state file that a newer version of cubesync wrote.
type VersionError struct {
	File    string
	Version int // of the file
	Newest  int // that this program knows
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("state file %s was written by a newer cubesync (its version is %d, this program knows up to %d): "+
		"use that cubesync again, or move the file away: grace and baselines then restart", e.File, e.Version, e.Newest)
}

// errBroken marks what was read from the file but can't have been written by us.
var errBroken = errors.New("its content doesn't match its checksum")

// errOvertaken marks a look at a state that changed under it.
var errOvertaken = errors.New("a run wrote to it at the same time; do it again")

// codeError is the database's code for a statement that doesn't fit.
const codeError = sqlite3.SQLITE_ERROR

// codeOf returns the database's primary code of what went wrong; 0 where it wasn't the database.
func codeOf(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// explain says which file failed at what, and what to do about it.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*DamagedError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*VersionError](err); ok {
		return err
	}
	if errors.Is(err, errBroken) {
		return &DamagedError{File: s.file, Problem: err.Error()}
	}
	remedy := ""
	switch codeOf(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, codeError, sqlite3.SQLITE_FORMAT: // our statements fit our own files
		return &DamagedError{File: s.file, Problem: err.Error()}
	case sqlite3.SQLITE_FULL:
		remedy = "; make room on that disk and run again"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		remedy = "; check who may read and write it and its folder"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		remedy = "; another program holds it: wait for it to end and run again"
	case sqlite3.SQLITE_IOERR:
		remedy = "; check the disk, and that there is room on it" // the index of the log fails so where there is none
	}
	return fmt.Errorf("state file %s: %s: %w%s", s.file, doing, err, remedy)
}
