package state

import (
	"context"
	"database/sql"
	"strings"
)

// rowsAtOnce is how many rows a statement adds where there are many. Its way to the database costs as much as the row.
const rowsAtOnce = 25

// addition adds rows to a table within one transaction, many at once.
type addition struct {
	tx    *sql.Tx
	begin string // "INSERT INTO … VALUES "
	end   string // " ON CONFLICT …"
	width int    // values of a row
	full  statement
	args  []any // of the rows that aren't added yet
}

func newAddition(tx *sql.Tx, begin, end string, width int) *addition {
	return &addition{tx: tx, begin: begin, end: end, width: width, args: make([]any, 0, rowsAtOnce*width)}
}

// isFull reports whether a statement's worth of rows waits.
func (a *addition) isFull() bool { return len(a.args) == rowsAtOnce*a.width }

// flush adds the rows that wait, and returns how many of them were added.
func (a *addition) flush(ctx context.Context) (added int64, err error) {
	rows := len(a.args) / a.width
	if rows == 0 {
		return 0, nil
	}
	query := func() string {
		row := "(?" + strings.Repeat(", ?", a.width-1) + ")"
		return a.begin + row + strings.Repeat(", "+row, rows-1) + a.end
	}
	var result sql.Result
	switch {
	case rows < rowsAtOnce:
		result, err = a.tx.ExecContext(ctx, query(), a.args...)
	case a.full.Stmt == nil:
		if a.full, err = prepare(ctx, a.tx, query()); err != nil {
			return 0, err
		}
		fallthrough
	default:
		result, err = a.full.ExecContext(ctx, a.args...)
	}
	if err != nil {
		return 0, err
	}
	clear(a.args)
	a.args = a.args[:0]
	return result.RowsAffected()
}
