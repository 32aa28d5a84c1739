package csvfile_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
	"cubesync/sync/record"
)

const nullCell = `\N`

func TestConformance(t *testing.T) {
	folder, files := t.TempDir(), 0
	write := func(content string) (string, error) {
		files++
		path := filepath.Join(folder, strconv.Itoa(files)+".csv")
		return path, os.WriteFile(path, []byte(content), 0o600)
	}
	source := func(content string) (record.Source, error) {
		path, err := write(content)
		if err != nil {
			return nil, err
		}
		null := nullCell
		return csvfile.New(csvfile.Options{Path: path, NullValue: &null, KeyColumn: sourcetest.Key})
	}
	const size = 1_000_000
	sourcetest.Run(t, sourcetest.Kind{
		Hold: func(_ context.Context, rows []sourcetest.Row) (record.Source, error) { return source(contentOf(rows)) },
		Best: record.Plausible,
		Many: func(context.Context) (record.Source, error) {
			var b strings.Builder
			b.WriteString("id,name,note\n")
			for n := range size {
				v := sourcetest.Crowd(n).Values
				b.WriteString(v[0].Text() + "," + v[1].Text() + "," + v[2].Text() + "\n")
			}
			return source(b.String())
		},
		Size: size,
		Cut: func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
			content := contentOf(rows)
			if place >= len(content) {
				return nil, false, nil
			}
			cut, err := source(content[:place])
			inside := true
			for n := range len(rows) + 1 {
				inside = inside && place != len(contentOf(rows[:n]))
			}
			return cut, inside, err
		},
	})
}

// contentOf is a file of these rows. A bad note has a cell too many after it, a bad key can't be read.
func contentOf(rows []sourcetest.Row) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(sourcetest.Columns()) // a Builder takes everything
	for _, row := range rows {
		cells := make([]string, len(row.Values))
		for i, v := range row.Values {
			cells[i] = v.Text()
			if v.IsNull() {
				cells[i] = nullCell
			}
		}
		switch row.Fault {
		case sourcetest.BadNote:
			cells = append(cells, "too many")
		case sourcetest.BadKey:
			cells[0] = "E\x00"
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return b.String()
}
