package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/plan"
)

// The columns that a file of rejects has after the source's own. A source that reads such a file back knows by them that
// cells may be quoted against spreadsheets.
const (
	PositionColumn = "cubesync_position"
	ReasonColumn   = "cubesync_reason"
	HintColumn     = "cubesync_hint"
)

// RejectOptions say how the source's cells are written.
type RejectOptions struct {
	Delimiter rune   // 0: a comma
	Key       string // the column of the external ID, for records without cells; "" where it is made of several
	Null      string // for cells that the source has nothing for
	Comment   string // how lines begin that the source passes over; "": it passes over none
}

// WriteRejects writes the rejected records of a plan as CSV: their own cells under the source's own columns, then where
// each stands, why it was rejected and what to do. Corrected, it can be read as the source is. It returns how many
// records have no cells, because the source couldn't tell them apart or has changed since.
//
// A cell that a spreadsheet would take for a formula begins with an apostrophe, which the source takes off again.
func WriteRejects(w io.Writer, file *plan.File, o RejectOptions) (without int, err error) {
	out := csv.NewWriter(w)
	if o.Delimiter != 0 {
		out.Comma = o.Delimiter
	}
	columns := file.Header.Columns
	if own := slices.Index(columns, PositionColumn); own >= 0 {
		columns = columns[:own] // it was read from such a file
	}
	row := append(append([]string{}, columns...), PositionColumn, ReasonColumn, HintColumn)
	for i := range row {
		row[i] = harmless(row[i])
	}
	if err := o.write(w, out, row); err != nil {
		return 0, err
	}
	for _, reject := range file.Plan.Rejects {
		row = row[:0]
		if len(reject.Cells) == 0 {
			without++
		}
		for i := range columns {
			cell := ""
			switch {
			case len(reject.Cells) == 0 && columns[i] == o.Key:
				cell = reject.ExternalID
			case i >= len(reject.Cells):
			case reject.Cells[i].IsNull():
				cell = o.Null
			default:
				cell = reject.Cells[i].Text()
			}
			row = append(row, harmless(cell))
		}
		row = append(row, harmless(string(reject.Position)), string(reject.Reason), harmless(reject.Detail))
		if err := o.write(w, out, row); err != nil {
			return without, err
		}
	}
	out.Flush()
	return without, out.Error()
}

// write writes a row. In quotes, no line is a comment.
func (o *RejectOptions) write(w io.Writer, out *csv.Writer, row []string) error {
	if o.Comment == "" || !strings.HasPrefix(row[0], o.Comment) {
		return out.Write(row)
	}
	out.Flush()
	if _, err := fmt.Fprintf(w, `"%s"%c`, strings.ReplaceAll(row[0], `"`, `""`), out.Comma); err != nil {
		return err
	}
	return out.Write(row[1:])
}

// harmless keeps spreadsheets from taking a cell for a formula. An apostrophe before what would be one gets another, so
// that what is taken off is always what was put on.
func harmless(cell string) string {
	rest := strings.TrimLeft(cell, "'")
	formula := strings.TrimLeftFunc(rest, unicode.IsSpace) // some spreadsheets pass over blanks
	first, _ := utf8.DecodeRuneInString(formula)
	if strings.HasPrefix(rest, "\t") || strings.HasPrefix(rest, "\r") || formula != "" && strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
