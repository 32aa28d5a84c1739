package merge_test

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
	"cubesync/sync/merge"
	"cubesync/sync/record"
)

const nullCell = `\N`

// many records are more than are kept in memory.
const many = 150_000

// files makes sources of two files: people has the names, and notes the notes.
type files struct {
	folder string
	made   int
}

// people and notes are the contents of both files.
func contents(rows []sourcetest.Row) (people, notes string) {
	var all [2]strings.Builder
	for i, column := range []string{sourcetest.Name, sourcetest.Note} {
		w := csv.NewWriter(&all[i])
		_ = w.Write([]string{sourcetest.Key, column}) // a Builder takes everything
		for j := range rows {
			row := rows[j]
			if i == 1 {
				row = rows[len(rows)-1-j] // in another order
			}
			cells := []string{cell(row.Values[0]), cell(row.Values[i+1])}
			switch {
			case row.Fault == sourcetest.BadNote && i == 1:
				cells[1] += "\x01"
			case row.Fault == sourcetest.BadKey && i == 1:
				continue
			case row.Fault == sourcetest.BadKey:
				cells[0] += "\x01"
			}
			_ = w.Write(cells)
		}
		w.Flush()
		all[i].WriteString("#TOTAL," + strconv.Itoa(len(rows)) + "\n")
	}
	people, notes = all[0].String(), all[1].String()
	for _, row := range rows {
		if row.Fault == sourcetest.BadKey {
			notes = strings.Replace(notes, "#TOTAL,"+strconv.Itoa(len(rows)), "#TOTAL,"+strconv.Itoa(len(rows)-1), 1)
		}
	}
	return people, notes
}

func cell(v record.Value) string {
	if v.IsNull() {
		return nullCell
	}
	return v.Text()
}

// source merges two files of these contents.
func (f *files) source(people, notes string) (record.Source, error) {
	options := merge.Options{Identifies: true, Folder: f.folder}
	f.made++
	for name, content := range map[string]string{"people": people, "notes": notes} {
		path, null := filepath.Join(f.folder, name+strconv.Itoa(f.made)+".csv"), nullCell
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
		source, err := csvfile.New(csvfile.Options{Path: path, NullValue: &null, KeyColumn: sourcetest.Key, Proof: csvfile.Proof{Trailer: "#TOTAL"}})
		if err != nil {
			return nil, err
		}
		options.Parts = append(options.Parts, merge.Part{Name: name, Source: source, Key: sourcetest.Key, Columns: sourcetest.Columns(), Accept: record.Proven})
	}
	return narrow{merge.New(options)}, nil
}

// narrow calls the columns as the suite does.
type narrow struct{ *merge.Source }

func (n narrow) Open(ctx context.Context) (record.Reader, error) {
	r, err := n.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := record.NewColumns(sourcetest.Columns())
	return &narrowReader{r, columns}, err
}

type narrowReader struct {
	record.Reader
	columns *record.Columns
}

func (n *narrowReader) Columns() *record.Columns { return n.columns }

func (n *narrowReader) Next(ctx context.Context) (record.Record, error) {
	rec, err := n.Reader.Next(ctx)
	if err != nil {
		return rec, err
	}
	values := []record.Value{rec.Value(merge.KeyColumn), rec.Value("people." + sourcetest.Name), rec.Value("notes." + sourcetest.Note)}
	return record.New(rec.Position, n.columns, values), nil
}

func TestConformance(t *testing.T) {
	f := &files{folder: t.TempDir()}
	sourcetest.Run(t, sourcetest.Kind{
		Hold: func(_ context.Context, rows []sourcetest.Row) (record.Source, error) {
			return f.source(contents(rows))
		},
		Best: record.Proven,
		Many: func(context.Context) (record.Source, error) {
			rows := make([]sourcetest.Row, many)
			for n := range rows {
				rows[n] = sourcetest.Crowd(n)
			}
			return f.source(contents(rows))
		},
		Size: many,
		// Both are cut at each byte, one after the other.
		Cut: func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
			people, notes := contents(rows)
			switch {
			case place < len(people):
				people = people[:place]
			case place < len(people)+len(notes):
				notes = notes[:place-len(people)]
			default:
				return nil, false, nil
			}
			source, err := f.source(people, notes)
			return source, true, err // without its trailer none is usable
		},
	})
}
