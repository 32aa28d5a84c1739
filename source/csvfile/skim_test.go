package csvfile_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"cubesync/source/csvfile"
	"cubesync/sync/record"
)

// skimmer is the reader of a file.
func skimmer(t *testing.T, options csvfile.Options) record.Skimmer {
	t.Helper()
	reader, err := open(t, options)
	if err != nil {
		t.Fatal(err)
	}
	s, can := reader.(record.Skimmer)
	if !can {
		t.Fatal("it can't be skimmed")
	}
	return s
}

// skim reads a file and passes over the records of these texts. It returns the keys of the others, and the texts that it
// was asked about.
func skim(t *testing.T, reader record.Skimmer, known ...string) (left []string, passed int, asked []string) {
	t.Helper()
	for {
		rec, over, err := reader.Skim(t.Context(), func(text []byte) bool {
			asked = append(asked, string(text))
			return slices.Contains(known, string(text))
		})
		_, rejected := errors.AsType[*record.RejectError](err)
		switch {
		case errors.Is(err, io.EOF):
			return left, passed, asked
		case rejected:
			left = append(left, "reject")
		case err != nil:
			t.Fatal(err)
		case over:
			passed++
		default:
			left = append(left, rec.Value("id").Text()+" at "+string(rec.Position))
		}
	}
}

func TestSkim(t *testing.T) {
	content := "id,name\nE1,Ann\n\nE2,\"Bo\nLee\"\nE3,\"says \"\"hi\"\"\"\r\nE4,one,too many\nE5,Eve\n"
	reader := skimmer(t, csvfile.Options{Path: write(t, content)})
	left, passed, asked := skim(t, reader, "E1,Ann\n", "E3,\"says \"\"hi\"\"\"\r\n", "E2,\"Bo\nLee\"\n")
	if got := strings.Join(left, ", "); got != "E2 at users.csv:4, reject, E5 at users.csv:8" || passed != 2 {
		t.Errorf("%d passed over, left: %s", passed, got)
	}
	want := []string{"E1,Ann\n", "E3,\"says \"\"hi\"\"\"\r\n", "E4,one,too many\n", "E5,Eve\n"} // a record of two lines may be two
	if !slices.Equal(asked, want) {
		t.Errorf("asked about %q", asked)
	}
	if v := reader.Verdict(); v.Completeness != record.Plausible || v.Records != 4 || v.Rejects != 1 {
		t.Errorf("%+v", v)
	}
}

// A line without its break may go on elsewhere.
func TestSkimOfACutFile(t *testing.T) {
	reader := skimmer(t, csvfile.Options{Path: write(t, "id,name\nE1,Ann\nE2,Bo")})
	if left, passed, asked := skim(t, reader, "E1,Ann\n", "E2,Bo"); passed != 1 || len(left) != 1 || len(asked) != 1 {
		t.Errorf("%d passed over, left %q, asked about %q", passed, left, asked)
	}
	if v := reader.Verdict(); v.Completeness.Usable() {
		t.Errorf("%+v", v)
	}
}

func TestForm(t *testing.T) {
	forms := map[string]string{}
	for name, file := range map[string]struct {
		content string
		options csvfile.Options
	}{
		"plain":         {"id,name\nE1,Ann\n", csvfile.Options{}},
		"other columns": {"id,title\nE1,Ann\n", csvfile.Options{}},
		"another order": {"name,id\nE1,Ann\n", csvfile.Options{}},
		"delimiter":     {"id;name\nE1;Ann\n", csvfile.Options{Delimiter: ';'}},
		"null":          {"id,name\nE1,Ann\n", csvfile.Options{NullValue: new("")}},
		"another null":  {"id,name\nE1,Ann\n", csvfile.Options{NullValue: new("-")}},
	} {
		file.options.Path = write(t, file.content)
		form := skimmer(t, file.options).Form()
		if other, same := forms[form]; same {
			t.Errorf("%s and %s have the form %s", name, other, form)
		}
		forms[form] = name
	}
}
