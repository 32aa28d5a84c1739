package csvfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// exportColumn marks a file of rejected records that cubesync itself wrote for people to correct. In such a file, an
// apostrophe keeps spreadsheets from taking a cell for a formula.
const exportColumn = "cubesync_position"

// unquote takes the apostrophes off again that an export put before what would begin a formula.
func unquote(cells []string) {
	for i, cell := range cells {
		if rest := strings.TrimLeft(cell, "'"); rest != cell && beginsFormula(rest) {
			cells[i] = cell[1:]
		}
	}
}

// beginsFormula reports whether some spreadsheet would take the cell for a formula: in full-width letters, and after
// blanks and line breaks, too.
func beginsFormula(cell string) bool {
	formula := strings.TrimLeftFunc(cell, unicode.IsSpace)
	first, _ := utf8.DecodeRuneInString(formula)
	return strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") || formula != "" && strings.ContainsRune("=+-@＝＋－＠", first)
}
