package sqlquery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// database is a session through database/sql: one connection, which is closed at the end and never used again.
type database struct {
	db    *sql.DB
	conn  *sql.Conn
	tx    *sql.Tx // nil where statements make it
	rows  *sql.Rows
	names []string
	types []string // as the driver calls them, in capitals
	query string
	args  []any // of the query's parameters

	doubts  string
	counted func(ctx context.Context, d *database) (int64, error)
	values  func(l *line) error // puts the row that was scanned into the line
	targets []any
}

// openDatabase connects, and has begin start the query in a snapshot.
func openDatabase(ctx context.Context, db *sql.DB, query string, begin func(d *database) error) (session, error) {
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	d := &database{db: db, conn: conn, query: query, counted: countAgain}
	if err := begin(d); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// exec carries statements out.
func (d *database) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := d.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// start starts the query; what follows it goes with it.
func (d *database) start(ctx context.Context, follows string) error {
	rows, err := d.conn.QueryContext(ctx, d.query+follows, d.args...) //nolint:rowserrcheck // next checks
	if err != nil {
		return err
	}
	d.rows = rows
	if d.names, err = d.rows.Columns(); err != nil {
		return err
	}
	if len(d.names) == 0 {
		return errors.New("the query has no column")
	}
	types, err := d.rows.ColumnTypes()
	if err != nil {
		return err
	}
	for _, t := range types {
		d.types = append(d.types, strings.ToUpper(t.DatabaseTypeName()))
	}
	return nil
}

func (d *database) columns() []string        { return d.names }
func (d *database) typeOf(column int) string { return d.types[column] }
func (d *database) doubt() string            { return d.doubts }

func (d *database) next(l *line) error {
	if !d.rows.Next() {
		if err := d.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	if err := d.rows.Scan(d.targets...); err != nil {
		return err
	}
	return d.values(l)
}

func (d *database) count(ctx context.Context) (int64, error) { return d.counted(ctx, d) }

// countAgain counts in the same transaction.
func countAgain(ctx context.Context, d *database) (count int64, err error) {
	if err := d.rows.Close(); err != nil {
		return 0, err
	}
	err = d.conn.QueryRowContext(ctx, "SELECT count(*) FROM (\n"+d.query+"\n) AS cubesync", d.args...).Scan(&count)
	return count, err
}

func (d *database) close() {
	if d.rows != nil {
		_ = d.rows.Close() // the context has ended, so that nothing more is read
	}
	if d.tx != nil {
		_ = d.tx.Rollback()
	}
	_ = d.conn.Raw(func(any) error { return errDone }) // the connection isn't fit for another use
	_ = d.conn.Close()
	_ = d.db.Close() // what was under way is rolled back
}

// errDone has database/sql throw a connection away.
var errDone = errors.New("done")

// scanBytes has rows scanned as the server spells them.
func (d *database) scanBytes(as func(typeName string) textOf, isNull func(typeName string, value []byte) bool) {
	raw := make([]sql.RawBytes, len(d.names))
	texts := make([]textOf, len(d.names))
	for i := range raw {
		d.targets = append(d.targets, &raw[i])
		texts[i] = as(d.types[i])
	}
	d.values = func(l *line) error {
		for i, value := range raw {
			if value == nil || isNull(d.types[i], value) {
				l.null()
			} else {
				l.add(value, texts[i])
			}
		}
		return nil
	}
}

// scanValues has rows scanned as the driver decodes them.
func (d *database) scanValues(spell func(l *line, typeName string, value any) bool) {
	values := make([]any, len(d.names))
	for i := range values {
		d.targets = append(d.targets, &values[i])
	}
	d.values = func(l *line) error {
		for i, value := range values {
			switch v := value.(type) {
			case nil:
				l.null()
			case string:
				l.addString(v)
			default:
				if !spell(l, d.types[i], value) && !spellUsual(l, value) {
					return fmt.Errorf("column %s: values of type %T (%s) aren't known", d.names[i], value, d.types[i])
				}
			}
		}
		return nil
	}
}

// spellUsual adds a value of a type that drivers share.
func spellUsual(l *line, value any) bool {
	switch v := value.(type) {
	case int64:
		l.add(strconv.AppendInt(nil, v, 10), plainText)
	case float64:
		l.add(appendFloat(nil, v), plainText)
	case bool:
		l.add([]byte(boolText(v)), plainText)
	case time.Time:
		l.add(appendTime(nil, v), plainText)
	case []byte:
		l.add(v, hexText)
	default:
		return false
	}
	return true
}
