package csvfile_test

import (
	"os"
	"strings"
	"testing"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
)

// What docs/sources.md says that cubesync says of CSV files is what it says.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, csv, _ := strings.Cut(string(page), "\n## CSV\n")
	_, table, found := strings.Cut(csv, "\n### What goes wrong, and what cubesync says\n")
	if table, _, _ = strings.Cut(table, "\n## "); !found {
		t.Fatal("it doesn't say what goes wrong")
	}
	gzipped := sourcetest.Packings()["gzip"](t, sample)
	said := ""
	for content, options := range map[string]csvfile.Options{
		"id,name;note\nE1,a\n": {},
		"id,name\n" + strings.Repeat("E1,Ann\n", 6) + "E2000,M\xfcll\n":               {},
		"id,name,note\nE1,a,b,c\n":                                                    {},
		"id\n" + strings.Repeat("E1\n", 10) + "E2" + strings.Repeat("x", 31) + "\"\n": {},
		"id,n\n" + strings.Repeat("E1,a\n", 10) + "E2,\"a\nE3,\"b\n":                  {},
		"id,n\n" + strings.Repeat("E1,a\n", 10) + "E2,\"a\n":                          {},
		"id\nE1\nid\n": {},
		"id\n" + strings.Repeat("E1\n", 11_990) + "T,12345\n": {Proof: csvfile.Proof{Trailer: "T"}},
		gzipped[:len(gzipped)-9]:                              {},
		gzipped:                                               {MaxBytes: 5},
		zipped(t, "users.csv", sample) + zipped(t, "users.csv", sample): {},
		"id\n4.71112E+12\n": {KeyColumn: "id"},
	} {
		options.Path = write(t, content)
		reader, err := open(t, options)
		if err != nil {
			said += err.Error() + "\n"
			continue
		}
		got := drain(t, reader)
		said += strings.Join(got.Rows, "\n") + "\n" + got.Verdict.Reason + "\n"
	}
	said = strings.ReplaceAll(said, "more than 5 bytes", "more than 4294967296 bytes")
	rows := 0
	for line := range strings.Lines(table) {
		phrase, found := strings.CutPrefix(line, "| `")
		if !found {
			continue
		}
		rows++
		phrase, _, _ = strings.Cut(phrase, "` |")
		if strings.HasPrefix(phrase, "changed while") {
			continue // TestChangedWhileRead
		}
		for part := range strings.SplitSeq(phrase, "…") {
			if !strings.Contains(said, strings.TrimSpace(part)) {
				t.Errorf("nothing says %q", part)
			}
		}
	}
	if rows < 10 {
		t.Errorf("it has %d rows", rows)
	}
}
