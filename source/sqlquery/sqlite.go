package sqlquery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is a database in a file. Its driver can be interrupted until the first row is there, and between rows: what SQLite
// does to find the next one, it does to its end.
type sqliteFile struct {
	path string
}

func newSQLite(o *Options) (server, error) {
	if o.DSN == "" || strings.HasPrefix(o.DSN, "file:") || strings.Contains(o.DSN, "://") {
		return nil, &OptionError{"dsn", "is not the path of a file", "write one such as people.db"}
	}
	return &sqliteFile{o.DSN}, nil
}

func (f *sqliteFile) place() string     { return f.path }
func (f *sqliteFile) who() string       { return "" }
func (f *sqliteFile) besides() []string { return nil }
func (f *sqliteFile) secrets() []string { return nil }

func (f *sqliteFile) open(ctx context.Context, query string, timeout time.Duration) (session, error) {
	return f.openFrom(ctx, query, nil, timeout)
}

func (f *sqliteFile) openFrom(ctx context.Context, query string, bound any, _ time.Duration) (session, error) {
	if _, err := os.Stat(f.path); err != nil { // SQLite would say no more than that it can't
		return nil, err
	}
	path, err := filepath.Abs(f.path)
	if err != nil {
		return nil, err
	}
	address := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	return openDatabase(ctx, db, query, func(d *database) error {
		if err := d.exec(ctx, "BEGIN"); err != nil {
			return err
		}
		if err := f.entire(ctx, d); err != nil {
			return err
		}
		switch bound := bound.(type) {
		case int64:
			d.args = []any{bound}
		case time.Time:
			d.args = []any{boundText(bound)} // times are texts here
		}
		if err := d.start(ctx, ""); err != nil {
			return err
		}
		d.scanValues(spellDeclared)
		return nil
	})
}

// entire reports a file that was cut off: SQLite takes what its last page lacks for zeros, and rows of zeros for rows. While
// a write-ahead log holds pages of the database, the file may rightly be shorter.
func (f *sqliteFile) entire(ctx context.Context, d *database) error {
	var pages, size int64
	err := d.conn.QueryRowContext(ctx, "SELECT page_count, page_size FROM pragma_page_count(), pragma_page_size()").Scan(&pages, &size)
	if err != nil {
		return err
	}
	if log, err := os.Stat(f.path + "-wal"); err == nil && log.Size() > 0 {
		return nil
	}
	file, err := os.Stat(f.path)
	if err == nil && file.Size() < pages*size {
		err = errCut
	}
	return err
}

var errCut = errors.New("the file is cut off: it has fewer bytes than its pages")

// spellDeclared adds a value whose column was declared as something that SQLite doesn't know.
func spellDeclared(l *line, typeName string, value any) bool {
	switch v := value.(type) {
	case int64:
		if (typeName == "BOOLEAN" || typeName == "BOOL") && (v == 0 || v == 1) {
			l.add([]byte(boolText(v == 1)), plainText)
			return true
		}
	case time.Time:
		if h, m, s := v.Clock(); typeName == "DATE" && h+m+s+v.Nanosecond() == 0 {
			l.add(v.AppendFormat(nil, dateOnly), plainText)
			return true
		}
	}
	return false
}

func (f *sqliteFile) classify(err error) failure {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return failure{special: "name the file in the DSN, and permit reading it"}
	}
	if errors.Is(err, errCut) {
		return failure{special: f.anew()}
	}
	said, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return failure{}
	}
	result := failure{text: strings.TrimSpace(said.Error())}
	switch code := said.Code() & 0xff; code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		result.kind = passing
	case sqlite3.SQLITE_READONLY: // to read, it would have to undo what the journal beside the file has
		result.special = "what writes the file was interrupted: open the database once with that, or with sqlite3, so that what was half written is undone"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR:
		result.special = f.anew()
	case sqlite3.SQLITE_CANTOPEN:
		result.special = "permit reading the file, and its -wal and -shm files"
	}
	return result
}

func (f *sqliteFile) anew() string {
	return fmt.Sprintf("restore %s, or have it made anew", filepath.Base(f.path))
}
