package csvfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
	"cubesync/sync/record"
)

// folderOf writes files, given as name and content.
func folderOf(t testing.TB, files ...string) string {
	t.Helper()
	folder := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		writeTo(t, folder, files[i], files[i+1])
	}
	return folder
}

const (
	north = "id,name\nE1,Ann\nE2,\"Bo\nLee\"\n"
	south = "id,name\nE3,Cy\n"
)

func TestSeveralFiles(t *testing.T) {
	packed := sourcetest.Packings()["gzip"](t, south)
	folder := folderOf(t, "users-2.csv.gz", packed, "users-1.csv", north, "other.csv", "x", "users-3.csv", "\ufeff"+strings.ReplaceAll(south, "E3,Cy\n", ""))
	pattern := filepath.Join(folder, "users-?.csv*")
	got := read(t, csvfile.Options{Path: pattern, Files: 3, KeyColumn: "id"})
	if diff := cmp.Diff([]string{"users-1.csv:2 E1|Ann", "users-1.csv:3 E2|Bo\nLee", "users-2.csv.gz:2 E3|Cy"}, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	v := got.Verdict
	if e := v.Evidence; v.Completeness != record.Plausible || v.Records != 3 || e.Name != pattern || e.Size != int64(len(north)+len(packed)+len("\ufeffid,name\n")) || e.SHA256 == "" || e.ModTime.IsZero() {
		t.Errorf("verdict %+v", v)
	}
	if again := read(t, csvfile.Options{Path: pattern, Files: 3}).Verdict.Evidence; !again.Same(v.Evidence) {
		t.Errorf("read again the evidence is %+v, and was %+v", again, v.Evidence)
	}
}

func TestSeveralFilesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		files  []string
		proof  csvfile.Proof
		beside string // checksums
		want   string // "" if they are proven
	}{
		"too-few":             {[]string{"users-1.csv", north}, csvfile.Proof{}, "", "1 files match"},
		"too-many":            {[]string{"users-1.csv", north, "users-2.csv", south, "users-3.csv", south}, csvfile.Proof{}, "", "3 files match"},
		"other-header":        {[]string{"users-1.csv", north, "users-2.csv", "id,title\nE3,Dr\n"}, csvfile.Proof{}, "", "users-2.csv has the columns id, title and users-1.csv has id, name: files that are read together have the same, in the same order"},
		"other-order":         {[]string{"users-1.csv", north, "users-2.csv", "name,id\nCy,E3\n"}, csvfile.Proof{}, "", "users-2.csv has the columns name, id"},
		"other-delimiter":     {[]string{"users-1.csv", "id\nE1\n", "users-2.csv", "sep=;\nid\nE2\n"}, csvfile.Proof{}, "", `users-2.csv is separated by ';' and users-1.csv by ',': write them alike`},
		"first-empty":         {[]string{"users-1.csv", "", "users-2.csv", south}, csvfile.Proof{}, "", "users-1.csv has no header"},
		"second-empty":        {[]string{"users-1.csv", north, "users-2.csv", ""}, csvfile.Proof{}, "", "users-2.csv has the columns  and"},
		"first-cut":           {[]string{"users-1.csv", strings.TrimSuffix(north, "\n"), "users-2.csv", south}, csvfile.Proof{}, "", "users-1.csv doesn't end in a line break"},
		"second-cut":          {[]string{"users-1.csv", north, "users-2.csv", strings.TrimSuffix(south, "\n")}, csvfile.Proof{}, "", "users-2.csv doesn't end in a line break"},
		"the-same-twice":      {[]string{"users-1.csv", north + "T,2\n", "users-2.csv", north + "T,2\n"}, csvfile.Proof{Trailer: "T"}, "", "users-2.csv has the same content as users-1.csv"},
		"empty-alike":         {[]string{"users-1.csv", "id,name\nT,0\n", "users-2.csv", "id,name\nT,0\n"}, csvfile.Proof{Trailer: "T"}, "", ""},
		"a-trailer-each":      {[]string{"users-1.csv", north + "T,2\n", "users-2.csv", south + "T,1\n"}, csvfile.Proof{Trailer: "T"}, "", ""},
		"a-trailer-for-both":  {[]string{"users-1.csv", north, "users-2.csv", south + "T,3\n"}, csvfile.Proof{Trailer: "T"}, "", `users-1.csv has 2 rows and no trailer "T"`},
		"second-has-too-few":  {[]string{"users-1.csv", north + "T,2\n", "users-2.csv", south + "T,3\n"}, csvfile.Proof{Trailer: "T"}, "", "users-2.csv has 1 rows and its trailer says 3"},
		"records":             {[]string{"users-1.csv", north, "users-2.csv", south}, csvfile.Proof{Records: 3}, "", ""},
		"records-differ":      {[]string{"users-1.csv", north, "users-2.csv", south}, csvfile.Proof{Records: 4}, "", "users-?.csv has 3 rows and 4 are expected"},
		"checksums":           {[]string{"users-1.csv", north, "users-2.csv", south}, csvfile.Proof{}, sha256Hex(north) + "  users-1.csv\n" + sha256Hex(south) + "  users-2.csv\n", ""},
		"checksum-of-one":     {[]string{"users-1.csv", north, "users-2.csv", south}, csvfile.Proof{}, sha256Hex(north) + "  users-1.csv\n", "has no line for users-2.csv"},
		"checksum-of-another": {[]string{"users-1.csv", north, "users-2.csv", south}, csvfile.Proof{}, sha256Hex(north) + "  users-1.csv\n" + sha256Hex(south) + "  users-2.csv\n" + sha256Hex(south) + "  users-3.csv\n", "names users-3.csv, which isn't there"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t, c.files...)
			if c.beside != "" {
				c.proof.Checksum = writeTo(t, folder, "sums", c.beside)
			}
			got := verdictOf(t, csvfile.Options{Path: filepath.Join(folder, "users-?.csv"), Files: 2, Proof: c.proof})
			if c.want == "" && got.Completeness != record.Proven || c.want != "" && (got.Completeness != record.Incomplete || !strings.Contains(got.Reason, c.want)) {
				t.Errorf("verdict %+v; want %q", got, c.want)
			}
		})
	}
}

func TestSeveralFilesChange(t *testing.T) {
	for name, change := range map[string]func(folder string) error{
		"the-first-is-written-to": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "users-1.csv"), []byte(south+"E9,x\n"), 0o600)
		},
		"the-first-is-removed": func(folder string) error { return os.Remove(filepath.Join(folder, "users-1.csv")) },
		"one-more-appears":     func(folder string) error { return os.WriteFile(filepath.Join(folder, "users-3.csv"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t, "users-1.csv", north, "users-2.csv", south)
			reader, err := open(t, csvfile.Options{Path: filepath.Join(folder, "users-?.csv"), Files: 2})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // so that the first is done with
				if _, err := reader.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := change(folder); err != nil {
				t.Fatal(err)
			}
			if v := drain(t, reader).Verdict; v.Completeness != record.Incomplete || !v.Retryable || !strings.Contains(v.Reason, "changed while it was read") {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

// Each file is skimmed as the first is, without what is left.
func TestSkimSeveralFiles(t *testing.T) {
	folder := folderOf(t, "users-1.csv", "seen,id\nmonday,E1\n", "users-2.csv", "seen,id\ntuesday,E2\n")
	reader := skimmer(t, csvfile.Options{Path: filepath.Join(folder, "*.csv"), Files: 2})
	reader.Leave([]string{"seen"})
	left, passed, asked := skim(t, reader, "E1", "E2")
	if passed != 2 || len(left) != 0 {
		t.Errorf("%d passed over, left %q, asked about %q", passed, left, asked)
	}
}

// The oldest of several files says how old the data is, the newest whether a done file is younger.
func TestAgeOfSeveralFiles(t *testing.T) {
	folder := folderOf(t, "users-1.csv", north, "users-2.csv", south, "done", "")
	now := time.Now()
	for name, age := range map[string]time.Duration{"users-1.csv": 2 * time.Hour, "users-2.csv": time.Hour, "done": 90 * time.Minute} {
		if err := os.Chtimes(filepath.Join(folder, name), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	options := csvfile.Options{Path: filepath.Join(folder, "users-?.csv"), Files: 2, MaxAge: 90 * time.Minute}
	if v := verdictOf(t, options); v.Completeness != record.Stale {
		t.Errorf("verdict %+v; want stale", v)
	}
	options.MaxAge, options.Proof.Done = 0, filepath.Join(folder, "done")
	if v := verdictOf(t, options); v.Completeness != record.Incomplete || !strings.Contains(v.Reason, "belongs to older data") {
		t.Errorf("verdict %+v; want incomplete", v)
	}
}

func TestStandardInput(t *testing.T) {
	for name, content := range map[string]string{"plain": north + "T,2\n", "zip": zipped(t, "a.csv", north+"T,2\n")} {
		t.Run(name, func(t *testing.T) {
			// It is given piece by piece, as pipes do.
			source, err := csvfile.New(csvfile.Options{Path: csvfile.StandardInput, Input: iotest.OneByteReader(strings.NewReader(content)), Proof: csvfile.Proof{Trailer: "T"}})
			if err != nil {
				t.Fatal(err)
			}
			for try := range 2 { // a read that has to be begun again finds the same
				reader, err := source.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got := drain(t, reader)
				closeIt(t, reader)
				if diff := cmp.Diff([]string{"standard input:2 E1|Ann", "standard input:3 E2|Bo\nLee"}, got.Rows); diff != "" {
					t.Errorf("read %d (-want +got):\n%s", try, diff)
				}
				want := record.Evidence{Name: "standard input", Size: int64(len(content)), SHA256: sha256Hex(content)}
				if v := got.Verdict; v.Completeness != record.Proven || !v.Evidence.Same(want) {
					t.Errorf("read %d: verdict %+v", try, v)
				}
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		v := verdictOf(t, csvfile.Options{Path: "-", Input: strings.NewReader(north[:len(north)-3])})
		if v.Completeness != record.Incomplete || !strings.Contains(v.Reason, "standard input") {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("too-long", func(t *testing.T) {
		v := verdictOf(t, csvfile.Options{Path: "-", Input: strings.NewReader(north), MaxBytes: 5})
		if v.Completeness != record.Incomplete || v.Reason != "standard input is longer than 5 bytes: if it should be, raise max_bytes" {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("broken", func(t *testing.T) {
		source, err := csvfile.New(csvfile.Options{Path: "-", Input: io.MultiReader(strings.NewReader(north), iotest.ErrReader(errors.New("the pipe broke")))})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := source.Open(t.Context()); err == nil || fmt.Sprint(err) != "put standard input aside: the pipe broke" {
				t.Errorf("Open: %v", err)
			}
		}
	})
}
