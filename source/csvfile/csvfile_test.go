package csvfile_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/csvfile"
	"cubesync/sync/record"
)

// sample has all that a file may hold: quoted commas, quotes and newlines, empty cells, letters beyond ASCII.
const sample = "id,name,note\n" +
	"E1,\"Müller, Jr.\",first\n" +
	"E2,Søren,\"two\nlines\"\n" +
	"E3,,\"says \"\"hi\"\"\"\n" +
	"E4,王芳,😀\n"

// result is a whole read, flat enough to compare.
type result struct {
	Columns []string
	Rows    []string // "position key=value|…", or "position reject ID field: problem"
	Unsure  []bool   // of each row: Uncertain
	Err     error
	Verdict record.Verdict
}

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func closeIt(t testing.TB, closer io.Closer) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func open(t testing.TB, options csvfile.Options) (record.Reader, error) {
	t.Helper()
	source, err := csvfile.New(options)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(t.Context())
	if err == nil {
		t.Cleanup(func() { closeIt(t, reader) })
	}
	return reader, err
}

func read(t testing.TB, options csvfile.Options) result {
	t.Helper()
	reader, err := open(t, options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return drain(t, reader)
}

func drain(t testing.TB, reader record.Reader) result {
	t.Helper()
	out := result{Columns: reader.Columns().Names()}
	for {
		rec, err := reader.Next(t.Context())
		var reject *record.RejectError
		switch {
		case err == nil:
			cells := make([]string, 0, len(out.Columns))
			for _, name := range out.Columns {
				cells = append(cells, show(rec.Value(name)))
			}
			out.Rows = append(out.Rows, string(rec.Position)+" "+strings.Join(cells, "|"))
			out.Unsure = append(out.Unsure, rec.Uncertain)
		case errors.As(err, &reject):
			out.Rows = append(out.Rows, string(reject.Position)+" reject "+reject.ExternalID+" "+reject.Field+": "+reject.Problem)
			out.Unsure = append(out.Unsure, reject.Uncertain)
		default:
			if !errors.Is(err, io.EOF) {
				out.Err = err
			}
			if _, again := reader.Next(t.Context()); !errors.Is(again, err) {
				t.Errorf("after %v, Next gives %v; want the same again", err, again)
			}
			out.Verdict = reader.Verdict()
			return out
		}
	}
}

func show(v record.Value) string {
	switch {
	case v.IsAbsent():
		return "ABSENT"
	case v.IsNull():
		return "NULL"
	}
	return v.Text()
}

func TestRecords(t *testing.T) {
	null := `\N`
	for name, c := range map[string]struct {
		content string
		options csvfile.Options
		want    []string
	}{
		"all-variety": {sample, csvfile.Options{}, []string{
			"users.csv:2 E1|Müller, Jr.|first",
			"users.csv:3 E2|Søren|two\nlines",
			"users.csv:5 E3||says \"hi\"",
			"users.csv:6 E4|王芳|😀",
		}},
		"crlf":                {strings.ReplaceAll(sample, "\n", "\r\n"), csvfile.Options{}, []string{"users.csv:2 E1|Müller, Jr.|first", "users.csv:3 E2|Søren|two\nlines", "users.csv:5 E3||says \"hi\"", "users.csv:6 E4|王芳|😀"}},
		"byte-order-mark":     {"\ufeffid,name\nE1,Ann\n", csvfile.Options{}, []string{"users.csv:2 E1|Ann"}},
		"mark-quoted-header":  {"\ufeff\"id\",name\nE1,Ann\n", csvfile.Options{}, []string{"users.csv:2 E1|Ann"}},
		"semicolon":           {"id;name\nE1;\"a;b\"\n", csvfile.Options{Delimiter: ';'}, []string{"users.csv:2 E1|a;b"}},
		"tab-and-tab-in-cell": {"id\tname\nE1\t\"a\tb\"\n", csvfile.Options{Delimiter: '\t'}, []string{"users.csv:2 E1|a\tb"}},
		"delimiter-not-ascii": {"id¦name\nE1¦Ann\n", csvfile.Options{Delimiter: '¦'}, []string{"users.csv:2 E1|Ann"}},
		"tab-in-plain-cell":   {"id,name\nE1,a\tb\n", csvfile.Options{}, []string{"users.csv:2 E1|a\tb"}},
		"null-value":          {"id,name\nE1,\\N\nE2,\nE3, \\N\n", csvfile.Options{NullValue: &null}, []string{"users.csv:2 E1|NULL", "users.csv:3 E2|", `users.csv:4 E3| \N`}},
		"empty-is-null":       {"id,name\nE1,\n", csvfile.Options{NullValue: new(string)}, []string{"users.csv:2 E1|NULL"}},
		"blank-lines":         {"\n\r\nid,name\n\nE1,Ann\n\n\nE2,Bob\n\n", csvfile.Options{}, []string{"users.csv:5 E1|Ann", "users.csv:8 E2|Bob"}},
		"return-inside-quotes": {"id,name\nE1,\"a\rb\"\n", csvfile.Options{},
			[]string{"users.csv:2 E1|a\rb"}},
		"spelled-out-replacement-character": {"id,name\nE1,a\ufffdb\x7f\nE2,a\ufffdb\n", csvfile.Options{},
			[]string{"users.csv:2 reject  name: control character U+007F at byte 6 of the cell: remove it", "users.csv:3 E2|a\ufffdb"}},
		"spaces-are-kept":       {"id,name\n E1 , Ann\n", csvfile.Options{}, []string{"users.csv:2  E1 | Ann"}},
		"wide-as-several-reads": {"id,name\nE1," + strings.Repeat("x", 100_000) + "\nE2,b\n", csvfile.Options{}, []string{"users.csv:2 E1|" + strings.Repeat("x", 100_000), "users.csv:3 E2|b"}},
		"only-a-header":         {"id,name\n", csvfile.Options{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Path = write(t, c.content)
			got := read(t, c.options)
			if diff := cmp.Diff(c.want, got.Rows); diff != "" || got.Err != nil {
				t.Errorf("error %v, rows (-want +got):\n%s", got.Err, diff)
			}
			if got.Verdict.Completeness != record.Plausible || got.Verdict.Records+got.Verdict.Rejects != len(c.want) {
				t.Errorf("verdict %+v; want plausible with %d rows", got.Verdict, len(c.want))
			}
		})
	}
}

func TestRejects(t *testing.T) {
	const ragged = ": put cells that contain the delimiter in quotes, and write empty cells out"
	const bareReturn = ": a carriage return without line feed stands outside quotes: save the file with LF or CRLF line breaks"
	const notUTF8 = ", isn't UTF-8: save it as UTF-8, or declare what it is, such as encoding: windows-1252"
	null := "-"
	for name, c := range map[string]struct {
		key  string
		rows string // between the header and a good row
		want string
	}{
		"too-few-cells":             {"id", "E1,a\n", "users.csv:2 reject E1 : the row has 2 cells and the header 3" + ragged},
		"too-many-cells":            {"id", "E1,a,b,c\n", "users.csv:2 reject E1 : the row has 4 cells and the header 3" + ragged},
		"key-is-normalised":         {"id", " e\u0301 ,a\n", "users.csv:2 reject é : the row has 2 cells and the header 3" + ragged},
		"key-unknown":               {"", "E1,a\n", "users.csv:2 reject  : the row has 2 cells and the header 3" + ragged},
		"key-column-not-there":      {"ID", "E1,a\n", "users.csv:2 reject  : the row has 2 cells and the header 3" + ragged},
		"key-null":                  {"id", "-,a\n", "users.csv:2 reject  : the row has 2 cells and the header 3" + ragged},
		"key-behind-a-moved-cell":   {"note", "E1,a,b,c\n", "users.csv:2 reject  : the row has 4 cells and the header 3" + ragged},
		"key-not-reached":           {"note", "E1,a\n", "users.csv:2 reject  : the row has 2 cells and the header 3" + ragged},
		"ragged-over-several-lines": {"id", "E1,\"a\nE9,b,c\"\n", "users.csv:2 reject E1 : the row has 2 cells and the header 3" + ragged},
		"lost-line-break":           {"id", "E1,bob,Bob,E3,cyr,Cyy\n", "users.csv:2 reject E1 : the row has 6 cells and the header 3" + ragged},
		"lost-first-cell":           {"id", "bob,Bob\n", "users.csv:2 reject bob : the row has 2 cells and the header 3" + ragged},
		"not-utf-8":                 {"id", "E1,M\xfcller,c\n", "users.csv:2 reject E1 name: byte 0xfc at byte 2 of the cell, at offset 17 of the file" + notUTF8},
		"key-not-utf-8":             {"id", "E\xfc,a,c\n", "users.csv:2 reject  id: byte 0xfc at byte 2 of the cell, at offset 14 of the file" + notUTF8},
		"cut-letter":                {"id", "E1,\xe4\xb8,c\n", "users.csv:2 reject E1 name: byte 0xe4 at byte 1 of the cell, at offset 16 of the file" + notUTF8},
		"nul":                       {"id", "E1,a\x00b,c\n", "users.csv:2 reject E1 name: control character U+0000 at byte 2 of the cell: remove it"},
		"escape-in-key":             {"id", "E\x1b1,a,c\n", "users.csv:2 reject  id: control character U+001B at byte 2 of the cell: remove it"},
		"control-beyond-ascii":      {"id", "E1,a\u0085,c\n", "users.csv:2 reject E1 name: control character U+0085 at byte 2 of the cell: remove it"},
		"nul-inside-quotes":         {"id", "E1,\"a\n\x00\",c\n", "users.csv:2 reject E1 name: control character U+0000 at byte 3 of the cell: remove it"},
		"bare-return":               {"id", "E1,a,b\rE9,a,b\n", "users.csv:2 reject  " + bareReturn},
		"bare-return-hides-nothing": {"id", "E1,a\rb,c\n", "users.csv:2 reject  " + bareReturn},
		"white-space-line":          {"id", "  \n", "users.csv:2 reject  : the row has 1 cell and the header 3" + ragged},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "id,name,note\n"+c.rows+"E2,b,c\n")
			got := read(t, csvfile.Options{Path: path, KeyColumn: c.key, NullValue: &null})
			if len(got.Rows) != 2 {
				t.Fatalf("rows %q, error %v; want a reject and a record", got.Rows, got.Err)
			}
			if diff := cmp.Diff(c.want, got.Rows[0]); diff != "" {
				t.Errorf("reject (-want +got):\n%s", diff)
			}
			certain := strings.Count(c.rows, "\n") == 1 && !strings.Contains(c.rows, "\r") && strings.Count(c.rows, ",") == 2
			if got.Unsure[0] == certain || got.Unsure[1] {
				t.Errorf("uncertain: %v; want %v and false", got.Unsure, !certain)
			}
			if !strings.HasSuffix(got.Rows[1], " E2|b|c") {
				t.Errorf("reading went on with %q; want E2", got.Rows[1])
			}
			v := got.Verdict
			if v.Completeness != record.Plausible || v.Records != 1 || v.Rejects != 1 {
				t.Errorf("verdict %+v; want plausible with one record and one reject", v)
			}
		})
	}
}

// TestSwallowedRow: a pair of stray quotes makes one record of two, as wide as the header. Only who looks at its cells
// can refuse it, and has to know that it isn't one line.
func TestSwallowedRow(t *testing.T) {
	for name, lineBreak := range map[string]string{"lf": "\n", "crlf": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			content := strings.ReplaceAll("id,name,note\nE1,a,b\nE2,\"b\nE3\",c\nE4,d,e\n", "\n", lineBreak)
			got := read(t, csvfile.Options{Path: write(t, content)})
			if diff := cmp.Diff([]bool{false, true, false}, got.Unsure); diff != "" {
				t.Errorf("which of %q are uncertain (-want +got):\n%s", got.Rows, diff)
			}
		})
	}
}

// TestJudgedAsWritten: parsing changes quotes and line breaks where they stand, and what is judged is what stood there.
func TestJudgedAsWritten(t *testing.T) {
	for name, header := range map[string]string{"doubled-quotes": "\"a\"\"b\",c\rd\n", "several-lines": "\"a\nb\",c\r\r\n"} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, csvfile.Options{Path: write(t, header+"1,2\n")})
			if err == nil || !strings.Contains(err.Error(), "carriage return") {
				t.Errorf("Open: %v; want a bare carriage return refused", err)
			}
		})
	}
	t.Run("cut-behind-several-lines", func(t *testing.T) {
		got := read(t, csvfile.Options{Path: write(t, "id\nE1\n\"E2\nE3\"")})
		if diff := cmp.Diff([]bool{false, true}, got.Unsure); diff != "" {
			t.Errorf("which of %q are uncertain (-want +got):\n%s", got.Rows, diff)
		}
	})
}

func TestIncomplete(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		reason  string
		err     string // "" for io.EOF
		rows    int
	}{
		"zero-bytes":          {"", "no header", "", 0},
		"only-a-mark":         {"\ufeff", "no header", "", 0},
		"only-blank-lines":    {"\n\r\n\n", "no header", "", 0},
		"header-cut":          {"id,na", "cut off", "", 0},
		"last-line-unended":   {"id,name\nE1,Ann\nE2,Bo", "cut off", "", 2},
		"unended-but-whole":   {"id,name\nE1,Ann", "if it is whole, let what writes it end the last row with a line break", "", 1},
		"header-again":        {"id,name\nE1,Ann\nid,name\nE2,Bo\n", "users.csv:3: the header stands here once more", "users.csv:3: the header stands here once more, so several files were joined or one was written into another: write one file with one header", 1},
		"header-and-mark":     {"\ufeffid,name\nE1,Ann\n\ufeffid,name\nE2,Bo\n", "users.csv:3: the header stands here once more", "users.csv:3", 1},
		"header-in-quotes":    {"id,name\nE1,Ann\n\"id\",\"name\"\n", "users.csv:3: the header stands here once more", "users.csv:3", 1},
		"half-a-line-break":   {"id,name\r\nE1,Ann\r", "cut off", "", 1},
		"ragged-at-the-end":   {"id,name\nE1", "cut off", "", 1},
		"record-over-the-cap": {"id,name\nE1,Ann\nE2," + strings.Repeat("x", 1<<20), "longer than 1 MiB", "users.csv:3: the record that begins here is longer than 1 MiB: a line break is missing, or a quote lacks its partner: check what writes the file", 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, csvfile.Options{Path: write(t, c.content), KeyColumn: "id"})
			v := got.Verdict
			if v.Completeness != record.Incomplete || !strings.Contains(v.Reason, c.reason) || v.Retryable {
				t.Errorf("verdict %+v; want incomplete because of %q", v, c.reason)
			}
			if c.err == "" != (got.Err == nil) || got.Err != nil && !strings.Contains(got.Err.Error(), c.err) {
				t.Errorf("error %v; want %q", got.Err, c.err)
			}
			if len(got.Rows) != c.rows {
				t.Errorf("rows %q; want %d", got.Rows, c.rows)
			}
		})
	}
}

// TestQuotes: a quote that stands where none may ends the read, and is named with its place.
func TestQuotes(t *testing.T) {
	const (
		within = "a quote stands in a cell that doesn't begin with one: "
		behind = ": the cell in quotes that begins at users.csv:2:4 ends with the quote here, and more follows: "
		open   = ": the cell in quotes that begins here doesn't end: if the file wasn't cut off, "
		advice = `write the cell in quotes and each quote within it twice, as in "a ""b"" c", or say quotes: lenient, by which each line is a record and nobody is taken for a leaver`
	)
	for name, c := range map[string]struct {
		content, want string
		options       csvfile.Options
	}{
		"within":             {"id,name\nE1,A\"n\n", "users.csv:2:5: " + within + advice, csvfile.Options{}},
		"within-and-umlauts": {"id,name\nE1,Äö\"n\n", "users.csv:2:6: " + within + advice, csvfile.Options{}},
		"within-and-blank":   {"id,name\nE1, \"Ann\"\n", "users.csv:2:5: " + within + advice, csvfile.Options{}},
		"at-the-end":         {"id,name\nE1,Ann\"\n", "users.csv:2:7: " + within + advice, csvfile.Options{}},
		"in-the-header":      {"id,na\"me\nE1,Ann\n", "users.csv:1:6: " + within + advice, csvfile.Options{}},
		"behind-lines":       {"id,name\n\"E\n1\",A\"n\n", "users.csv:3:5: " + within + advice, csvfile.Options{}},
		"behind-a-mark":      {"\ufeffi\"d,name\n", "users.csv:1:2: " + within + advice, csvfile.Options{}},
		"more-follows":       {"id,name\nE1,\"Ann\" B\n", "users.csv:2:8" + behind + advice, csvfile.Options{}},
		"blank-follows":      {"id,name\r\nE1,\"Ann\" \r\n", "users.csv:2:8" + behind + advice, csvfile.Options{}},
		"on-another-line":    {"id,name\nE1,\"a\nb\"x\nE3,Cy\n", "users.csv:3:2" + behind + advice, csvfile.Options{}},
		"next-cell-begins":   {"id,name\nE1,\"Ann\nE2,\"Bo\nE3,Cy\n", "users.csv:3:4" + behind + advice, csvfile.Options{}},
		"it-never-ends":      {"id,name\nE1,\"Ann\n" + strings.Repeat("E2,\"Bo\"\n", 200_000), "users.csv:3:4" + behind + advice, csvfile.Options{}},
		"no-end":             {"id,name\nE1,Ann\nE2,\"Bo\nE3,Cy\n", "users.csv:3:4" + open + advice, csvfile.Options{}},
		"no-end-and-doubled": {"id,name\nE1,Ann\nE2,\"Bo\"\"\n", "users.csv:3:4" + open + advice, csvfile.Options{}},
		"no-end-for-long":    {"id,name\nE1,Ann\nE2,\"" + strings.Repeat("x\n", 600_000), "users.csv:3:4: the cell in quotes that begins here doesn't end within 1 MiB: " + advice, csvfile.Options{}},
		"other-delimiter":    {"id¦name\nE1¦\"A,\"¦\"B\"x\n", "users.csv:2:11: the cell in quotes that begins at users.csv:2:9 ends with", csvfile.Options{Delimiter: '¦'}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Path = write(t, c.content)
			v := verdictOf(t, c.options)
			if v.Completeness != record.Incomplete || v.Retryable || !strings.HasPrefix(v.Reason, c.want) {
				t.Errorf("verdict %+v; want incomplete because %q", v, c.want)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"utf-16-le-unmarked":  {"i\x00d\x00\n\x00", "NUL bytes, so the file is UTF-16 or no text: save it as CSV in UTF-8, or say encoding: utf-16le"},
		"utf-16-be-unmarked":  {"\x00i\x00d\x00\n", "say encoding: utf-16be"},
		"utf-32":              {"\xff\xfe\x00\x00i\x00\x00\x00", "is UTF-32: save it as UTF-8"},
		"windows-1252":        {"id,pr\xe9nom\nE1,Ann\n", "users.csv:1: header: byte 0xe9, at offset 5 of the file, isn't UTF-8: save it as UTF-8, or declare what it is, such as encoding: windows-1252"},
		"windows-1252-behind": {"\ufeff\nid,pr\xe9nom\nE1,Ann\n", "users.csv:2: header: byte 0xe9, at offset 9 of the file, isn't UTF-8"},
		"ambiguous":           {"id,a;b|c\nE1,a\n", `users.csv:1: header: each of ",", ";" and "|" may separate its cells: say which one does, as delimiter`},
		"duplicate-column":    {"id,name,id\n", `users.csv:1: header: column "id" stands twice, as number 1 and 3`},
		"empty-name":          {"id,,name\n", "column number 2 has no name"},
		"trailing-comma":      {"id,name,\n", "column number 3 has no name"},
		"blank-name":          {"id, \n", "column number 2 has no name"},
		"control-character":   {"id,na\x1bme\n", "column number 2: control character U+001B"},
		"mixed-line-breaks":   {"id,name\rE1,Ann\r\n", "carriage return alone"},
		"no-line-breaks":      {strings.Repeat("x", 2<<20), "users.csv:1: the record that begins here is longer than 1 MiB: a line break is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, csvfile.Options{Path: write(t, c.content)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v; want %q", err, c.want)
			}
		})
	}

	t.Run("missing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "absent.csv")
		_, err := open(t, csvfile.Options{Path: path})
		if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), path) != 1 || !strings.Contains(err.Error(), "check the path") {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("pattern", func(t *testing.T) {
		_, err := open(t, csvfile.Options{Path: filepath.Join(t.TempDir(), "users-*.csv")})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "if it is a pattern, say with files how many match it") {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		_, err := open(t, csvfile.Options{Path: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "it is a folder") {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("device", func(t *testing.T) {
		_, err := open(t, csvfile.Options{Path: os.DevNull})
		if err == nil || !strings.Contains(err.Error(), "isn't a regular file") {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		path := write(t, sample)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		if file, err := os.Open(path); err == nil {
			closeIt(t, file)
			t.Skip("this user may read everything")
		}
		_, err := open(t, csvfile.Options{Path: path})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "right to read") {
			t.Errorf("Open: %v", err)
		}
	})
}

func TestOptions(t *testing.T) {
	for name, options := range map[string]csvfile.Options{
		"no-path":            {},
		"quote-delimiter":    {Path: "x", Delimiter: '"'},
		"newline-delimiter":  {Path: "x", Delimiter: '\n'},
		"unknown-encoding":   {Path: "x", Encoding: "utf-7"},
		"no-real-encoding":   {Path: "x", Encoding: "hz-gb-2312"},
		"columns-alone":      {Path: "x", Columns: []string{"id"}},
		"column-twice":       {Path: "x", Columns: []string{"id", "id"}, Delimiter: ','},
		"quoted-comment":     {Path: "x", Comment: "\""},
		"trailer-of-cells":   {Path: "x", Delimiter: ',', Proof: csvfile.Proof{Trailer: "a,b"}},
		"bad-pattern":        {Path: "[", Files: 1},
		"surrogate":          {Path: "x", Delimiter: 0xd800},
		"replacement":        {Path: "x", Delimiter: '\ufffd'},
		"negative-delimiter": {Path: "x", Delimiter: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := csvfile.New(options); err == nil {
				t.Error("New took it")
			}
		})
	}
}

func TestEvidence(t *testing.T) {
	path := write(t, "id\nE1\n")
	when := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	first := read(t, csvfile.Options{Path: path}).Verdict.Evidence
	want := record.Evidence{Name: path, ModTime: when, Size: 6, SHA256: sha256Hex("id\nE1\n")}
	if !first.Same(want) {
		t.Errorf("evidence %+v; want %+v", first, want)
	}
	if again := read(t, csvfile.Options{Path: path}).Verdict.Evidence; !again.Same(first) {
		t.Errorf("the second read's evidence %+v differs from the first's %+v", again, first)
	}
	if err := os.WriteFile(path, []byte("id\nE2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	if other := read(t, csvfile.Options{Path: path}).Verdict.Evidence; other.Same(first) {
		t.Error("other content of the same size and time has the same evidence")
	}
}

func TestChangedWhileRead(t *testing.T) {
	long := "id,name\n" + strings.Repeat("E1,Ann\n", 3)
	later := time.Now().Add(time.Hour)
	for name, change := range map[string]func(path string) error{
		"appended": func(path string) error {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteString("E9,Zoe\n")
			return errors.Join(err, file.Close())
		},
		"grown-under-the-old-time": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path, []byte(long+"E9,Zoe\n"), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
		"truncated": func(path string) error { return os.Truncate(path, 10) },
		"touched":   func(path string) error { return os.Chtimes(path, later, later) },
		"replaced": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			other := path + ".new"
			if err := os.WriteFile(other, []byte(long), 0o600); err != nil {
				return err
			}
			return errors.Join(os.Chtimes(other, info.ModTime(), info.ModTime()), os.Rename(other, path))
		},
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, long)
			reader, err := open(t, csvfile.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := reader.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			v := drain(t, reader).Verdict
			if v.Completeness != record.Incomplete || !v.Retryable || !strings.Contains(v.Reason, "changed while it was read") {
				t.Errorf("verdict %+v; want incomplete, retryable", v)
			}
		})
	}
}

func TestEndings(t *testing.T) {
	t.Run("before-the-end", func(t *testing.T) {
		reader, err := open(t, csvfile.Options{Path: write(t, sample)})
		if err != nil {
			t.Fatal(err)
		}
		if v := reader.Verdict(); v.Completeness != record.Incomplete || v.Reason == "" {
			t.Errorf("verdict %+v; want incomplete with a reason", v)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		reader, err := open(t, csvfile.Options{Path: write(t, sample)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := reader.Next(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := reader.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Next: %v; want context.Canceled", err)
		}
		if _, err := reader.Next(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("Next after that: %v; want context.Canceled again", err)
		}
		if v := reader.Verdict(); v.Completeness != record.Incomplete || v.Records != 1 {
			t.Errorf("verdict %+v; want incomplete with one record", v)
		}
	})
	t.Run("cancelled-before-open", func(t *testing.T) {
		source, err := csvfile.New(csvfile.Options{Path: write(t, sample)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := source.Open(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Open: %v; want context.Canceled", err)
		}
	})
	t.Run("closed-early-and-twice", func(t *testing.T) {
		reader, err := open(t, csvfile.Options{Path: write(t, sample)})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(reader.Close(), reader.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := reader.Next(t.Context()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("Next after Close: %v; want an error that isn't the end", err)
		}
		if v := reader.Verdict(); v.Completeness != record.Incomplete {
			t.Errorf("verdict %+v; want incomplete", v)
		}
	})
	t.Run("closed-at-the-end", func(t *testing.T) {
		reader, err := open(t, csvfile.Options{Path: write(t, sample)})
		if err != nil {
			t.Fatal(err)
		}
		want := drain(t, reader).Verdict
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, reader.Verdict()); diff != "" || want.Completeness != record.Plausible {
			t.Errorf("verdict after Close (-want +got):\n%s", diff)
		}
	})
}
