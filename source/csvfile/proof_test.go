package csvfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
	"cubesync/sync/record"
)

// writeTo writes a file beside others.
func writeTo(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdictOf reads a file; one that can't even be opened is read incompletely.
func verdictOf(t testing.TB, options csvfile.Options) record.Verdict {
	t.Helper()
	source, err := csvfile.New(options)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(t.Context())
	if err != nil {
		return record.Verdict{Reason: err.Error()}
	}
	defer closeIt(t, reader)
	for {
		_, err := reader.Next(t.Context())
		if _, rejected := errors.AsType[*record.RejectError](err); err != nil && !rejected {
			return reader.Verdict()
		}
	}
}

// TestCutIsNeverProven cuts files at every byte, in every way in which they can be proven and packed.
func TestCutIsNeverProven(t *testing.T) {
	proofs := map[string]func(t *testing.T, content string) (text string, proof csvfile.Proof){
		"trailer": func(_ *testing.T, content string) (string, csvfile.Proof) {
			return content + fmt.Sprintf("#TOTAL,%d\n", 4), csvfile.Proof{Trailer: "#TOTAL"}
		},
		"checksum": func(_ *testing.T, content string) (string, csvfile.Proof) {
			return content, csvfile.Proof{Checksum: "sum"} // its path comes with the file
		},
		"records": func(_ *testing.T, content string) (string, csvfile.Proof) {
			return content, csvfile.Proof{Records: 4}
		},
	}
	contents := map[string]string{"lf": sample, "crlf": strings.ReplaceAll(sample, "\n", "\r\n"), "mark": "\ufeff" + sample}
	for how, pack := range sourcetest.Packings() {
		for by, prove := range proofs {
			for name, content := range contents {
				if how != "plain" && name != "lf" {
					continue // packed they are bytes like others
				}
				t.Run(how+"/"+by+"/"+name, func(t *testing.T) {
					text, proof := prove(t, content)
					whole := pack(t, text)
					folder := t.TempDir()
					if proof.Checksum != "" {
						proof.Checksum = writeTo(t, folder, "users.csv.sha256", sha256Hex(whole)+"  users.csv\n")
					}
					options := csvfile.Options{Path: filepath.Join(folder, "users.csv"), KeyColumn: "id", Proof: proof}
					for size := range len(whole) + 1 {
						writeTo(t, folder, "users.csv", whole[:size])
						got := verdictOf(t, options)
						want := record.Incomplete
						if size == len(whole) {
							want = record.Proven
						}
						if got.Completeness != want {
							t.Errorf("cut at %d of %d: %v (%s); want %v", size, len(whole), got.Completeness, got.Reason, want)
						}
					}
				})
			}
		}
	}
}

// FuzzCut cuts any file that is proven, in every way in which it can be proven and packed, anywhere: what is left is proven only
// if it gives the very same records, as it does where the line breaks behind the last one go.
func FuzzCut(f *testing.F) {
	for i, seed := range []string{
		sample, strings.ReplaceAll(sample, "\n", "\r\n"), "\ufeff" + sample, "id;name\nE1;\"A\nB\"\n\n\n", "sep=|\nid|n\nE1|a\n", "id\rE1\r",
		"id\nE1\nE1,2\n\n#T,1\n", "id,n\nE1,\"#T,1\n\"\n", "id\nE\x00\nE2\n", "id,n\n\n,\n\"\"\n", "\xff\xfei\x00d\x00\n\x00E\x00\n\x00", "id\n",
	} {
		for how := range uint8(9) {
			f.Add([]byte(seed), how, i+int(how)+1)
		}
	}
	folder := f.TempDir()
	pack := sourcetest.Packings()
	f.Fuzz(func(t *testing.T, content []byte, how uint8, cut int) {
		options := csvfile.Options{Path: filepath.Join(folder, "users.csv"), KeyColumn: "id", MaxBytes: 1 << 20}
		writeTo(t, folder, "users.csv", string(content))
		rows, text := len(readAny(t, options).Rows), string(content)
		switch how / 3 % 3 {
		case 0:
			text += fmt.Sprintf("#T,%d\n", rows)
			options.Proof.Trailer = "#T"
		case 1:
			options.Proof.Records = max(1, rows)
		}
		whole := pack[[]string{"plain", "gzip", "zstd"}[how%3]](t, text)
		if options.Proof == (csvfile.Proof{}) {
			options.Proof.Checksum = writeTo(t, folder, "users.csv.sha256", sha256Hex(whole)+"  users.csv\n")
		}
		writeTo(t, folder, "users.csv", whole)
		want := readAny(t, options)
		if want.Verdict.Completeness != record.Proven {
			return
		}
		left := whole[:uint(cut)%uint(len(whole))]
		writeTo(t, folder, "users.csv", left)
		got := readAny(t, options)
		same := slices.Equal(got.Columns, want.Columns) && slices.Equal(got.Rows, want.Rows) && slices.Equal(got.Unsure, want.Unsure)
		if got.Verdict.Completeness == record.Proven && (!same || options.Proof.Checksum != "") {
			t.Errorf("%q is proven (%s) and gives %q; whole it is %q and gives %q", left, got.Verdict.Reason, got.Rows, whole, want.Rows)
		}
	})
}

// readAny reads a file that may be anything; nothing comes of one that can't even be opened.
func readAny(t testing.TB, options csvfile.Options) result {
	t.Helper()
	reader, err := open(t, options)
	if err != nil {
		return result{}
	}
	return drain(t, reader)
}

// Without a proof a packed file is plausible only where it is whole: an archive says where it ends.
func TestCutArchives(t *testing.T) {
	for how, pack := range sourcetest.Packings() {
		if how == "plain" {
			continue // TestCutAtEveryByte
		}
		t.Run(how, func(t *testing.T) {
			whole := pack(t, sample)
			for size := range len(whole) + 1 {
				got := verdictOf(t, csvfile.Options{Path: write(t, whole[:size])})
				if want := size == len(whole); (got.Completeness == record.Plausible) != want || !want && got.Completeness != record.Incomplete {
					t.Errorf("cut at %d of %d: %v (%s)", size, len(whole), got.Completeness, got.Reason)
				}
			}
		})
	}
}

func TestProof(t *testing.T) {
	const four = sample
	sum := sha256Hex(four)
	for name, c := range map[string]struct {
		content string
		proof   csvfile.Proof
		beside  string // what stands in the checksum file
		want    record.Completeness
		reason  string
	}{
		"trailer":            {four + "#TOTAL,4\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Proven, "users.csv has as many rows as its trailer says: 4"},
		"trailer-in-quotes":  {four + "\"#TOTAL\",\" 4 \"\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Proven, "trailer says: 4"},
		"trailer-wide":       {four + "T,20260301,users,4\n\n", csvfile.Proof{Trailer: "T", Count: 4}, "", record.Proven, "trailer says: 4"},
		"trailer-of-nothing": {"id,name,note\n#TOTAL,0\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Proven, "trailer says: 0"},
		"trailer-and-reject": {four + "E9,x\n#TOTAL,5\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Proven, "trailer says: 5"},
		"no-trailer":         {four, csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, `users.csv has 4 rows and no trailer "#TOTAL", so it was cut off: check what writes`},
		"trailer-says-more":  {four + "#TOTAL,5\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, "users.csv has 4 rows and its trailer says 5: check what writes"},
		"trailer-says-less":  {four + "#TOTAL,3\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, "users.csv has 4 rows and its trailer says 3"},
		"trailer-no-number":  {four + "#TOTAL,four\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, `bad trailer: "four" isn't a number of rows`},
		"trailer-too-short":  {four + "#TOTAL,4\n", csvfile.Proof{Trailer: "#TOTAL", Count: 3}, "", record.Incomplete, "bad trailer: it has 2 cells, and number 3 should say how many rows there are"},
		"trailer-not-last":   {"id,name\nE1,a\n#TOTAL,1\nE2,b\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, "users.csv:4: there is a row after the trailer"},
		"trailer-swallowed":  {"id,name\nE1,\"a\nE2,b\nE3\",\"c\"\n#TOTAL,3\n", csvfile.Proof{Trailer: "#TOTAL"}, "", record.Incomplete, "has 1 rows and its trailer says 3"},

		"checksum":           {four, csvfile.Proof{Checksum: "*"}, sum + "  users.csv\n", record.Proven, "users.csv agrees with the SHA-256 in sums"},
		"checksum-binary":    {four, csvfile.Proof{Checksum: "*"}, strings.ToUpper(sum) + " *out/users.csv\r\n", record.Proven, "agrees"},
		"checksum-of-many":   {four, csvfile.Proof{Checksum: "*"}, sha256Hex("") + "  a.csv\n" + sum + "  users.csv\n", record.Proven, "agrees"},
		"checksum-alone":     {four, csvfile.Proof{Checksum: "*"}, sum + "\n", record.Proven, "agrees"},
		"checksum-no-break":  {strings.TrimSuffix(four, "\n"), csvfile.Proof{Checksum: "*"}, sha256Hex(strings.TrimSuffix(four, "\n")) + "  users.csv\n", record.Proven, "agrees"},
		"checksum-differs":   {four, csvfile.Proof{Checksum: "*"}, sha256Hex("") + "  users.csv\n", record.Incomplete, "users.csv has the SHA-256 " + sum + " and sums says " + sha256Hex("")},
		"checksum-unnamed":   {four, csvfile.Proof{Checksum: "*"}, sum + "  other.csv\n", record.Incomplete, "the checksum file sums has no line for users.csv: write one with sha256sum users.csv"},
		"checksum-no-sum":    {four, csvfile.Proof{Checksum: "*"}, sum[:63] + "  users.csv\n", record.Incomplete, "line 1: it doesn't begin with a SHA-256"},
		"checksum-twice":     {four, csvfile.Proof{Checksum: "*"}, sum + "  users.csv\n" + sha256Hex("") + "  users.csv\n", record.Incomplete, "line 2: it names \"users.csv\" a second time"},
		"checksum-empty":     {four, csvfile.Proof{Checksum: "*"}, "", record.Incomplete, "the checksum file sums can't be read: it is empty"},
		"checksum-not-there": {four, csvfile.Proof{Checksum: "missing"}, "", record.Incomplete, "the checksum file missing can't be read: no such file or directory"},

		"records":      {four, csvfile.Proof{Records: 4}, "", record.Proven, "users.csv has as many rows as are expected: 4"},
		"records-more": {four, csvfile.Proof{Records: 3}, "", record.Incomplete, "users.csv has 4 rows and 3 are expected: check what writes it, or records"},
		"records-less": {four, csvfile.Proof{Records: 5}, "", record.Incomplete, "users.csv has 4 rows and 5 are expected"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.content)
			switch c.proof.Checksum {
			case "*":
				c.proof.Checksum = writeTo(t, filepath.Dir(path), "sums", c.beside)
			case "missing":
				c.proof.Checksum = filepath.Join(filepath.Dir(path), "missing")
			}
			got := verdictOf(t, csvfile.Options{Path: path, KeyColumn: "id", Proof: c.proof})
			if got.Completeness != c.want || !strings.Contains(got.Reason, c.reason) || got.Retryable {
				t.Errorf("verdict %+v; want %v because %q", got, c.want, c.reason)
			}
		})
	}
}

// A trailer is never taken for a record that is known, whatever columns are looked at.
func TestTrailerIsNeverKnown(t *testing.T) {
	reader := skimmer(t, csvfile.Options{Path: write(t, "seen,id\nmonday,E1\n#TOTAL,1\n"), Proof: csvfile.Proof{Trailer: "#TOTAL"}})
	reader.Leave([]string{"seen"})
	left, passed, asked := skim(t, reader, "E1", "1")
	if v := reader.Verdict(); passed != 1 || len(left) != 0 || len(asked) != 1 || v.Completeness != record.Proven {
		t.Errorf("%d passed, left %q, asked about %q, verdict %+v", passed, left, asked, v)
	}
}

func TestDoneFile(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		done   time.Duration // after the data; -1h: before; 1000h: not there
		want   record.Completeness
		reason string
	}{
		"after":       {time.Second, record.Proven, "the done file users.done was written after the data"},
		"same-moment": {0, record.Proven, "was written after the data"},
		"before":      {-time.Second, record.Incomplete, "the done file users.done is of 2026-03-01 01:59:59.000 UTC and the data of 2026-03-01 02:00:00.000 UTC"},
		"not-there":   {1000 * time.Hour, record.Incomplete, "the done file users.done can't be examined: no such file or directory: has what writes the data ended?"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, sample)
			done := filepath.Join(filepath.Dir(path), "users.done")
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
			if c.done != 1000*time.Hour {
				writeTo(t, filepath.Dir(path), "users.done", "")
				if err := os.Chtimes(done, at.Add(c.done), at.Add(c.done)); err != nil {
					t.Fatal(err)
				}
			}
			got := verdictOf(t, csvfile.Options{Path: path, Proof: csvfile.Proof{Done: done}})
			if got.Completeness != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("verdict %+v; want %v because %q", got, c.want, c.reason)
			}
		})
	}
}

func TestDoneFilesThatShowNothing(t *testing.T) {
	for name, c := range map[string]struct {
		make   func(path, done string) error
		reason string
	}{
		"folder":          {func(_, done string) error { return os.Mkdir(done, 0o700) }, "the done file users.done is a folder"},
		"data":            {os.Symlink, "the done file users.done is the data itself"},
		"of-the-future":   {ofTheFuture(25 * time.Hour), "the done file users.done is of"},
		"clock-is-ahead":  {ofTheFuture(23 * time.Hour), ""},
		"whole-as-before": {ofTheFuture(0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, sample)
			done := filepath.Join(filepath.Dir(path), "users.done")
			if err := c.make(path, done); err != nil {
				t.Fatal(err)
			}
			got := verdictOf(t, csvfile.Options{Path: path, Proof: csvfile.Proof{Done: done}})
			if c.reason == "" && got.Completeness != record.Proven || c.reason != "" && (got.Completeness != record.Incomplete || !strings.HasPrefix(got.Reason, c.reason)) {
				t.Errorf("verdict %+v; want %q", got, c.reason)
			}
		})
	}
}

// ofTheFuture writes a done file that will be written.
func ofTheFuture(ahead time.Duration) func(path, done string) error {
	return func(_, done string) error {
		at := time.Now().Add(ahead)
		return errors.Join(os.WriteFile(done, nil, 0o600), os.Chtimes(done, at, at))
	}
}

// A done file says that what wrote the data ended, and not that all of it arrived.
func TestDoneFileOfACutFile(t *testing.T) {
	path := write(t, strings.TrimSuffix(sample, "\n"))
	got := verdictOf(t, csvfile.Options{Path: path, Proof: csvfile.Proof{Done: writeTo(t, filepath.Dir(path), "done", "")}})
	if got.Completeness != record.Incomplete || !strings.Contains(got.Reason, "may be cut off") {
		t.Errorf("verdict %+v", got)
	}
}

func TestMaxAge(t *testing.T) {
	for name, c := range map[string]struct {
		age   time.Duration
		proof csvfile.Proof
		want  record.Completeness
	}{
		"young":         {25 * time.Hour, csvfile.Proof{}, record.Plausible},
		"old":           {27 * time.Hour, csvfile.Proof{}, record.Stale},
		"old-and-whole": {27 * time.Hour, csvfile.Proof{Records: 4}, record.Stale},
		"old-and-wrong": {27 * time.Hour, csvfile.Proof{Records: 5}, record.Incomplete},
		"of-the-future": {-time.Hour, csvfile.Proof{Records: 4}, record.Proven},
		"never-old":     {-27 * time.Hour, csvfile.Proof{Records: 4}, record.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, sample)
			then := time.Now().Add(-c.age)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			got := verdictOf(t, csvfile.Options{Path: path, MaxAge: 26 * time.Hour, Proof: c.proof})
			if got.Completeness != c.want {
				t.Errorf("verdict %+v; want %v", got, c.want)
			}
			if c.age < 0 && c.want == record.Stale {
				if !strings.Contains(got.Reason, "which is yet to come") {
					t.Errorf("the reason is %q", got.Reason)
				}
			} else if want := "users.csv was written 27h0m"; c.want == record.Stale && (!strings.HasPrefix(got.Reason, want) || !strings.HasSuffix(got.Reason, "and max_age is 26h0m0s: check what writes it")) {
				t.Errorf("the reason is %q", got.Reason)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		writes int // one every six seconds, from the first on
		waits  time.Duration
		want   string
	}{
		"quiet":       {0, 10 * time.Second, ""},
		"written-for": {3, 30 * time.Second, ""},
		"never":       {1000, 100 * time.Second, "users.csv is still written to after 1m40s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := write(t, sample)
				source, err := csvfile.New(csvfile.Options{Path: path, Settle: 10 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					text := sample
					for range c.writes {
						select {
						case <-time.After(6 * time.Second):
							text += "E9,x,y\n"
							writeTo(t, filepath.Dir(path), "users.csv", text)
						case <-ctx.Done():
							return
						}
					}
				}()
				began := time.Now()
				reader, err := source.Open(t.Context())
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("it waited %v; want %v", waited, c.waits)
				}
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("Open: %v; want %q", err, c.want)
				}
				if err == nil {
					closeIt(t, reader)
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			source, err := csvfile.New(csvfile.Options{Path: write(t, sample), Settle: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := source.Open(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Open: %v", err)
			}
		})
	})
}
