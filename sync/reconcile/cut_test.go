package reconcile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"cubesync/source/csvfile"
	"cubesync/source/sourcetest"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// crewed is how many have an account where files are cut at every byte.
const crewed = 4

// sample is a file of the crew, in one of the ways in which files are written.
type sample struct {
	options                csvfile.Options
	begins, delimiter, end string
	encode                 func(text string) string
}

func samples() map[string]sample {
	header := func(delimiter string) string {
		return strings.Join([]string{"id", "login", "note"}, delimiter)
	}
	return map[string]sample{
		"lf":   {begins: header(",") + "\n", delimiter: ",", end: "\n"},
		"crlf": {begins: "\ufeff" + header(";") + "\r\n", delimiter: ";", end: "\r\n"},
		"bare": {
			csvfile.Options{Columns: strings.Split(header(","), ","), Delimiter: '|', SkipRows: 1, Comment: "//"}, "of\n// 1\n", "|", "\n", nil,
		},
		"utf-16": {begins: "\ufeff" + header("\t") + "\n", delimiter: "\t", end: "\n", encode: func(text string) string {
			var units []byte
			for _, unit := range utf16.Encode([]rune(text)) {
				units = append(units, byte(unit), byte(unit>>8))
			}
			return string(units)
		}},
	}
}

// write returns the file of these people, packed, and what proves that it is whole.
func (m sample) write(t *testing.T, persons []person, way, path string, pack func(testing.TB, string) string) (string, csvfile.Proof) {
	t.Helper()
	text, proof := m.begins, csvfile.Proof{Records: len(persons)}
	for i, p := range persons {
		note := ""
		if i%2 == 1 {
			note = `"a ""b""` + m.end + `ü"`
		}
		text += strings.Join([]string{p[0], p[1], note}, m.delimiter) + m.end
	}
	if way == "trailer" {
		proof = csvfile.Proof{Trailer: "#TOTAL"}
		text += strings.Join([]string{proof.Trailer, strconv.Itoa(len(persons))}, m.delimiter) + m.end
	}
	if m.encode != nil {
		text = m.encode(text)
	}
	text = pack(t, text)
	if way == "checksum" {
		proof = csvfile.Proof{Checksum: path + ".sha256"}
		sum := sha256.Sum256([]byte(text))
		if err := os.WriteFile(proof.Checksum, []byte(hex.EncodeToString(sum[:])+"  users.csv\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return text, proof
}

// A dozen files, plain and in archives, are cut at every byte, while leavers are deleted at once and no guard is on: what shows that
// a file isn't whole is all that stands between it and the accounts. Each is read as a run reads records that it doesn't know, and
// as one does that knows them all; and whatever a read shows that none showed before, the whole road is walked over it. The whole file
// deletes the leaver.
func TestFilesCutAtEveryByte(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, crewed)
	spec := allColumns()
	spec.Fields, spec.Tags = map[user.Field]mapping.Rule{user.Login: {Column: "login"}}, nil
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	s.Mapper = mapper
	path, walked := filepath.Join(s.StateDir, "users.csv"), map[string]bool{}
	for name, m := range samples() {
		for _, way := range []string{"trailer", "checksum", "records"} {
			for how, pack := range sourcetest.Packings() {
				whole, proof := m.write(t, s.directory.persons, way, path, pack)
				if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
					t.Fatal(err)
				}
				options := m.options
				options.Path, options.KeyColumn, options.Proof = path, "id", proof
				source, err := csvfile.New(options)
				if err != nil {
					t.Fatal(err)
				}
				s.Source, s.Accept = source, record.Proven
				s.onlyTheLeaver(t)
				for size := len(whole) - 1; size >= 0; size-- {
					if err := os.Truncate(path, int64(size)); err != nil {
						t.Fatal(err)
					}
					ways := []bool{false, true}
					if how != "plain" {
						ways = ways[:1] // what was unpacked is read in the same two ways
					}
					shown := s.shown(t, source, ways)
					if !walked[shown] {
						walked[shown] = true
						s.harmless(t, source)
					}
					if t.Failed() {
						t.Fatalf("%s with %s, %s, cut at byte %d of %d: %s", name, way, how, size, len(whole), shown)
					}
				}
			}
		}
	}
	if len(walked) < 3*crewed {
		t.Errorf("the road was walked %d times: cuts show more than that", len(walked))
	}
	s.exported(t, s.export(t, columns))
	s.recovers(t)
}

// shown reads a file that isn't whole, as records that are known and as ones that aren't, and returns what that shows.
func (s *scene) shown(t *testing.T, source record.Source, ways []bool) string {
	t.Helper()
	var shows strings.Builder
	for _, known := range ways {
		reader, err := source.Open(t.Context())
		if err != nil {
			fmt.Fprintln(&shows, err)
			continue
		}
		skims, _ := reader.(record.Skimmer)
		if skims == nil {
			t.Fatal("files can be skimmed")
		}
		for err == nil {
			rec, passed, problem := skims.Skim(t.Context(), func([]byte) bool { return known })
			bad, rejected := errors.AsType[*record.RejectError](problem)
			switch {
			case rejected:
				fmt.Fprintln(&shows, "rejected", bad.ExternalID, bad.Uncertain)
			case problem != nil:
				err = problem
			case passed:
				fmt.Fprintln(&shows, "known")
			default:
				id, _ := s.Mapper.Key(rec)
				fmt.Fprintln(&shows, id)
			}
		}
		verdict := reader.Verdict()
		if verdict.Completeness.Usable() {
			t.Errorf("it is %s: %s", verdict.Completeness, verdict.Reason)
		}
		fmt.Fprintln(&shows, verdict.Completeness, verdict.Retryable, verdict.AbsenceUnknown, withoutNumbers(verdict.Reason))
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
	return shows.String()
}

// withoutNumbers leaves out of a reason where in a file it was met, and sums.
func withoutNumbers(reason string) string {
	return regexp.MustCompile(`\w*\d\w*`).ReplaceAllString(reason, "#")
}

// onlyTheLeaver checks that a run would delete the leaver and nobody else.
func (s *scene) onlyTheLeaver(t *testing.T) {
	t.Helper()
	preview, err := s.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	defer preview.Close()
	if preview.Plan == nil || preview.Run.Status != state.Planned || preview.Plan.Count(plan.Delete) != 1 || preview.Plan.Operations[len(preview.Plan.Operations)-1].ExternalID != s.leaver {
		t.Fatalf("whole, it is %s (%s, %v) and would do %v", preview.Run.Status, preview.Run.Problem, preview.Run.Trips, preview.Plan)
	}
}

// A file that somebody writes to while it is read, each time, is never whole, whatever it holds in the end.
func TestFileChangedWhileRead(t *testing.T) {
	s := newScene(t)
	text := s.export(t, columns)
	s.exported(t, text)
	source, more := s.Source, text
	s.harmless(t, &disturbed{source, 5, func() {
		more += strings.Replace(strings.SplitAfter(text, "\n")[1], "e0001", fmt.Sprintf("e%d", len(more)), 1)
		if err := os.WriteFile(filepath.Join(s.StateDir, "users.csv"), []byte(more), 0o600); err != nil {
			t.Error(err)
		}
	}})
	s.exported(t, text)
	s.recovers(t)
}

// With lenient quotes a record may be lost in another one's cell, however many rows there are: nobody is taken for a
// leaver, and all else is done.
func TestLenientQuotesDeleteNobody(t *testing.T) {
	s := newScene(t)
	text := s.export(t, columns)
	s.exported(t, text)
	lenient, err := csvfile.New(csvfile.Options{
		Path: filepath.Join(s.StateDir, "users.csv"), KeyColumn: "id", Lenient: true, Proof: csvfile.Proof{Records: staffed - 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Source = lenient
	s.untouched(t, state.Applied, 2)
	s.exported(t, text)
	s.recovers(t)
}
