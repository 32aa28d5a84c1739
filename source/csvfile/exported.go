package csvfile

import "strings"

// exportColumn marks a file of rejected records that cubesync itself wrote for people to correct. In such a file, an
// apostrophe keeps spreadsheets from taking a cell for a formula.
const exportColumn = "cubesync_position"

// unquote takes the apostrophes off again that an export put before what would begin a formula.
func unquote(cells []string) {
	for i, cell := range cells {
		rest := strings.TrimLeft(cell, "'")
		if rest != cell && rest != "" && strings.IndexByte("=+-@\t\r", rest[0]) >= 0 {
			cells[i] = cell[1:]
		}
	}
}
