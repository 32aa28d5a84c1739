package csvfile_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/htmlindex"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
	"cubesync/sync/record"
)

// asUTF16 writes text as UTF-16.
func asUTF16(text string, bigEndian bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		low, high := byte(unit), byte(unit>>8)
		if bigEndian {
			low, high = high, low
		}
		b.WriteByte(low)
		b.WriteByte(high)
	}
	return b.String()
}

// in writes text in a legacy encoding.
func in(t testing.TB, name, text string) string {
	t.Helper()
	found, err := htmlindex.Get(name)
	if err == nil {
		text, err = found.NewEncoder().String(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// zipped puts files, given as name and content, into an archive.
func zipped(t testing.TB, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.Create(files[i])
		if err == nil {
			_, err = entry.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// commented gives an archive a comment.
func commented(t testing.TB, archive string) string {
	t.Helper()
	length, found := strings.CutSuffix(archive, "\x00\x00")
	if !found {
		t.Fatal("the archive has a comment already")
	}
	return length + "\x05\x00today"
}

// asZip64 gives an archive the records that one of 4 GiB has before its end.
func asZip64(archive string) string {
	const endBytes = 22
	list := uint64(len(archive) - endBytes)
	body, end := []byte(archive[:list]), []byte(archive[list:])
	body = append(body, "PK\x06\x06"+"\x2c\x00\x00\x00\x00\x00\x00\x00"+"\x2d\x00\x2d\x00"+"\x00\x00\x00\x00\x00\x00\x00\x00"...)
	for _, n := range []uint64{1, 1, uint64(binary.LittleEndian.Uint32(end[12:])), uint64(binary.LittleEndian.Uint32(end[16:]))} {
		body = binary.LittleEndian.AppendUint64(body, n)
	}
	body = append(body, "PK\x06\x07\x00\x00\x00\x00"...)
	body = binary.LittleEndian.AppendUint64(body, list)
	body = append(body, 1, 0, 0, 0)
	copy(end[16:], "\xff\xff\xff\xff") // where the list begins
	return string(append(body, end...))
}

// TestTexts reads the same users from files that are written in all the ways there are.
func TestTexts(t *testing.T) {
	pack := sourcetest.Packings()
	const german = "id;name\nE1;Müller\nE2;Jørg\n"
	want := []string{"E1|Müller", "E2|Jørg"}
	for name, c := range map[string]struct {
		content string
		options csvfile.Options
	}{
		"plain":               {german, csvfile.Options{}},
		"declared-utf-8":      {german, csvfile.Options{Encoding: "UTF-8"}},
		"gzip":                {pack["gzip"](t, german), csvfile.Options{}},
		"gzip-of-two":         {pack["gzip"](t, german[:20]) + pack["gzip"](t, german[20:]), csvfile.Options{}},
		"zstd":                {pack["zstd"](t, german), csvfile.Options{}},
		"pzstd":               {"\x50\x2a\x4d\x18\x04\x00\x00\x00size" + pack["zstd"](t, german), csvfile.Options{}},
		"zip":                 {zipped(t, "users.csv", german), csvfile.Options{}},
		"zip-with-folder":     {zipped(t, "out/", "", "out/users.csv", german), csvfile.Options{}},
		"zip-with-comment":    {commented(t, zipped(t, "users.csv", german)), csvfile.Options{}},
		"zip-of-4-gib":        {asZip64(zipped(t, "users.csv", german)), csvfile.Options{}},
		"utf-16-le":           {"\xff\xfe" + asUTF16(german, false), csvfile.Options{}},
		"utf-16-be":           {"\xfe\xff" + asUTF16(german, true), csvfile.Options{}},
		"utf-16-marked":       {"\xfe\xff" + asUTF16(german, true), csvfile.Options{Encoding: "utf-16"}},
		"utf-16-le-declared":  {asUTF16(german, false), csvfile.Options{Encoding: "utf-16le"}},
		"utf-16-be-declared":  {asUTF16(german, true), csvfile.Options{Encoding: "UTF-16BE"}},
		"utf-16-in-gzip":      {pack["gzip"](t, "\xff\xfe"+asUTF16(german, false)), csvfile.Options{}},
		"windows-1252":        {in(t, "windows-1252", german), csvfile.Options{Encoding: "windows-1252"}},
		"latin-1":             {in(t, "windows-1252", german), csvfile.Options{Encoding: "ISO-8859-1"}},
		"macintosh":           {in(t, "macintosh", strings.ReplaceAll(german, "\n", "\r")), csvfile.Options{Encoding: "macintosh"}},
		"carriage-returns":    {strings.ReplaceAll(german, "\n", "\r"), csvfile.Options{}},
		"crlf":                {strings.ReplaceAll(german, "\n", "\r\n"), csvfile.Options{}},
		"comma":               {strings.ReplaceAll(german, ";", ","), csvfile.Options{}},
		"tab":                 {strings.ReplaceAll(german, ";", "\t"), csvfile.Options{}},
		"bar":                 {strings.ReplaceAll(german, ";", "|"), csvfile.Options{}},
		"other-in-quotes":     {strings.Replace(german, "E1", `"E1"`, 1), csvfile.Options{}},
		"separator-line":      {"sep=;\n" + german, csvfile.Options{}},
		"separator-line-crlf": {"\ufeffSEP=;\r\n" + german, csvfile.Options{Delimiter: ';'}},
		"separator-not-usual": {"sep=:\n" + strings.ReplaceAll(german, ";", ":"), csvfile.Options{}},
		"separator-of-utf-16": {"\xff\xfe" + asUTF16("sep=;\r\n"+german, false), csvfile.Options{}},
		"comments":            {"# made \"today\n" + german + "# \"end\n", csvfile.Options{Comment: "#"}},
		"comment-within":      {strings.Replace(german, "E2", "// one \"\nE2", 1), csvfile.Options{Comment: "//"}},
		"rows-to-skip":        {"Report of \"users\nsecond line\n" + german, csvfile.Options{SkipRows: 2}},
		"skip-and-separator":  {"sep=;\nReport\n" + german, csvfile.Options{SkipRows: 1}},
		"columns":             {german[8:], csvfile.Options{Columns: []string{"id", "name"}, Delimiter: ';'}},
		"lenient-of-strict":   {german, csvfile.Options{Lenient: true}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Path = write(t, c.content)
			got := read(t, c.options)
			for i, row := range got.Rows {
				_, got.Rows[i], _ = strings.Cut(row, " ")
			}
			if diff := cmp.Diff(want, got.Rows); diff != "" || got.Verdict.Completeness != record.Plausible {
				t.Errorf("verdict %+v, rows (-want +got):\n%s", got.Verdict, diff)
			}
			if size := int64(len(c.content)); got.Verdict.Evidence.Size != size || got.Verdict.Evidence.SHA256 != sha256Hex(c.content) {
				t.Errorf("evidence %+v; want that of the %d bytes of the file", got.Verdict.Evidence, size)
			}
		})
	}
}

// Positions count lines as they stand in the file.
func TestPositionsBehindLines(t *testing.T) {
	content := "sep=,\nReport\n# a \"comment\nid,name\n# another\n\nE1,Ann\n"
	got := read(t, csvfile.Options{Path: write(t, content), Comment: "#", SkipRows: 1})
	if diff := cmp.Diff([]string{"users.csv:7 E1|Ann"}, got.Rows); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableTexts(t *testing.T) {
	pack := sourcetest.Packings()
	var wide bytes.Buffer
	w, err := zstd.NewWriter(&wide, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err == nil {
		_, err = w.Write([]byte("id\n"))
		err = errors.Join(err, w.Flush(), w.Close()) // whose size isn't known at its beginning
	}
	if err != nil {
		t.Fatal(err)
	}
	gzipOfSample := pack["gzip"](t, sample)
	damaged := gzipOfSample[:len(gzipOfSample)-8] + "\x00\x00\x00\x00" + gzipOfSample[len(gzipOfSample)-4:]
	for name, c := range map[string]struct {
		content string
		options csvfile.Options
		want    string
	}{
		"workbook":          {zipped(t, "[Content_Types].xml", "", "xl/workbook.xml", ""), csvfile.Options{}, "users.csv: the zip archive can't be unpacked: it is an Excel workbook: save it as CSV (UTF-8)"},
		"two-in-a-zip":      {zipped(t, "a.csv", sample, "b.csv", sample), csvfile.Options{}, "it holds 2 files: put one CSV file into it, and nothing else"},
		"none-in-a-zip":     {zipped(t), csvfile.Options{}, "it holds 0 files"},
		"zip-cut":           {zipped(t, "a.csv", sample)[:100], csvfile.Options{}, "it doesn't end in the list of what is in it, so that it was cut off"},
		"gzip-cut":          {gzipOfSample[:len(gzipOfSample)-20], csvfile.Options{}, "users.csv: the gzip archive can't be unpacked: it breaks off: check what writes it, and what carries it here"},
		"gzip-damaged":      {damaged, csvfile.Options{}, "the gzip archive can't be unpacked: gzip: invalid checksum"},
		"rest-behind-gzip":  {gzipOfSample + "rest", csvfile.Options{}, "the gzip archive can't be unpacked"},
		"zstd-window":       {wide.String(), csvfile.Options{}, "window size exceeded: pack it with --ultra and --long left out"},
		"gzip-bomb":         {pack["gzip"](t, sample+strings.Repeat("E9,x,y\n", 1<<20)), csvfile.Options{MaxBytes: 1 << 20}, "the gzip archive holds more than 1048576 bytes: if it should, raise max_bytes"},
		"zstd-bomb":         {pack["zstd"](t, sample+strings.Repeat("\n", 8<<20)), csvfile.Options{MaxBytes: 1 << 20}, "users.csv: the zstd archive holds more than 1048576 bytes"},
		"zip-bomb":          {zipped(t, "a.csv", sample+strings.Repeat("\n", 8<<20)), csvfile.Options{MaxBytes: 1 << 20}, "the zip archive holds more than 1048576 bytes"},
		"bomb-of-a-record":  {pack["gzip"](t, "id\n\""+strings.Repeat("x", 8<<20)), csvfile.Options{}, "users.csv:2:1: the cell in quotes that begins here doesn't end within 1 MiB"},
		"mark-contradicts":  {"\ufeff" + sample, csvfile.Options{Encoding: "windows-1252"}, "begins with the byte order mark of UTF-8 and encoding says windows-1252: leave encoding out"},
		"other-utf-16":      {"\xff\xfe" + asUTF16(sample, false), csvfile.Options{Encoding: "utf-16be"}, "begins with the byte order mark of UTF-16LE and encoding says utf-16be"},
		"utf-16-of-neither": {asUTF16(sample, false), csvfile.Options{Encoding: "utf-16"}, "has no byte order mark, so that either order of bytes may be meant: say encoding: utf-16le or utf-16be"},
		"sep-contradicts":   {"sep=;\n" + sample, csvfile.Options{Delimiter: ','}, "users.csv:1: the line sep=; contradicts the delimiter ','"},
		"skipped-too-long":  {strings.Repeat("x", 2<<20), csvfile.Options{SkipRows: 1}, "users.csv:1: the line that begins here is longer than 1 MiB"},
		"header-of-columns": {sample, csvfile.Options{Columns: []string{"id", "name", "note"}, Delimiter: ','}, "users.csv:1: the row is what columns says, so that the file has a header: leave columns out"},
		"columns-of-none":   {"", csvfile.Options{Columns: []string{"id"}, Delimiter: ','}, "users.csv has no rows: an empty file says nothing"},
		"skipped-to-none":   {sample, csvfile.Options{SkipRows: 100}, "users.csv has no header"},
		"half-a-unit":       {"\xff\xfe" + asUTF16(sample, false)[:len(asUTF16(sample, false))-1], csvfile.Options{}, "doesn't end in a line break"},
		"comment-cut":       {sample + "# the e", csvfile.Options{Comment: "#"}, "doesn't end in a line break"},
		"half-a-crlf":       {"id,name\r", csvfile.Options{}, "doesn't end in a line break"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Path = write(t, c.content)
			got := verdictOf(t, c.options)
			if got.Completeness != record.Incomplete || !strings.Contains(got.Reason, c.want) || got.Retryable {
				t.Errorf("verdict %+v; want incomplete because %q", got, c.want)
			}
		})
	}
}

// TestMoreThanAnArchive: a file with anything in it but one archive isn't read for that one, whatever proves it. Archives of gzip
// and zstd may be put behind one another; those of zip are read from their ends, which would leave the first out.
func TestMoreThanAnArchive(t *testing.T) {
	const (
		list   = "it doesn't end in the list of what is in it, so that it was cut off, or something was written behind it: check what writes it, and what carries it here"
		more   = "something stands before or behind it, such as another archive: write one archive to the file, and nothing else"
		behind = "something stands behind it that isn't another: write nothing behind it"
		breaks = "it breaks off: check what writes it, and what carries it here"
	)
	pack := sourcetest.Packings()
	pack["zip"] = func(t testing.TB, text string) string { return zipped(t, "users.csv", text) }
	for how, pack := range pack {
		if how == "plain" {
			continue
		}
		t.Run(how, func(t *testing.T) {
			whole := pack(t, sample)
			other := pack(t, strings.ReplaceAll(sample, "E", "F")) // of the same size
			files := map[string]struct{ content, want string }{
				"text-behind":  {whole + "id,name,note\nE5,x,y\n", behind},
				"zeros-behind": {whole + strings.Repeat("\x00", 512), behind},
				"far-behind":   {whole + strings.Repeat("x", 70_000), behind},
				"byte-behind":  {whole + "x", breaks},
				"mark-behind":  {whole + whole[:4], breaks},
				"cut-behind":   {whole + other[:12], breaks},
			}
			if how == "zip" {
				for name, file := range files {
					file.want = more
					files[name] = file
				}
				files["far-behind"] = struct{ content, want string }{whole + strings.Repeat("x", 70_000), list}
				files["another-behind"] = struct{ content, want string }{whole + pack(t, north), more}
				files["one-of-its-size-behind"] = struct{ content, want string }{whole + other, more}
				files["none-before"] = struct{ content, want string }{zipped(t) + whole, more}
			}
			for name, file := range files {
				t.Run(name, func(t *testing.T) {
					got := verdictOf(t, csvfile.Options{Path: write(t, file.content), Proof: csvfile.Proof{Records: 4}})
					want := "users.csv: the " + how + " archive can't be unpacked: " + file.want
					if got.Completeness != record.Incomplete || got.Retryable || got.Reason != want {
						t.Errorf("verdict %+v; want incomplete because %q", got, want)
					}
				})
			}
		})
	}
}

// What an encoding doesn't have rejects its row and nothing else.
func TestUndecodable(t *testing.T) {
	for name, c := range map[string]struct {
		content, encoding, want string
	}{
		"lone-surrogate":  {"\xff\xfe" + asUTF16("id,name\nE1,a", false) + "\x00\xd8" + asUTF16("b\nE2,c\n", false), "", "E1 name: something at byte 2 of the cell isn't UTF-16LE: check what writes the file"},
		"low-surrogate":   {asUTF16("id,name\nE1,a", true) + "\xdc\x00" + asUTF16("b\nE2,c\n", true), "utf-16be", "E1 name: something at byte 2 of the cell isn't utf-16be: check encoding, and what writes the file"},
		"not-shift-jis":   {"id,name\nE1,a\xfd\xfeb\nE2,c\n", "shift_jis", "E1 name: something at byte 2 of the cell isn't shift_jis: check encoding"},
		"not-in-the-page": {"id,name\nE1,a\xd2b\nE2,c\n", "windows-1253", "E1 name: something at byte 2 of the cell isn't windows-1253"},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, csvfile.Options{Path: write(t, c.content), KeyColumn: "id", Encoding: c.encoding})
			if len(got.Rows) != 2 || !strings.HasPrefix(got.Rows[0], "users.csv:2 reject "+c.want) || got.Rows[1] != "users.csv:3 E2|c" {
				t.Errorf("rows %q, error %v; want %q", got.Rows, got.Err, c.want)
			}
		})
	}
}

// With lenient quotes a stray one harms its own line only, and nobody is known to be absent.
func TestLenient(t *testing.T) {
	content := "id,name,note\nE1,B\"o,x\nE2,\"Cy,x\nE3,\"a \"b\" c\",x\nE4,\"d\"\"e\",x\nE5,f,x\n"
	got := read(t, csvfile.Options{Path: write(t, content), KeyColumn: "id", Lenient: true})
	want := []string{
		`users.csv:2 E1|B"o|x`,
		"users.csv:3 reject E2 : the row has 2 cells and the header 3: put cells that contain the delimiter in quotes, and write empty cells out",
		`users.csv:4 E3|a "b" c|x`, `users.csv:5 E4|d"e|x`, "users.csv:6 E5|f|x",
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if v := got.Verdict; v.Completeness != record.Plausible || v.AbsenceUnknown == "" {
		t.Errorf("verdict %+v; want plausible, with absence unknown", v)
	}
	if v := read(t, csvfile.Options{Path: write(t, sample)}).Verdict; v.AbsenceUnknown != "" {
		t.Errorf("of a strict read absence is unknown: %s", v.AbsenceUnknown)
	}
}

func TestDamagedKeys(t *testing.T) {
	for key, damage := range map[string]string{
		"1.23457E+11": "was written in scientific notation", "1,23457E+11": "was written in scientific notation",
		"1E+05": "was written in scientific notation", "2.5e-07": "was written in scientific notation",
		"4711.0": "became a decimal number", "4711.00": "became a decimal number",
		"4929123456789010": "has lost its last digits", "12345678901234500000": "has lost its last digits",

		"1E5": "", "12E34": "", "E+11": "", "1.23457E+": "", "4711": "", "0": "", "00": "", "4711.5": "", "v1.0": "", "1.0.0": "", "4711.0a": "",
		"492912345678900": "", "4929123456789012": "", "1000000000000000a": "", "": "",
	} {
		t.Run(key, func(t *testing.T) {
			content := "name;id\nAnn;" + key + "\n"
			got := read(t, csvfile.Options{Path: write(t, content), KeyColumn: "id"})
			want := "users.csv:2 Ann|" + key
			if damage != "" {
				want = "users.csv:2 reject  id: \"" + key + "\" " + damage +
					", as spreadsheets do to numbers: let what makes the file write this column as text, or say damaged_keys: accept if these are the keys"
			}
			if diff := cmp.Diff([]string{want}, got.Rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			for _, options := range []csvfile.Options{{KeyColumn: "id", DamagedKeys: true}, {KeyColumn: "name"}, {}} {
				options.Path = write(t, content)
				if got := read(t, options); len(got.Rows) != 1 || got.Rows[0] != "users.csv:2 Ann|"+key {
					t.Errorf("with %+v it is read as %q", options, got.Rows)
				}
			}
		})
	}
}

// What is written in an encoding is read in it, and what it has no sign for can still be read.
func TestEncode(t *testing.T) {
	for encoding, want := range map[string]string{
		"": "Zoë €", "utf-8": "Zoë €", "utf-16": "Zoë €", "utf-16le": "Zoë €", "utf-16be": "Zoë €", "windows-1252": "Zoë €", "latin1": "Zoë €",
		"iso-8859-15": "Zoë €", "iso-8859-7": "Zo? €", "koi8-r": "Zo? ?",
	} {
		var text strings.Builder
		out, err := csvfile.Encode(&text, encoding)
		if err == nil {
			_, err = io.WriteString(out, "id;name\nE1;Zoë €\n")
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			t.Errorf("%s: %v", encoding, err)
			continue
		}
		got := read(t, csvfile.Options{Path: write(t, text.String()), KeyColumn: "id", Encoding: encoding})
		if want := "users.csv:2 E1|" + want; len(got.Rows) != 1 || got.Rows[0] != want {
			t.Errorf("%s: %q, want %q", encoding, got.Rows, want)
		}
	}
	if _, err := csvfile.Encode(io.Discard, "klingon"); err == nil {
		t.Error("it knows Klingon")
	}
}

// Of a key that is made of several columns each may be damaged. Whose record it is can't be told then.
func TestDamagedPartsOfKeys(t *testing.T) {
	const content = "company;nr;phone\nacme;4711;1.23457E+11\nacme;1.23457E+11;1\n4711.0;2;2\n"
	options := csvfile.Options{Path: write(t, content), KeyParts: []string{"company", "nr"}}
	got := read(t, options)
	want := []string{"users.csv:2 acme|4711|1.23457E+11", `users.csv:3 reject  nr: "1.23457E+11" was`, `users.csv:4 reject  company: "4711.0" became`}
	for i, begin := range want {
		if len(got.Rows) != len(want) || !strings.HasPrefix(got.Rows[i], begin) {
			t.Fatalf("%q, want %q", got.Rows, want)
		}
	}
	// Where another column says whose record it is, that can.
	options.KeyColumn, options.KeyParts = "company", []string{"nr"}
	if got := read(t, options); !strings.HasPrefix(got.Rows[1], `users.csv:3 reject acme nr: "1.23457E+11" was`) {
		t.Errorf("of the company's it is %q", got.Rows)
	}
	options.DamagedKeys = true
	if got := read(t, options); len(got.Rows) != 3 || strings.Contains(strings.Join(got.Rows, ""), "reject") {
		t.Errorf("accepted, they are %q", got.Rows)
	}
}
