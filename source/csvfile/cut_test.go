package csvfile_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cubesync/source/csvfile"
	"cubesync/sync/record"
)

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// boundaries returns the lengths of all beginnings of a well-formed text that end with a record.
func boundaries(text string) map[int]bool {
	ends := map[int]bool{}
	for i := range text {
		if text[i] == '\n' && strings.Count(text[:i], `"`)%2 == 0 {
			ends[i+1] = true
		}
	}
	return ends
}

func TestCutAtEveryByte(t *testing.T) {
	for name, content := range map[string]string{
		"lf":   sample,
		"crlf": strings.ReplaceAll(sample, "\n", "\r\n"),
		"mark": "\ufeff" + sample,
	} {
		t.Run(name, func(t *testing.T) {
			whole := boundaries(content)
			for size := range len(content) + 1 {
				reader, err := open(t, csvfile.Options{Path: write(t, content[:size]), KeyColumn: "id"})
				if err != nil {
					if whole[size] {
						t.Errorf("cut at %d, behind a record: Open: %v", size, err)
					}
					continue
				}
				got := drain(t, reader).Verdict.Completeness
				want := record.Incomplete
				if whole[size] {
					want = record.Plausible
				}
				if got != want {
					t.Errorf("cut at %d (%q): %v; want %v", size, content[max(0, size-10):size], got, want)
				}
			}
		})
	}
}

// FuzzRead reads anything, cut anywhere, and holds it against the standard library's parser.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		sample, strings.ReplaceAll(sample, "\n", "\r\n"), "\ufeffid,name\nE1,Ann\n",
		"id,name\nE1\n\nE2,a,b\n", "id\n\"\n", "id,name\nE1,a\"b\n", "id\r\nE1\rE2\r\n", "id\nE\x00\n", "id\n\xff\n", "\xff\xfei\x00",
		"id,id\n", "", "\n", "id", "id\n\"a\nb\"x\n", "id\n\r\r\n", "\"\"\"\n\"\n\r", "id,name\nE1,\"\r\n\"\r\n",
		"id,name\rE1,a\rE2,\"b\rc\"\r", "id,name\r", "sep=,\nid,name\nE1,a\n", "\x1f\x8b\b\x00", "\x28\xb5\x2f\xfd\x04", "PK\x03\x04",
		"id,name\nE1,a\n\ufeffid,name\nE2,b\n", "id\nE1\nid\n", "0\n\xe100", "SEP=,\nid\nE1\n", "sep=,\r\nid\r\nE1\r\n",
		"'=a,cubesync_position\n=a,cubesync_position\n",
	} {
		f.Add([]byte(seed), len(seed)/2)
		f.Add([]byte(seed), len(seed))
	}
	path := filepath.Join(f.TempDir(), "users.csv")
	f.Fuzz(func(t *testing.T, content []byte, cut int) {
		if cut >= 0 && cut < len(content) {
			content = content[:cut]
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		reader, err := open(t, csvfile.Options{Path: path, KeyColumn: "id", Delimiter: ',', Encoding: "utf-8", MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		if strings.Contains(string(content), "cubesync_position") {
			return // cubesync wrote it, and takes its apostrophes off
		}
		text := strings.TrimPrefix(string(content), "\ufeff")
		if csvfile.ReturnsAlone(text) {
			text = strings.ReplaceAll(text, "\r", "\n")
		}
		if first, rest, _ := strings.Cut(text, "\n"); strings.EqualFold(strings.TrimSuffix(first, "\r"), "sep=,") {
			text = rest
		}
		rows, ending := check(t, reader)
		v := reader.Verdict()
		if v.Completeness > record.Plausible || v.Records+v.Rejects != rows {
			t.Fatalf("verdict %+v after %d rows", v, rows)
		}
		packed := slices.ContainsFunc([]string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18", "PK\x03\x04", "PK\x05\x06"}, func(magic string) bool {
			return strings.HasPrefix(string(content), magic)
		})
		if packed {
			return
		}
		if v.Completeness == record.Plausible && (!errors.Is(ending, io.EOF) || text[len(text)-1] != '\n') {
			t.Fatalf("plausible although the file ends in %q and the read in %v", text[len(text)-1:], ending)
		}
		parser := csv.NewReader(strings.NewReader(text))
		parser.FieldsPerRecord = -1
		all, err := parser.ReadAll()
		if again := headerAgain(all); err == nil && again > 0 {
			if errors.Is(ending, io.EOF) || rows != again-1 {
				t.Fatalf("%d rows and then %v; the header stands again as number %d", rows, ending, again)
			}
			return
		}
		if (err == nil) != errors.Is(ending, io.EOF) || err == nil && max(0, len(all)-1) != rows {
			t.Fatalf("%d rows and then %v; the standard library has %d with the header, and then %v", rows, ending, len(all), err)
		}
	})
}

// headerAgain returns which row is the first once more, 0 if none is.
func headerAgain(all [][]string) int {
	bare := func(row []string) []string {
		return append([]string{strings.TrimPrefix(row[0], "\ufeff")}, row[1:]...)
	}
	for i := 1; i < len(all); i++ {
		if slices.Equal(bare(all[i]), bare(all[0])) {
			return i
		}
	}
	return 0
}

// check reads to the end and returns how many records and rejects there were.
func check(t *testing.T, reader record.Reader) (rows int, ending error) {
	t.Helper()
	last := ""
	for {
		rec, err := reader.Next(t.Context())
		var reject *record.RejectError
		position := rec.Position
		if errors.As(err, &reject) {
			position = reject.Position
		} else if err != nil {
			return rows, err
		}
		rows++
		if position == "" || string(position) == last {
			t.Fatalf("position %q after %q", position, last)
		}
		last = string(position)
		if reject != nil {
			continue
		}
		for _, name := range reader.Columns().Names() {
			value := rec.Value(name)
			bad := strings.IndexFunc(value.Text(), func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) })
			if value.IsAbsent() || !utf8.ValidString(value.Text()) || bad >= 0 {
				t.Fatalf("%s: column %q holds %q", position, name, value.Text())
			}
		}
	}
}
