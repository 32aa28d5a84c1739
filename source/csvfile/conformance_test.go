package csvfile_test

import (
	"cmp"
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

// form is a way to write and to read a file.
type form struct {
	write func(t testing.TB, content string) string // what stands in the file
	read  csvfile.Options
	best  record.Completeness // plausible, if it isn't set
	many  int                 // records in flat memory
	proof func(content string, rows int) (string, csvfile.Proof)
}

func forms() map[string]form {
	pack := sourcetest.Packings()
	plain := pack["plain"]
	trailer := func(content string, rows int) (string, csvfile.Proof) {
		return content + "#TOTAL," + strconv.Itoa(rows) + "\n", csvfile.Proof{Trailer: "#TOTAL"}
	}
	return map[string]form{
		"plain": {write: plain, many: 1_000_000},
		"crlf": {write: func(_ testing.TB, content string) string {
			return strings.ReplaceAll(content, "\n", "\r\n")
		}},
		"gzip":    {write: pack["gzip"]},
		"zstd":    {write: pack["zstd"]},
		"zip":     {write: func(t testing.TB, content string) string { return zipped(t, "users.csv", content) }},
		"utf-16":  {write: func(_ testing.TB, content string) string { return "\xff\xfe" + asUTF16(content, false) }},
		"trailer": {write: plain, best: record.Proven, proof: trailer},
		"trailer-in-gzip-of-utf-16": {
			write: func(t testing.TB, content string) string { return pack["gzip"](t, "\xfe\xff"+asUTF16(content, true)) },
			best:  record.Proven, proof: trailer,
		},
		"gb18030": {write: func(t testing.TB, content string) string { return in(t, "gb18030", content) }, read: csvfile.Options{Encoding: "gb18030"}},
		"comments": {
			write: func(_ testing.TB, content string) string { return "// the \"users\n" + content },
			read:  csvfile.Options{Comment: "//"},
		},
	}
}

func TestConformance(t *testing.T) {
	for name, form := range forms() {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, kindOf(t, form))
		})
	}
}

func kindOf(t *testing.T, f form) sourcetest.Kind {
	folder, files := t.TempDir(), 0
	text := func(rows []sourcetest.Row) (string, csvfile.Proof) {
		if f.proof != nil {
			return f.proof(contentOf(rows), len(rows))
		}
		return contentOf(rows), csvfile.Proof{}
	}
	source := func(content string, proof csvfile.Proof) (record.Source, error) {
		files++
		path := filepath.Join(folder, strconv.Itoa(files)+".csv")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
		null, options := nullCell, f.read
		options.Path, options.NullValue, options.KeyColumn, options.Proof = path, &null, sourcetest.Key, proof
		return csvfile.New(options)
	}
	size := cmp.Or(f.many, 30_000)
	return sourcetest.Kind{
		Hold: func(_ context.Context, rows []sourcetest.Row) (record.Source, error) {
			content, proof := text(rows)
			return source(f.write(t, content), proof)
		},
		Best: max(f.best, record.Plausible),
		Many: func(context.Context) (record.Source, error) {
			rows := make([]sourcetest.Row, size)
			for n := range rows {
				rows[n] = sourcetest.Crowd(n)
			}
			content, proof := text(rows)
			return source(f.write(t, content), proof)
		},
		Size: size,
		Cut: func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
			content, proof := text(rows)
			whole := f.write(t, content)
			if place >= len(whole) {
				return nil, false, nil
			}
			cut, err := source(whole[:place], proof)
			inside := true
			for n := range len(rows) + 1 {
				inside = inside && place != len(f.write(t, contentOf(rows[:n])))
			}
			return cut, inside, err
		},
	}
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
