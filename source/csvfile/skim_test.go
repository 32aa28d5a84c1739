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

// What is left may say anything that is no fault; but a line that may be more or less than a record is never known.
func TestSkimWithoutColumns(t *testing.T) {
	const header = "seen,id,name,note\n"
	tests := []struct{ line, text, left string }{ // what known is asked about, and what comes where it says no
		{"monday,E1,Ann,new\n", "E1,Ann,", "E1"},
		{"tuesday,E1,Ann,\r\n", "E1,Ann,", "E1"},
		{",E1,Ann,\n", "E1,Ann,", "E1"},
		{"\"a \"\"quote\"\", a comma\",E1,\"Ann, PhD\",\"\"\n", "E1,\"Ann, PhD\",", "E1"},
		{"tab\there,E1,A\x01,東京\n", "E1,A\x01,", "reject"}, // its own text says it
		{"mon\x01day,E1,Ann,new\n", "", "reject"},
		{"monday,E1,Ann,n\xffw\n", "", "reject"},
		{"mon\rday,E1,Ann,new\n", "", "reject"},
		{"monday,E1,Ann,new,more\n", "", "reject"},
		{"monday,E1,Ann\n", "", "reject"},
		{"\"mon\nday\",E1,Ann,new\n", "", "E1"},
		{"seen,id,name,new\n", "", "id"},
		{"monday,id,name,note\n", "", "id"},
		{"\ufeffseen,id,name,new\n", "", "id"}, // perhaps the header of a file that was joined to this one
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			reader := skimmer(t, csvfile.Options{Path: write(t, header+test.line), KeyColumn: "id"})
			reader.Leave([]string{"note", "seen"})
			left, _, asked := skim(t, reader)
			if got := strings.Join(asked, "|"); got != test.text || len(left) != 1 || !strings.HasPrefix(left[0], test.left) {
				t.Errorf("asked about %q, left %q", asked, left)
			}
			if test.text == "" {
				return
			}
			reader = skimmer(t, csvfile.Options{Path: write(t, header+test.line)})
			reader.Leave([]string{"note", "seen"})
			if left, passed, _ := skim(t, reader, test.text); passed != 1 || len(left) != 0 {
				t.Errorf("%d passed over, left %q", passed, left)
			}
		})
	}
}

// Whatever is left, nobody is known behind the place where a file breaks.
func TestSkimStops(t *testing.T) {
	for _, line := range []string{"id,note,name", "E1,b\"b,Ann", "E1,\"b\"b,Ann", "E1,\"b\",Ann\""} {
		reader := skimmer(t, csvfile.Options{Path: write(t, "id,note,name\nE1,a,Ann\n"+line+"\n")})
		reader.Leave([]string{"note"})
		known := func(text []byte) bool { return string(text) != "E1,Ann\"" } // such a record can't have been good
		if _, passed, err := reader.Skim(t.Context(), known); err != nil || !passed {
			t.Fatalf("%t, %v", passed, err)
		}
		if _, passed, err := reader.Skim(t.Context(), known); err == nil || passed {
			t.Errorf("%s: passed over: %t, error %v", line, passed, err)
		}
	}
}

// An empty last cell isn't one that is missing.
func TestSkimOfARaggedRow(t *testing.T) {
	reader := skimmer(t, csvfile.Options{Path: write(t, "id,seen,name\nE1,monday,\nE1,monday\n")})
	reader.Leave([]string{"seen"})
	if left, passed, _ := skim(t, reader, "E1,"); passed != 1 || !slices.Equal(left, []string{"reject"}) {
		t.Errorf("%d passed over, left %q", passed, left)
	}
}

func TestForm(t *testing.T) {
	forms := map[string]string{}
	for name, file := range map[string]struct {
		content string
		options csvfile.Options
		left    []string
	}{
		"plain":         {"id,name\nE1,Ann\n", csvfile.Options{}, nil},
		"other columns": {"id,title\nE1,Ann\n", csvfile.Options{}, nil},
		"another order": {"name,id\nE1,Ann\n", csvfile.Options{}, nil},
		"delimiter":     {"id;name\nE1;Ann\n", csvfile.Options{Delimiter: ';'}, nil},
		"null":          {"id,name\nE1,Ann\n", csvfile.Options{NullValue: new("")}, nil},
		"another null":  {"id,name\nE1,Ann\n", csvfile.Options{NullValue: new("-")}, nil},
		"a column left": {"id,name\nE1,Ann\n", csvfile.Options{}, []string{"name"}},
		"another left":  {"id,name\nE1,Ann\n", csvfile.Options{}, []string{"id"}},
		"key":           {"id,name\nE1,Ann\n", csvfile.Options{KeyColumn: "id"}, nil},
		"damaged keys":  {"id,name\nE1,Ann\n", csvfile.Options{KeyColumn: "id", DamagedKeys: true}, nil},
		"key parts":     {"id,name\nE1,Ann\n", csvfile.Options{KeyParts: []string{"id", "name"}}, nil},
		"lenient":       {"id,name\nE1,Ann\n", csvfile.Options{Lenient: true}, nil},
	} {
		file.options.Path = write(t, file.content)
		reader := skimmer(t, file.options)
		reader.Leave(file.left)
		form := reader.Form()
		if other, same := forms[form]; same {
			t.Errorf("%s and %s have the form %s", name, other, form)
		}
		forms[form] = name
	}
}
